//! Follow-on calls: a dialer that frees slots claims for them in the transaction that frees them, and
//! begins what it claimed.
//!
//! It is a claim like any other: the same order, the same limits. The claim has just checked all that a begin
//! checks, under the same locks, so the calls are begun at once. A freed slot rings again after one
//! transaction. Done apart, finish, claim and begin are three transactions and two jobs between processes.

use std::time::{Duration, Instant};

use outbound::Time;
use outbound::claim::{Dial, Engine, Scene, TakenNumber};
use outbound::ids::EnterpriseId;
use sqlx::PgConnection;

use super::read::NumberRow;
use super::write::BegunBy;
use super::{Claimed, ClaimedAttempt, Claimer, LockWait, decide, scene, write};
use crate::attempts::{AttemptFacts, DialOrder, Frame, location, variables};
use crate::lanes::Counts;
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
        if scene.is_probing() {
            return Ok(None);
        }
        scene.load_cursors(&self.claimer.cursors);
        let engine = Engine::new(scene, now, self.at_most, self.random_seed);
        let claim = decide(store, conn, self.enterprise, engine, now).await?;
        // Read the time again, after the numbers: one of them may have become ready after `now`, and its call
        // must not be written as begun before that.
        let (fenced, begun_at) = (Instant::now(), (self.lock_wait.now)());
        let begun_by = BegunBy { worker: self.worker, lease: self.lease };
        let opened = write::write(conn, self.enterprise, begun_at, &claim, Some(begun_by), counts);
        let opened = opened.await?;
        let scene = claim.engine.scene();
        let mut orders = Vec::with_capacity(opened.len());
        let mut claimed = Claimed {
            more: claim.engine.is_more(),
            waits: claim.waits(),
            wake_at: scene.next_claim_at(),
            ..Claimed::default()
        };
        for (opened, (taken, dial)) in opened.into_iter().zip(claim.engine.dials()) {
            if write::is_paced(scene, taken, dial) {
                claimed.attempts.push(opened);
                continue;
            }
            let number = taken.queued.number;
            let Some(row) = claim.rows.get(&number) else {
                return Err(StoreError::Damaged(format!("{number} was taken and not read")));
            };
            let begun = (self.enterprise, begun_at, fenced);
            orders.push(order(store, conn, begun, scene, opened, (taken, dial, row)).await?);
        }
        let has_told = |at: &Time| self.claimer.has_told(self.enterprise, *at, now);
        let untold = claimed.wake_at.filter(|at| !has_told(at));
        let quiet = !claimed.more && untold.is_none() && scene.idle_tasks().is_empty();
        let tells = claimed.wake_at.filter(|_| !quiet);
        let scene = claim.engine.into_scene();
        Ok(Some(FollowedOn { orders, claimed, quiet, tells, scene }))
    }

    /// Call it after the commit.
    pub(crate) fn committed(self, followed: &FollowedOn) {
        self.claimer.keep_cursors(&followed.scene);
        if let Some(at) = followed.tells {
            self.claimer.keep_told(self.enterprise, at);
        }
    }
}

/// The dial order of a call. A begin would read it from the database; here all of it is known.
async fn order(
    store: &Store,
    conn: &mut PgConnection,
    (enterprise, now, fenced): (EnterpriseId, Time, Instant),
    scene: &Scene,
    opened: ClaimedAttempt,
    (taken, dial, row): (&TakenNumber, &Dial, &NumberRow),
) -> Result<DialOrder, StoreError> {
    let task = scene.task(taken.task);
    let (Some(caller), Some(trunk)) = (scene.line(dial.caller), scene.trunk(dial.trunk)) else {
        return Err(StoreError::Damaged(format!("{} has no line", opened.attempt)));
    };
    let own = serde_json::from_str(&row.variables)
        .map_err(|_| StoreError::Damaged(format!("{} has no variables", opened.attempt)))?;
    let (callee_province, callee_city) = location(dial.phone);
    let facts = AttemptFacts {
        enterprise,
        task: task.id,
        task_name: task.config.name.clone(),
        batch: taken.facts.batch,
        batch_name: row.batch_name.clone(),
        number: taken.queued.number,
        trunk: dial.trunk,
        trunk_name: trunk.config.name.clone(),
        round: taken.facts.chain.place().round,
        chain_index: dial.chain_index,
        policy_id: task.policy,
        callee: dial.phone,
        callee_province,
        callee_city,
        caller: caller.phone,
        caller_province: caller.province.clone(),
        caller_city: caller.city.clone(),
        variables: variables(own, &task.config.variables),
    };
    let (navigation, version) = task.navigation;
    let content = store.immutable.navigation(conn, navigation.uuid(), version).await?;
    let frame = Frame { line: &trunk.config, task: &task.config, hours: &task.hours };
    Ok(frame.order(opened, dial.probe, (now, fenced), content, facts))
}
