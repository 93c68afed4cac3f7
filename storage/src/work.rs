//! Long work that a row stands for: imports and exports.
//!
//! A row is `queued` until a worker takes it, with a lease on the database's clock. Taking it raises
//! its fencing token, and every later write names that token: a worker that lost its lease writes
//! nothing any more. Work whose lease ran out is queued again by the sweep.

mod lease;

use std::time::Duration;

use crate::StoreError;

pub use lease::{Lease, LongWork};

/// Times that work is taken before it ends as failed. Only tries count that a worker died of, or that
/// failed by the work itself: a server that is away gives its try back.
pub const TRIES_MAX: u32 = 3;

/// What a try came to that did not end the work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Try<'a> {
    /// A server was away: it does not count.
    NoFault,
    /// The work failed, in these words; they hold no phone number.
    Failed(&'a str),
}

impl Try<'_> {
    /// What is taken off the count, and the words that stay.
    pub(crate) const fn columns(&self) -> (i32, Option<&str>) {
        match self {
            Self::NoFault => (1, None),
            Self::Failed(trouble) => (0, Some(trouble)),
        }
    }
}

/// Why work ended that was tried too often, for whoever asked for it.
pub fn gave_up(trouble: Option<&str>) -> String {
    match trouble {
        Some(trouble) => format!("it was tried {TRIES_MAX} times and failed; at last: {trouble}"),
        None => format!("it was tried {TRIES_MAX} times, and the worker died of it each time"),
    }
}

/// Where long work stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WorkStatus {
    /// A job was pushed, or is about to be.
    Queued,
    /// A worker has it.
    Running,
    Done,
    /// It ended with a problem; nothing of it took effect, but for rows of a do-not-call list that were listed.
    Failed,
    /// It was cancelled; nothing of it took effect, with the same exception.
    Cancelled,
}

impl WorkStatus {
    pub const ALL: [Self; 5] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.word() == word)
    }

    /// It will not change any more.
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// What a worker learns when it reports progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Going {
    /// Its lease is renewed.
    On,
    /// Someone asked to cancel: undo what was done, and say so.
    Cancelled,
}

pub(crate) fn status(word: &str) -> Result<WorkStatus, StoreError> {
    WorkStatus::from_word(word)
        .ok_or_else(|| StoreError::Damaged(format!("`{word}` is no state of long work")))
}

/// The lease, as a number of seconds for the database.
pub(crate) fn seconds(lease: Duration) -> f64 {
    lease.as_secs_f64()
}

/// It is over and can't be cancelled.
pub(crate) fn over(status: WorkStatus) -> StoreError {
    StoreError::conflict("already_over", format!("it is {} and can't be cancelled", status.word()))
}
