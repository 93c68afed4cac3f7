//! The begin: the last fence before an INVITE.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, TaskId};
use outbound::task::{TaskConfig, TaskState};
use outbound::trunk::TrunkConfig;
use serde::Deserialize;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::order::Frame;
use super::{AttemptFacts, DialOrder, LostAttempt, leases, limits, order, withdraw};
use crate::lanes::{self, Counts};
use crate::tasks::hours_of_many;
use crate::{Store, StoreError};

/// An attempt that is to be begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ToBegin {
    pub attempt: AttemptId,
    pub token: i64,
    /// The caller may have begun it before, and knows that no INVITE has left since.
    pub unplaced: bool,
}

impl ToBegin {
    /// For a worker that has just got the job, and does not know what was done for it before.
    pub const fn new(attempt: AttemptId, token: i64) -> Self {
        Self { attempt, token, unplaced: false }
    }

    /// For the worker that has begun it and knows that its INVITE has not left.
    pub const fn again(attempt: AttemptId, token: i64) -> Self {
        Self { attempt, token, unplaced: true }
    }
}

/// What came of a begin.
#[derive(Debug, Clone)]
pub enum Begun {
    /// Send the INVITE within 250 ms of [`DialOrder::fenced`], or begin again.
    Dial(Box<DialOrder>),
    /// Do nothing. Either the attempt belongs to somebody else, or does not exist any more. Or its task stopped, a
    /// limit was lowered or its phone was put on the do-not-call list, and the number is back in its lane.
    Refused,
    /// This worker had begun it before, and the caller does not know whether the INVITE left, so the phone may have
    /// rung. Nobody dials it any more. Ask the line for the call, hang it up, then call [`super::finish_lost`].
    Lost(LostAttempt),
}

/// Begin attempts for a worker; the answers stand in the order of `items`.
///
/// The lease counts from now; renew it until the attempt is finished. A worker that knows that no INVITE has left
/// may begin again with the same token: the attempt is then checked again, and may be withdrawn. A worker that does
/// not know, as its job failed or was delivered again, gets [`Begun::Lost`].
///
/// Locks the enterprises, trunks and tasks for share, so that a pause waits for the begins before it; then the
/// attempts.
pub async fn begin_many(
    store: &Store,
    worker: &str,
    lease: Duration,
    now: Time,
    items: &[ToBegin],
) -> Result<Vec<Begun>, StoreError> {
    let mut tx = store.hot.begin().await?;
    let (candidates, scene) = Scene::read(&mut tx, worker, items).await?;
    let (lost, candidates): (Vec<_>, Vec<_>) =
        candidates.into_iter().partition(|candidate| candidate.lost);
    let lost: Vec<_> = lost.iter().map(|lost| (lost.attempt, lost.token)).collect();
    let lost = leases::take_over(&mut tx, worker, lease, &lost).await?;
    let over = match candidates.iter().any(|candidate| scene.may_be_over(candidate)) {
        true => limits::over(store, &mut tx, &scene.limits, &candidates).await?,
        false => HashSet::new(),
    };
    let (go, back): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| scene.may_dial(candidate) && !over.contains(&candidate.attempt));
    let fenced = Instant::now();
    let mut begun = write(&mut tx, worker, lease, now, &go).await?;
    let listed = listed(&mut tx, now, &begun).await?;
    begun.retain(|attempt, _| !listed.contains(attempt));
    let back = back.into_iter().chain(go.iter().copied().filter(|go| listed.contains(&go.attempt)));
    let back: Vec<_> = back.map(|back| (back.attempt, back.token)).collect();
    let mut counts = Counts::default();
    withdraw::put_back(&mut tx, &back, None, &mut counts).await?;
    // The first begin of a paced call frees its place in the pace queue, so dispatchers must look again. A repeated
    // begin frees nothing.
    let first = |go: &&&Candidate| begun.get(&go.attempt).is_some_and(|again| !again);
    let paced = go.iter().filter(first).filter(|go| scene.is_paced(go)).map(|go| go.enterprise);
    let paced: BTreeSet<_> = paced.collect();
    let ids: Vec<Uuid> = begun.keys().copied().collect();
    let orders = order::orders(store, &mut tx, &ids, fenced, |facts| scene.frame(facts)).await?;
    counts.write(&mut tx).await?;
    lanes::notify(&mut tx, paced).await?;
    tx.commit().await?;
    let answer = |item: &ToBegin| match orders.get(&item.attempt.uuid()) {
        Some(order) => Begun::Dial(Box::new(order.clone())),
        None => lost
            .iter()
            .find(|lost| lost.attempt == item.attempt)
            .map_or(Begun::Refused, |lost| Begun::Lost(*lost)),
    };
    Ok(items.iter().map(answer).collect())
}

