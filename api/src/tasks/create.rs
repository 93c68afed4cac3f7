//! `POST /v1/tasks`

use axum::extract::State;
use outbound::audit::Action;
use outbound::task::TaskConfig;
use serde_json::json;
use storage::tasks::{self, Task};

use super::TaskView;
use crate::auth::{Caller, Operator};
use crate::input::Body;
use crate::reply::{Created, Reply};
use crate::state::ApiState;

pub(crate) async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<TaskConfig>,
) -> Reply<Created<TaskView>> {
    let now = state.clock.now();
    let task = tasks::create(&state.store, caller.enterprise, config, now, &caller.actor()).await?;
    Ok(made(&state, &caller, Action::TaskCreate, task, json!(null)).await)
}

/// What follows when a task was made, from whatever: its steps, the audit entry, the reply.
pub(crate) async fn made(
    state: &ApiState,
    caller: &Caller,
    action: Action,
    task: Task,
    from: serde_json::Value,
) -> Created<TaskView> {
    state.push_steps(task.steps()).await;
    let detail = json!({ "name": task.config.name, "from": from });
    state.audit(caller, action, task.id, detail).await;
    Created { location: format!("/v1/tasks/{}", task.id), version: task.version, body: task.into() }
}
