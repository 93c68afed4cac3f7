//! Calls through an Asterisk that a stand-in plays, on loopback: what each phone does, what is lost on the way, and what
//! the voice is like on both of its media.

#![allow(clippy::unwrap_used)]

#[expect(dead_code, reason = "the contract uses the rest of it")]
mod asterisk;
#[path = "asterisk/calls.rs"]
mod calls;
#[path = "asterisk/connections.rs"]
mod connections;
#[path = "asterisk/lost.rs"]
mod lost;
#[path = "asterisk/voices.rs"]
mod voices;
