//! All paths, and the layers around them.
//!
//! From the outside in: request id, span and metrics; panics; for `/v1` the key, the rate, the
//! idempotency key; the handler. Whatever fails on the way answers as a problem.

use std::any::Any;
use std::time::{Duration, Instant};

use aide::axum::ApiRouter;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use uuid::Uuid;

use crate::auth::{Caller, authenticate};
use crate::idempotency::once;
use crate::problem::{MEDIA_TYPE, Problem, REQUEST_ID};
use crate::state::ApiState;
use crate::{docs, health, openapi};

const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Characters of a request id that the caller sends, at most.
const REQUEST_ID_LENGTH_MAX: usize = 64;

/// The documented paths under `/v1`.
pub(crate) fn documented() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .merge(crate::tasks::routes())
        .merge(crate::templates::routes())
        .merge(crate::periods::routes())
        .merge(crate::navigations::routes())
        .merge(crate::robots::routes())
        .merge(crate::agents::routes())
        .merge(crate::providers::routes())
        .merge(crate::trunks::routes())
        .merge(crate::caller_ids::routes())
        .merge(crate::imports::routes())
        .merge(crate::batches::routes())
        .merge(crate::numbers::routes())
        .merge(crate::records::routes())
        .merge(crate::exports::routes())
        .merge(crate::keys::routes())
        .merge(crate::settings::routes())
        .merge(crate::suppressions::routes())
        .merge(crate::audit::routes())
        .merge(crate::workers::routes())
        .merge(crate::knowledge::routes())
        .merge(crate::rehearsals::routes())
}

/// The whole HTTP service.
pub fn router(state: ApiState) -> Router {
    let (v1, document) = openapi::build();
    let v1 = v1
        .route_layer(from_fn_with_state(state.clone(), once))
        .route_layer(from_fn_with_state(state.clone(), wait_for_place))
        .route_layer(from_fn_with_state(state.clone(), rate))
        .route_layer(from_fn_with_state(state.clone(), authenticate));
    Router::new()
        .merge(v1)
        .merge(docs::routes(&document))
        // Until the console is there, whoever comes with a browser finds the documentation.
        .route("/", get(|| async { Redirect::temporary("/docs") }))
        .route("/health", get(health::live))
        .route("/ready", get(health::ready))
        .fallback(|| async { Problem::of_status(StatusCode::NOT_FOUND) })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(well_formed))
        .layer(from_fn(observe))
        // Bodies are read with limits of their own, named in the error.
        .layer(DefaultBodyLimit::disable())
        .with_state(state)
}

/// How much later a refusal for too many requests leaves. A client that does not heed `Retry-After` could keep a
/// processor busy with refusals otherwise; each connection now gets one a second.
const REFUSED_LATER: Duration = Duration::from_secs(1);

/// Bytes of a request's headers, names and values.
pub const HEADERS_BYTES_MAX: usize = 64 << 10;

/// A request names the host that it is for, once (RFC 9112, 3.2): two names are how one request is made to mean
/// two things to a proxy and to us. Nobody is asked for a key before that.
async fn well_formed(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    let needed = request.version() == Version::HTTP_11 && request.uri().authority().is_none();
    let right = hosts == 1 || (hosts == 0 && !needed);
    if !right {
        let detail = format!("a request has one Host header, not {hosts}");
        return Problem::new(StatusCode::BAD_REQUEST, "host_required", detail).into_response();
    }
    let bytes: usize =
        request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if bytes > HEADERS_BYTES_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        let detail = format!("headers may have {HEADERS_BYTES_MAX} bytes at most, not {bytes}");
        return Problem::new(status, "headers_too_large", detail).into_response();
    }
    next.run(request).await
}

fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    // The panic hook has logged what it was.
    Problem::internal().into_response()
}

