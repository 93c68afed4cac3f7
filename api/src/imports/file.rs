//! A file on its way in, whatever it is imported as: its body, its object, its reply.

use std::marker::PhantomData;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::Operation;
use axum::extract::{FromRequest, Request};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use jobs::ImportBatch;
use outbound::ids::ImportId;
use outbound::import::ImportFormat;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use storage::imports::{self, Import};
use storage::objects::keys::import_source;
use tempfile::NamedTempFile;

use crate::auth::Caller;
use crate::idempotency;
use crate::input::document_body;
use crate::problem::Problem;
use crate::reply::{Accepted, Reply};
use crate::state::ApiState;

/// The bodies that an import may be sent as, for the document: media types and their schemas.
pub(crate) trait Bodies {
    fn bodies(ctx: &mut GenContext) -> Vec<(&'static str, Schema)>;
}

/// The body, read by the handler itself: it is too large to be held in memory.
pub(crate) struct FileBody<Of> {
    pub request: Request,
    of: PhantomData<Of>,
}

impl<S: Send + Sync, Of> FromRequest<S> for FileBody<Of> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        Ok(Self { request, of: PhantomData })
    }
}

impl<Of: Bodies> OperationInput for FileBody<Of> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let bodies = Of::bodies(ctx);
        document_body(ctx, operation, &bodies, true);
    }
}

/// The bytes of a file, for the document.
pub(crate) fn bytes() -> Schema {
    schemars::json_schema!({ "type": "string", "format": "binary" })
}

/// The key that an import must have.
pub(crate) fn key(headers: &HeaderMap) -> Result<String, Problem> {
    idempotency::key(headers)?.ok_or_else(|| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            "idempotency_key_required",
            "an import needs an Idempotency-Key, so that a repeated request imports once",
        )
    })
}

/// Refuse a file before it is read where as many imports wait, or are kept, as there may be.
pub(crate) async fn room(state: &ApiState, caller: &Caller) -> Reply<()> {
    Ok(storage::quotas::ask(&state.store, caller.enterprise, &imports::QUOTAS).await?)
}

/// Take a file in once, however often its request comes.
pub(crate) async fn once<View: Serialize + Send>(
    state: &ApiState,
    caller: &Caller,
    key: String,
    print: [u8; 32],
    work: impl Future<Output = Reply<Accepted<View>>> + Send + 'static,
) -> Reply<ImportReply<View>> {
    let work = async move {
        match work.await {
            Ok(reply) => reply.into_response(),
            Err(problem) => problem.into_response(),
        }
    };
    let reply = idempotency::run(state, caller, key, print, work).await?;
    Ok(ImportReply(reply, PhantomData))
}

/// Put a file where its worker finds it; its key there, and its bytes.
pub(crate) async fn put_source(
    state: &ApiState,
    caller: &Caller,
    import: ImportId,
    format: ImportFormat,
    file: &NamedTempFile,
) -> Reply<(String, u64)> {
    let key = import_source(caller.enterprise, import);
    let bytes = state.objects.put_file(&key, media_type(format), file.path()).await?;
    Ok((key, bytes))
}

/// The import whose row was made, with a worker woken for it. Without its row nobody would ever read the file.
pub(crate) async fn woken(
    state: &ApiState,
    caller: &Caller,
    import: ImportId,
    object_key: &str,
    made: Result<(), storage::StoreError>,
) -> Reply<Import> {
    if let Err(error) = made {
        let _ = state.objects.delete(object_key).await;
        return Err(error.into());
    }
    let row = imports::get(&state.store, caller.enterprise, import).await?;
    state.wake(&ImportBatch { import, token: row.token }).await;
    Ok(row)
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
pub(crate) struct ImportReply<View>(Response, PhantomData<View>);

impl<View> IntoResponse for ImportReply<View> {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<View: JsonSchema + Serialize> aide::OperationOutput for ImportReply<View> {
    type Inner = View;

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, aide::openapi::Response)> {
        Accepted::<View>::inferred_responses(ctx, operation)
    }
}
