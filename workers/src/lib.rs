//! What runs: one handler a kind of job, the sweeps that give back what was lost, and the call itself.

pub mod apart;
pub mod call;
pub mod counters;
pub mod decided;
pub mod environment;
pub mod fail_point;
pub mod fleet;
pub mod group;
pub mod lines;
pub mod live;
pub mod presence;
pub mod providers;
pub mod runner;
pub mod spool;
pub mod sweep;
pub mod work;

mod analyze_call;
mod asked;
mod begun;
mod detection;
mod dial_attempt;
pub mod ear;
mod enquiry;
mod faults;
mod finishes;
mod import_batch;
mod leased;
mod leases;
mod ledger;
mod lost_calls;
mod redial;
mod reorder_numbers;
mod run_export;
mod steps;
mod transfer;
mod turns;
mod unending;
mod upload_recording;
pub mod voice;

pub use environment::{Environment, Settings};
pub use import_batch::process::{COMMAND as READ_IMPORT, run as read_import};
pub use outbound::fleet::Kind;
pub use runner::Running;
