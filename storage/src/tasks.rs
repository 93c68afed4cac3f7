//! Outbound tasks: their rows, and everything that may happen to one.
//!
//! A task changes state in one place, [`apply`]; its configuration in [`edit`]; what it does by the
//! clock in [`plan`]. Locks are taken in one order everywhere: the enterprise, then what a
//! configuration refers to (periods, navigation, caller IDs), then tasks in the order of their ids.

pub mod edit;
pub mod history;
pub mod plan;
pub mod planned;
pub mod progress;
pub mod references;
pub mod reorder;
pub mod state;

use outbound::Time;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::task::{TaskConfig, TaskState};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page};
use crate::{Store, StoreError};

pub use edit::{clone, create, create_from_template, delete, update};
pub use history::{Happened, history};
pub use plan::{PlannedStep, Step, Stepped, due_steps, hours_of, hours_of_many, run_step};
pub use planned::{TaskPage, WaitingTimes, planned_steps, waiting_times};
pub use progress::{Progress, Waiting, progress};
pub use reorder::{reorder, reordering};
pub use state::{
    Ended, LiveCalls, apply, end, notify_dispatch, of_trunk, pause, start, trunk_changed,
};

/// A task as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    pub id: TaskId,
    pub enterprise: EnterpriseId,
    pub config: TaskConfig,
    pub state: TaskState,
    /// Counts changes of the call order; numbers keep the revision that they were imported with, once the
    /// task has started.
    pub order_revision: i32,
    /// Its numbers are moving to a new call order ([`reorder`]); it is not dialled for until they have.
    pub reordering: bool,
    /// The redial policy in force for calls triggered now.
    pub redial_policy: i64,
    /// The scheduled start that is still to come.
    pub scheduled_start_at: Option<Time>,
    /// The scheduled end that is still to come.
    pub scheduled_end_at: Option<Time>,
    /// When a window next opens or closes.
    pub next_edge_at: Option<Time>,
    /// When it first left `initial`.
    pub started_at: Option<Time>,
    pub created_at: Time,
    /// Counts edits of the configuration; a change of state is not one.
    pub version: i64,
    pub(crate) deleted: bool,
}

pub(crate) struct Row {
    id: Uuid,
    enterprise_id: Uuid,
    config: Json<TaskConfig>,
    state: String,
    pause_reason: Option<String>,
    order_revision: i32,
    reorder_to: Option<i32>,
    redial_policy_id: Option<i64>,
    scheduled_start_at: Option<Time>,
    scheduled_end_at: Option<Time>,
    next_edge_at: Option<Time>,
    started_at: Option<Time>,
    created_at: Time,
    version: i64,
    deleted_at: Option<Time>,
}

impl TryFrom<Row> for Task {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let id = TaskId::from(row.id);
        let state = TaskState::from_words(&row.state, row.pause_reason.as_deref());
        Ok(Self {
            id,
            enterprise: row.enterprise_id.into(),
            config: row.config.0,
            state: state.ok_or_else(|| StoreError::Damaged(format!("the state of {id}")))?,
            order_revision: row.order_revision,
            reordering: row.reorder_to.is_some(),
            redial_policy: row
                .redial_policy_id
                .ok_or_else(|| StoreError::Damaged(format!("{id} has no redial policy")))?,
            scheduled_start_at: row.scheduled_start_at,
            scheduled_end_at: row.scheduled_end_at,
            next_edge_at: row.next_edge_at,
            started_at: row.started_at,
            created_at: row.created_at,
            version: row.version,
            deleted: row.deleted_at.is_some(),
        })
    }
}

macro_rules! task_rows {
    ($rest:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"select id, enterprise_id, config as "config: Json<TaskConfig>", state, pause_reason,
                      order_revision, reorder_to, redial_policy_id, scheduled_start_at,
                      scheduled_end_at, next_edge_at, started_at, created_at, version, deleted_at
                 from task "# + $rest,
            $($argument),*
        )
    };
}

/// Refuses a task of another enterprise, or none: an empty list would say that it is there. Locks nothing.
pub(crate) async fn must_be_of(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<(), StoreError> {
    let owned = sqlx::query_scalar!(
        r#"select exists (select from task where id = $1 and enterprise_id = $2
                             and deleted_at is null) as "owned!""#,
        task.uuid(),
        enterprise.uuid()
    )
    .fetch_one(&store.api)
    .await?;
    if owned { Ok(()) } else { Err(StoreError::NotFound("task")) }
}

/// A task of this enterprise. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<Task, StoreError> {
    let row = task_rows!(
        "where id = $1 and enterprise_id = $2 and deleted_at is null",
        task.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.ok_or(StoreError::NotFound("task"))?.try_into()
}

/// Which tasks a list shows; what is `None` does not narrow it.
#[derive(Debug, Clone, Default)]
pub struct TaskFilter {
    /// A word of [`TaskState::words`].
    pub state: Option<String>,
    pub pause_reason: Option<String>,
    /// A part of the name, in any case.
    pub name: Option<String>,
    /// One of its tags.
    pub tag: Option<String>,
}

/// Tasks of an enterprise, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    filter: &TaskFilter,
    page: Page<TaskId>,
) -> Result<Listed<Task, TaskId>, StoreError> {
    let rows = task_rows!(
        "where enterprise_id = $1 and deleted_at is null
           and ($2::uuid is null or id < $2)
           and ($3::text is null or state = $3)
           and ($4::text is null or pause_reason = $4)
           and ($5::text is null or position(lower($5) in lower(name)) > 0)
           and ($6::text is null or config->'tags' ? $6)
         order by id desc limit $7",
        enterprise.uuid(),
        page.after.map(TaskId::uuid),
        filter.state.as_deref(),
        filter.pause_reason.as_deref(),
        filter.name.as_deref(),
        filter.tag.as_deref(),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let tasks = rows.into_iter().map(Task::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(tasks, |task| task.id))
}

/// Locks the task's row for update, deleted or not.
pub(crate) async fn lock(conn: &mut PgConnection, task: TaskId) -> Result<Task, StoreError> {
    let row = task_rows!("where id = $1 for update", task.uuid()).fetch_optional(conn).await?;
    row.ok_or(StoreError::NotFound("task"))?.try_into()
}

/// Locks the row of a task of this enterprise that is not deleted.
pub(crate) async fn lock_in(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<Task, StoreError> {
    let found = lock(conn, task).await?;
    if found.enterprise == enterprise && !found.deleted {
        Ok(found)
    } else {
        Err(StoreError::NotFound("task"))
    }
}

/// Locks the rows of several tasks, in the order of their ids.
pub(crate) async fn lock_all(
    conn: &mut PgConnection,
    tasks: &[TaskId],
) -> Result<Vec<Task>, StoreError> {
    let ids: Vec<Uuid> = tasks.iter().map(|task| task.uuid()).collect();
    let rows = task_rows!("where id = any($1) and deleted_at is null order by id for update", &ids)
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Task::try_from).collect()
}