/// Give the request its id, a span and its metrics; make every failure a problem.
async fn observe(request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!(
        "request", request_id = %id, %method, route, key = tracing::field::Empty,
        enterprise = tracing::field::Empty, status = tracing::field::Empty,
    );
    let started = Instant::now();
    let answer = async {
        let under_v1 = request.uri().path().starts_with("/v1/");
        let mut reply = as_problem(next.run(request).await);
        if under_v1 {
            keep_private(reply.headers_mut());
        }
        if let Ok(value) = HeaderValue::try_from(&id) {
            reply.headers_mut().insert(X_REQUEST_ID, value);
        }
        let seconds = started.elapsed().as_secs_f64();
        let status = reply.status().as_u16();
        tracing::Span::current().record("status", status);
        let labels = [
            ("method", label(&method).to_owned()),
            ("route", route.clone()),
            ("status", status.to_string()),
        ];
        metrics::counter!("callwright_http_requests_total", &labels).increment(1);
        metrics::histogram!("callwright_http_request_seconds", &labels).record(seconds);
        tracing::info!(status, milliseconds = seconds * 1_000.0, "answered");
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            tokio::time::sleep(REFUSED_LATER).await;
        }
        reply
    };
    REQUEST_ID.scope(id.clone(), answer.instrument(span)).await
}

/// Nobody on the way keeps what an enterprise was told, and no browser takes it for a page.
fn keep_private(headers: &mut HeaderMap) {
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Anybody may send any word as a method: those that nobody serves have one name in metrics.
fn label(method: &Method) -> &str {
    const SERVED: [Method; 7] = [
        Method::GET,
        Method::HEAD,
        Method::OPTIONS,
        Method::POST,
        Method::PUT,
        Method::PATCH,
        Method::DELETE,
    ];
    if SERVED.contains(method) { method.as_str() } else { "other" }
}

/// The caller's own id, when it is fit to stand in logs, or a new one.
fn request_id(headers: &HeaderMap) -> String {
    let fit = |text: &&str| {
        (1..=REQUEST_ID_LENGTH_MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    let sent = headers.get(X_REQUEST_ID).and_then(|value| value.to_str().ok()).filter(fit);
    sent.map_or_else(|| format!("req_{}", Uuid::now_v7().simple()), str::to_owned)
}

/// A failure that a layer below gave as a bare status or as text, as a problem.
fn as_problem(reply: Response) -> Response {
    let status = reply.status();
    if !status.is_client_error() && !status.is_server_error() {
        return reply;
    }
    let kind = reply.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with(MEDIA_TYPE) || kind == "application/json") {
        return reply;
    }
    let mut problem = Problem::of_status(status).into_response();
    if let Some(allow) = reply.headers().get(header::ALLOW) {
        problem.headers_mut().insert(header::ALLOW, allow.clone());
    }
    problem
}

/// Hold a key to its rate.
async fn rate(
    State(state): State<ApiState>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let allowance = state.rates.take(caller.key.uuid(), Instant::now());
    let mut reply = if allowance.allowed {
        next.run(request).await
    } else {
        let detail = format!("too many requests with this key; go on in {} s", allowance.seconds);
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "rate_limited", detail);
        Problem { retry_after_seconds: Some(allowance.seconds), ..problem }.into_response()
    };
    state.rates.headers(allowance, reply.headers_mut());
    reply
}

/// Let a request wait while its enterprise has as many worked on as it may have. Files that are sent do not: most of
/// the time they wait for the client, and one that is slow must not stop its colleagues.
async fn wait_for_place(
    State(state): State<ApiState>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Response {
    let path = request.extensions().get::<MatchedPath>().map_or("", MatchedPath::as_str);
    if request.method() == Method::POST && path.ends_with("/imports") {
        return next.run(request).await;
    }
    let Some(_place) = state.at_once.place(caller.enterprise).await else {
        let detail = "your enterprise has as many requests worked on as it may have at a time; send fewer at once";
        let problem = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_at_once", detail);
        return Problem { retry_after_seconds: Some(1), ..problem }.into_response();
    };
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_of_the_caller_is_kept_only_when_it_is_fit_for_logs() {
        let with = |text: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_static(text));
            request_id(&headers)
        };
        assert_eq!(with("my-id_1"), "my-id_1");
        assert!(with("a b\"c").starts_with("req_"));
        assert!(with("").starts_with("req_"));
    }

    #[test]
    fn a_bare_status_becomes_a_problem_and_keeps_allow() {
        let mut reply = StatusCode::METHOD_NOT_ALLOWED.into_response();
        reply.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET"));
        let reply = as_problem(reply);
        assert_eq!(reply.headers()[header::CONTENT_TYPE], MEDIA_TYPE);
        assert_eq!(reply.headers()[header::ALLOW], "GET");
        assert_eq!(
            as_problem(StatusCode::OK.into_response()).headers().get(header::CONTENT_TYPE),
            None
        );
    }
}
