//! `GET /v1/tasks/{task_id}`

use axum::extract::State;
use storage::tasks;

use super::{TaskPath, TaskView, tagged};
use crate::auth::Viewer;
use crate::input::Path;
use crate::reply::{Reply, Tagged};
use crate::state::ApiState;

pub(crate) async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
) -> Reply<Tagged<TaskView>> {
    Ok(tagged(tasks::get(&state.store, caller.enterprise, path.task_id).await?))
}
