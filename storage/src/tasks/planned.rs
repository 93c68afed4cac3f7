//! What tasks will do by the clock, read page by page: whoever gives a queue that lost its jobs new ones asks
//! here.

use outbound::Time;
use outbound::ids::TaskId;
use sqlx::types::Uuid;

use super::{PlannedStep, Step};
use crate::{Store, StoreError};

/// A page of tasks, by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskPage {
    /// The last task of the page before.
    pub after: Option<TaskId>,
    /// Tasks of this page, at most.
    pub tasks_max: u32,
}

/// Every step that the tasks of a page still have to take, task by task. Locks nothing.
pub async fn planned_steps(store: &Store, page: TaskPage) -> Result<Vec<PlannedStep>, StoreError> {
    let rows = sqlx::query!(
        "select id, scheduled_start_at, scheduled_end_at, next_edge_at from task
          where deleted_at is null and id > $1
            and coalesce(scheduled_start_at, scheduled_end_at, next_edge_at) is not null
          order by id limit $2",
        page.after.map_or(Uuid::nil(), |task| task.uuid()),
        i64::from(page.tasks_max)
    )
    .fetch_all(&store.hot)
    .await?;
    let steps = rows.into_iter().flat_map(|row| {
        let of_task = [
            (Step::Start, row.scheduled_start_at),
            (Step::End, row.scheduled_end_at),
            (Step::Edge, row.next_edge_at),
        ];
        let task = TaskId::from(row.id);
        of_task.into_iter().filter_map(move |(step, at)| Some(PlannedStep { task, step, at: at? }))
    });
    Ok(steps.collect())
}

/// How finely the times of waiting numbers are told apart, and how many times of a task are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingTimes {
    /// Numbers of a task that are due within the same span of this many milliseconds count as one.
    pub grid_ms: i64,
    /// The earliest times of each task, at most.
    pub times_max: u32,
}

/// When the numbers that wait fall due, for the tasks of a page: each task's earliest times, one for each
/// span of the grid. Locks nothing.
pub async fn waiting_times(
    store: &Store,
    times: WaitingTimes,
    page: TaskPage,
) -> Result<Vec<(TaskId, Time)>, StoreError> {
    // A loose scan: one probe of the index a time, however many numbers wait for it.
    let rows = sqlx::query!(
        r#"with recursive due as (
               (select task_id, due_at, 1 as nth_time, 1 as nth_task from waiting
                 where task_id > $1 order by task_id, due_at limit 1)
               union all
               select next.task_id, next.due_at, next.nth_time, next.nth_task from due
                cross join lateral (
                   (select w.task_id, w.due_at, due.nth_time + 1 as nth_time, due.nth_task
                      from waiting w
                     where w.task_id = due.task_id and due.nth_time < $2
                       and w.due_at > date_bin($3, due.due_at - interval '1 microsecond',
                                               timestamptz 'epoch') + $3
                     order by w.due_at limit 1)
                   union all
                   (select w.task_id, w.due_at, 1, due.nth_task + 1 from waiting w
                     where w.task_id > due.task_id and due.nth_task < $4
                     order by w.task_id, w.due_at limit 1)
                   order by 3 desc limit 1) next)
           select task_id as "task_id!", due_at as "due_at!" from due"#,
        page.after.map_or(Uuid::nil(), |task| task.uuid()),
        i32::try_from(times.times_max).unwrap_or(i32::MAX),
        sqlx::postgres::types::PgInterval {
            months: 0,
            days: 0,
            microseconds: times.grid_ms * 1_000,
        },
        i32::try_from(page.tasks_max).unwrap_or(i32::MAX)
    )
    .fetch_all(&store.hot)
    .await?;
    Ok(rows.into_iter().map(|row| (row.task_id.into(), row.due_at)).collect())
}
