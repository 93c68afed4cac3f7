//! Exports: files for the download center, as background work with progress.

mod create;
mod download;
mod read;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use outbound::Time;
use outbound::export::ExportOptions;
use outbound::fleet::Fleet;
use outbound::ids::ExportId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::exports::Export;
use storage::work::WorkStatus;

use crate::auth::Numbers;
use crate::imports::Progress;
use crate::openapi::about;
use crate::state::ApiState;
use crate::why::Why;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/exports",
            get_with(
                read::list,
                about("list_exports", "Exports", "The download center, newest first"),
            )
            .post_with(create::create, about("create_export", "Exports", "Write an export file")),
        )
        .api_route(
            "/v1/exports/{export_id}",
            get_with(read::read, about("get_export", "Exports", "An export, and how far it is")),
        )
        .api_route(
            "/v1/exports/{export_id}/cancel",
            post_with(read::cancel, about("cancel_export", "Exports", "Stop an export")),
        )
        .api_route(
            "/v1/exports/{export_id}/download",
            get_with(
                download::download,
                about("download_export", "Exports", "A link to an export's file, made anew"),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ExportPath {
    export_id: ExportId,
}

/// An export.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Export")]
struct ExportView {
    id: ExportId,
    /// `queued`, `running`, `done`, `failed`, `cancelled`, or `expired`: its file was kept for its time and is
    /// gone.
    status: &'static str,
    options: ExportOptions,
    file_name: String,
    /// Whether numbers are in full.
    full_numbers: bool,
    progress: Progress,
    bytes: Option<u64>,
    problem: Option<ExportProblem>,
    /// There is a file to download.
    ready: bool,
    /// Why it does not go on.
    why: Vec<Why>,
    created_at: Time,
    finished_at: Option<Time>,
    /// When the file goes.
    expires_at: Option<Time>,
    /// What there is to know of the file, as variables that have no column of their own.
    note: Option<String>,
    /// Cells that are cut in the file: one of XLSX holds 32,767 UTF-16 units. A note at the head of their column tells
    /// of them, too, and CSV has them whole.
    cells_cut: u64,
}

/// Why an export failed.
#[derive(Debug, Serialize, JsonSchema)]
struct ExportProblem {
    code: String,
    detail: String,
}

impl ExportView {
    fn new(row: Export, fleet: &Fleet, now: Time, numbers: Numbers) -> Self {
        let open = matches!(row.status, WorkStatus::Queued | WorkStatus::Running);
        let absent = fleet.absent_for_exports().filter(|_| open);
        let expired = row.has_expired(now);
        Self {
            why: absent.map(Why::from).into_iter().collect(),
            id: row.id,
            status: if expired { "expired" } else { row.status.word() },
            options: match numbers {
                Numbers::Full => row.options,
                Numbers::Masked => row.options.masked(),
            },
            file_name: row.file_name,
            full_numbers: row.reveal,
            progress: Progress { done: row.done, total: row.total },
            bytes: row.bytes,
            problem: row.problem.map(|problem| ExportProblem {
                code: problem.code,
                detail: numbers.text(problem.detail),
            }),
            ready: row.object_key.is_some() && !expired,
            created_at: row.created_at,
            finished_at: row.finished_at,
            expires_at: row.expires_at,
            note: row.note.map(|note| numbers.text(note)),
            cells_cut: row.cells_cut,
        }
    }
}
