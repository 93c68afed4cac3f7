//! Voice AI behind traits: who hears the customer, who thinks for a robot, and who speaks its words.
//!
//! Every request is cancelled by dropping its future or its stream.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod agent;
pub mod agents;
pub mod cached;
pub mod espeak;
pub mod failure;
mod http_failure;
pub mod providers;
pub mod reach;
pub mod recognition;
mod resample;
pub mod scripted;
pub mod synthesis;
pub mod tools;

pub use agent::{Agent, Saying};
pub use failure::SpeechError;
pub use reach::Reach;
pub use recognition::{Recogniser, Recognition};
pub use synthesis::{SpeechWish, SpokenStream, Synthesiser};
