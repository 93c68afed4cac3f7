//! Do-not-call lists from files: as background work with progress.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use aide::generate::GenContext;
use axum::Json;
use axum::extract::State;
use http::Method;
use outbound::Time;
use outbound::audit::Action;
use outbound::fault::TEXT_PATTERN;
use outbound::fleet::Fleet;
use outbound::ids::ImportId;
use outbound::import::{ENCODING_AUTO, HiddenRows, ImportFormat, ImportProblem};
use outbound::suppression::{FileOptions, FileResult, REASON_MAX, TableFormat};
use schemars::{JsonSchema, Schema};
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::imports::{self, Content, Import, NewSuppressionImport};
use storage::work::LongWork;
use storage::{StoreError, workers};
use tempfile::NamedTempFile;

use crate::auth::{Caller, Numbers, Operator, Viewer};
use crate::idempotency::Fingerprint;
use crate::imports::errors::refused_rows;
use crate::imports::file::{self, Bodies, FileBody, ImportReply, put_source, woken};
use crate::imports::spool::{Spooled, spool};
use crate::imports::{ImportPath, Progress, page, why};
use crate::input::{Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Accepted, CsvFile, Reply};
use crate::state::ApiState;
use crate::why::Why;

const PATH: &str = "/v1/suppressions/imports";
const ABOUT: &str = "A file (XLSX or CSV) in a form with a `file` and an `options` part; or, with the \
    options in the query, its bytes, whose `format` the query names. `text/csv` and the type of XLSX are \
    understood, too, and need no `format`. 200 MB and 1,000,000 rows at most. The column `Phone Number` \
    stands first; `Reason` and `Expires At` may follow. The file is read in the background: the reply names \
    the import to watch. A file whose header or form is wrong lists nothing; else rows are listed some hundreds \
    at a time, and what is listed stays, also when the import is cancelled. The same file again changes \
    nothing. Numbers that wait with a listed phone as their own end as `suppressed` at once.";

pub(super) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            PATH,
            get_with(
                list,
                about(
                    "list_suppression_imports",
                    "Suppressions",
                    "Imports of do-not-call lists, newest first",
                ),
            )
            .post_with(create, |operation| {
                let summary = "Import a do-not-call list";
                about("create_suppression_import", "Suppressions", summary)(operation)
                    .description(ABOUT)
            }),
        )
        .api_route(
            "/v1/suppressions/imports/{import_id}",
            get_with(
                read,
                about(
                    "get_suppression_import",
                    "Suppressions",
                    "An import of a do-not-call list, and how far it is",
                ),
            ),
        )
        .api_route(
            "/v1/suppressions/imports/{import_id}/cancel",
            post_with(
                cancel,
                about(
                    "cancel_suppression_import",
                    "Suppressions",
                    "Stop an import of a do-not-call list: what is listed stays",
                ),
            ),
        )
        .api_route(
            "/v1/suppressions/imports/{import_id}/errors",
            get_with(
                errors,
                about(
                    "get_suppression_import_errors",
                    "Suppressions",
                    "The refused rows: row, column, value, reason",
                ),
            ),
        )
}

/// Options of an import of a do-not-call list.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "SuppressionImportRequest")]
struct Asked {
    /// None: by the file's name or the Content-Type.
    format: Option<TableFormat>,
    /// Of rows that give none; at most 200 characters.
    #[schemars(length(max = REASON_MAX), regex(pattern = TEXT_PATTERN))]
    reason: Option<String>,
    /// Of rows that give none: then they may be called again; none: never.
    expires_at: Option<Time>,
    /// A row with an error refuses the whole file.
    all_or_nothing: Option<bool>,
    /// Of a CSV file: `auto`, the default, or a label of the WHATWG: `utf-8`, `gb18030`, `windows-1252`, …
    encoding: Option<String>,
    /// Of a workbook: `skip`, the default, leaves out rows that are hidden or filtered out.
    hidden_rows: Option<HiddenRows>,
}

impl Asked {
    /// These options, and where one is not given the other's.
    fn or(self, other: Self) -> Self {
        Self {
            format: self.format.or(other.format),
            reason: self.reason.or(other.reason),
            expires_at: self.expires_at.or(other.expires_at),
            all_or_nothing: self.all_or_nothing.or(other.all_or_nothing),
            encoding: self.encoding.or(other.encoding),
            hidden_rows: self.hidden_rows.or(other.hidden_rows),
        }
    }

