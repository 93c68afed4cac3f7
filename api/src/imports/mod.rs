//! Imports: numbers into a task, as background work with progress.

mod create;
pub(crate) mod errors;
pub(crate) mod file;
pub(crate) mod options;
mod read;
pub(crate) mod spool;

pub use spool::FILE_BYTES_MAX;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use outbound::Time;
use outbound::fleet::Fleet;
use outbound::ids::{BatchId, ImportId, TaskId};
use outbound::import::{ImportOptions, ImportProblem, ImportResult};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::StoreError;
use storage::imports::{Content, Import};
use storage::rows::Listed;
use storage::work::WorkStatus;

use crate::auth::Numbers;
use crate::openapi::about;
use crate::page::Page;
use crate::reply::Reply;
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
pub(crate) struct ImportPath {
    pub(crate) import_id: ImportId,
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
    /// Not found, where it is one of something else.
    fn new(row: Import, fleet: &Fleet, shown: Numbers) -> Result<Self, StoreError> {
        let why = why(&row, fleet);
        let Content::Numbers(numbers) = row.content else {
            return Err(StoreError::NotFound("import"));
        };
        Ok(Self {
            why,
            id: row.id,
            task: numbers.task,
            status: row.status.word().to_owned(),
            options: ImportOptions {
                batch_name: shown.text(numbers.options.batch_name),
                ..numbers.options
            },
            progress: Progress { done: row.done, total: row.total },
            batch: numbers.batch,
            result: numbers.result,
            problem: row.problem,
            errors: row.error_key.is_some(),
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

/// Why an import does not go on.
pub(crate) fn why(row: &Import, fleet: &Fleet) -> Vec<Why> {
    let open = matches!(row.status, WorkStatus::Queued | WorkStatus::Running);
    fleet.absent_for_imports().filter(|_| open).map(Why::from).into_iter().collect()
}

/// A page of imports, which are all of one kind.
pub(crate) fn page<View>(
    listed: Listed<Import, ImportId>,
    view: impl FnMut(Import) -> Result<View, StoreError>,
) -> Reply<Page<View>> {
    let rows = listed.rows.into_iter().map(view).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::going_on(rows, listed.next.as_ref()))
}
