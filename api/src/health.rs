//! Is the process alive, can it serve, and how it does: the same for the API and for workers.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use http::{HeaderValue, StatusCode, header};
use metrics_exporter_prometheus::PrometheusHandle;

use crate::readiness::Parts;
use crate::state::ApiState;

/// How long a part may take to answer before it counts as down.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
const UP: &str = "up";

/// The pages of a process, of whatever role, on an address of their own.
pub fn probes(state: ApiState, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route("/health", get(live))
        .route("/ready", get(ready))
        .route("/metrics", get(move || async move { rendered(&metrics) }))
        .with_state(state)
}

/// The process is alive, whatever it depends on.
pub(crate) async fn live() -> Json<serde_json::Value> {
    Json(serde_json::json!({ "status": "ok" }))
}

/// 200 when PostgreSQL, Redis and the object store answer, 503 with what does not.
pub(crate) async fn ready(State(state): State<ApiState>) -> Response {
    let parts = state.readiness.fresh_or(ask(&state)).await;
    let all = [parts.database, parts.queue, parts.objects].iter().all(|word| *word == UP);
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(parts)).into_response()
}

async fn ask(state: &ApiState) -> Parts {
    let (database, queue, objects) = tokio::join!(
        answers(state.store.ping()),
        answers(state.queues.ping()),
        answers(state.objects.ping())
    );
    let word = |up| if up { UP } else { "down" };
    Parts { database: word(database), queue: word(queue), objects: word(objects) }
}

async fn answers<E>(asked: impl Future<Output = Result<(), E>>) -> bool {
    matches!(tokio::time::timeout(CHECK_TIMEOUT, asked).await, Ok(Ok(())))
}

/// Prometheus text.
fn rendered(metrics: &PrometheusHandle) -> Response {
    let mut reply = metrics.render().into_response();
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    reply.headers_mut().insert(header::CONTENT_TYPE, kind);
    reply
}