    /// The whole options; `found` is the format that the body was seen to have.
    fn judge(self, found: Option<ImportFormat>, now: Time) -> Result<FileOptions, Problem> {
        let found = match found {
            Some(ImportFormat::Xlsx) => Some(TableFormat::Xlsx),
            Some(ImportFormat::Csv) => Some(TableFormat::Csv),
            Some(ImportFormat::Json | ImportFormat::Ndjson) | None => None,
        };
        let Some(format) = self.format.or(found) else {
            let detail = "can't be told from the file's name or type; give `xlsx` or `csv`";
            return Err(Problem::fault("/format", "missing_field", detail));
        };
        let options = FileOptions {
            format,
            reason: self.reason.unwrap_or_default(),
            expires_at: self.expires_at,
            all_or_nothing: self.all_or_nothing.unwrap_or_default(),
            encoding: self.encoding.unwrap_or_else(|| ENCODING_AUTO.to_owned()),
            hidden_rows: self.hidden_rows.unwrap_or_default(),
        };
        options.check(now).map_err(Problem::refused)?;
        Ok(options)
    }
}

/// A do-not-call list with its options.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described: the body is read piece by piece")]
struct SuppressionImportForm {
    /// XLSX or CSV.
    #[schemars(extend("format" = "binary"))]
    file: String,
    #[serde(default)]
    #[schemars(with = "Asked")]
    options: Option<Asked>,
}

/// The bodies of an import of a do-not-call list.
struct ListFile;

impl Bodies for ListFile {
    fn bodies(ctx: &mut GenContext) -> Vec<(&'static str, Schema)> {
        vec![
            ("multipart/form-data", ctx.schema.subschema_for::<SuppressionImportForm>()),
            ("application/octet-stream", file::bytes()),
        ]
    }
}

/// An import of a do-not-call list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "SuppressionImport")]
struct SuppressionImportView {
    id: ImportId,
    /// `queued`, `running`, `done`, `failed` or `cancelled`.
    status: String,
    options: FileOptions,
    /// Rows that are listed or refused, of all.
    progress: Progress,
    /// What came of it; so far, while it runs, or until it was cancelled or failed.
    result: Option<FileResult>,
    /// Why it was refused or given up.
    problem: Option<ImportProblem>,
    /// There is a file of refused rows.
    errors: bool,
    /// Why it does not go on.
    why: Vec<Why>,
    created_at: Time,
    finished_at: Option<Time>,
}

