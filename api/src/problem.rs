//! Errors as RFC 9457 problems.
//!
//! Every reply that is not a success is `application/problem+json` with a stable `code`, a `detail`
//! for people that names field, limit and mend, and the `request_id` that logs and traces carry.

use std::borrow::Cow;

use aide::OperationOutput;
use aide::generate::GenContext;
use aide::openapi::{MediaType, Operation, Response as ApiResponse, SchemaObject};
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jobs::QueueError;
use outbound::fault::Fault;
use schemars::JsonSchema;
use serde::Serialize;
use storage::StoreError;

/// The media type of every error.
pub const MEDIA_TYPE: &str = "application/problem+json";

tokio::task_local! {
    /// The id of the request that this task answers; set by the outermost layer.
    pub static REQUEST_ID: String;
}

/// A reply that is not a success.
#[derive(Debug, Clone, PartialEq)]
pub struct Problem {
    pub status: StatusCode,
    /// Stable, for programs.
    pub code: Cow<'static, str>,
    /// For people.
    pub detail: String,
    /// What is wrong with the input, each with a pointer into it.
    pub faults: Vec<Fault>,
    /// When it is worth asking again.
    pub retry_after_seconds: Option<u64>,
}

/// The body of an error (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemBody<'a> {
    /// `urn:callwright:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    title: String,
    status: u16,
    detail: &'a str,
    /// Stable, for programs.
    code: &'a str,
    /// What is wrong with the input, each with a JSON pointer into it; empty where no field is at fault.
    errors: &'a [Fault],
    /// The id that this request has in logs and traces.
    request_id: String,
}

/// Faults that one problem names.
const FAULTS_MAX: usize = 100;

impl Problem {
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            detail: detail.into(),
            faults: Vec::new(),
            retry_after_seconds: None,
        }
    }

    /// 404: there is no such thing in the caller's enterprise.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} was not found"))
    }

    /// 422: the input is refused, and nothing was changed.
    pub fn refused(mut faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [only] => format!("{} {}", place(&only.pointer), only.detail),
            many if many.len() > FAULTS_MAX => {
                format!(
                    "{} faults; errors names the first {FAULTS_MAX}. Nothing was changed.",
                    many.len()
                )
            }
            many => format!("{} faults; see errors. Nothing was changed.", many.len()),
        };
        faults.truncate(FAULTS_MAX);
        Self {
            faults,
            ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_input", detail.trim_start())
        }
    }

    /// 422 for one fault.
    pub fn fault(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self::refused(vec![Fault::new(pointer, code, detail)])
    }

    /// 400 for one fault of a request that can't be read.
    pub fn malformed(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, ..Self::fault(pointer, code, detail) }
            .with_code("malformed_request")
    }

    /// 413: the body is over its limit.
    pub fn too_large(limit_bytes: u64) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!(
                "the body is larger than {limit_bytes} bytes, the limit here; send less at a time"
            ),
        )
    }

    /// 500: a defect. What it was is in the log only.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal_error",
            "a defect on the server's side; it was logged with the request_id",
        )
    }

    /// A problem of a part, with its faults below `pointer`, where the part stands in the whole.
    pub fn within(self, pointer: &str) -> Self {
        if self.faults.is_empty() {
            return self;
        }
        let faults = outbound::fault::within(pointer, Err(self.faults));
        let code = self.code;
        Self { status: self.status, code, ..Self::refused(faults) }
    }

    fn with_code(mut self, code: &'static str) -> Self {
        self.code = Cow::Borrowed(code);
        self
    }

    /// What a bare status that a layer below gave means here.
    pub fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => ("not_found", "there is nothing at this path; see /docs"),
            StatusCode::METHOD_NOT_ALLOWED => {
                ("method_not_allowed", "this path does not take the method; see the Allow header")
            }
            StatusCode::PAYLOAD_TOO_LARGE => {
                ("body_too_large", "the body is larger than the limit of this path")
            }
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "this path does not take this Content-Type; see /docs")
            }
            status if status.is_server_error() => return Self { status, ..Self::internal() },
            _ => ("malformed_request", "the request can't be read; see /docs"),
        };
        Self::new(status, code, detail)
    }
}

fn place(pointer: &str) -> &str {
    if pointer.is_empty() { "the input" } else { pointer }
}

