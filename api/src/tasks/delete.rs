//! `DELETE /v1/tasks/{task_id}`: refused while it runs; its call records stay.

use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use serde_json::json;
use storage::tasks;

use super::TaskPath;
use crate::auth::Operator;
use crate::input::Path;
use crate::reply::Reply;
use crate::state::ApiState;

pub(crate) async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
) -> Reply<NoContent> {
    let (now, actor) = (state.clock.now(), caller.actor());
    tasks::delete(&state.store, caller.enterprise, path.task_id, now, &actor).await?;
    state.audit(&caller, Action::TaskDelete, path.task_id, json!({})).await;
    Ok(NoContent)
}
