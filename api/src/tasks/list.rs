//! `GET /v1/tasks`

use axum::Json;
use axum::extract::State;
use outbound::task::PauseReason;
use schemars::JsonSchema;
use serde::Deserialize;
use storage::tasks::{self, TaskFilter};

use super::{StateWord, TaskView};
use crate::auth::Viewer;
use crate::input::Query;
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::view;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only tasks in this state.
    state: Option<StateWord>,
    /// Only tasks that are paused for this reason.
    pause_reason: Option<PauseReason>,
    /// A part of the name, in any case.
    name: Option<String>,
    /// One of the tags.
    tag: Option<String>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

pub(crate) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Reply<Json<Page<TaskView>>> {
    let filter = TaskFilter {
        state: which.state.map(|state| state.word().to_owned()),
        pause_reason: which.pause_reason.map(|reason| reason.word().to_owned()),
        name: which.name,
        tag: which.tag,
    };
    let page = Paging::new(which.limit, which.cursor).page()?;
    let listed = tasks::list(&state.store, caller.enterprise, &filter, page).await?;
    Ok(Json(view::page(listed, TaskView::from)))
}
