//! From which slot number on the live attempts of an enterprise are counted.
//!
//! Ended attempts leave dead rows, and nothing clears them while an old snapshot is open, as of a long export. To
//! count live calls without reading over those, the count starts at the lowest slot that was seen alive. Slot
//! numbers of an enterprise only rise, so everything below has ended for good.
//!
//! After a failover or a restore the server may give out lower slot numbers than before. So everything is forgotten
//! with each new connection, and read from the table again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sqlx::types::Uuid;

/// Enterprises kept, at most; beyond it they start anew.
const ENTERPRISES_MAX: usize = 100_000;

/// Clones share the memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Slots(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// How often everything was forgotten.
    times: u64,
    lowest: HashMap<Uuid, i64>,
}

/// From where on the live attempts of an enterprise are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) struct From {
    pub slot: i64,
    /// When this was read. A count from it says nothing about later times.
    times: u64,
}

impl Slots {
    /// No live attempt of this enterprise has a lower slot.
    pub fn from(&self, enterprise: Uuid) -> From {
        let known = self.lock();
        let slot = known.lowest.get(&enterprise).copied().unwrap_or(0);
        From { slot, times: known.times }
    }

    /// The lowest slot among the live attempts of an enterprise, as they were counted from there.
    pub fn seen(&self, enterprise: Uuid, from: From, lowest: i64) {
        let mut known = self.lock();
        if known.times != from.times {
            return;
        }
        if known.lowest.len() >= ENTERPRISES_MAX {
            known.lowest.clear();
        }
        let slot = known.lowest.entry(enterprise).or_insert(lowest);
        *slot = lowest.max(*slot);
    }

    /// Nothing is known any more: the server may be another.
    pub fn forget(&self) {
        let mut known = self.lock();
        known.times += 1;
        known.lowest.clear();
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_on_another_server_is_not_taken_for_this_ones() {
        let (slots, enterprise) = (Slots::default(), Uuid::from_u128(1));
        let before = slots.from(enterprise);
        slots.seen(enterprise, before, 7);
        assert_eq!(slots.from(enterprise).slot, 7);
        slots.forget();
        slots.seen(enterprise, before, 9);
        assert_eq!(slots.from(enterprise).slot, 0);
    }
}
