//! What a task does by the clock: its windows, its scheduled start and end.
//!
//! The task's row holds when each step is due; a queued job only wakes somebody to look. A step is
//! taken by the transaction that clears (or moves on) its column, so it happens once, late when it
//! has to be, and never twice, however often and whenever its job is delivered.

use std::collections::HashMap;

use chrono_tz::Tz;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{EnterpriseId, PeriodId, TaskId};
use outbound::period::PeriodConfig;
use outbound::schedule::instant;
use outbound::task::{Event, TaskConfig, TaskState};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Task, lock, state};
use crate::{Store, StoreError};

/// Who acted, in a task's history, when the clock did.
pub const SCHEDULE: &str = "schedule";

/// A step that a task takes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The scheduled start.
    Start,
    /// The scheduled end.
    End,
    /// A window opens or closes.
    Edge,
}

impl Step {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Edge => "edge",
        }
    }

    /// When a task takes it next.
    const fn due_at(self, task: &Task) -> Option<Time> {
        match self {
            Self::Start => task.scheduled_start_at,
            Self::End => task.scheduled_end_at,
            Self::Edge => task.next_edge_at,
        }
    }
}

/// A step and when it is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedStep {
    pub task: TaskId,
    pub step: Step,
    pub at: Time,
}

impl Task {
    /// The steps that are still to come: push a job for each after a task was created, edited,
    /// started or stepped. Their ids are derived, so pushing one again is harmless.
    pub fn steps(&self) -> Vec<PlannedStep> {
        [Step::Start, Step::End, Step::Edge]
            .into_iter()
            .filter_map(|step| Some(PlannedStep { task: self.id, step, at: step.due_at(self)? }))
            .collect()
    }

    /// The zone of its schedule: its own, or its enterprise's.
    pub(crate) fn zone(config: &TaskConfig, enterprise: Tz) -> Tz {
        config.time_zone.unwrap_or(enterprise)
    }
}

/// The windows that a task keeps to now. Locks nothing.
pub async fn hours_of(conn: &mut PgConnection, task: TaskId) -> Result<Hours, StoreError> {
    let hours = hours_of_many(conn, &[task]).await?.remove(&task);
    hours.ok_or_else(|| StoreError::Damaged(format!("{task} has no plan")))
}

/// The windows that each of these tasks keeps to now. Locks nothing.
pub async fn hours_of_many(
    conn: &mut PgConnection,
    tasks: &[TaskId],
) -> Result<HashMap<TaskId, Hours>, StoreError> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.uuid()).collect();
    let rows = sqlx::query!(
        r#"select t.id as "task_id!", p.hours as "hours!: Json<Hours>"
             from unnest($1::uuid[]) as t (id)
            cross join lateral (select hours from task_plan
                                 where task_id = t.id order by id desc limit 1) p"#,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.task_id.into(), row.hours.0)).collect())
}

/// The windows that a configuration describes, from its periods as they are now. One that is missing
/// counts as not set: [`super::references`] has named it by then.
pub(crate) async fn hours_for(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    config: &TaskConfig,
    enterprise_zone: Tz,
) -> Result<Hours, StoreError> {
    let schedule = &config.schedule;
    Ok(Hours {
        zone: Task::zone(config, enterprise_zone),
        call: period(conn, enterprise, schedule.call_period).await?,
        do_not_call: period(conn, enterprise, schedule.do_not_call_period).await?,
        callee_local_time: schedule.callee_local_time,
    })
}

