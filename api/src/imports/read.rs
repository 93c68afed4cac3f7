//! `GET /v1/tasks/{task_id}/imports`, `GET /v1/imports/{import_id}` and `POST …/cancel`

use axum::Json;
use axum::extract::State;
use outbound::audit::Action;
use outbound::ids::ImportId;
use serde_json::json;
use storage::work::LongWork;
use storage::{StoreError, imports, workers};

use super::{ImportPath, ImportView, page};
use crate::auth::{Operator, Viewer};
use crate::input::{Path, Query};
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::tasks::TaskPath;

pub(super) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<ImportView>>> {
    let asked = paging.page()?;
    let listed = imports::list(&state.store, caller.enterprise, path.task_id, asked).await?;
    let fleet = workers::fleet(&state.store).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(page(listed, |row| ImportView::new(row, &fleet, numbers))?))
}

pub(super) async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ImportPath>,
) -> Reply<Json<ImportView>> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(ImportView::new(row, &fleet, caller.numbers_of_one())?))
}

pub(super) async fn cancel(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<ImportPath>,
) -> Reply<Json<ImportView>> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    row.numbers().ok_or(StoreError::NotFound("import"))?;
    let now = state.clock.now();
    ImportId::cancel(&state.store, caller.enterprise, path.import_id, now).await?;
    state.audit(&caller, Action::ImportCancel, path.import_id, json!({})).await;
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(ImportView::new(row, &fleet, caller.numbers_of_one())?))
}
