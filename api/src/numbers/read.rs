//! `GET /v1/tasks/{task_id}/numbers`, `GET /v1/numbers` and `GET /v1/numbers/{number_id}`

use axum::Json;
use axum::extract::State;
use outbound::ids::BatchId;
use outbound::number::NumberState;
use schemars::JsonSchema;
use serde::Deserialize;
use storage::numbers::{self, NumberFilter};

use super::NumberPath;
use super::view::{JourneyView, NumberView};
use crate::auth::Viewer;
use crate::input::{Path, Query};
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::tasks::TaskPath;
use crate::view;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only numbers in this state.
    state: Option<NumberState>,
    /// Only numbers of this batch.
    batch: Option<BatchId>,
    /// Only this phone number, written in full; backups are not looked at.
    phone: Option<String>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Sought {
    /// The phone number, written in full, in E.164 or the national form of the enterprise's region.
    phone: String,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
    Query(which): Query<Which>,
) -> Reply<Json<Page<NumberView>>> {
    let phone = match &which.phone {
        Some(text) => Some(state.phone(&caller, text).await?),
        None => None,
    };
    let filter = NumberFilter { batch: which.batch, state: which.state, phone };
    let page = Paging::new(which.limit, which.cursor).page()?;
    let (store, enterprise, task) = (&state.store, caller.enterprise, path.task_id);
    state.look_up(&caller, phone.as_slice(), task).await?;
    let listed = numbers::list(store, enterprise, task, filter, page).await?;
    let shown = state.numbers_in_lists(&caller).await?;
    state.audit_numbers(&caller, shown, task, listed.rows.len()).await;
    Ok(Json(view::page(listed, |row| NumberView::new(row, shown))))
}

pub(super) async fn search(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(sought): Query<Sought>,
) -> Reply<Json<Page<NumberView>>> {
    let phone = state.phone(&caller, &sought.phone).await?;
    let page = Paging::new(sought.limit, sought.cursor).page()?;
    state.look_up(&caller, &[phone], "numbers").await?;
    let listed = numbers::search(&state.store, caller.enterprise, phone, page).await?;
    let shown = state.numbers_in_lists(&caller).await?;
    state.audit_numbers(&caller, shown, "numbers", listed.rows.len()).await;
    Ok(Json(view::page(listed, |row| NumberView::new(row, shown))))
}

pub(super) async fn journey(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<NumberPath>,
) -> Reply<Json<JourneyView>> {
    let journey = numbers::journey(&state.store, caller.enterprise, path.number_id).await?;
    let shown = caller.numbers_of_one();
    state.audit_number(&caller, shown, path.number_id).await;
    Ok(Json(JourneyView::new(journey, shown)))
}
