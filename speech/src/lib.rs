//! Voice AI behind traits: who thinks for a robot, and who speaks its words.
//!
//! Every request can be cancelled by dropping its future.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod cached;
pub mod espeak;
mod resample;
pub mod scripted;
pub mod synthesis;

pub use agent::{Agent, AgentError};
pub use synthesis::{SynthesisError, Synthesiser};
