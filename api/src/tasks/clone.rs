//! `POST /v1/tasks/{task_id}/clone`

use axum::extract::State;
use outbound::audit::Action;
use serde_json::json;
use storage::tasks;

use super::create::made;
use super::{TaskPath, TaskView};
use crate::auth::Operator;
use crate::input::{Body, Path};
use crate::reply::{Created, Reply};
use crate::state::ApiState;
use crate::view::Named;

pub(crate) async fn clone(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    Body(named): Body<Named>,
) -> Reply<Created<TaskView>> {
    let (now, actor) = (state.clock.now(), caller.actor());
    let task =
        tasks::clone(&state.store, caller.enterprise, path.task_id, &named.name, now, &actor)
            .await?;
    Ok(made(&state, &caller, Action::TaskClone, task, json!(path.task_id)).await)
}
