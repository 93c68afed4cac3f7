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
pub mod llm;
pub mod navigation;
pub mod rehearsal;
pub mod reply;
pub mod robot;
pub mod script;
pub mod sentences;
pub mod transcript;
pub mod turn;
pub mod variables;

/// The pattern of a name in the API's document: one line of characters that can be seen, not only spaces. It is
/// that of `outbound::fault`; a test of storage holds the two together.
pub const NAME_PATTERN: &str = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]*[^\s\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb][^\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]*$";