impl SuppressionImportView {
    /// Not found, where it is one of something else.
    fn new(row: Import, fleet: &Fleet, numbers: Numbers) -> Result<Self, StoreError> {
        let why = why(&row, fleet);
        let Content::Suppressions(list) = row.content else {
            return Err(StoreError::NotFound("import"));
        };
        Ok(Self {
            why,
            id: row.id,
            status: row.status.word().to_owned(),
            options: FileOptions { reason: numbers.text(list.options.reason), ..list.options },
            progress: Progress { done: row.done, total: row.total },
            result: list.result.map(|result| match numbers {
                Numbers::Full => result,
                Numbers::Masked => result.masked(),
            }),
            problem: row.problem,
            errors: row.error_key.is_some(),
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Query(query): Query<Asked>,
    FileBody { request, .. }: FileBody<ListFile>,
) -> Reply<ImportReply<SuppressionImportView>> {
    let key = file::key(request.headers())?;
    file::room(&state, &caller).await?;
    let Spooled::<Asked> { file, hash, asked, format } = spool(request).await?;
    let options = asked.or(query).judge(format, state.clock.now())?;
    let mut print = Fingerprint::new(&caller, &Method::POST, PATH);
    print.add(&serde_json::to_vec(&options).map_err(|_| Problem::internal())?);
    print.add(&hash);
    let work = {
        let (state, caller) = (state.clone(), caller.clone());
        async move { take_in(&state, &caller, options, file).await }
    };
    file::once(&state, &caller, key, print.finish(), work).await
}

/// Store the file, make the import's row, and wake a worker for it.
async fn take_in(
    state: &ApiState,
    caller: &Caller,
    options: FileOptions,
    file: NamedTempFile,
) -> Reply<Accepted<SuppressionImportView>> {
    let import = storage::idempotency::id(clock::new_id::<ImportId>());
    let made = |id| imports::get(&state.store, caller.enterprise, id);
    if let Some(row) = storage::idempotency::made(made).await? {
        return accepted(state, caller, row).await;
    }
    let format = options.format.into();
    let (object_key, bytes) = put_source(state, caller, import, format, &file).await?;
    let actor = caller.actor();
    let new = NewSuppressionImport {
        id: import,
        enterprise: caller.enterprise,
        options: &options,
        object_key: &object_key,
        actor: &actor,
    };
    let made = imports::create_suppressions(&state.store, new, state.clock.now()).await;
    let row = woken(state, caller, import, &object_key, made).await?;
    let detail = json!({
        "format": options.format, "expires_at": options.expires_at, "bytes": bytes,
    });
    state.audit(caller, Action::SuppressionImport, import, detail).await;
    accepted(state, caller, row).await
}

async fn accepted(
    state: &ApiState,
    caller: &Caller,
    row: Import,
) -> Reply<Accepted<SuppressionImportView>> {
    let fleet = workers::fleet(&state.store).await?;
    let location = format!("{PATH}/{}", row.id);
    Ok(Accepted {
        location,
        body: SuppressionImportView::new(row, &fleet, caller.numbers_of_one())?,
    })
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<SuppressionImportView>>> {
    let asked = paging.page()?;
    let listed = imports::list_suppressions(&state.store, caller.enterprise, asked).await?;
    let fleet = workers::fleet(&state.store).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(page(listed, |row| SuppressionImportView::new(row, &fleet, numbers))?))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ImportPath>,
) -> Reply<Json<SuppressionImportView>> {
    shown(&state, &caller, path.import_id).await
}

async fn shown(
    state: &ApiState,
    caller: &Caller,
    import: ImportId,
) -> Reply<Json<SuppressionImportView>> {
    let row = imports::get(&state.store, caller.enterprise, import).await?;
    let fleet = workers::fleet(&state.store).await?;
    Ok(Json(SuppressionImportView::new(row, &fleet, caller.numbers_of_one())?))
}

async fn cancel(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<ImportPath>,
) -> Reply<Json<SuppressionImportView>> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    row.suppressions().ok_or(StoreError::NotFound("import"))?;
    ImportId::cancel(&state.store, caller.enterprise, row.id, state.clock.now()).await?;
    state.audit(&caller, Action::ImportCancel, row.id, json!({})).await;
    shown(&state, &caller, row.id).await
}

async fn errors(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ImportPath>,
) -> Reply<CsvFile> {
    let row = imports::get(&state.store, caller.enterprise, path.import_id).await?;
    row.suppressions().ok_or(StoreError::NotFound("import"))?;
    refused_rows(&state, &caller, row).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Time {
        "2026-12-01T02:00:00Z".parse().expect("a time")
    }

    #[test]
    fn what_the_form_says_goes_before_the_query_and_the_file_name() {
        let form = Asked { reason: Some("a".into()), ..Asked::default() };
        let query = Asked {
            reason: Some("b".into()),
            format: Some(TableFormat::Csv),
            all_or_nothing: Some(true),
            ..Asked::default()
        };
        let options = form.or(query).judge(Some(ImportFormat::Xlsx), now()).expect("options");
        assert_eq!((options.reason.as_str(), options.format), ("a", TableFormat::Csv));
        assert!(options.all_or_nothing);
    }

    #[test]
    fn what_is_no_table_or_over_already_is_refused_by_name() {
        for found in [None, Some(ImportFormat::Json), Some(ImportFormat::Ndjson)] {
            let problem = Asked::default().judge(found, now()).expect_err("a problem");
            assert_eq!(problem.faults[0].pointer, "/format");
        }
        let over = Asked { expires_at: Some(now()), ..Asked::default() };
        let problem = over.judge(Some(ImportFormat::Csv), now()).expect_err("a problem");
        assert_eq!(problem.faults[0].pointer, "/expires_at");
    }
}
