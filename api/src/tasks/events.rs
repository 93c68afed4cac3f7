//! `GET /v1/tasks/{task_id}/events`: every change of a task's state, and who or what made it.

use axum::Json;
use axum::extract::State;
use outbound::Time;
use outbound::task::PauseReason;
use schemars::JsonSchema;
use serde::Serialize;
use storage::tasks::{self, Happened};

use super::{StateWord, TaskPath, pause_reason};
use crate::auth::Viewer;
use crate::input::{Path, Query};
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::view;

/// A change of a task's state.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TaskEvent")]
pub(crate) struct EventView {
    at: Time,
    /// What happened, as `start` or `window_closed`.
    event: String,
    /// The state that it led to.
    state: StateWord,
    pause_reason: Option<PauseReason>,
    /// A key's id, or a part of the system.
    actor: String,
}

impl From<Happened> for EventView {
    fn from(row: Happened) -> Self {
        Self {
            at: row.at,
            event: row.event,
            state: StateWord::of(row.state),
            pause_reason: pause_reason(row.state),
            actor: row.actor,
        }
    }
}

pub(crate) async fn events(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TaskPath>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<EventView>>> {
    let page = paging.page()?;
    let listed = tasks::history(&state.store, caller.enterprise, path.task_id, page).await?;
    Ok(Json(view::page(listed, EventView::from)))
}