/// Locks the period's row against edits until the transaction ends.
pub(crate) async fn period(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: Option<PeriodId>,
) -> Result<Option<PeriodConfig>, StoreError> {
    let Some(id) = id else { return Ok(None) };
    let config = sqlx::query_scalar!(
        r#"select config as "config: Json<PeriodConfig>" from period
            where id = $1 and enterprise_id = $2 for share"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    Ok(config.map(|Json(config)| config))
}

/// Put windows in force for a task from now on, whatever it is doing. The task's row is locked.
pub(crate) async fn rehour(
    conn: &mut PgConnection,
    task: &Task,
    hours: &Hours,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    write_plan(conn, task.id, hours, now).await?;
    crate::numbers::reopen(conn, task.id, now).await?;
    window(conn, task, hours, now, actor).await
}

/// Add to the plans of a task: the newest is in force.
pub(crate) async fn write_plan(
    conn: &mut PgConnection,
    task: TaskId,
    hours: &Hours,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into task_plan (task_id, at, hours) values ($1, $2, $3)",
        task.uuid(),
        now,
        Json(hours) as _
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Tell a task what its windows say now, and plan the next edge. The task's row is locked.
async fn window(
    conn: &mut PgConnection,
    task: &Task,
    hours: &Hours,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    let event = match hours.task_closed(now) {
        Some(closed) => Event::WindowClosed(closed),
        None => Event::WindowOpened,
    };
    state::happen(conn, task, event, now, actor).await?.map_err(state::refused)?;
    Ok(())
}

/// When a step is due after an edit: one that was done and whose date nobody touched stays done.
pub(crate) fn replanned(
    old: Option<chrono::NaiveDateTime>,
    new: Option<chrono::NaiveDateTime>,
    pending: Option<Time>,
    zone: Tz,
) -> Option<Time> {
    if old == new && pending.is_none() {
        return None;
    }
    new.map(|local| instant(local, zone))
}

/// Write when a task's scheduled steps are due. The task's row is locked.
pub(crate) async fn write_steps(
    conn: &mut PgConnection,
    task: TaskId,
    start: Option<Time>,
    end: Option<Time>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update task set scheduled_start_at = $2, scheduled_end_at = $3 where id = $1",
        task.uuid(),
        start,
        end
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The steps due by `until`, earliest first: with `until` ahead of now, those to push delayed jobs
/// for. Locks nothing.
pub async fn due_steps(
    store: &Store,
    until: Time,
    limit: u32,
) -> Result<Vec<PlannedStep>, StoreError> {
    let rows = sqlx::query!(
        r#"select id as "id!", step as "step!", at as "at!" from (
               (select id, 'start' as step, scheduled_start_at as at from task
                 where scheduled_start_at <= $1 and deleted_at is null order by 3 limit $2)
               union all
               (select id, 'end', scheduled_end_at from task
                 where scheduled_end_at <= $1 and deleted_at is null order by 3 limit $2)
               union all
               (select id, 'edge', next_edge_at from task
                 where next_edge_at <= $1 and deleted_at is null order by 3 limit $2)
           ) steps order by at, id limit $2"#,
        until,
        i64::from(limit)
    )
    .fetch_all(&store.hot)
    .await?;
    let step = |word: &str| match word {
        "start" => Step::Start,
        "end" => Step::End,
        _ => Step::Edge,
    };
    Ok(rows
        .into_iter()
        .map(|row| PlannedStep { task: row.id.into(), step: step(&row.step), at: row.at })
        .collect())
}

/// What came of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Stepped {
    /// The step was due and was taken now; false: it was taken before, moved, or is not due yet.
    pub taken: bool,
    pub state: TaskState,
    /// What the task does next by itself.
    pub next: Vec<PlannedStep>,
}

/// Take a step if its task's row says that it is due. Locks the task's row.
///
/// The row alone decides: `planned.at` may name a time that the step was since moved from, and then a
/// due step is taken and one that is not due is left.
pub async fn run_step(
    store: &Store,
    planned: PlannedStep,
    now: Time,
) -> Result<Stepped, StoreError> {
    let mut tx = store.hot.begin().await?;
    let task = lock(&mut tx, planned.task).await?;
    let taken = !task.deleted && planned.step.due_at(&task).is_some_and(|at| at <= now);
    if !taken {
        return Ok(Stepped { taken, state: task.state, next: task.steps() });
    }
    match planned.step {
        Step::Start => scheduled_start(&mut tx, &task, now).await?,
        Step::End => scheduled_end(&mut tx, &task, now).await?,
        Step::Edge => {
            let hours = hours_of(&mut tx, task.id).await?;
            window(&mut tx, &task, &hours, now, SCHEDULE).await?;
        }
    }
    note_step(&mut tx, &task, planned.step, now).await?;
    let task = lock(&mut tx, task.id).await?;
    tx.commit().await?;
    Ok(Stepped { taken, state: task.state, next: task.steps() })
}

/// Note that a step was taken: that each is taken once can be checked afterwards.
async fn note_step(
    conn: &mut PgConnection,
    task: &Task,
    step: Step,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into task_step (task_id, step, due_at, taken_at) values ($1, $2, $3, $4)",
        task.id.uuid(),
        step.word(),
        step.due_at(task),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A scheduled start that fell due while nobody was there happens late, unless the end is past, too:
/// then it is only crossed off.
///
/// For a task that has no numbers by then it is crossed off, too: the import that brings some may start
/// the task itself.
async fn scheduled_start(
    conn: &mut PgConnection,
    task: &Task,
    now: Time,
) -> Result<(), StoreError> {
    write_steps(conn, task.id, None, task.scheduled_end_at).await?;
    if task.scheduled_end_at.is_some_and(|end| end <= now) {
        return Ok(());
    }
    state::happen(conn, task, Event::ScheduledStart, now, SCHEDULE)
        .await?
        .map_err(state::refused)?;
    Ok(())
}

/// A scheduled end takes a start with it that lies before it and was not taken yet.
async fn scheduled_end(conn: &mut PgConnection, task: &Task, now: Time) -> Result<(), StoreError> {
    let later = |start: &Time| task.scheduled_end_at.is_some_and(|end| *start > end);
    write_steps(conn, task.id, task.scheduled_start_at.filter(later), None).await?;
    state::happen(conn, task, Event::ScheduledEnd, now, SCHEDULE).await?.map_err(state::refused)?;
    Ok(())
}
