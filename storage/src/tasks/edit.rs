//! Making, changing, copying and deleting tasks.
//!
//! A configuration is stored whole or not at all: everything wrong with it is a
//! [`StoreError::Refused`] with pointers into it. What an edit touches is what SPEC section 3 says:
//! concurrency, calls per second and schedule at once, the redial policy for calls triggered
//! afterwards, the call order for numbers imported afterwards, and before the first start for all
//! ([`super::reorder`]).

use chrono::NaiveDateTime;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, TaskId, TemplateId};
use outbound::quota::Quota;
use outbound::redial::RedialPolicy;
use outbound::schedule::{Schedule, instant};
use outbound::task::{PauseReason, TaskConfig, TaskState};
use sqlx::PgConnection;
use sqlx::types::Json;

use super::references::{judge, judge_schedule, refuse};
use super::{Task, get, lock, lock_in, plan, reorder, state};
use crate::enterprises::{Limit, Scope, limits_changed};
use crate::rows::{name_taken, same_version};
use crate::{Store, StoreError, idempotency, numbers, quotas, templates};

/// Chunks of some thousands of numbers that a deletion cancels itself, at most.
const CANCELLED_MAX: u32 = 5;

/// Make a task. It is `initial`; its steps ([`Task::steps`]) are the caller's to push.
pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: TaskConfig,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Tasks).await?;
    let judged = judge(&mut tx, enterprise, &config).await?;
    let mut faults = judged.faults(&config, None);
    faults.extend(judge_schedule(&config.schedule, &judged.hours, now));
    refuse(faults)?;
    let task = insert(&mut tx, enterprise, &config, &judged.hours, now).await?;
    state::record(&mut tx, task, "create", TaskState::Initial, now, actor).await?;
    let task = lock(&mut tx, task).await?;
    tx.commit().await?;
    Ok(task)
}

/// Make a task of a template's values under a name of its own. Later edits of either don't touch the
/// other.
pub async fn create_from_template(
    store: &Store,
    enterprise: EnterpriseId,
    template: TemplateId,
    name: &str,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let mut config = templates::get(store, enterprise, template).await?.config;
    config.name = name.to_owned();
    create(store, enterprise, config, now, actor).await
}

/// Make a new task with another's configuration. A scheduled start or end that is past by now is left
/// out: it could not be met.
pub async fn clone(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    name: &str,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let mut config = get(store, enterprise, task).await?.config;
    config.name = name.to_owned();
    let zone = plan::hours_of(&mut *store.api.acquire().await?, task).await?.zone;
    let schedule = &mut config.schedule;
    schedule.scheduled_start = schedule.scheduled_start.filter(|at| instant(*at, zone) > now);
    schedule.scheduled_end = schedule.scheduled_end.filter(|at| instant(*at, zone) > now);
    create(store, enterprise, config, now, actor).await
}

/// The rows of a new task.
async fn insert(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    config: &TaskConfig,
    hours: &Hours,
    now: Time,
) -> Result<TaskId, StoreError> {
    let task = idempotency::id(clock::new_id::<TaskId>());
    let schedule = &config.schedule;
    sqlx::query!(
        "insert into task (id, enterprise_id, name, config, state, scheduled_start_at,
                           scheduled_end_at, created_at)
         values ($1, $2, $3, $4, 'initial', $5, $6, $7)",
        task.uuid(),
        enterprise.uuid(),
        config.name,
        Json(config) as _,
        schedule.scheduled_start.map(|at| instant(at, hours.zone)),
        schedule.scheduled_end.map(|at| instant(at, hours.zone)),
        now
    )
    .execute(&mut *conn)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    put_policy(conn, task, &config.redial, now).await?;
    plan::write_plan(conn, task, hours, now).await?;
    limits_changed(conn, enterprise, Scope::Task(task), &[], &limits(config), now).await?;
    Ok(task)
}

fn limits(config: &TaskConfig) -> [Limit; 2] {
    [Limit::Concurrency(config.concurrency), Limit::CallsPerSecond(config.calls_per_second)]
}

/// Put a redial policy in force for the calls triggered from now on.
async fn put_policy(
    conn: &mut PgConnection,
    task: TaskId,
    policy: &RedialPolicy,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with put as (insert into redial_policy (task_id, policy, created_at)
                      values ($1, $2, $3) returning id)
         update task set redial_policy_id = put.id from put where task.id = $1",
        task.uuid(),
        Json(policy) as _,
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Change a task's configuration. `config` is the whole of it, after the caller's merge; `expected`
/// is the version that it was merged into.
///
/// Locks what the configuration refers to, then the task. Its steps ([`Task::steps`]) are the caller's
/// to push again.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    expected: i64,
    config: TaskConfig,
    now: Time,
    actor: &str,
) -> Result<Task, StoreError> {
    let mut tx = store.api.begin().await?;
    let judged = judge(&mut tx, enterprise, &config).await?;
    let old = lock_in(&mut tx, enterprise, task).await?;
    same_version(old.version, expected)?;
    let mut faults = judged.faults(&config, Some(&old.config));
    let dates = dates_to_judge(&old, &config.schedule, &judged.hours, now);
    faults.extend(judge_schedule(&dates, &judged.hours, now));
    refuse(faults)?;

    write(&mut tx, &old, &config).await?;
    if old.config.redial != config.redial {
        put_policy(&mut tx, task, &config.redial, now).await?;
    }
    let (before, after) = (limits(&old.config), limits(&config));
    limits_changed(&mut tx, enterprise, Scope::Task(task), &before, &after, now).await?;
    reschedule(&mut tx, &old, &config, &judged.hours, now, actor).await?;
    state::notify_dispatch(&mut tx, enterprise).await?;
    let task = lock(&mut tx, task).await?;
    tx.commit().await?;
    Ok(task)
}

