//! Outbound tasks: configuration, start, pause, end, and how they stand.

mod change;
mod clone;
mod create;
mod delete;
mod events;
mod import_template;
mod list;
mod progress;
mod read;
mod run;

pub(crate) use create::made;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use jobs::{ClockEdge, EndTask, StartTask};
use outbound::Time;
use outbound::ids::TaskId;
use outbound::task::{PauseReason, TaskConfig, TaskState};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::tasks::{PlannedStep, Step, Task};

use crate::openapi::about;
use crate::reply::Tagged;
use crate::state::ApiState;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/tasks",
            get_with(list::list, about("list_tasks", "Tasks", "Tasks, newest first"))
                .post_with(create::create, about("create_task", "Tasks", "Make a task")),
        )
        .api_route(
            "/v1/tasks/{task_id}",
            get_with(read::read, about("get_task", "Tasks", "A task"))
                .patch_with(change::change, about("update_task", "Tasks", "Change a task"))
                .delete_with(delete::delete, about("delete_task", "Tasks", "Delete a task")),
        )
        .api_route(
            "/v1/tasks/{task_id}/start",
            post_with(run::start, about("start_task", "Tasks", "Start or resume a task")),
        )
        .api_route(
            "/v1/tasks/{task_id}/pause",
            post_with(run::pause, about("pause_task", "Tasks", "Pause a task")),
        )
        .api_route(
            "/v1/tasks/{task_id}/end",
            post_with(run::end, about("end_task", "Tasks", "End a task")),
        )
        .api_route(
            "/v1/tasks/{task_id}/clone",
            post_with(
                clone::clone,
                about("clone_task", "Tasks", "A new task of the same configuration"),
            ),
        )
        .api_route(
            "/v1/tasks/{task_id}/progress",
            get_with(
                progress::progress,
                about("get_task_progress", "Tasks", "How a task stands, and why"),
            ),
        )
        .api_route(
            "/v1/tasks/{task_id}/events",
            get_with(
                events::events,
                about("list_task_events", "Tasks", "A task's changes of state, newest first"),
            ),
        )
        .api_route(
            "/v1/tasks/{task_id}/import_template",
            get_with(
                import_template::import_template,
                about(
                    "get_import_template",
                    "Tasks",
                    "A file with the headers of the task's imports",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct TaskPath {
    pub task_id: TaskId,
}

/// A task.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Task")]
pub(crate) struct TaskView {
    id: TaskId,
    state: StateWord,
    /// Why it is paused.
    pause_reason: Option<PauseReason>,
    /// The pause reason as lists show it.
    pause_title: Option<&'static str>,
    #[serde(flatten)]
    config: TaskConfig,
    /// The scheduled start that is still to come.
    next_start_at: Option<Time>,
    /// The scheduled end that is still to come.
    next_end_at: Option<Time>,
    /// When one of its windows next opens or closes.
    next_edge_at: Option<Time>,
    /// When it was first started.
    started_at: Option<Time>,
    created_at: Time,
}

/// The state of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "TaskState")]
pub(crate) enum StateWord {
    Initial,
    Running,
    Paused,
    Ended,
}

impl StateWord {
    pub(crate) const fn of(state: TaskState) -> Self {
        match state {
            TaskState::Initial => Self::Initial,
            TaskState::Running => Self::Running,
            TaskState::Paused(_) => Self::Paused,
            TaskState::Ended => Self::Ended,
        }
    }

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Initial => "initial",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Ended => "ended",
        }
    }
}

pub(crate) const fn pause_reason(state: TaskState) -> Option<PauseReason> {
    match state {
        TaskState::Paused(reason) => Some(reason),
        _ => None,
    }
}

impl From<Task> for TaskView {
    fn from(task: Task) -> Self {
        let reason = pause_reason(task.state);
        Self {
            id: task.id,
            state: StateWord::of(task.state),
            pause_reason: reason,
            pause_title: reason.map(PauseReason::title),
            config: task.config,
            next_start_at: task.scheduled_start_at,
            next_end_at: task.scheduled_end_at,
            next_edge_at: task.next_edge_at,
            started_at: task.started_at,
            created_at: task.created_at,
        }
    }
}

pub(crate) fn tagged(task: Task) -> Tagged<TaskView> {
    Tagged { version: task.version, body: task.into() }
}

impl ApiState {
    /// Push the jobs of what a task does next by itself.
    pub(crate) async fn push_steps(&self, steps: impl IntoIterator<Item = PlannedStep>) {
        for PlannedStep { task, step, at } in steps {
            let at_ms = at.timestamp_millis();
            match step {
                Step::Start => self.wake_at(&StartTask { task, at_ms }, at).await,
                Step::End => self.wake_at(&EndTask { task, at_ms }, at).await,
                Step::Edge => self.wake_at(&ClockEdge { task, at_ms }, at).await,
            }
        }
    }
}
