//! Imports: numbers into a task, as background work with progress.

mod create;
mod errors;
mod options;
mod read;
mod spool;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use outbound::Time;
use outbound::fleet::Fleet;
use outbound::ids::{BatchId, ImportId, TaskId};
use outbound::import::{ImportOptions, ImportProblem, ImportResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::imports::Import;
use storage::work::WorkStatus;

use crate::openapi::about;
use crate::state::ApiState;
use crate::why::Why;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/tasks/{task_id}/imports",
            get_with(
                read::list,
                about("list_imports", "Imports", "Imports into a task, newest first"),
            )
            .post_with(create::create, |operation| {
                about("create_import", "Imports", "Import numbers into a task")(operation)
                    .description(create::ABOUT)
            }),
        )
        .api_route(
            "/v1/imports/{import_id}",
            get_with(read::read, about("get_import", "Imports", "An import, and how far it is")),
        )
        .api_route(
            "/v1/imports/{import_id}/cancel",
            post_with(
                read::cancel,
                about("cancel_import", "Imports", "Stop an import: nothing of it lands"),
            ),
        )
        .api_route(
            "/v1/imports/{import_id}/errors",
            get_with(
                errors::errors,
                about(
                    "get_import_errors",
                    "Imports",
                    "The refused rows: row, column, value, reason",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ImportPath {
    import_id: ImportId,
}

/// An import.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Import")]
struct ImportView {
    id: ImportId,
    task: TaskId,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    status: String,
    options: ImportOptions,
    progress: Progress,
    /// The batch that the numbers are in.
    batch: Option<BatchId>,
    result: Option<ImportResult>,
    /// Why it was refused; nothing landed.
    problem: Option<ImportProblem>,
    /// There is a file of refused rows.
    errors: bool,
    /// Why it does not go on.
    why: Vec<Why>,
    created_at: Time,
    finished_at: Option<Time>,
}

/// How far work is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Progress {
    pub done: u64,
    /// `null` until it is known.
    pub total: Option<u64>,
}

impl ImportView {
    fn new(row: Import, fleet: &Fleet) -> Self {
        let open = matches!(row.status, WorkStatus::Queued | WorkStatus::Running);
        let absent = fleet.absent_for_imports().filter(|_| open);
        Self {
            why: absent.map(Why::from).into_iter().collect(),
            id: row.id,
            task: row.task,
            status: row.status.word().to_owned(),
            options: row.options,
            progress: Progress { done: row.done, total: row.total },
            batch: row.batch,
            result: row.result,
            problem: row.problem,
            errors: row.error_key.is_some(),
            created_at: row.created_at,
            finished_at: row.finished_at,
        }
    }
}
