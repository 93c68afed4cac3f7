//! The begin: the last fence before an INVITE.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, TaskId};
use outbound::task::{PauseReason, TaskConfig, TaskState};
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{DialOrder, limits, order, withdraw};
use crate::lanes::{self, Counts};
use crate::tasks::hours_of_many;
use crate::{Store, StoreError};

/// What came of a begin.
#[derive(Debug, Clone)]
pub enum Begun {
    /// Send the INVITE within 250 ms, or begin again.
    Dial(Box<DialOrder>),
    /// Do nothing: the attempt is another's by now, or gone; or its task does not run any more or a
    /// limit was lowered, and the number is back in its lane.
    Refused,
}

/// Begin attempts for a worker; the answers stand in the order of `items`.
///
/// The lease counts from now; renew it until the attempt is finished. To begin again with the same
/// token is allowed to the same worker, as long as its INVITE has not left: it judges the attempt
/// anew, and may withdraw it.
///
/// Locks the enterprises, trunks and tasks for share, so that a pause waits for the begins before it;
/// then the attempts.
pub async fn begin_many(
    store: &Store,
    worker: &str,
    lease: Duration,
    now: Time,
    items: &[(AttemptId, i64)],
) -> Result<Vec<Begun>, StoreError> {
    let mut tx = store.hot.begin().await?;
    let candidates = candidates(&mut tx, worker, items).await?;
    let scene = Scene::read(&mut tx, &candidates).await?;
    let over = limits::over(store, &mut tx, &scene.limits, &candidates).await?;
    let (go, back): (Vec<_>, Vec<_>) = candidates
        .iter()
        .partition(|candidate| scene.may_dial(candidate) && !over.contains(&candidate.attempt));
    let begun = write(&mut tx, worker, lease, now, &go).await?;
    let back: Vec<_> = back.iter().map(|back| (back.attempt, back.token)).collect();
    let mut counts = Counts::default();
    withdraw::put_back(&mut tx, &back, None, &mut counts).await?;
    let orders = orders(store, &mut tx, &scene, begun).await?;
    counts.write(&mut tx).await?;
    // With calls per second, a begin makes room for a claim.
    let paced = go.iter().filter(|go| scene.is_paced(go)).map(|go| go.enterprise);
    lanes::notify(&mut tx, paced.collect::<BTreeSet<_>>()).await?;
    tx.commit().await?;
    let answer = |(attempt, _): &(AttemptId, i64)| match orders.get(&attempt.uuid()) {
        Some(order) => Begun::Dial(Box::new(order.clone())),
        None => Begun::Refused,
    };
    Ok(items.iter().map(answer).collect())
}

/// An attempt that this worker may begin, if nothing speaks against it.
pub(super) struct Candidate {
    pub attempt: Uuid,
    pub token: i64,
    pub enterprise: Uuid,
    pub trunk: Uuid,
    pub task: Uuid,
    probe: bool,
}

/// Locks nothing: what it reads is looked at again by the write.
async fn candidates(
    conn: &mut PgConnection,
    worker: &str,
    items: &[(AttemptId, i64)],
) -> Result<Vec<Candidate>, StoreError> {
    let ids: Vec<Uuid> = items.iter().map(|(attempt, _)| attempt.uuid()).collect();
    let tokens: Vec<i64> = items.iter().map(|(_, token)| *token).collect();
    let rows = sqlx::query!(
        "select a.id, a.token, a.enterprise_id, a.trunk_id, a.task_id, a.probe
           from unnest($1::uuid[], $2::bigint[]) as u (id, token)
           join attempt a on a.id = u.id and a.token = u.token
          where (a.phase = 'claimed' and a.lease_until > clock_timestamp())
             or (a.phase = 'begun' and a.worker = $3)",
        &ids,
        &tokens,
        worker
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Candidate {
            attempt: row.id,
            token: row.token,
            enterprise: row.enterprise_id,
            trunk: row.trunk_id,
            task: row.task_id,
            probe: row.probe,
        })
        .collect())
}

/// The rows that a begin depends on, locked for share.
struct Scene {
    trunks: HashMap<Uuid, Arc<TrunkConfig>>,
    tasks: HashMap<Uuid, (Option<TaskState>, TaskConfig)>,
    hours: HashMap<TaskId, Arc<Hours>>,
    limits: limits::Limits,
}

