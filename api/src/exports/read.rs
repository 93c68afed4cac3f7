//! `GET /v1/exports`, `GET /v1/exports/{export_id}` and `POST …/cancel`

use axum::Json;
use axum::extract::State;
use outbound::audit::Action;
use outbound::ids::ExportId;
use serde_json::json;
use storage::work::LongWork;
use storage::{exports, workers};

use super::{ExportPath, ExportView};
use crate::auth::{Exporter, Viewer};
use crate::input::{Path, Query};
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::view;

pub(super) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<ExportView>>> {
    let (now, page) = (state.clock.now(), paging.page()?);
    let listed = exports::list(&state.store, caller.enterprise, page).await?;
    let fleet = workers::fleet(&state.store).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(view::page(listed, |row| ExportView::new(row, &fleet, now, numbers))))
}

pub(super) async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ExportPath>,
) -> Reply<Json<ExportView>> {
    let row = exports::get(&state.store, caller.enterprise, path.export_id).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(ExportView::new(row, &fleet, state.clock.now(), caller.numbers_of_one())))
}

pub(super) async fn cancel(
    State(state): State<ApiState>,
    Exporter(caller): Exporter,
    Path(path): Path<ExportPath>,
) -> Reply<Json<ExportView>> {
    let now = state.clock.now();
    ExportId::cancel(&state.store, caller.enterprise, path.export_id, now).await?;
    state.audit(&caller, Action::ExportCancel, path.export_id, json!({})).await;
    let row = exports::get(&state.store, caller.enterprise, path.export_id).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(ExportView::new(row, &fleet, now, caller.numbers_of_one())))
}
