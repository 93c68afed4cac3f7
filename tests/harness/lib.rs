//! A whole Callwright in the process of a test: real PostgreSQL and Redis, the embedded object store, the
//! API over HTTP, all workers, the simulated line, and a clock that the test sets.
//!
//! The servers come from `DATABASE_URL` and `TEST_REDIS_URL` (`callwright services -- cargo test`); each
//! world has a database, a queue prefix and a data folder of its own.

pub mod asks;
pub mod campaign;
pub mod files;
pub mod gate;
pub mod sipp;
mod world;

pub use asks::{Answer, ask};
pub use world::{Line, World, at, eventually, program};
