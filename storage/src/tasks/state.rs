//! The one door through which a task changes state.
//!
//! [`apply`] asks [`TaskState::after`] and writes what it says: the state, an entry in the task's
//! history, the next window edge, and a wake-up for the dispatchers, all in the caller's transaction.

use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, CallerIdId, EnterpriseId, TaskId, TrunkId};
use outbound::task::{Event, Facts, PauseReason, Refusal, TaskState};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::{Task, lock, lock_all, lock_in, plan};
use crate::attempts::quiet::{Stopped, await_quiet};
use crate::store::{DISPATCH, HANG_UP};
use crate::{Store, StoreError, decisions};

/// Let an event happen to a task.
///
/// Locks the task's row for update until the caller's transaction ends. A refusal is a
/// [`StoreError::Conflict`] with its code, and nothing is written. On a deleted task nothing happens.
/// Gives the state that the task is in afterwards; the caller that wants to push the job of the next
/// window edge finds it in [`Task::next_edge_at`], and the sweep finds it otherwise.
pub async fn apply(
    conn: &mut PgConnection,
    task: TaskId,
    event: Event,
    now: Time,
    actor: &str,
) -> Result<TaskState, StoreError> {
    let task = lock(conn, task).await?;
    if task.deleted {
        return Ok(task.state);
    }
    happen(conn, &task, event, now, actor).await?.map_err(refused)
}

pub(crate) fn refused(refusal: Refusal) -> StoreError {
    StoreError::conflict(refusal.code(), refusal.to_string())
}

/// [`apply`] on a task whose row is locked already; a refusal is for the caller to weigh.
/// Only a person's or the API's events are ever refused.
pub(crate) async fn happen(
    conn: &mut PgConnection,
    task: &Task,
    event: Event,
    now: Time,
    actor: &str,
) -> Result<Result<TaskState, Refusal>, StoreError> {
    let hours = plan::hours_of(conn, task.id).await?;
    let facts = facts(conn, task, &hours, now).await?;
    let word = event.word();
    let state = match task.state.after(event, facts) {
        Ok(state) => state,
        Err(refusal) => return Ok(Err(refusal)),
    };
    // An edge that is due is taken by its own step, not skipped for something that happens before.
    let of_windows = matches!(event, Event::WindowOpened | Event::WindowClosed(_));
    let due = task.next_edge_at.filter(|due| *due <= now && !of_windows && is_moved(state));
    let edge = due.or_else(|| next_edge(state, &hours, now));
    if state != task.state || edge != task.next_edge_at {
        write(conn, task, state, edge, now).await?;
    }
    if state != task.state {
        record(conn, task.id, word, state, now, actor).await?;
    }
    if state == TaskState::Running {
        notify_dispatch(conn, task.enterprise).await?;
    } else if state != task.state {
        decisions::tell_stopped(conn, task.id).await?;
    }
    Ok(Ok(state))
}

/// The edge that a task in this state has to be woken for. A task that no window moves has none; what
/// does move it plans anew.
pub(super) fn next_edge(state: TaskState, hours: &Hours, now: Time) -> Option<Time> {
    hours.next_edge(now).filter(|_| is_moved(state))
}

/// Whether windows move a task in this state.
fn is_moved(state: TaskState) -> bool {
    use PauseReason::{DoNotCallPeriod, OutsideCallPeriod};
    matches!(state, TaskState::Running | TaskState::Paused(DoNotCallPeriod | OutsideCallPeriod))
}

/// What a move depends on. Locks nothing.
async fn facts(
    conn: &mut PgConnection,
    task: &Task,
    hours: &Hours,
    now: Time,
) -> Result<Facts, StoreError> {
    let callers: Vec<Uuid> = task.config.caller_ids.iter().map(|id| id.uuid()).collect();
    let failed = sqlx::query_scalar!(
        r#"select coalesce(bool_and(t.breaker = 'open'), false)
             from caller_id c join trunk t on t.id = c.trunk_id
            where c.id = any($1) and (t.config->>'in_service')::boolean"#,
        &callers
    )
    .fetch_one(&mut *conn)
    .await?;
    Ok(Facts {
        numbers: has_numbers(conn, task.id).await?,
        closed: hours.task_closed(now),
        trunk_failed: failed.unwrap_or(false),
    })
}

