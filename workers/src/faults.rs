//! What fails for a reason of its own, while the servers are well: a damaged row, a defect. It stays with
//! its enterprise or its row; everything else goes on.

use std::fmt::Display;

use storage::StoreError;

/// What a row may stand in the way of.
pub const WHATS: [&str; 12] = [
    "finish",
    "follow_on",
    "claim",
    "begin",
    "pace",
    "lost_call",
    "step",
    "redial",
    "deleted_task",
    "do_not_call",
    "object",
    "analysis",
];

/// Count it, and log it. `of` names the row or the enterprise.
pub fn tell_of(what: &'static str, of: impl Display, error: impl Display) {
    metrics::counter!("callwright_rows_failed_total", "what" => what).increment(1);
    tracing::error!(what, %of, %error, "a row stands in the way; everything else goes on");
}

/// Keeps an error with its row, unless it is one of the servers': that one is everybody's.
pub fn stays<T>(
    what: &'static str,
    of: impl Display,
    done: Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.is_passing() => Err(error),
        Err(error) => {
            tell_of(what, of, error);
            Ok(None)
        }
    }
}