impl Scene {
    async fn read(conn: &mut PgConnection, candidates: &[Candidate]) -> Result<Self, StoreError> {
        let of = |key: fn(&Candidate) -> Uuid| -> Vec<Uuid> {
            candidates.iter().map(key).collect::<BTreeSet<_>>().into_iter().collect()
        };
        let enterprises = sqlx::query!(
            r#"select id, (settings->>'concurrency_limit')::integer as "limit!"
                 from enterprise where id = any($1) order by id for share"#,
            &of(|candidate| candidate.enterprise)
        )
        .fetch_all(&mut *conn)
        .await?;
        let trunks = sqlx::query!(
            r#"select id, config as "config: Json<TrunkConfig>" from trunk
                where id = any($1) order by id for share"#,
            &of(|candidate| candidate.trunk)
        )
        .fetch_all(&mut *conn)
        .await?;
        let tasks = sqlx::query!(
            r#"select id, state, pause_reason, config as "config: Json<TaskConfig>" from task
                where id = any($1) and deleted_at is null order by id for share"#,
            &of(|candidate| candidate.task)
        )
        .fetch_all(&mut *conn)
        .await?;
        let ids: Vec<TaskId> = tasks.iter().map(|task| task.id.into()).collect();
        let hours = hours_of_many(conn, &ids).await?;
        let limits = limits::Limits {
            enterprises: enterprises.iter().map(|row| (row.id, i64::from(row.limit))).collect(),
            trunks: trunks.iter().map(|row| (row.id, i64::from(row.config.concurrency))).collect(),
            tasks: tasks.iter().map(|row| (row.id, i64::from(row.config.concurrency))).collect(),
        };
        let task = |state: &str, reason: Option<&str>| TaskState::from_words(state, reason);
        Ok(Self {
            limits,
            trunks: trunks.into_iter().map(|row| (row.id, Arc::new(row.config.0))).collect(),
            tasks: tasks
                .into_iter()
                .map(|row| (row.id, (task(&row.state, row.pause_reason.as_deref()), row.config.0)))
                .collect(),
            hours: hours.into_iter().map(|(task, hours)| (task, Arc::new(hours))).collect(),
        })
    }

    fn may_dial(&self, candidate: &Candidate) -> bool {
        let in_service = self.trunks.get(&candidate.trunk).is_some_and(|trunk| trunk.in_service);
        let state = self.tasks.get(&candidate.task).and_then(|(state, _)| *state);
        in_service
            && match state {
                Some(TaskState::Running) => true,
                Some(TaskState::Paused(PauseReason::TrunkFailure)) => candidate.probe,
                _ => false,
            }
    }

    fn is_paced(&self, candidate: &Candidate) -> bool {
        let trunk = self.trunks.get(&candidate.trunk).and_then(|trunk| trunk.calls_per_second);
        let task = self.tasks.get(&candidate.task).and_then(|(_, task)| task.calls_per_second);
        trunk.or(task).is_some()
    }
}

/// The attempts that are begun by this, and whether each had been before. An attempt that somebody
/// else holds at this moment is theirs: it is left out.
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

async fn orders(
    store: &Store,
    conn: &mut PgConnection,
    scene: &Scene,
    begun: HashMap<Uuid, bool>,
) -> Result<HashMap<Uuid, DialOrder>, StoreError> {
    let ids: Vec<Uuid> = begun.keys().copied().collect();
    let mut orders = HashMap::new();
    for (id, found) in order::read(conn, &ids).await? {
        let facts = found.facts;
        let (task, trunk) = (facts.task, facts.trunk.uuid());
        let (Some(line), Some((_, config)), Some(hours)) =
            (scene.trunks.get(&trunk), scene.tasks.get(&task.uuid()), scene.hours.get(&task))
        else {
            return Err(StoreError::Damaged(format!("{task} has no plan")));
        };
        let (navigation, version) = found.navigation;
        let order = DialOrder {
            attempt: id.into(),
            token: found.token,
            again: begun.get(&id).copied().unwrap_or(false),
            probe: found.probe,
            paced: line.calls_per_second.or(config.calls_per_second).is_some(),
            begun_at: found.begun_at,
            line: Arc::clone(line),
            ring_timeout_seconds: config.ring_timeout_seconds,
            max_call_seconds: config.max_call_seconds,
            recording: config.recording,
            hours: Arc::clone(hours),
            callee_zone: found.callee_zone,
            content: store.immutable.navigation(conn, navigation, version).await?,
            facts,
        };
        orders.insert(id, order);
    }
    Ok(orders)
}
