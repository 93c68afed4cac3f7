//! What was decided about calls that are about to leave: phones that were listed, tasks that stopped.
//!
//! Calls ask it right before their INVITE. It answers from memory: what it has heard from the database
//! ([`storage::decisions`]), and from this process at once. What it has not heard it doesn't know, as while the connection
//! is lost; then it says no, and the answer to whoever decided waits until no INVITE can leave any more.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use outbound::ids::{EnterpriseId, TaskId};
use outbound::phone::Phone;
use storage::StoreError;
use storage::decisions::{Decision, Decisions};
use telephony::gate::LastLook;

use crate::environment::Environment;

/// Decisions that are remembered, at most. At the limits of an import, half a minute of listing.
const HEARD_MAX: usize = 200_000;
/// A call may ask this long after its begin: it may have gone from host to host of its trunk.
const KEPT: Duration = Duration::from_secs(60);
/// Before the next try to listen.
const RETRY: Duration = Duration::from_millis(200);

/// See the module.
#[derive(Debug, Default)]
pub struct Decided {
    listed: Mutex<Heard<(EnterpriseId, Phone)>>,
    stopped: Mutex<Heard<TaskId>>,
}

impl Decided {
    /// Phones were put on an enterprise's do-not-call list.
    pub fn listed(&self, enterprise: EnterpriseId, phones: &[Phone]) {
        let (now, mut listed) = (Instant::now(), locked(&self.listed));
        for phone in phones {
            listed.note((enterprise, *phone), now);
        }
    }

    /// A task was paused, or ended.
    pub fn stopped(&self, task: TaskId) {
        locked(&self.stopped).note(task, Instant::now());
    }

    fn take(&self, decision: &Decision) {
        match decision {
            Decision::Listed { enterprise, phones } => self.listed(*enterprise, phones),
            Decision::Stopped(task) => self.stopped(*task),
        }
    }
}

/// The begin has read the database, so a decision that was heard before it counts no more. One that is heard later may
/// have been made before; then the attempt is begun again, which costs one question.
impl LastLook for Decided {
    fn listed_since(&self, enterprise: EnterpriseId, phone: Phone, since: Instant) -> bool {
        locked(&self.listed).since(&(enterprise, phone), since)
    }

    fn stopped_since(&self, task: TaskId, since: Instant) -> bool {
        locked(&self.stopped).since(&task, since)
    }
}

fn locked<T>(heard: &Mutex<T>) -> MutexGuard<'_, T> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When something was heard of last.
#[derive(Debug)]
struct Heard<Key> {
    last: HashMap<Key, Instant>,
    /// What was heard, the oldest first; some of it again later.
    order: VecDeque<(Instant, Key)>,
}

impl<Key> Default for Heard<Key> {
    fn default() -> Self {
        Self { last: HashMap::new(), order: VecDeque::new() }
    }
}

impl<Key: Copy + Eq + Hash> Heard<Key> {
    fn note(&mut self, key: Key, now: Instant) {
        self.last.insert(key, now);
        self.order.push_back((now, key));
        while let Some((at, key)) = self.order.front().copied()
            && (self.order.len() > HEARD_MAX || now.duration_since(at) > KEPT)
        {
            self.order.pop_front();
            if self.last.get(&key) == Some(&at) {
                self.last.remove(&key);
            }
        }
    }

    fn since(&self, key: &Key, since: Instant) -> bool {
        self.last.get(key).is_some_and(|at| *at >= since)
    }
}

/// Hear of decisions from the database until the process stops.
pub(crate) async fn listen(env: Environment) {
    let decided = env.lines.decided();
    while !env.stopping.is_cancelled() {
        let heard = async {
            let mut decisions = Decisions::listen(&env.store).await?;
            loop {
                decided.take(&decisions.next().await?);
            }
            #[expect(unreachable_code, reason = "tells the block's type")]
            Ok::<(), StoreError>(())
        };
        tokio::select! {
            () = env.stopping.cancelled() => return,
            ended = heard => if let Err(error) = ended {
                tracing::warn!(%error, "listening for decisions starts over");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_is_listed_for_its_enterprise_and_for_calls_that_were_begun_before() {
        let (decided, enterprise) = (Decided::default(), clock::new_id());
        let (phone, other) =
            (Phone::from_digits(8_613_800_000_001), Phone::from_digits(8_613_800_000_002));
        let begun = Instant::now();
        decided.listed(enterprise, &[phone]);
        assert!(decided.listed_since(enterprise, phone, begun));
        assert!(!decided.listed_since(enterprise, other, begun));
        assert!(!decided.listed_since(clock::new_id(), phone, begun));
        let begun_again = Instant::now() + Duration::from_nanos(1);
        assert!(!decided.listed_since(enterprise, phone, begun_again), "its begin has seen it");
    }

    #[test]
    fn a_task_that_stopped_stops_its_own_calls() {
        let (decided, task, begun) = (Decided::default(), clock::new_id(), Instant::now());
        decided.stopped(task);
        assert!(decided.stopped_since(task, begun));
        assert!(!decided.stopped_since(clock::new_id(), begun));
    }

    #[test]
    fn what_was_heard_takes_a_bounded_room_and_is_forgotten_after_a_minute() {
        let (mut heard, start) = (Heard::default(), Instant::now());
        for key in 0..HEARD_MAX + 10 {
            heard.note(key, start);
        }
        assert_eq!((heard.last.len(), heard.order.len()), (HEARD_MAX, HEARD_MAX));
        assert!(!heard.since(&9, start) && heard.since(&10, start));
        // Heard again: the later time holds when the earlier one is forgotten.
        heard.note(10, start + KEPT);
        heard.note(7, start + KEPT + Duration::from_secs(1));
        assert_eq!((heard.last.len(), heard.order.len()), (2, 2));
        assert!(heard.since(&10, start + KEPT));
    }
}
