//! `GET /v1/exports/{export_id}/download`: a link that works for five minutes, made anew and audited
//! at each request.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use outbound::api_key::Permission;
use outbound::audit::Action;
use outbound::export::Content;
use serde_json::json;
use storage::exports;

use super::ExportPath;
use crate::auth::Viewer;
use crate::input::Path;
use crate::problem::Problem;
use crate::reply::{Link, Reply};
use crate::state::ApiState;

pub(super) async fn download(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ExportPath>,
    headers: HeaderMap,
) -> Reply<Link> {
    caller.require(Permission::Export)?;
    let row = exports::get(&state.store, caller.enterprise, path.export_id).await?;
    if row.reveal {
        // Written for someone who may see numbers in full.
        caller.require(Permission::SeeFullNumbers)?;
    }
    if row.options.content == Content::Recordings {
        caller.require(Permission::ListenRecordings)?;
    }
    if row.status.is_over() && row.object_key.is_none() {
        let detail = "its file is gone, or was never written; make the export again";
        return Err(Problem::new(StatusCode::GONE, "file_gone", detail));
    }
    let expired = row.expires_at.is_some_and(|at| at <= state.clock.now());
    let Some(key) = row.object_key.filter(|_| !expired) else {
        let (code, detail) = if expired {
            ("file_gone", "its file has expired; make the export again")
        } else {
            ("export_not_ready", "the export is still being written; ask again")
        };
        let status = if expired { StatusCode::GONE } else { StatusCode::CONFLICT };
        return Err(Problem::new(status, code, detail));
    };
    let link = state.link(&key, &row.file_name).await?;
    let detail = json!({ "full_numbers": row.reveal, "bytes": row.bytes });
    state.audit(&caller, Action::ExportDownload, path.export_id, detail).await;
    Ok(Link::new(link, &headers))
}
