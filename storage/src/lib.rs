//! The one crate that names PostgreSQL and S3: what is true, and what is kept.

pub mod error;
mod judging;
pub mod objects;
mod presence;
pub mod reach;
pub mod rows;
pub mod sealing;
pub mod store;

pub mod attempts;
pub mod batches;
pub mod claim;
pub mod decisions;
pub mod finish;
pub mod lanes;
pub mod numbers;

pub mod audit;
pub mod enterprises;
pub mod human_agents;
pub mod idempotency;
pub mod keys;
pub mod knowledge;
pub mod look_ups;
pub mod navigations;
pub mod periods;
pub mod providers;
pub mod quotas;
pub mod robots;
pub mod suppression;
pub mod tasks;
pub mod templates;
pub mod trunks;

pub mod checks;
pub mod exports;
pub mod imports;
pub mod recordings;
pub mod records;
pub mod soundness;
pub mod statistics;
pub mod transfers;
pub mod work;
pub mod workers;

pub use error::StoreError;
pub use store::{Store, StoreConfig};
