//! Where the live attempts of an enterprise begin.
//!
//! Ended attempts leave dead rows behind, and while an old snapshot is held open (a long export) nothing
//! clears them. So live calls are counted from the oldest that was seen alive: slots rise with every
//! claim of an enterprise, and what is below it has ended for good.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::types::Uuid;

/// Enterprises kept, at most; beyond it they start anew.
const ENTERPRISES_MAX: usize = 100_000;

/// Clones share what is known.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<HashMap<Uuid, i64>>>);

impl Slots {
    /// No live attempt of this enterprise has a lower slot.
    pub fn from(&self, enterprise: Uuid) -> i64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&enterprise).copied().unwrap_or(0)
    }

    /// The lowest slot among the live attempts of an enterprise.
    pub fn seen(&self, enterprise: Uuid, lowest: i64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= ENTERPRISES_MAX {
            known.clear();
        }
        let from = known.entry(enterprise).or_insert(lowest);
        *from = lowest.max(*from);
    }
}
