//! `POST /v1/tasks/{task_id}/start`, `…/pause` and `…/end`
//!
//! When a pause or an end has been answered, no new call of the task starts any more.

use axum::extract::State;
use outbound::audit::Action;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use storage::tasks::{self, LiveCalls, Task};

use super::{TaskPath, TaskView, tagged};
use crate::auth::{Caller, Operator};
use crate::input::{Body, Path};
use crate::reply::{Reply, Tagged};
use crate::state::ApiState;

/// How a task is ended.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EndTaskBody {
    /// Also end the calls that are up; without it they finish normally.
    hang_up: bool,
}

pub(crate) async fn start(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
) -> Reply<Tagged<TaskView>> {
    let (now, actor) = (state.clock.now(), caller.actor());
    let task = tasks::start(&state.store, caller.enterprise, path.task_id, now, &actor).await?;
    Ok(moved(&state, &caller, Action::TaskStart, task, json!({})).await)
}

pub(crate) async fn pause(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
) -> Reply<Tagged<TaskView>> {
    let (now, actor) = (state.clock.now(), caller.actor());
    let task = tasks::pause(&state.store, caller.enterprise, path.task_id, now, &actor).await?;
    Ok(moved(&state, &caller, Action::TaskPause, task, json!({})).await)
}

pub(crate) async fn end(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    Body(how): Body<EndTaskBody>,
) -> Reply<Tagged<TaskView>> {
    let (now, actor) = (state.clock.now(), caller.actor());
    let calls = if how.hang_up { LiveCalls::HangUp } else { LiveCalls::Finish };
    let ended =
        tasks::end(&state.store, caller.enterprise, path.task_id, calls, now, &actor).await?;
    let detail = json!({ "hang_up": how.hang_up, "calls": ended.hang_up.len() });
    Ok(moved(&state, &caller, Action::TaskEnd, ended.task, detail).await)
}

async fn moved(
    state: &ApiState,
    caller: &Caller,
    action: Action,
    task: Task,
    detail: serde_json::Value,
) -> Tagged<TaskView> {
    state.push_steps(task.steps()).await;
    state.audit(caller, action, task.id, detail).await;
    tagged(task)
}
