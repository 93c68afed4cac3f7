//! Room for calls: each shard has so much CPU time a second, and a call that does not fit is refused,
//! so that more calls than fit wait instead of spoiling those that are up.
//!
//! What a call costs is looked at on the machine that it runs on ([`Budget::measured`]), as that may be slow, or busy with
//! other work; it never counts for less than what was measured on a good one. So a slow machine takes fewer calls, and a
//! shard whose frames leave late takes no more until that has passed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Fewer calls than this that talk say little of what one costs: most of the time goes to waking up.
const TALKING_MIN: u64 = 50;

/// What is done to a call's received audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noise {
    Untouched,
    /// Room is kept for noise suppression, which costs nearly three times the rest of a call.
    Suppressed,
}

impl Noise {
    /// Microseconds of CPU time that a call takes each second at least, as measured on a good machine (with a margin).
    pub fn cost_us(self) -> u64 {
        CALL_US + self.extra_us()
    }

    fn extra_us(self) -> u64 {
        match self {
            Self::Untouched => 0,
            Self::Suppressed => 1_100,
        }
    }
}

const CALL_US: u64 = 400;

/// The room of one shard.
#[derive(Debug)]
pub(super) struct Budget {
    total_us: u64,
    /// What a call costs, without what is done to its noise.
    call_us: AtomicU64,
    taken: Mutex<Taken>,
}

/// What the calls of a shard are.
#[derive(Debug, Clone, Copy, Default)]
struct Taken {
    calls: u64,
    extra_us: u64,
}

/// A second of a shard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Second {
    /// CPU time of its thread.
    pub(super) cpu_us: u64,
    /// Calls that sent.
    pub(super) talking: u64,
    /// All that were up.
    pub(super) up: u64,
    /// Whether frames left in time.
    pub(super) pace: Pace,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pace {
    Kept,
    /// The core had no time for all that was to be done.
    Lost,
}

/// A call's share of a shard, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<Budget>,
    noise: Noise,
}

impl Budget {
    pub(super) fn new(total_us: u64) -> Arc<Self> {
        let (call_us, taken) = (AtomicU64::new(CALL_US), Mutex::default());
        Arc::new(Self { total_us, call_us, taken })
    }

    pub(super) fn take(self: &Arc<Self>, noise: Noise) -> Option<Room> {
        let call_us = self.call_us();
        let mut taken = self.taken();
        let cost_us = call_us.saturating_add(noise.extra_us());
        if cost_us > self.free(&taken, call_us) {
            return None;
        }
        taken.calls += 1;
        taken.extra_us += noise.extra_us();
        Some(Room { budget: Arc::clone(self), noise })
    }

    pub(super) fn free_us(&self) -> u64 {
        self.free(&self.taken(), self.call_us())
    }

    /// How many more calls fit, whose noise is left alone.
    pub(super) fn calls_free(&self) -> u64 {
        self.free_us() / self.call_us()
    }

    /// What a call costs each second, in microseconds.
    pub(super) fn call_us(&self) -> u64 {
        self.call_us.load(Ordering::Relaxed).max(1)
    }

    /// Learn of the last second what a call costs: soon where it is more, slowly where it is less.
    pub(super) fn measured(&self, second: Second) {
        let extra_us = self.taken().extra_us;
        let before = self.call_us();
        let seen = if second.talking < TALKING_MIN {
            // Forget what was, as nothing is known of what is: else a bad second could keep all calls out for good.
            CALL_US
        } else {
            // A call that still rings costs about a third of one that talks.
            let ringing = second.up.saturating_sub(second.talking);
            let own_us = second.cpu_us.saturating_sub(extra_us) / (second.talking + ringing / 3);
            match second.pace {
                Pace::Kept => own_us,
                // Those that are up fill it, whatever they cost.
                Pace::Lost => own_us.max(self.total_us.saturating_sub(extra_us) / second.up.max(1)),
            }
        };
        let call_us = if seen > before {
            before + (seen - before).div_ceil(2)
        } else {
            before - (before - seen).div_ceil(8)
        };
        self.call_us.store(call_us.max(CALL_US), Ordering::Relaxed);
    }

    fn free(&self, taken: &Taken, call_us: u64) -> u64 {
        let used_us = taken.calls.saturating_mul(call_us).saturating_add(taken.extra_us);
        self.total_us.saturating_sub(used_us)
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let mut taken = self.budget.taken();
        taken.calls -= 1;
        taken.extra_us -= self.noise.extra_us();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fill(budget: &Arc<Budget>) -> Vec<Room> {
        std::iter::from_fn(|| budget.take(Noise::Untouched)).collect()
    }

    /// A second in which so many calls talked, at such a cost each.
    fn second(talking: u64, call_us: u64) -> Second {
        Second { cpu_us: talking * call_us, talking, up: talking, pace: Pace::Kept }
    }

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
        assert_eq!(fill(&budget).len(), 1_750);
    }

    #[test]
    fn where_a_call_costs_more_fewer_fit() {
        let budget = Budget::new(700_000);
        let mut rooms: Vec<_> = (0..500).map(|_| budget.take(Noise::Untouched).unwrap()).collect();
        (0..12).for_each(|_| budget.measured(second(500, 1_000)));
        assert_eq!((budget.call_us(), budget.calls_free()), (1_000, 200));
        rooms.extend(fill(&budget));
        assert_eq!(rooms.len(), 700);
        // Calls that are up stay, also where they cost more than there is.
        (0..12).for_each(|_| budget.measured(second(700, 2_000)));
        assert_eq!(budget.calls_free(), 0);
        rooms.truncate(300);
        assert_eq!(fill(&budget).len(), 50);
    }

    #[test]
    fn it_never_counts_for_less_than_on_a_good_machine() {
        let budget = Budget::new(700_000);
        (0..100).for_each(|_| budget.measured(second(500, 50)));
        assert_eq!(budget.call_us(), 400);
    }

    #[test]
    fn a_shard_that_is_late_takes_no_more_and_recovers() {
        let budget = Budget::new(700_000);
        let rooms: Vec<_> = (0..500).map(|_| budget.take(Noise::Untouched).unwrap()).collect();
        // The core is busy with something else.
        let late = Second { pace: Pace::Lost, ..second(500, 600) };
        (0..20).for_each(|_| budget.measured(late));
        assert_eq!(budget.calls_free(), 0);
        (0..100).for_each(|_| budget.measured(second(500, 600)));
        assert_eq!(budget.calls_free(), 666);
        drop(rooms);
        // A bad second is not held against calls for good.
        (0..20).for_each(|_| budget.measured(late));
        (0..100).for_each(|_| budget.measured(second(0, 0)));
        assert_eq!(budget.call_us(), 400);
    }

    #[test]
    fn calls_that_ring_do_not_make_those_that_talk_look_dear() {
        let budget = Budget::new(700_000);
        let ringing = Second { cpu_us: 100 * 600 + 300 * 200, up: 400, ..second(100, 0) };
        (0..20).for_each(|_| budget.measured(ringing));
        assert_eq!(budget.call_us(), 600);
    }
}
