//! Follow-on calls: a dialer that frees slots claims for them in the transaction that frees them, and
//! begins what it claimed.
//!
//! It is a claim like any other: the same order, the same limits. The claim has just checked all that a begin
//! checks, under the same locks, so the calls are begun at once. A freed slot rings again after one
//! transaction. Done apart, finish, claim and begin are three transactions and two jobs between processes.

use std::time::{Duration, Instant};

use outbound::Time;
use outbound::ids::EnterpriseId;
use sqlx::PgConnection;

use super::judge::Dial;
use super::scene::Scene;
use super::write::BegunBy;
use super::{ClaimRun, Claimed, ClaimedAttempt, Claimer, LockWait, TakenNumber, scene, write};
use crate::attempts::{AttemptFacts, DialOrder, Frame, location, variables};
use crate::lanes::Counts;
use crate::rows::phone;
use crate::{Store, StoreError};

/// A dialer that frees slots of an enterprise and may use them again.
#[derive(Debug)]
pub struct FollowOn<'a> {
    pub claimer: &'a mut Claimer,
    pub enterprise: EnterpriseId,
    /// Calls that may follow, at most. Not more than the calls that end: each takes a slot that one of them frees.
    pub at_most: u32,
    pub worker: &'a str,
    pub lease: Duration,
    pub lock_wait: LockWait<'a>,
    /// As for [`Claimer::claim`].
    pub random_seed: u64,
}

/// The calls that follow on. They exist once the transaction is committed.
pub(crate) struct FollowedOn {
    pub orders: Vec<DialOrder>,
    /// What else the claim did. Its attempts are those that were claimed and not begun.
    pub claimed: Claimed,
    /// No dispatcher needs to be woken for this enterprise.
    pub quiet: bool,
    /// The time for the next claim, when the dispatchers are woken for it.
    tells: Option<Time>,
    scene: Scene,
}

impl FollowOn<'_> {
    /// Claim numbers and begin their calls. The caller holds the lock of the enterprise's claims. Where a trunk
    /// or task has calls per second, its calls are claimed and not begun: they wait for their pace first. While
    /// a breaker is open, it does nothing: probes are the dispatchers' work.
    ///
    /// Locks what a claim locks, without the counters. The caller already holds the attempts and numbers of
    /// the calls that ended; nobody who waits for those holds a lock that a claim needs.
    pub(crate) async fn claim(
        &self,
        store: &Store,
        conn: &mut PgConnection,
        counts: &mut Counts,
    ) -> Result<Option<FollowedOn>, StoreError> {
        let now = (self.lock_wait.now)();
        let Some(mut scene) = scene::read(store, conn, self.enterprise, now).await? else {
            return Ok(None);
        };
        if scene.trunks.values().any(|trunk| trunk.probe) {
            return Ok(None);
        }
        let plain = !scene.switches.priorities;
        scene.load_cursors(&self.claimer.cursors, plain);
        let mut run = ClaimRun::new(now, self.at_most, self.random_seed);
        let exhausted = run.take(store, conn, self.enterprise, &mut scene).await?;
        // Read the time again, after the numbers: one of them may have become ready after `now`, and its call
        // must not be written as begun before that.
        let (fenced, begun_at) = (Instant::now(), (self.lock_wait.now)());
        let begun_by = BegunBy { worker: self.worker, lease: self.lease };
        let (enterprise, taken) = (self.enterprise, &run.taken);
        let opened =
            write::write(conn, enterprise, begun_at, &scene, taken, Some(begun_by), counts);
        let opened = opened.await?;
        let dials = run.taken.iter().filter_map(|taken| Some((taken, taken.verdict.dial()?)));
        let mut orders = Vec::with_capacity(opened.len());
        let mut claimed = Claimed {
            more: run.is_full(&scene) || !exhausted,
            wake_at: scene.wake_at,
            ..Claimed::default()
        };
        for (opened, (taken, dial)) in opened.into_iter().zip(dials) {
            if scene.is_paced(taken, dial) {
                claimed.attempts.push(opened);
            } else {
                let begun = (&scene, begun_at, fenced);
                orders.push(order(store, conn, begun, opened, taken, dial).await?);
            }
        }
        let has_told = |at: &Time| self.claimer.has_told(self.enterprise, *at, now);
        let untold = claimed.wake_at.filter(|at| !has_told(at));
        let quiet = !claimed.more && untold.is_none() && scene.idle_tasks().is_empty();
        let tells = claimed.wake_at.filter(|_| !quiet);
        Ok(Some(FollowedOn { orders, claimed, quiet, tells, scene }))
    }

    /// Call it after the commit.
    pub(crate) fn committed(self, followed: &FollowedOn) {
        self.claimer.keep_cursors(&followed.scene, !followed.scene.switches.priorities);
        if let Some(at) = followed.tells {
            self.claimer.keep_told(self.enterprise, at);
        }
    }
}

/// The dial order of a call. A begin would read it from the database; here all of it is known.
async fn order(
    store: &Store,
    conn: &mut PgConnection,
    (scene, now, fenced): (&Scene, Time, Instant),
    opened: ClaimedAttempt,
    taken: &TakenNumber,
    dial: &Dial,
) -> Result<DialOrder, StoreError> {
    let (task, details) = (&scene.tasks[taken.task], &taken.details);
    let line = scene.lines.iter().find(|line| line.caller_id.uuid() == dial.caller);
    let (Some(caller), Some(trunk)) = (line, scene.trunks.get(&dial.trunk)) else {
        return Err(StoreError::Damaged(format!("{} has no line", opened.attempt)));
    };
    let own = serde_json::from_str(&details.variables)
        .map_err(|_| StoreError::Damaged(format!("{} has no variables", opened.attempt)))?;
    let callee = phone(dial.phone);
    let (callee_province, callee_city) = location(callee);
    let facts = AttemptFacts {
        enterprise: scene.enterprise,
        task: task.id.into(),
        task_name: task.config.name.clone(),
        batch: details.batch.into(),
        batch_name: details.batch_name.clone(),
        number: taken.pulled.number.into(),
        trunk: dial.trunk.into(),
        trunk_name: trunk.config.name.clone(),
        round: details.chain.place.round.unsigned_abs(),
        chain_index: dial.chain_index,
        policy_id: task.policy,
        callee,
        callee_province,
        callee_city,
        caller: caller.phone,
        caller_province: caller.province.clone(),
        caller_city: caller.city.clone(),
        variables: variables(own, &task.config.variables),
    };
    let (navigation, version) = task.navigation;
    let content = store.immutable.navigation(conn, navigation, version).await?;
    let frame = Frame { line: &trunk.config, task: &task.config, hours: &task.hours };
    Ok(frame.order(opened, dial.probe, (now, fenced), content, facts))
}
