//! Claims: woken by whatever makes a number dialable, and by a tick behind it.
//!
//! PostgreSQL notifies every dispatcher in the transaction that frees a slot, lands an import,
//! promotes a redial or starts a task. The dispatcher that gets the enterprise's lock claims; the others come
//! back a little later. A dialer fills the slots that it frees itself where it can, and then notifies nobody.
//! PostgreSQL gives the lock to those who wait for it, in their order, and busy dialers wait for it all the time.
//! So a dispatcher that did not get the lock at once waits for it, too, the next time.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use outbound::ids::EnterpriseId;
use storage::StoreError;
use storage::claim::{Claimer, LockWait};
use tokio::time::Instant;

use crate::finishes::push_claimed;
use crate::{Environment, faults};

/// Attempts that one claim opens, at most.
const CLAIM_MAX: u32 = 100;
/// Every enterprise with a running task is looked at this often, in case a notification was lost.
const TICK: Duration = Duration::from_secs(1);
const RETRY: Duration = Duration::from_millis(200);
/// Before the next claim for an enterprise that has a damaged row.
const FAILED: Duration = Duration::from_secs(5);
/// Before the next try when somebody else was claiming. That claim may have begun before the change that this one is
/// for.
const BUSY: Duration = Duration::from_millis(20);
/// How long the next try waits for the lock. Claims for other enterprises wait as long.
const WAIT_FOR_LOCK: Duration = Duration::from_millis(50);

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
    let mut claims = ClaimQueue::default();
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = env.stopping.cancelled() => return Ok(()),
            woken = listener.next() => claims.want(woken?),
            _ = tick.tick() => {
                for enterprise in storage::claim::enterprises(&env.store).await? {
                    claims.want(enterprise);
                }
            }
            () = claims.due() => {}
        }
        // Whatever else was said meanwhile is one wake-up.
        while let Some(woken) = listener.try_next()? {
            claims.want(woken);
        }
        claims.move_due();
        if let Some(enterprise) = claims.next()
            && let Err(error) = claim(env, &mut claimer, &mut claims, enterprise).await
        {
            // Other enterprises are claimed for all the same.
            let passing = error.is_passing();
            if passing {
                metrics::counter!("callwright_sweep_failed_total", "sweep" => "dispatch")
                    .increment(1);
                tracing::warn!(%error, %enterprise, "a claim is made again");
            } else {
                faults::tell_of("claim", enterprise, &error);
            }
            claims.wake(enterprise, Instant::now() + if passing { RETRY } else { FAILED });
        }
    }
}

/// Make one claim for one enterprise. The next one is for the next enterprise, so that a large one delays no other.
async fn claim(
    env: &Environment,
    claimer: &mut Claimer,
    claims: &mut ClaimQueue,
    enterprise: EnterpriseId,
) -> Result<(), StoreError> {
    let begun = std::time::Instant::now();
    let at_most = if claims.busy.contains(&enterprise) { WAIT_FOR_LOCK } else { Duration::ZERO };
    let lock_wait = LockWait { at_most, now: &|| env.clock.now() };
    let claimed =
        claimer.claim_waiting(&env.store, enterprise, CLAIM_MAX, rand::random(), lock_wait).await?;
    if claimed.busy {
        claims.busy.insert(enterprise);
        claims.wake(enterprise, Instant::now() + BUSY);
        return Ok(());
    }
    claims.busy.remove(&enterprise);
    metrics::histogram!("callwright_claim_seconds").record(begun.elapsed().as_secs_f64());
    metrics::counter!("callwright_claimed_total").increment(claimed.attempts.len() as u64);
    push_claimed(&env.queues, &env.clock, &env.settings.die_at, &claimed).await;
    if claimed.more {
        claims.want(enterprise);
    }
    if let Some(at) = claimed.wake_at {
        claims.wake(enterprise, Instant::now() + env.clock.until(at));
    }
    Ok(())
}

/// The enterprises that a claim is to be made for, each once, in order.
#[derive(Default)]
struct ClaimQueue {
    queue: VecDeque<EnterpriseId>,
    later: HashMap<EnterpriseId, Instant>,
    /// Somebody else was claiming for these when they were looked at last.
    busy: HashSet<EnterpriseId>,
}

impl ClaimQueue {
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

    /// Resolves at once while an enterprise waits, else when the first later one is due.
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
    async fn an_enterprise_that_is_woken_twice_is_claimed_for_once() {
        let mut claims = ClaimQueue::default();
        let (a, b) = (clock::new_id::<EnterpriseId>(), clock::new_id::<EnterpriseId>());
        for enterprise in [a, b, a] {
            claims.want(enterprise);
        }
        assert_eq!([claims.next(), claims.next(), claims.next()], [Some(a), Some(b), None]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_enterprise_that_waits_for_a_time_is_claimed_for_then() {
        let mut claims = ClaimQueue::default();
        let enterprise = clock::new_id::<EnterpriseId>();
        claims.wake(enterprise, Instant::now() + Duration::from_secs(3));
        claims.wake(enterprise, Instant::now() + Duration::from_secs(9));
        claims.due().await;
        claims.move_due();
        assert_eq!(claims.next(), Some(enterprise));
    }
}
