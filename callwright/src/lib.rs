//! The one binary: configuration, wiring, commands, and the supervisor of `up`.

pub mod client;
pub mod commands;
pub mod config;
mod connections;
pub mod data_folder;
pub mod metrics_listen;
pub mod node;
pub mod supervise;
pub mod telemetry;

pub use commands::run;
