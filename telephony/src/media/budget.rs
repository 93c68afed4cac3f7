//! Room for calls: each shard has so much CPU time a second, and a call that does not fit is refused,
//! so that more calls than fit wait instead of spoiling those that are up.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What is done to a call's received audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    Untouched,
    /// Room is kept for noise suppression, which costs nearly four times the rest of a call.
    Suppressed,
}

impl Noise {
    /// Microseconds of CPU time that a call takes each second, as measured (with a margin).
    pub fn cost_us(self) -> u64 {
        match self {
            Self::Untouched => 400,
            Self::Suppressed => 1_500,
        }
    }
}

/// The room of one shard.
#[derive(Debug)]
pub(super) struct Budget {
    total_us: u64,
    taken_us: AtomicU64,
}

/// A call's share of a shard, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<Budget>,
    cost_us: u64,
}

impl Budget {
    pub(super) fn new(total_us: u64) -> Arc<Self> {
        Arc::new(Self { total_us, taken_us: AtomicU64::new(0) })
    }

    pub(super) fn take(self: &Arc<Self>, noise: Noise) -> Option<Room> {
        let cost_us = noise.cost_us();
        let fits = |taken: u64| taken.checked_add(cost_us).filter(|sum| *sum <= self.total_us);
        let taken = self.taken_us.fetch_update(Ordering::AcqRel, Ordering::Acquire, fits);
        taken.is_ok().then(|| Room { budget: Arc::clone(self), cost_us })
    }

    pub(super) fn free_us(&self) -> u64 {
        self.total_us.saturating_sub(self.taken_us.load(Ordering::Acquire))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.budget.taken_us.fetch_sub(self.cost_us, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_refused_until_a_call_ends() {
        let budget = Budget::new(2_000);
        let suppressed = budget.take(Noise::Suppressed).unwrap();
        let plain = budget.take(Noise::Untouched).unwrap();
        assert_eq!(budget.free_us(), 100);
        assert!(budget.take(Noise::Untouched).is_none());
        drop(plain);
        assert!(budget.take(Noise::Suppressed).is_none());
        assert!(budget.take(Noise::Untouched).is_some());
        drop(suppressed);
        assert_eq!(budget.free_us(), 2_000);
    }

    #[test]
    fn a_shard_of_the_default_budget_takes_1750_calls() {
        let budget = Budget::new(700_000);
        let rooms: Vec<_> = std::iter::from_fn(|| budget.take(Noise::Untouched)).collect();
        assert_eq!(rooms.len(), 1_750);
    }
}
