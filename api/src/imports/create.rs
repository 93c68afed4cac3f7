//! `POST /v1/tasks/{task_id}/imports`

use aide::generate::GenContext;
use axum::extract::State;
use http::Method;
use outbound::audit::Action;
use outbound::ids::{ImportId, TaskId};
use outbound::import::{ImportOptions, NumberInput};
use schemars::{JsonSchema, Schema};
use serde_json::json;
use storage::imports::{self, Import, NewImport};
use storage::tasks;
use tempfile::NamedTempFile;

use super::ImportView;
use super::file::{self, Bodies, FileBody, ImportReply, put_source, woken};
use super::options::Asked;
use super::spool::{Spooled, spool};
use crate::auth::{Caller, Operator};
use crate::idempotency::Fingerprint;
use crate::input::{Path, Query};
use crate::problem::Problem;
use crate::reply::{Accepted, Reply};
use crate::state::ApiState;
use crate::tasks::TaskPath;

pub(super) const ABOUT: &str = "A file (XLSX, CSV, JSON, NDJSON) in a form with a `file` and an \
    `options` part; or, with the options in the query, JSON, or the bytes of a file whose `format` the \
    query names (NDJSON has one number of the JSON form a line). `text/csv`, `application/x-ndjson` and \
    the type of XLSX are understood, too, and need no `format`. 200 MB and 100,000 numbers at most. The \
    file is read in the background: the reply names the import to watch.";

/// A file of numbers with its options.
#[derive(JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only described: the body is read piece by piece")]
struct ImportForm {
    /// XLSX, CSV, JSON or NDJSON.
    #[schemars(extend("format" = "binary"))]
    file: String,
    #[serde(default)]
    #[schemars(with = "Asked")]
    options: Option<Asked>,
}

/// Numbers; the options stand in the query.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only described: the body is read by whoever imports it")]
struct ImportNumbers {
    numbers: Vec<NumberInput>,
}

/// The bodies of an import of numbers.
pub(super) struct NumbersFile;

impl Bodies for NumbersFile {
    fn bodies(ctx: &mut GenContext) -> Vec<(&'static str, Schema)> {
        vec![
            ("multipart/form-data", ctx.schema.subschema_for::<ImportForm>()),
            ("application/json", ctx.schema.subschema_for::<ImportNumbers>()),
            ("application/octet-stream", file::bytes()),
        ]
    }
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    Query(query): Query<Asked>,
    FileBody { request, .. }: FileBody<NumbersFile>,
) -> Reply<ImportReply<ImportView>> {
    let key = file::key(request.headers())?;
    // Before the file is taken in: there may be no such task.
    tasks::get(&state.store, caller.enterprise, path.task_id).await?;
    file::room(&state, &caller).await?;
    let Spooled::<Asked> { file, hash, asked, format } = spool(request).await?;
    let options = asked.or(query).judge(format)?;

    let target = format!("/v1/tasks/{}/imports", path.task_id);
    let mut print = Fingerprint::new(&caller, &Method::POST, &target);
    print.add(&serde_json::to_vec(&options).map_err(|_| Problem::internal())?);
    print.add(&hash);

    let work = {
        let (state, caller) = (state.clone(), caller.clone());
        async move { take_in(&state, &caller, path.task_id, options, file).await }
    };
    file::once(&state, &caller, key, print.finish(), work).await
}

/// Store the file, make the import's row, and wake a worker for it.
async fn take_in(
    state: &ApiState,
    caller: &Caller,
    task: TaskId,
    options: ImportOptions,
    file: NamedTempFile,
) -> Reply<Accepted<ImportView>> {
    let import = storage::idempotency::id(clock::new_id::<ImportId>());
    let made = |id| imports::get(&state.store, caller.enterprise, id);
    if let Some(row) = storage::idempotency::made(made).await? {
        return accepted(state, caller, row).await;
    }
    let (object_key, bytes) = put_source(state, caller, import, options.format, &file).await?;
    let actor = caller.actor();
    let new = NewImport {
        id: import,
        enterprise: caller.enterprise,
        task,
        options: &options,
        object_key: &object_key,
        actor: &actor,
    };
    let made = imports::create(&state.store, new, state.clock.now()).await;
    let row = woken(state, caller, import, &object_key, made).await?;
    let detail = json!({
        "task": task, "batch_name": options.batch_name, "format": options.format, "bytes": bytes,
    });
    state.audit(caller, Action::ImportCreate, import, detail).await;
    accepted(state, caller, row).await
}

async fn accepted(state: &ApiState, caller: &Caller, row: Import) -> Reply<Accepted<ImportView>> {
    let fleet = storage::workers::fleet(&state.store).await?;
    let location = format!("/v1/imports/{}", row.id);
    Ok(Accepted { location, body: ImportView::new(row, &fleet, caller.numbers_of_one())? })
}
