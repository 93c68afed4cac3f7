//! Is the process alive, can it serve, and how it does.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::problem::Problem;
use crate::state::ApiState;

/// How long a part may take to answer before it counts as down.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

#[derive(Debug, Serialize)]
struct Readiness {
    database: &'static str,
    queue: &'static str,
}

/// The process is alive, whatever it depends on.
pub async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// 200 when the database and the queue answer, 503 with what does not.
pub async fn ready(State(state): State<ApiState>) -> Response {
    let database = tokio::time::timeout(CHECK_TIMEOUT, state.store.ping());
    let queue = tokio::time::timeout(CHECK_TIMEOUT, state.queues.ping());
    let (database, queue) = tokio::join!(database, queue);
    let (database, queue) = (matches!(database, Ok(Ok(()))), matches!(queue, Ok(Ok(()))));
    let word = |up| if up { "up" } else { "down" };
    let status = if database && queue { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { database: word(database), queue: word(queue) })).into_response()
}

/// Prometheus text.
pub async fn metrics(State(state): State<ApiState>) -> Response {
    let Some(handle) = &state.metrics else {
        return Problem::of_status(StatusCode::NOT_FOUND).into_response();
    };
    let mut reply = handle.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}
