//! Follow-on calls: a dialer that frees slots claims for them in the transaction that frees them, and
//! begins what it claimed.
//!
//! It is a claim like any other, in the same order and within the same limits. What a begin looks at was
//! looked at by the claim, under the same locks, a moment before. So a slot rings again after one
//! transaction, where a finish, a claim and a begin one after another take three, and two hand-overs
//! between processes.

use std::time::{Duration, Instant};

use outbound::Time;
use outbound::ids::EnterpriseId;
use sqlx::PgConnection;

use super::judge::Dial;
use super::scene::Scene;
use super::write::BegunBy;
use super::{Claimed, ClaimedAttempt, Claimer, InLine, Run, Taken, scene, write};
use crate::attempts::{AttemptFacts, DialOrder, Frame, location, variables};
use crate::lanes::Counts;
use crate::rows::phone;
use crate::{Store, StoreError};

/// Who would go on with what.
#[derive(Debug)]
pub struct FollowOn<'a> {
    pub claimer: &'a mut Claimer,
    /// The enterprise that is claimed for.
    pub enterprise: EnterpriseId,
    /// Calls that may follow, at most: no more than end.
    pub at_most: u32,
    pub worker: &'a str,
    pub lease: Duration,
    pub in_line: InLine<'a>,
    /// As for [`Claimer::claim`].
    pub random_seed: u64,
}

/// What follows on, once it is committed.
pub(crate) struct FollowedOn {
    pub orders: Vec<DialOrder>,
    /// What else the claim did; its attempts are those that were not begun.
    pub claimed: Claimed,
    /// A dispatcher has nothing to do for this enterprise that it would not be told anyway.
    pub quiet: bool,
    /// A time to look again at that they are told of by this.
    tells: Option<Time>,
    scene: Scene,
}

impl FollowOn<'_> {
    /// Claims and begins, under the lock of the enterprise's claims. Calls with calls per second are
    /// claimed only: they wait for their turn first. While a breaker is open, everything is left to the
    /// dispatchers.
    ///
    /// Locks what a claim locks, but the counters, after attempts and numbers whose calls ended: what waits
    /// for those holds nothing that a claim waits for.
    pub(crate) async fn claim(
        &self,
        store: &Store,
        conn: &mut PgConnection,
        counts: &mut Counts,
    ) -> Result<Option<FollowedOn>, StoreError> {
        let now = (self.in_line.now)();
        let Some(mut scene) = scene::read(store, conn, self.enterprise, now).await? else {
            return Ok(None);
        };
        if scene.trunks.values().any(|trunk| trunk.probe) {
            return Ok(None);
        }
        let plain = !scene.switches.priorities;
        scene.load_cursors(&self.claimer.cursors, plain);
        let mut run = Run::new(now, self.at_most, self.random_seed);
        let exhausted = run.take(store, conn, self.enterprise, &mut scene).await?;
        // Read after the numbers: one of them may have fallen due, and been made ready, since `now`.
        let (fenced, begun_at) = (Instant::now(), (self.in_line.now)());
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

    /// After the commit.
    pub(crate) fn committed(self, followed: &FollowedOn) {
        self.claimer.keep_cursors(&followed.scene, !followed.scene.switches.priorities);
        if let Some(at) = followed.tells {
            self.claimer.keep_told(self.enterprise, at);
        }
    }
}

/// What a begin would read of it; all of it is known here.
async fn order(
    store: &Store,
    conn: &mut PgConnection,
    (scene, now, fenced): (&Scene, Time, Instant),
    opened: ClaimedAttempt,
    taken: &Taken,
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
