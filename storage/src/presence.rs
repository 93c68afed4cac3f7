//! Since when the database answers, as far as this process knows.
//!
//! While it is away nobody can renew a lease, and when it is back all of them seem to have run out. So
//! whoever ends leases waits until it has been there for one whole lease: by then every worker that lives
//! has renewed its own.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Clones share what is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Presence(Arc<Mutex<Option<Instant>>>);

impl Presence {
    /// It answered just now.
    pub fn answered(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// It did not answer.
    pub fn lost(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// Whether every answer that was asked for so long has come. A process that has just begun to ask
    /// does not know whether the database was away before.
    pub fn lasts(&self, time: Duration) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        time.is_zero() || since.is_some_and(|since| since.elapsed() >= time)
    }
}
