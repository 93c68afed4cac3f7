//! `GET /v1/workers`: the processes of the installation, by their signs of life.

use std::collections::BTreeMap;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use outbound::Time;
use outbound::fleet::Kind;
use schemars::JsonSchema;
use serde::Serialize;
use storage::workers::{self, Standing, Worker};

use crate::auth::Admin;
use crate::openapi::about;
use crate::reply::Reply;
use crate::state::ApiState;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/workers",
            get_with(
                list,
                about("list_workers", "Workers", "Processes of the installation, newest first"),
            ),
        )
        .api_route(
            "/v1/workers/metrics_targets",
            get_with(
                metrics_targets,
                about(
                    "list_metrics_targets",
                    "Workers",
                    "Where processes tell their metrics, as Prometheus' HTTP service discovery reads it",
                ),
            ),
        )
}

/// All processes: those that work, and those that are gone since less than a day.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WorkerList")]
struct ListView {
    data: Vec<WorkerView>,
}

/// A process of the installation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Worker")]
struct WorkerView {
    id: String,
    /// `gone`: it gave no sign of life for 20 seconds, and did not say that it ends.
    state: WorkerState,
    /// What it works on: the words of `callwright work`, and `serve` for the API.
    kinds: Vec<Kind>,
    host: String,
    pid: u32,
    version: String,
    /// Address of its `/metrics`.
    metrics: Option<String>,
    /// Calls that are up.
    calls_up: u32,
    /// Calls that it carries at most; 0 when it carries none.
    calls_max: u32,
    /// By the database's clock.
    started_at: Time,
    /// Its last sign of life, by the database's clock.
    seen_at: Time,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum WorkerState {
    AtWork,
    Stopping,
    Gone,
}

impl From<Worker> for WorkerView {
    fn from(worker: Worker) -> Self {
        let Worker { sign, standing, started_at, seen_at } = worker;
        Self {
            id: sign.id,
            state: match standing {
                Standing::AtWork => WorkerState::AtWork,
                Standing::Stopping => WorkerState::Stopping,
                Standing::Gone => WorkerState::Gone,
            },
            kinds: sign.kinds,
            host: sign.host,
            pid: sign.pid,
            version: sign.version,
            metrics: sign.metrics,
            calls_up: sign.calls_up,
            calls_max: sign.calls_max,
            started_at,
            seen_at,
        }
    }
}

/// Addresses to scrape, with labels for all of them.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MetricsTarget")]
struct TargetView {
    targets: Vec<String>,
    labels: BTreeMap<&'static str, String>,
}

async fn list(State(state): State<ApiState>, Admin(_): Admin) -> Reply<Json<ListView>> {
    let found = workers::list(&state.store).await?;
    Ok(Json(ListView { data: found.into_iter().map(WorkerView::from).collect() }))
}

async fn metrics_targets(
    State(state): State<ApiState>,
    Admin(_): Admin,
) -> Reply<Json<Vec<TargetView>>> {
    let found = workers::list(&state.store).await?;
    let living = found.into_iter().filter(|worker| worker.standing != Standing::Gone);
    let targets = living.filter_map(|worker| {
        let kinds: Vec<_> = worker.sign.kinds.iter().map(|kind| kind.word()).collect();
        Some(TargetView {
            targets: vec![worker.sign.metrics?],
            labels: [("host", worker.sign.host), ("kinds", kinds.join(","))].into(),
        })
    });
    Ok(Json(targets.collect()))
}
