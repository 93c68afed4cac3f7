//! Voice AI behind traits: who thinks for a robot.
//!
//! Every request can be cancelled by dropping its future.

pub mod agent;
pub mod scripted;

pub use agent::{Agent, AgentError};
