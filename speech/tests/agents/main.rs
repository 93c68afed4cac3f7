//! Robots that a language model thinks for, against stand-ins of the model and of the enterprise's systems.

#![allow(clippy::unwrap_used)]

mod calls;
mod faults;
mod isolation;
mod setup;
mod streaming;
mod systems;

#[path = "../stand_ins/chat.rs"]
mod chat;
#[path = "../stand_ins/http.rs"]
mod http;
