//! `PATCH /v1/tasks/{task_id}`
//!
//! Concurrency, calls per second and schedule hold at once; the redial policy for calls triggered
//! afterwards; the call order for numbers imported afterwards, and for all before the first start.

use axum::extract::State;
use jobs::ReorderNumbers;
use outbound::audit::Action;
use outbound::task::TaskConfig;
use serde_json::json;
use storage::tasks;

use super::{TaskPath, TaskView, tagged};
use crate::audit::changes;
use crate::auth::Operator;
use crate::etag::{IfMatch, MergePatch};
use crate::input::Path;
use crate::reply::{Reply, Tagged};
use crate::state::ApiState;

pub(crate) async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    if_match: IfMatch,
    patch: MergePatch<TaskConfig>,
) -> Reply<Tagged<TaskView>> {
    let (store, now) = (&state.store, state.clock.now());
    let row = tasks::get(store, caller.enterprise, path.task_id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let actor = caller.actor();
    let task =
        tasks::update(store, caller.enterprise, path.task_id, version, new, now, &actor).await?;
    state.push_steps(task.steps()).await;
    if task.reordering {
        state.wake(&ReorderNumbers { task: task.id, revision: task.order_revision }).await;
    }
    state.audit(&caller, Action::TaskEdit, task.id, detail).await;
    Ok(tagged(task))
}
