//! The conversation, without any input or output of its own.
//!
//! A call drives [`conversation::Conversation`] with what the line hears and the time it heard it, and does
//! what comes back: play, stop, ask the agent, send digits, hang up. Nothing here sleeps, reads a clock or
//! talks to a network, so a whole call is tested in microseconds and replayed from its log.

pub mod accumulate;
pub mod backchannel;
pub mod command;
pub mod conversation;
pub mod insight;
pub mod interrupt;
pub mod navigation;
pub mod reply;
pub mod robot;
pub mod script;
pub mod transcript;
pub mod turn;
pub mod variables;

/// The pattern of a required text in the API's document: it has more than spaces, and no control character but
/// tabs and line ends.
pub(crate) const FILLED_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