/// An attempt that this worker may begin, if the checks allow it.
#[derive(Debug, Deserialize)]
pub(super) struct Candidate {
    pub attempt: Uuid,
    pub token: i64,
    pub enterprise: Uuid,
    pub trunk: Uuid,
    pub task: Uuid,
    slot: i64,
    probe: bool,
    /// It is begun already, and the caller does not know whether its INVITE left.
    lost: bool,
}

/// The rows that a begin depends on, locked for share.
struct Scene {
    trunks: HashMap<Uuid, Arc<TrunkConfig>>,
    tasks: HashMap<Uuid, (Option<TaskState>, TaskConfig)>,
    hours: HashMap<TaskId, Arc<Hours>>,
    limits: limits::Limits,
    /// For an enterprise, a trunk or a task: attempts up to this slot were claimed before its last edit.
    edited: HashMap<Uuid, i64>,
}

#[derive(Debug, Deserialize)]
struct EnterpriseRow {
    id: Uuid,
    limit: i64,
    edited_slot: i64,
}

#[derive(Debug, Deserialize)]
struct TrunkRow {
    id: Uuid,
    config: TrunkConfig,
    edited_slot: i64,
}

#[derive(Debug, Deserialize)]
struct TaskRow {
    id: Uuid,
    state: String,
    pause_reason: Option<String>,
    config: TaskConfig,
    edited_slot: i64,
}

impl Scene {
    /// Read the attempts that this worker may begin, and what that depends on. One query, as a freed slot is idle
    /// until it is done. It does not lock the attempts: the write checks them again.
    async fn read(
        conn: &mut PgConnection,
        worker: &str,
        items: &[ToBegin],
    ) -> Result<(Vec<Candidate>, Self), StoreError> {
        let ids: Vec<Uuid> = items.iter().map(|item| item.attempt.uuid()).collect();
        let tokens: Vec<i64> = items.iter().map(|item| item.token).collect();
        let unplaced: Vec<bool> = items.iter().map(|item| item.unplaced).collect();
        let row = sqlx::query!(
            r#"with candidate as materialized (
                   select a.id as attempt, a.token, a.enterprise_id as enterprise,
                          a.trunk_id as trunk, a.task_id as task, a.slot, a.probe,
                          a.phase = 'begun' and not u.unplaced as lost
                     from unnest($1::uuid[], $2::bigint[], $4::boolean[]) as u (id, token, unplaced)
                     join attempt a on a.id = u.id and a.token = u.token
                    where (a.phase = 'claimed' and a.lease_until > clock_timestamp())
                       or (a.phase = 'begun' and a.worker = $3))
               select
                (select json_agg(c) from candidate c) as "candidates: Json<Vec<Candidate>>",
                (select json_agg(x) from (
                    select id, (settings->>'concurrency_limit')::bigint as "limit", edited_slot
                      from enterprise
                     where id = any(array(select enterprise from candidate)) order by id for share) x)
                    as "enterprises: Json<Vec<EnterpriseRow>>",
                (select json_agg(x) from (
                    select id, config, edited_slot from trunk
                     where id = any(array(select trunk from candidate)) order by id for share) x)
                    as "trunks: Json<Vec<TrunkRow>>",
                (select json_agg(x) from (
                    select id, state, pause_reason, config, edited_slot from task
                     where id = any(array(select task from candidate)) and deleted_at is null
                     order by id for share) x)
                    as "tasks: Json<Vec<TaskRow>>""#,
            &ids,
            &tokens,
            worker,
            &unplaced
        )
        .fetch_one(&mut *conn)
        .await?;
        let candidates = row.candidates.map_or_else(Vec::new, |rows| rows.0);
        let enterprises = row.enterprises.map_or_else(Vec::new, |rows| rows.0);
        let trunks = row.trunks.map_or_else(Vec::new, |rows| rows.0);
        let tasks = row.tasks.map_or_else(Vec::new, |rows| rows.0);
        // Read after the locks: an edit that this transaction waited for may have changed the windows.
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id.into()).collect();
        let hours = hours_of_many(conn, &ids).await?;
        let limits = limits::Limits {
            enterprises: enterprises.iter().map(|row| (row.id, row.limit)).collect(),
            trunks: trunks.iter().map(|row| (row.id, i64::from(row.config.concurrency))).collect(),
            tasks: tasks.iter().map(|row| (row.id, i64::from(row.config.concurrency))).collect(),
        };
        let edited = enterprises.iter().map(|row| (row.id, row.edited_slot));
        let edited = edited.chain(trunks.iter().map(|row| (row.id, row.edited_slot)));
        let edited = edited.chain(tasks.iter().map(|row| (row.id, row.edited_slot))).collect();
        let task = |state: &str, reason: Option<&str>| TaskState::from_words(state, reason);
        let scene = Self {
            limits,
            edited,
            trunks: trunks.into_iter().map(|row| (row.id, Arc::new(row.config))).collect(),
            tasks: tasks
                .into_iter()
                .map(|row| (row.id, (task(&row.state, row.pause_reason.as_deref()), row.config)))
                .collect(),
            hours: hours.into_iter().map(|(task, hours)| (task, Arc::new(hours))).collect(),
        };
        Ok((candidates, scene))
    }

    fn frame(&self, facts: &AttemptFacts) -> Option<Frame<'_>> {
        let (_, task) = self.tasks.get(&facts.task.uuid())?;
        let line = self.trunks.get(&facts.trunk.uuid())?;
        Some(Frame { line, task, hours: self.hours.get(&facts.task)? })
    }

    /// Whether the attempt was claimed before the last edit of a limit. Claims after the edit keep to the new limit.
    fn may_be_over(&self, candidate: &Candidate) -> bool {
        [candidate.enterprise, candidate.trunk, candidate.task]
            .iter()
            .any(|scope| self.edited.get(scope).is_none_or(|edited| candidate.slot <= *edited))
    }

    fn may_dial(&self, candidate: &Candidate) -> bool {
        let in_service = self.trunks.get(&candidate.trunk).is_some_and(|trunk| trunk.in_service);
        let state = self.tasks.get(&candidate.task).and_then(|(state, _)| *state);
        in_service && state.is_some_and(|state| state.dials().allows(candidate.probe))
    }

    fn is_paced(&self, candidate: &Candidate) -> bool {
        let trunk = self.trunks.get(&candidate.trunk).and_then(|trunk| trunk.calls_per_second);
        let task = self.tasks.get(&candidate.task).and_then(|(_, task)| task.calls_per_second);
        trunk.or(task).is_some()
    }
}

