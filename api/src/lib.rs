//! The HTTP API: paths, who may use them, and how replies and errors look.
//!
//! Handlers parse at the edge, ask storage, push the jobs that wake somebody for a row, and write
//! the audit log. What is decided is decided in `outbound` and `storage`.

mod agents;
pub mod arrival;
pub mod at_once;
pub mod auth;
mod docs;
mod etag;
pub mod health;
mod idempotency;
mod input;
pub mod limits;
mod look_up;
mod openapi;
mod page;
mod problem;
mod readiness;
mod reply;
mod router;
mod shape;
mod state;
pub mod strangers;
mod unkept;
mod view;

mod audit;
mod batches;
mod caller_ids;
mod exports;
mod imports;
mod keys;
mod knowledge;
mod navigations;
mod numbers;
mod periods;
mod providers;
mod records;
mod rehearsals;
mod robots;
mod settings;
mod suppressions;
mod tasks;
mod templates;
mod trunks;
mod why;
mod workers;

pub use imports::FILE_BYTES_MAX;
pub use input::JSON_BODY_BYTES_MAX;
pub use openapi::openapi;
pub use periods::EDITS_MAX as PERIODS_EDITED_MAX;
pub use router::{HEADERS_BYTES_MAX, router};
pub use state::ApiState;
pub use suppressions::NUMBERS_MAX as SUPPRESSED_AT_ONCE_MAX;