/// Whether a task has numbers, in whatever state. Locks nothing.
async fn has_numbers(conn: &mut PgConnection, task: TaskId) -> Result<bool, StoreError> {
    let has = sqlx::query_scalar!(
        r#"select exists (select from number_count where task_id = $1 and n > 0) as "has!""#,
        task.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok(has)
}

/// Write a state. The row is locked already.
pub(super) async fn write(
    conn: &mut PgConnection,
    task: &Task,
    state: TaskState,
    edge: Option<Time>,
    now: Time,
) -> Result<(), StoreError> {
    let (word, reason) = state.words();
    sqlx::query!(
        "update task set state = $2, pause_reason = $3, next_edge_at = $4,
                started_at = case when $2 = 'initial' then started_at else coalesce(started_at, $5) end
          where id = $1",
        task.id.uuid(),
        word,
        reason,
        edge,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Add to a task's history. Locks nothing.
pub(crate) async fn record(
    conn: &mut PgConnection,
    task: TaskId,
    event: &str,
    state: TaskState,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let (word, reason) = state.words();
    sqlx::query!(
        "insert into task_event (task_id, at, event, state, reason, actor) values ($1, $2, $3, $4, $5, $6)",
        task.uuid(),
        now,
        event,
        word,
        reason,
        actor
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Wake the dispatchers for an enterprise when this transaction commits.
pub async fn notify_dispatch(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
) -> Result<(), StoreError> {
    sqlx::query!("select pg_notify($1, $2)", DISPATCH, enterprise.uuid().to_string())
        .execute(conn)
        .await?;
    Ok(())
}

/// A person or the API starts a task. Locks the task.
pub async fn start(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let mut tx = store.api.begin().await?;
    let moved = ask(&mut tx, enterprise, task, Event::Start, now, actor).await?;
    tx.commit().await?;
    Ok(moved)
}

/// A person or the API pauses a task. Locks the task. When it returns, no INVITE of the task leaves
/// any more.
pub async fn pause(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let mut tx = store.api.begin().await?;
    let moved = ask(&mut tx, enterprise, task, Event::Pause, now, actor).await?;
    tx.commit().await?;
    await_quiet(store, Stopped::Task(task)).await?;
    Ok(moved)
}

/// What an end does with the calls that are up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveCalls {
    /// They finish normally.
    Finish,
    /// They are ended, too.
    HangUp,
}

/// A task that was ended.
#[derive(Debug, Clone)]
pub struct Ended {
    pub task: Task,
    /// The calls to hang up: none with [`LiveCalls::Finish`].
    pub hang_up: Vec<AttemptId>,
}

/// A person or the API ends a task. Locks the task. When it returns, no INVITE of the task leaves any
/// more. With [`LiveCalls::HangUp`], whoever listens on `hang_up` is told the task's UUID at the
/// commit.
pub async fn end(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    calls: LiveCalls,
    now: Time,
    actor: &str,
) -> Result<Ended, StoreError> {
    let mut tx = store.api.begin().await?;
    let moved = ask(&mut tx, enterprise, task, Event::End, now, actor).await?;
    let hang_up = match calls {
        LiveCalls::Finish => Vec::new(),
        LiveCalls::HangUp => {
            let calls = begun(&mut tx, task).await?;
            tell_hang_up(&mut tx, &calls).await?;
            calls
        }
    };
    tx.commit().await?;
    await_quiet(store, Stopped::Task(task)).await?;
    Ok(Ended { task: moved, hang_up })
}

/// Apply what a person asked for, and read the task as it is then.
async fn ask(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    task: TaskId,
    event: Event,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let found = lock_in(conn, enterprise, task).await?;
    happen(conn, &found, event, now, actor).await?.map_err(refused)?;
    lock(conn, task).await
}

/// The attempts of a task that are on the line or about to be. Locks nothing.
async fn begun(conn: &mut PgConnection, task: TaskId) -> Result<Vec<AttemptId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select id from attempt where task_id = $1 and phase = 'begun' order by id",
        task.uuid()
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(AttemptId::from).collect())
}

/// Have the workers that hold these calls hang them up when this transaction commits.
async fn tell_hang_up(conn: &mut PgConnection, calls: &[AttemptId]) -> Result<(), StoreError> {
    let payloads: Vec<String> = calls.iter().map(|call| call.uuid().to_string()).collect();
    decisions::tell(conn, HANG_UP, &payloads).await
}

/// The tasks, not deleted, that call through a trunk by their configuration, in the order of their
/// ids. Locks nothing.
pub async fn of_trunk(conn: &mut PgConnection, trunk: TrunkId) -> Result<Vec<TaskId>, StoreError> {
    let callers = sqlx::query!(
        "select c.id, c.enterprise_id from caller_id c where c.trunk_id = $1",
        trunk.uuid()
    )
    .fetch_all(&mut *conn)
    .await?;
    let Some(enterprise) = callers.first().map(|caller| caller.enterprise_id) else {
        return Ok(Vec::new());
    };
    let texts: Vec<String> =
        callers.iter().map(|caller| CallerIdId::from(caller.id).to_string()).collect();
    let ids = sqlx::query_scalar!(
        "select id from task where enterprise_id = $1 and deleted_at is null
            and config->'caller_ids' ?| $2 order by id",
        enterprise,
        &texts
    )
    .fetch_all(conn)
    .await?;
    Ok(ids.into_iter().map(TaskId::from).collect())
}

/// A trunk's breaker opened or closed, or the trunk was taken out of service or back: each task that
/// calls through it pauses when all of its lines have failed, and goes on when one is back. Locks
/// those tasks in the order of their ids; write the trunk's row first.
pub async fn trunk_changed(
    conn: &mut PgConnection,
    trunk: TrunkId,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let tasks = of_trunk(conn, trunk).await?;
    for task in lock_all(conn, &tasks).await? {
        lines_changed(conn, &task, now, actor).await?;
    }
    Ok(())
}

/// [`trunk_changed`] for one task whose row is locked already.
pub(crate) async fn lines_changed(
    conn: &mut PgConnection,
    task: &Task,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let hours = plan::hours_of(conn, task.id).await?;
    let failed = facts(conn, task, &hours, now).await?.trunk_failed;
    let event = if failed { Event::TrunkFailed } else { Event::TrunkRecovered };
    happen(conn, task, event, now, actor).await?.map_err(refused)?;
    Ok(())
}
