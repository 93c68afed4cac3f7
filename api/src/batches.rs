//! Batches: named imports of a task.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with, put_with};
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::fault;
use outbound::ids::{BatchId, TaskId};
use outbound::number::PRIORITY_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::batches::{self, Batch};
use storage::numbers;

use crate::auth::{Numbers, Operator, Viewer};
use crate::input::{Body, Path, Query};
use crate::numbers::CancelledView;
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::ApiState;
use crate::tasks::TaskPath;
use crate::view;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/tasks/{task_id}/batches",
            get_with(list, about("list_batches", "Batches", "Batches of a task, newest first")),
        )
        .api_route(
            "/v1/batches/{batch_id}",
            get_with(read, about("get_batch", "Batches", "A batch")).delete_with(
                delete,
                about("delete_batch", "Batches", "Delete a batch with its numbers; records stay"),
            ),
        )
        .api_route(
            "/v1/batches/{batch_id}/priority",
            put_with(
                set_priority,
                about("set_batch_priority", "Batches", "Set a batch's priority"),
            ),
        )
        .api_route(
            "/v1/batches/{batch_id}/cancel",
            post_with(
                cancel,
                about("cancel_batch", "Batches", "Cancel a batch's pending and waiting numbers"),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct BatchPath {
    batch_id: BatchId,
}

/// A new priority.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct BatchPriority {
    /// 0–999,999, higher first.
    #[schemars(range(max = PRIORITY_MAX))]
    priority: u32,
}

/// A batch.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Batch")]
struct BatchView {
    id: BatchId,
    task: TaskId,
    name: String,
    priority: u32,
    /// The first attempt of any of its numbers.
    started_at: Option<Time>,
    created_at: Time,
    /// Numbers by state; states without any are left out.
    numbers: BTreeMap<&'static str, u64>,
    total: u64,
}

impl BatchView {
    fn new(row: Batch, numbers: Numbers) -> Self {
        Self {
            id: row.id,
            task: row.task,
            name: numbers.text(row.name),
            priority: row.priority,
            started_at: row.started_at,
            created_at: row.created_at,
            total: row.numbers.values().sum(),
            numbers: row.numbers.into_iter().map(|(state, n)| (state.word(), n)).collect(),
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<BatchView>>> {
    let page = paging.page()?;
    let listed = batches::list(&state.store, caller.enterprise, path.task_id, page).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(view::page(listed, |row| BatchView::new(row, numbers))))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<BatchPath>,
) -> Reply<Json<BatchView>> {
    let row = batches::get(&state.store, caller.enterprise, path.batch_id).await?;
    Ok(Json(BatchView::new(row, caller.numbers_of_one())))
}

async fn set_priority(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BatchPath>,
    Body(body): Body<BatchPriority>,
) -> Reply<Json<BatchView>> {
    if let Some(fault) = fault::number("/priority", body.priority, 0, PRIORITY_MAX) {
        return Err(Problem::refused(vec![fault]));
    }
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.batch_id);
    let row = batches::set_priority(store, enterprise, id, body.priority).await?;
    state.audit(&caller, Action::BatchEdit, id, json!({ "priority": body.priority })).await;
    Ok(Json(BatchView::new(row, caller.numbers_of_one())))
}

async fn cancel(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BatchPath>,
) -> Reply<Json<CancelledView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.batch_id);
    let task = batches::get(store, enterprise, id).await?.task;
    let which = numbers::Which::Batch(id);
    let cancelled = numbers::cancel(store, enterprise, task, &which).await?;
    state.audit(&caller, Action::BatchCancel, id, json!({ "numbers": cancelled.numbers })).await;
    Ok(Json(cancelled.into()))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BatchPath>,
) -> Reply<NoContent> {
    batches::delete(&state.store, caller.enterprise, path.batch_id).await?;
    state.audit(&caller, Action::BatchDelete, path.batch_id, json!({})).await;
    Ok(NoContent)
}