/// `task_has_no_numbers` as a title: `Task has no numbers`.
fn title(code: &str) -> String {
    let words = code.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: format!("urn:callwright:problem:{}", self.code),
            title: title(&self.code),
            status: self.status.as_u16(),
            detail: &self.detail,
            code: &self.code,
            errors: &self.faults,
            request_id: REQUEST_ID.try_with(Clone::clone).unwrap_or_default(),
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut reply = Response::new(Body::from(body));
        *reply.status_mut() = self.status;
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::Stale => Self::new(
                StatusCode::PRECONDITION_FAILED,
                "stale",
                "it was changed since it was read; read it again and send its new ETag",
            ),
            StoreError::StaleAmong(faults) => Self {
                status: StatusCode::PRECONDITION_FAILED,
                ..Self::refused(faults).with_code("stale")
            },
            StoreError::Conflict { code, detail } => Self::new(StatusCode::CONFLICT, code, detail),
            error @ StoreError::LeaseLost => {
                Self::new(StatusCode::CONFLICT, "lease_lost", error.to_string())
            }
            error @ StoreError::Cancelled => {
                Self::new(StatusCode::CONFLICT, "cancelled", error.to_string())
            }
            StoreError::Busy { code, detail, retry_after_seconds } => Self {
                retry_after_seconds: Some(retry_after_seconds),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, code, detail)
            },
            StoreError::Refused(faults) => Self::refused(faults),
            StoreError::Unavailable(reason) | StoreError::Rejected(reason) => {
                tracing::error!(reason, "storage is not available");
                Self {
                    retry_after_seconds: Some(1),
                    ..Self::new(
                        StatusCode::SERVICE_UNAVAILABLE,
                        "unavailable",
                        "storage can't be reached at the moment; try again",
                    )
                }
            }
            StoreError::Damaged(reason) => {
                tracing::error!(reason, "stored data can't be read");
                Self::internal()
            }
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        tracing::error!(%error, "the queue is not available");
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "the queue can't be reached at the moment; try again",
            )
        }
    }
}

impl OperationOutput for Problem {
    type Inner = Self;

    fn operation_response(ctx: &mut GenContext, _: &mut Operation) -> Option<ApiResponse> {
        let json_schema = ctx.schema.subschema_for::<ProblemBody<'static>>();
        let schema = SchemaObject { json_schema, external_docs: None, example: None };
        let content = MediaType { schema: Some(schema), ..MediaType::default() };
        Some(ApiResponse {
            description: "A problem (RFC 9457); `code` is stable".into(),
            content: [(MEDIA_TYPE.to_owned(), content)].into_iter().collect(),
            ..ApiResponse::default()
        })
    }

    fn inferred_responses(
        ctx: &mut GenContext,
        operation: &mut Operation,
    ) -> Vec<(Option<u16>, ApiResponse)> {
        Self::operation_response(ctx, operation).map(|reply| (None, reply)).into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_problem_names_itself_its_faults_and_the_request() {
        let reply = REQUEST_ID
            .scope("req_1".into(), async {
                Problem::fault("/redial/retry_seconds/1", "must_rise", "must be over 600")
                    .into_response()
            })
            .await;
        assert_eq!(reply.status(), 422);
        assert_eq!(reply.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        let body = axum::body::to_bytes(reply.into_body(), 10_000).await.expect("a body");
        let body: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(
            body,
            serde_json::json!({
                "type": "urn:callwright:problem:invalid_input",
                "title": "Invalid input",
                "status": 422,
                "detail": "/redial/retry_seconds/1 must be over 600",
                "code": "invalid_input",
                "errors": [{
                    "pointer": "/redial/retry_seconds/1",
                    "code": "must_rise",
                    "detail": "must be over 600",
                }],
                "request_id": "req_1",
            })
        );
    }

    fn busy() -> StoreError {
        let code = "imports_waiting_max";
        StoreError::Busy { code, detail: "50 wait".into(), retry_after_seconds: 10 }
    }

    #[test]
    fn what_waits_for_room_is_told_when_to_ask_again() {
        assert_eq!(Problem::from(busy()).retry_after_seconds, Some(10));
    }

    #[test]
    fn each_storage_error_has_its_status() {
        for (error, status, code) in [
            (StoreError::NotFound("task"), 404, "not_found"),
            (StoreError::Stale, 412, "stale"),
            (StoreError::conflict("name_taken", "taken"), 409, "name_taken"),
            (busy(), 429, "imports_waiting_max"),
            (StoreError::Refused(vec![]), 422, "invalid_input"),
            (StoreError::Unavailable("down".into()), 503, "unavailable"),
            (StoreError::Damaged("row".into()), 500, "internal_error"),
        ] {
            let problem = Problem::from(error);
            assert_eq!((problem.status.as_u16(), &*problem.code), (status, code));
        }
    }

    #[test]
    fn what_failed_inside_is_not_told_outside() {
        let problem = Problem::from(StoreError::Damaged("secret row".into()));
        assert!(!problem.detail.contains("secret"));
    }
}
