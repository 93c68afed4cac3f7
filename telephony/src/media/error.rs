//! Why the media plane did not do what it was asked. What happens on a call is an event, never an error.

use std::io;

use super::digit::NotDigits;

/// Named by what the caller can do.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The settings can't work: mend them.
    #[error("the media plane can't be set up: {0}")]
    Settings(&'static str),
    /// No thread could be started.
    #[error("a media thread can't be started: {0}")]
    Thread(#[source] io::Error),
    /// The calls that are up need all the time there is: wait until one ends.
    #[error("no shard has time for another call")]
    NoRoom,
    /// All ports are taken: wait until a call ends, or configure more.
    #[error("no port is free for another call")]
    NoPort,
    /// The operating system gave no socket, for a reason other than a port in use.
    #[error("no socket for a call: {0}")]
    Socket(#[source] io::Error),
    /// The session does not take so many requests at a time: ask again after 20 ms.
    #[error("the session has too many requests waiting")]
    Busy,
    /// The session is over.
    #[error("the session is over")]
    Over,
    /// The request itself can't be met, whenever it is made.
    #[error("the request can't be met: {0}")]
    Unfit(&'static str),
    #[error("the request can't be met: {0}")]
    NotDigits(#[from] NotDigits),
}
