//! Turns: a process does one import of an enterprise at a time, and one export, and rests between two of them for as long as
//! the first one took. Otherwise an enterprise that sends file after file would have all the places of a process, and all
//! of its servers.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use outbound::ids::EnterpriseId;
use tokio::time::Instant;

/// The longest rest.
const REST_MAX: Duration = Duration::from_secs(5);
/// Enterprises that are remembered; those that may begin at once go when there are more.
const ENTERPRISES_MAX: usize = 10_000;

/// The turns of one kind of work. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Turns(Arc<Mutex<HashMap<EnterpriseId, State>>>);

#[derive(Debug, Clone, Copy)]
enum State {
    Busy,
    RestsUntil(Instant),
}

impl Turns {
    fn lock(&self) -> MutexGuard<'_, HashMap<EnterpriseId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin, after the rest. `None`: something of the enterprise is being done; whoever does it begins the next.
    pub async fn take(&self, enterprise: EnterpriseId) -> Option<Turn> {
        let rests_until = {
            let mut all = self.lock();
            if all.len() >= ENTERPRISES_MAX {
                let now = Instant::now();
                all.retain(|_, state| !matches!(state, State::RestsUntil(until) if *until <= now));
            }
            match all.insert(enterprise, State::Busy) {
                Some(State::Busy) => return None,
                Some(State::RestsUntil(until)) => Some(until),
                None => None,
            }
        };
        let mut turn = Turn { turns: self.clone(), enterprise, began: Instant::now() };
        if let Some(until) = rests_until {
            tokio::time::sleep_until(until).await;
            turn.began = Instant::now();
        }
        Some(turn)
    }
}

/// What is done now. The next may begin when this is dropped.
#[derive(Debug)]
pub struct Turn {
    turns: Turns,
    enterprise: EnterpriseId,
    began: Instant,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let rest = self.began.elapsed().min(REST_MAX);
        let until = State::RestsUntil(Instant::now() + rest);
        self.turns.lock().insert(self.enterprise, until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_enterprise_has_one_turn_at_a_time_and_rests_as_long_as_it_took() {
        let (turns, one, other) =
            (Turns::default(), clock::new_id::<EnterpriseId>(), clock::new_id::<EnterpriseId>());
        let began = Instant::now();
        let first = turns.take(one).await.expect("nothing is done yet");
        assert!(turns.take(one).await.is_none());
        assert!(turns.take(other).await.is_some(), "others have turns of their own");
        tokio::time::advance(Duration::from_secs(2)).await;
        drop(first);
        let second = turns.take(one).await;
        assert!(second.is_some());
        assert_eq!(began.elapsed().as_secs(), 4);
        tokio::time::advance(Duration::from_secs(60)).await;
        drop(second);
        assert!(turns.take(one).await.is_some());
        assert_eq!(began.elapsed().as_secs(), 4 + 60 + REST_MAX.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_while_resting_leaves_the_turn_to_others() {
        let (turns, one) = (Turns::default(), clock::new_id::<EnterpriseId>());
        let first = turns.take(one).await;
        tokio::time::advance(Duration::from_secs(3)).await;
        drop(first);
        let waits = tokio::time::timeout(Duration::from_secs(1), turns.take(one)).await;
        assert!(waits.is_err());
        assert!(turns.take(one).await.is_some());
    }
}