/// The schedule without the dates that were met already (or fell due this moment) and that the edit
/// leaves as they were: a task that was started by its schedule may still be edited.
fn dates_to_judge(old: &Task, new: &Schedule, hours: &Hours, now: Time) -> Schedule {
    let past = |old: Option<NaiveDateTime>, new: Option<NaiveDateTime>, pending: Option<Time>| {
        let gone = |at| at <= now;
        old == new
            && pending.is_none_or(gone)
            && new.is_none_or(|local| gone(instant(local, hours.zone)))
    };
    let before = &old.config.schedule;
    let mut dates = new.clone();
    if past(before.scheduled_start, new.scheduled_start, old.scheduled_start_at) {
        dates.scheduled_start = None;
    }
    // A new start needs an end that is still ahead.
    if before.scheduled_start == new.scheduled_start
        && past(before.scheduled_end, new.scheduled_end, old.scheduled_end_at)
    {
        dates.scheduled_end = None;
    }
    dates
}

/// Write a configuration over the old one. The row is locked already.
async fn write(conn: &mut PgConnection, old: &Task, config: &TaskConfig) -> Result<(), StoreError> {
    let reordered = old.config.call_order != config.call_order;
    sqlx::query!(
        "update task set name = $2, config = $3, order_revision = order_revision + $4,
                version = version + 1, edited_slot = (select last_value from attempt_slot_seq)
          where id = $1",
        old.id.uuid(),
        config.name,
        Json(config) as _,
        i32::from(reordered)
    )
    .execute(&mut *conn)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    if reordered && old.started_at.is_none() {
        reorder::begin(conn, old, config.call_order).await?;
    }
    Ok(())
}

/// Carry an edit of the schedule, the zone or the lines through to what the task does now.
async fn reschedule(
    conn: &mut PgConnection,
    old: &Task,
    config: &TaskConfig,
    hours: &Hours,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let (before, after) = (&old.config.schedule, &config.schedule);
    let replanned = |old, new, pending| plan::replanned(old, new, pending, hours.zone);
    let start = replanned(before.scheduled_start, after.scheduled_start, old.scheduled_start_at);
    let end = replanned(before.scheduled_end, after.scheduled_end, old.scheduled_end_at);
    plan::write_steps(conn, old.id, start, end).await?;
    if plan::hours_of(conn, old.id).await? != *hours {
        let task = lock(conn, old.id).await?;
        plan::rehour(conn, &task, hours, now, actor).await?;
    }
    let task = lock(conn, old.id).await?;
    if old.config.caller_ids != config.caller_ids
        || task.state == TaskState::Paused(PauseReason::TrunkFailure)
    {
        state::lines_changed(conn, &task, now, actor).await?;
    }
    Ok(())
}

/// Delete a task, softly: its records stay, its name is free again. Refused while it runs. Locks the
/// task, and asks its open imports to stop. A deleted task is `ended`, so that nothing wakes it; then its
/// open numbers are cancelled ([`numbers::cancel`]).
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    let found = lock_in(&mut tx, enterprise, task).await?;
    if found.state == TaskState::Running {
        return Err(StoreError::conflict(
            "task_is_running",
            format!("the task “{}” is running; pause or end it first", found.config.name),
        ));
    }
    sqlx::query!(
        "update task set state = 'ended', pause_reason = null, deleted_at = $2,
                scheduled_start_at = null, scheduled_end_at = null, next_edge_at = null
          where id = $1",
        task.uuid(),
        now
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!(
        "update import set cancel = true where task_id = $1 and status in ('queued', 'running')",
        task.uuid()
    )
    .execute(&mut *tx)
    .await?;
    state::record(&mut tx, task, "delete", TaskState::Ended, now, actor).await?;
    tx.commit().await?;
    // It is deleted. What this leaves open, a sweep cancels.
    let cancelled = numbers::cancel_deleted(store, enterprise, task, CANCELLED_MAX).await;
    if let Err(error) = cancelled {
        tracing::warn!(%error, %task, "numbers of a deleted task are cancelled later");
    }
    Ok(())
}
