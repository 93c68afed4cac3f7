//! `POST /v1/tasks/{task_id}/imports`

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequest, Request, State};
use axum::response::{IntoResponse, Response};
use http::{Method, StatusCode};
use jobs::ImportBatch;
use outbound::audit::Action;
use outbound::ids::{ImportId, TaskId};
use outbound::import::{ImportFormat, ImportOptions, NumberInput};
use schemars::JsonSchema;
use serde_json::json;
use storage::imports::{self, Import, NewImport};
use storage::objects::keys::import_source;
use storage::tasks;

use super::ImportView;
use super::options::Asked;
use super::spool::{Spooled, spool};
use crate::auth::{Caller, Operator};
use crate::idempotency::{self, Fingerprint};
use crate::input::{Path, Query, document_body};
use crate::problem::Problem;
use crate::reply::{Accepted, Reply};
use crate::state::ApiState;
use crate::tasks::TaskPath;

pub(super) const ABOUT: &str = "A file (XLSX, CSV, JSON, NDJSON) in a form with a `file` and an \
    `options` part; or, with the options in the query, JSON, or the bytes of a file whose `format` the \
    query names (NDJSON has one number of the JSON form a line). `text/csv`, `application/x-ndjson` and \
    the type of XLSX are understood, too, and need no `format`. 200 MB and 100,000 numbers at most. The \
    file is read in the background: the reply names the import to watch.";

/// The body, read by the handler itself: it is too large to be held in memory.
pub(super) struct ImportBody(Request);

impl<S: Send + Sync> FromRequest<S> for ImportBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self(request))
    }
}

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

impl OperationInput for ImportBody {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let bytes = schemars::json_schema!({ "type": "string", "format": "binary" });
        let kinds = [
            ("multipart/form-data", ctx.schema.subschema_for::<ImportForm>()),
            ("application/json", ctx.schema.subschema_for::<ImportNumbers>()),
            ("application/octet-stream", bytes),
        ];
        document_body(ctx, operation, &kinds, true);
    }
}

pub(super) async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    Query(query): Query<Asked>,
    ImportBody(request): ImportBody,
) -> Reply<ImportReply> {
    let Some(key) = idempotency::key(request.headers())? else {
        return Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_required",
            "an import needs an Idempotency-Key, so that a repeated request imports once",
        ));
    };
    // Before the file is taken in: there may be no such task.
    tasks::get(&state.store, caller.enterprise, path.task_id).await?;
    let Spooled { file, hash, asked, format } = spool(request).await?;
    let options = asked.or(query).judge(format)?;

    let target = format!("/v1/tasks/{}/imports", path.task_id);
    let mut print = Fingerprint::new(&caller, &Method::POST, &target);
    print.add(&serde_json::to_vec(&options).map_err(|_| Problem::internal())?);
    print.add(&hash);

    let work = {
        let (state, caller) = (state.clone(), caller.clone());
        async move {
            match take_in(&state, &caller, path.task_id, options, file).await {
                Ok(reply) => reply.into_response(),
                Err(problem) => problem.into_response(),
            }
        }
    };
    idempotency::run(&state, &caller, key, print.finish(), work).await.map(ImportReply)
}

/// Store the file, make the import's row, and wake a worker for it.
async fn take_in(
    state: &ApiState,
    caller: &Caller,
    task: TaskId,
    options: ImportOptions,
    file: tempfile::NamedTempFile,
) -> Reply<Accepted<ImportView>> {
    let import = storage::idempotency::id(ImportId::new());
    let made = |id| imports::get(&state.store, caller.enterprise, id);
    if let Some(row) = storage::idempotency::made(made).await? {
        return accepted(state, row).await;
    }
    let object_key = import_source(caller.enterprise, import);
    let bytes =
        state.objects.put_file(&object_key, media_type(options.format), file.path()).await?;
    let actor = caller.actor();
    let new = NewImport {
        id: import,
        enterprise: caller.enterprise,
        task,
        options: &options,
        object_key: &object_key,
        actor: &actor,
    };
    if let Err(error) = imports::create(&state.store, new, state.clock.now()).await {
        // Without its row nobody would ever read the file.
        let _ = state.objects.delete(&object_key).await;
        return Err(error.into());
    }
    let row = imports::get(&state.store, caller.enterprise, import).await?;
    state.wake(&ImportBatch { import, token: row.token }).await;
    let detail = json!({
        "task": task, "batch_name": row.options.batch_name, "format": row.options.format,
        "bytes": bytes,
    });
    state.audit(caller, Action::ImportCreate, import, detail).await;
    accepted(state, row).await
}

async fn accepted(state: &ApiState, row: Import) -> Reply<Accepted<ImportView>> {
    let fleet = storage::workers::fleet(&state.store).await?;
    let location = format!("/v1/imports/{}", row.id);
    Ok(Accepted { location, body: ImportView::new(row, &fleet) })
}

const fn media_type(format: ImportFormat) -> &'static str {
    match format {
        ImportFormat::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        ImportFormat::Csv => "text/csv",
        ImportFormat::Json => "application/json",
        ImportFormat::Ndjson => "application/x-ndjson",
    }
}

/// The reply, new or stored; documented as what it always is.
pub(super) struct ImportReply(Response);

impl IntoResponse for ImportReply {
    fn into_response(self) -> Response {
        self.0
    }
}

impl aide::OperationOutput for ImportReply {
    type Inner = ImportView;

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Accepted::<ImportView>::inferred_responses(ctx, operation)
    }
}
