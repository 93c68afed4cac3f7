//! The calls that this process has up: whose lease is gone, or whose task was ended, is told.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use outbound::ids::AttemptId;
use tokio::sync::{Notify, watch};

/// What a call is told from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    GoOn,
    /// Hang up, and finish as usual with this cause.
    HangUp(&'static str),
    /// Its slot was given back: hang up, and write nothing.
    Lost,
}

/// The live calls of one process.
#[derive(Debug, Clone, Default)]
pub struct LiveCalls {
    calls: Arc<Mutex<HashMap<AttemptId, Entry>>>,
    left: Arc<Notify>,
}

#[derive(Debug)]
struct Entry {
    notices: watch::Sender<Notice>,
    begun: bool,
}

/// One live call; it leaves the table when this is dropped.
#[derive(Debug)]
pub struct LiveCall {
    table: LiveCalls,
    attempt: AttemptId,
    notices: watch::Receiver<Notice>,
}

impl LiveCalls {
    /// A call that is about to be begun. It is in the table before, so that no notice can miss it. `None`:
    /// it is here already, and whoever has it carries it to its end. A Redis that was emptied or rolled
    /// back may deliver a job again whose call is up, and a begin by the same worker would let it pass.
    pub fn enter(&self, attempt: AttemptId) -> Option<LiveCall> {
        let mut calls = self.lock();
        if calls.contains_key(&attempt) {
            return None;
        }
        let (sender, notices) = watch::channel(Notice::GoOn);
        calls.insert(attempt, Entry { notices: sender, begun: false });
        Some(LiveCall { table: self.clone(), attempt, notices })
    }

    pub fn len(&self) -> usize {
        self.lock().len()
    }

    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// All attempts of the table, whose leases are renewed; and those that are begun for certain. Only these are lost
    /// when the database does not know them as this worker's.
    pub fn attempts(&self) -> (Vec<AttemptId>, Vec<AttemptId>) {
        let calls = self.lock();
        let begun = calls.iter().filter(|(_, entry)| entry.begun).map(|(attempt, _)| *attempt);
        (calls.keys().copied().collect(), begun.collect())
    }

    /// Tell one call; false when it is not here.
    pub fn tell(&self, attempt: AttemptId, notice: Notice) -> bool {
        self.lock().get(&attempt).map(|entry| entry.notices.send_replace(notice)).is_some()
    }

    /// Tell all calls.
    pub fn tell_all(&self, notice: Notice) {
        for entry in self.lock().values() {
            entry.notices.send_replace(notice);
        }
    }

    /// Resolves when no call is live.
    pub async fn quiet(&self) {
        loop {
            let left = self.left.notified();
            if self.is_empty() {
                return;
            }
            left.await;
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<AttemptId, Entry>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveCall {
    /// The attempt was begun: from now on its lease is renewed.
    pub fn begin(&self) {
        if let Some(entry) = self.table.lock().get_mut(&self.attempt) {
            entry.begun = true;
        }
    }

    /// Resolves when the call is told something.
    pub async fn told(&mut self) -> Notice {
        match self.notices.changed().await {
            Ok(()) => *self.notices.borrow_and_update(),
            // The sender lives in the table as long as this does.
            Err(_) => std::future::pending().await,
        }
    }
}

impl Drop for LiveCall {
    fn drop(&mut self) {
        self.table.lock().remove(&self.attempt);
        self.table.left.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_that_is_about_to_be_begun_is_renewed_and_can_not_be_told_that_it_is_lost() {
        let (table, attempt) = (LiveCalls::default(), clock::new_id::<AttemptId>());
        let live = table.enter(attempt).expect("it is new");
        assert_eq!(table.attempts(), (vec![attempt], vec![]));
        live.begin();
        assert_eq!(table.attempts(), (vec![attempt], vec![attempt]));
    }

    #[test]
    fn a_call_that_is_up_is_not_placed_again_by_a_second_delivery_of_its_job() {
        let (table, attempt) = (LiveCalls::default(), clock::new_id::<AttemptId>());
        let first = table.enter(attempt);
        assert!(first.is_some() && table.enter(attempt).is_none());
        drop(first);
        assert!(table.enter(attempt).is_some());
    }
}
