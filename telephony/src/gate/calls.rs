//! The calls of one process by attempt: those that are up, and those whose INVITE has left not long ago.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use outbound::ids::AttemptId;
use tokio::sync::Notify;

/// Ended calls that are remembered. A second order of an attempt comes within the minute that a job is delivered
/// again in, if it comes; at 400 calls a second this is longer.
const ENDED_MAX: usize = 32_768;

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Calls {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// With the signal to hang it up; none: its INVITE has left, and it is over.
    by_attempt: HashMap<AttemptId, Option<Arc<Notify>>>,
    /// Those that are over, the oldest first.
    ended: VecDeque<AttemptId>,
}

impl Calls {
    /// A call is about to leave. `None`: one of the same attempt has left before.
    pub(super) fn enter(&self, attempt: AttemptId) -> Option<Arc<Notify>> {
        let mut table = self.table();
        if table.by_attempt.contains_key(&attempt) {
            return None;
        }
        let lost = Arc::new(Notify::new());
        table.by_attempt.insert(attempt, Some(Arc::clone(&lost)));
        Some(lost)
    }

    /// Its INVITE did not leave: another order of the attempt may come.
    pub(super) fn withdraw(&self, attempt: AttemptId) {
        self.table().by_attempt.remove(&attempt);
    }

    /// The call is over.
    pub(super) fn end(&self, attempt: AttemptId) {
        let mut table = self.table();
        if table.by_attempt.insert(attempt, None).is_none_or(|before| before.is_none()) {
            return;
        }
        table.ended.push_back(attempt);
        if table.ended.len() > ENDED_MAX
            && let Some(oldest) = table.ended.pop_front()
        {
            table.by_attempt.remove(&oldest);
        }
    }

    /// What hangs up the call of an attempt, if it is up.
    pub(super) fn signal_of(&self, attempt: AttemptId) -> Option<Arc<Notify>> {
        self.table().by_attempt.get(&attempt).cloned().flatten()
    }

    pub(super) fn up(&self) -> usize {
        let table = self.table();
        table.by_attempt.len() - table.ended.len()
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt() -> AttemptId {
        clock::new_id()
    }

    #[test]
    fn an_attempt_is_let_out_once_and_again_only_after_a_withdrawal() {
        let (calls, attempt) = (Calls::default(), attempt());
        assert!(calls.enter(attempt).is_some());
        assert!(calls.enter(attempt).is_none(), "it is up");
        calls.withdraw(attempt);
        assert!(calls.enter(attempt).is_some(), "no INVITE had left");
        calls.end(attempt);
        assert!(calls.enter(attempt).is_none(), "it was up");
        assert!(calls.signal_of(attempt).is_none());
    }

    #[test]
    fn the_calls_that_are_over_take_a_bounded_room() {
        let calls = Calls::default();
        let up = attempt();
        calls.enter(up);
        for _ in 0..ENDED_MAX + 10 {
            let attempt = attempt();
            calls.enter(attempt);
            calls.end(attempt);
            calls.end(attempt);
        }
        assert_eq!((calls.up(), calls.table().by_attempt.len()), (1, ENDED_MAX + 1));
        assert!(calls.signal_of(up).is_some());
    }
}
