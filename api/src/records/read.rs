//! `GET /v1/records/{record_id}` and `…/recording`

use axum::Json;
use axum::extract::State;
use chrono::{TimeDelta, Utc};
use http::{HeaderMap, StatusCode};
use outbound::audit::Action;
use outbound::recording::RecordingFormat;
use serde_json::json;
use storage::objects::LINK_MAX;
use storage::{recordings, records};

use super::{RecordPath, RecordView};
use crate::auth::{Hearer, Viewer};
use crate::input::Path;
use crate::problem::Problem;
use crate::reply::{Link, LinkBody, Reply};
use crate::state::ApiState;

pub(super) async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<RecordPath>,
) -> Reply<Json<RecordView>> {
    let record = records::get(&state.store, caller.enterprise, path.record_id).await?;
    let numbers = caller.numbers_of_one();
    state.audit_number(&caller, numbers, path.record_id).await;
    Ok(Json(RecordView::new(&record, numbers)))
}

pub(super) async fn recording(
    State(state): State<ApiState>,
    Hearer(caller): Hearer,
    Path(path): Path<RecordPath>,
    headers: HeaderMap,
) -> Reply<Link> {
    let found = recordings::get(&state.store, caller.enterprise, path.record_id).await?;
    if found.state != "ready" {
        let detail = match (found.state.as_str(), found.trouble) {
            ("pending", _) => "the recording is still being uploaded; ask again".to_owned(),
            (_, Some(trouble)) => format!("the recording could not be uploaded: {trouble}"),
            (_, None) => "the recording was lost".to_owned(),
        };
        return Err(Problem::new(StatusCode::CONFLICT, "recording_not_ready", detail));
    }
    let end = RecordingFormat::of_name(&found.object_key).extension();
    let link = state.link(&found.object_key, &format!("{}.{end}", path.record_id)).await?;
    state.audit(&caller, Action::RecordingListen, path.record_id, json!({})).await;
    Ok(Link::new(link, &headers))
}

impl ApiState {
    /// A link made anew, that works for a few minutes.
    pub(crate) async fn link(&self, key: &str, file_name: &str) -> Result<LinkBody, Problem> {
        // Links are checked against the wall clock, by a store that knows no other.
        let expires_at = Utc::now() + TimeDelta::from_std(LINK_MAX).unwrap_or_default();
        let url = self.objects.link(key, file_name, LINK_MAX).await?;
        Ok(LinkBody { url, expires_at })
    }
}
