//! Claims: woken by whatever makes a number dialable, and by a tick behind it.
//!
//! PostgreSQL notifies every dispatcher in the transaction that frees a slot, lands an import,
//! promotes a redial or starts a task. Whoever gets the enterprise's lock claims; whoever does not
//! comes back a little later. A dialer fills the slots that it frees itself where it can, and then
//! notifies nobody. The line for the lock is in order, and dialers that fill their slots are always in
//! it where there are several: who did not get it at once stands in line, too.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use outbound::ids::EnterpriseId;
use storage::StoreError;
use storage::claim::{Claimer, InLine};
use tokio::time::Instant;

use crate::finishes::push_claimed;
use crate::{Environment, faults};

/// Attempts that one claim opens, at most.
const CLAIM_MAX: u32 = 100;
/// Behind the notifications: a look at every enterprise that has a running task.
const TICK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);
/// Before the next claim for an enterprise that has a damaged row.
const FAILED: Duration = Duration::from_secs(5);
/// When somebody else is claiming: it may have begun before what this claim was to see.
const BUSY: Duration = Duration::from_millis(20);
/// How long a claim stands in line then, and holds up those of other enterprises.
const IN_LINE: Duration = Duration::from_millis(50);

/// Claim for whichever enterprise can, until the process stops.
pub async fn dispatch(env: Environment) {
    while !env.stopping.is_cancelled() {
        if let Err(error) = listen(&env).await {
            metrics::counter!("callwright_sweep_failed_total", "sweep" => "dispatch").increment(1);
            tracing::warn!(%error, "the dispatcher starts over");
            tokio::time::sleep(RETRY).await;
        }
    }
}

async fn listen(env: &Environment) -> Result<(), StoreError> {
    let mut listener = env.store.listen_dispatch().await?;
    let mut claimer = Claimer::new();
    let mut turns = Turns::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = env.stopping.cancelled() => return Ok(()),
            woken = listener.next() => turns.want(woken?),
            _ = tick.tick() => {
                for enterprise in storage::claim::enterprises(&env.store).await? {
                    turns.want(enterprise);
                }
            }
            () = turns.due() => {}
        }
        // Whatever else was said meanwhile is one wake-up.
        while let Some(woken) = listener.try_next()? {
            turns.want(woken);
        }
        turns.move_due();
        if let Some(enterprise) = turns.next()
            && let Err(error) = claim(env, &mut claimer, &mut turns, enterprise).await
        {
            // The others have their turns.
            let passing = error.is_passing();
            if passing {
                metrics::counter!("callwright_sweep_failed_total", "sweep" => "dispatch")
                    .increment(1);
                tracing::warn!(%error, %enterprise, "a claim is made again");
            } else {
                faults::tell_of("claim", enterprise, &error);
            }
            turns.wake(enterprise, Instant::now() + if passing { RETRY } else { FAILED });
        }
    }
}

/// One claim of one enterprise; enterprises take turns, so that a large one delays no other.
async fn claim(
    env: &Environment,
    claimer: &mut Claimer,
    turns: &mut Turns,
    enterprise: EnterpriseId,
) -> Result<(), StoreError> {
    let begun = std::time::Instant::now();
    let at_most = if turns.busy.contains(&enterprise) { IN_LINE } else { Duration::ZERO };
    let in_line = InLine { at_most, now: &|| env.clock.now() };
    let claimed =
        claimer.claim_in_line(&env.store, enterprise, CLAIM_MAX, rand::random(), in_line).await?;
    if claimed.busy {
        turns.busy.insert(enterprise);
        turns.wake(enterprise, Instant::now() + BUSY);
        return Ok(());
    }
    turns.busy.remove(&enterprise);
    metrics::histogram!("callwright_claim_seconds").record(begun.elapsed().as_secs_f64());
    if !claimed.attempts.is_empty() {
        metrics::counter!("callwright_claimed_total").increment(claimed.attempts.len() as u64);
        push_claimed(&env.queues, &env.settings.die_at, &claimed.attempts).await;
    }
    if claimed.more {
        turns.want(enterprise);
    }
    if let Some(at) = claimed.wake_at {
        turns.wake(enterprise, Instant::now() + env.clock.until(at));
    }
    Ok(())
}

/// Whose turn it is: each enterprise stands in the queue once.
#[derive(Default)]
struct Turns {
    queue: VecDeque<EnterpriseId>,
    later: HashMap<EnterpriseId, Instant>,
    /// Somebody else was claiming for these when they were looked at last.
    busy: HashSet<EnterpriseId>,
}

impl Turns {
    fn want(&mut self, enterprise: EnterpriseId) {
        if !self.queue.contains(&enterprise) {
            self.queue.push_back(enterprise);
        }
    }

    fn wake(&mut self, enterprise: EnterpriseId, at: Instant) {
        let due = self.later.entry(enterprise).or_insert(at);
        *due = at.min(*due);
    }

    fn next(&mut self) -> Option<EnterpriseId> {
        self.queue.pop_front()
    }

    /// Resolves at once while anyone waits for a turn, else when the first later one is due.
    async fn due(&self) {
        if !self.queue.is_empty() {
            return;
        }
        match self.later.values().min() {
            Some(at) => tokio::time::sleep_until(*at).await,
            None => std::future::pending().await,
        }
    }

    fn move_due(&mut self) {
        let now = Instant::now();
        let due: Vec<EnterpriseId> = self
            .later
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(enterprise, _)| *enterprise)
            .collect();
        for enterprise in due {
            self.later.remove(&enterprise);
            self.want(enterprise);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_enterprise_that_is_woken_twice_has_one_turn() {
        let mut turns = Turns::default();
        let (a, b) = (EnterpriseId::new(), EnterpriseId::new());
        for enterprise in [a, b, a] {
            turns.want(enterprise);
        }
        assert_eq!([turns.next(), turns.next(), turns.next()], [Some(a), Some(b), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_enterprise_that_waits_for_a_time_has_its_turn_then() {
        let mut turns = Turns::default();
        let enterprise = EnterpriseId::new();
        turns.wake(enterprise, Instant::now() + Duration::from_secs(3));
        turns.wake(enterprise, Instant::now() + Duration::from_secs(9));
        turns.due().await;
        turns.move_due();
        assert_eq!(turns.next(), Some(enterprise));
    }
}
