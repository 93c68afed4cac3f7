//! `GET /v1/trunks/{trunk_id}/health`.

use axum::Json;
use axum::extract::State;
use chrono::TimeDelta;
use outbound::Time;
use outbound::trunk::health::{HostError, HostHealth, HostState, RegistrationState};
use schemars::JsonSchema;
use serde::Serialize;
use storage::trunks;
use storage::trunks::health::SeenHealth;

use super::TrunkPath;
use crate::auth::Viewer;
use crate::input::Path;
use crate::reply::Reply;
use crate::state::ApiState;

/// How a trunk is, as each process that dials sees it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TrunkHealthList {
    /// Processes that have looked within the last 20 seconds, the last look first. Empty for a trunk of another driver than
    /// `sip`, and where no process has an address for SIP.
    workers: Vec<TrunkHealthView>,
}

/// A trunk as one process sees it. Times are by the database's clock.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TrunkHealth")]
struct TrunkHealthView {
    /// Id of the process, as in `GET /v1/workers`.
    worker: String,
    seen_at: Time,
    registration: RegistrationView,
    /// In the trunk's order.
    hosts: Vec<HostHealthView>,
}

/// Whether the trunk knows where the process is reached.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RegistrationHealth")]
struct RegistrationView {
    state: RegistrationState,
    /// Until when it holds, if it is not renewed before.
    until: Option<Time>,
    /// What the trunk refused it with. `refused` without one: the trunk did not answer.
    sip_code: Option<u16>,
}

/// A host of a trunk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "HostHealth")]
struct HostHealthView {
    host: String,
    port: Option<u16>,
    state: HostState,
    /// Since when it is so.
    since: Time,
    /// How long its last answer took.
    round_trip_ms: Option<u64>,
    /// Why it was down the last time; it may be up again.
    last_error: Option<HostError>,
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TrunkPath>,
) -> Reply<Json<TrunkHealthList>> {
    let (store, id) = (&state.store, path.trunk_id);
    trunks::get(store, caller.enterprise, id).await?;
    let seen = trunks::health::list(store, id).await?;
    Ok(Json(TrunkHealthList { workers: seen.into_iter().map(TrunkHealthView::from).collect() }))
}

impl From<SeenHealth> for TrunkHealthView {
    fn from(seen: SeenHealth) -> Self {
        let SeenHealth { worker, health, seen_at } = seen;
        let registration = health.registration;
        Self {
            worker,
            seen_at,
            registration: RegistrationView {
                state: registration.state,
                until: registration.left_ms.map(|left| seen_at + span(left)),
                sip_code: registration.sip_code,
            },
            hosts: health.hosts.into_iter().map(|host| HostHealthView::of(host, seen_at)).collect(),
        }
    }
}

impl HostHealthView {
    fn of(seen: HostHealth, seen_at: Time) -> Self {
        Self {
            host: seen.host.host,
            port: seen.host.port,
            state: seen.state,
            since: seen_at - span(seen.for_ms),
            round_trip_ms: seen.round_trip_ms,
            last_error: seen.last_error,
        }
    }
}

/// A time that no clock can hold is not told as one.
fn span(ms: u64) -> TimeDelta {
    i64::try_from(ms).ok().and_then(TimeDelta::try_milliseconds).unwrap_or_default()
}