/// Write the begins; gives each attempt that it began, and whether that attempt was begun before. It leaves out an
/// attempt that somebody else has locked at this moment: it is theirs.
async fn write(
    conn: &mut PgConnection,
    worker: &str,
    lease: Duration,
    now: Time,
    go: &[&Candidate],
) -> Result<HashMap<Uuid, bool>, StoreError> {
    let ids: Vec<Uuid> = go.iter().map(|go| go.attempt).collect();
    let tokens: Vec<i64> = go.iter().map(|go| go.token).collect();
    let rows = sqlx::query!(
        r#"with held as (
               select a.id, a.phase from unnest($1::uuid[], $2::bigint[]) as u (id, token)
                 join attempt a on a.id = u.id and a.token = u.token
                where (a.phase = 'claimed' and a.lease_until > clock_timestamp())
                   or (a.phase = 'begun' and a.worker = $3)
                order by a.id for update of a)
           update attempt a
              set phase = 'begun', worker = $3, begun_at = clock_timestamp(), started_at = $4,
                  lease_until = clock_timestamp() + make_interval(secs => $5)
             from held where a.id = held.id
           returning a.id, held.phase = 'begun' as "again!""#,
        &ids,
        &tokens,
        worker,
        now,
        lease.as_secs_f64()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.again)).collect())
}

/// Those attempts whose phone was put on the do-not-call list after they were begun. (One that was only claimed
/// goes back when its phone is listed.) Read after locking the attempts. Adding to the list locks attempts first
/// too, so one of the two always sees the other's write.
async fn listed(
    conn: &mut PgConnection,
    now: Time,
    begun: &HashMap<Uuid, bool>,
) -> Result<HashSet<Uuid>, StoreError> {
    let again: Vec<Uuid> = begun.iter().filter(|(_, again)| **again).map(|(id, _)| *id).collect();
    if again.is_empty() {
        return Ok(HashSet::new());
    }
    let listed = sqlx::query_scalar!(
        "select a.id from attempt a
           join suppression s on s.enterprise_id = a.enterprise_id and s.phone = a.phone
          where a.id = any($1) and suppression_in_force(s.expires_at, $2)",
        &again,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(listed.into_iter().collect())
}
