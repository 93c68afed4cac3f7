//! `GET /v1/exports/{export_id}/download`: a link that works for five minutes, made anew and audited
//! at each request.

use axum::extract::State;
use http::{HeaderMap, StatusCode};
use outbound::api_key::Permission;
use outbound::audit::Action;
use outbound::export::Content;
use serde_json::json;
use storage::exports;
use storage::work::WorkStatus;

use super::ExportPath;
use crate::auth::Exporter;
use crate::input::Path;
use crate::problem::Problem;
use crate::reply::{Link, Reply};
use crate::state::ApiState;

pub(super) async fn download(
    State(state): State<ApiState>,
    Exporter(caller): Exporter,
    Path(path): Path<ExportPath>,
    headers: HeaderMap,
) -> Reply<Link> {
    let row = exports::get(&state.store, caller.enterprise, path.export_id).await?;
    if row.reveal {
        // Written for someone who may see numbers in full.
        caller.require(Permission::SeeFullNumbers)?;
    }
    if row.options.content == Content::Recordings {
        caller.require(Permission::ListenRecordings)?;
    }
    if row.has_expired(state.clock.now()) {
        let at = row.expires_at.map(|at| format!(" at {}", at.to_rfc3339())).unwrap_or_default();
        let detail = format!("its file expired{at}; make the export again");
        return Err(Problem::new(StatusCode::GONE, "export_expired", detail));
    }
    let Some(key) = row.object_key else {
        let (status, code, detail) = if row.status.is_over() {
            let detail = format!("the export {}, and has no file; make it again", was(row.status));
            (StatusCode::GONE, "file_gone", detail)
        } else {
            let detail = "the export is still being written; ask again".to_owned();
            (StatusCode::CONFLICT, "export_not_ready", detail)
        };
        return Err(Problem::new(status, code, detail));
    };
    let link = state.link(&key, &row.file_name).await?;
    let detail = json!({ "full_numbers": row.reveal, "bytes": row.bytes });
    state.audit(&caller, Action::ExportDownload, path.export_id, detail).await;
    Ok(Link::new(link, &headers))
}

fn was(status: WorkStatus) -> &'static str {
    match status {
        WorkStatus::Cancelled => "was cancelled",
        _ => "failed",
    }
}
