//! `GET /v1/trunks/{trunk_id}/outcomes`.

use axum::Json;
use axum::extract::State;
use outbound::outcome::{DecidedBy, decided_by};
use schemars::JsonSchema;
use serde::Serialize;
use storage::trunks;

use super::TrunkPath;
use crate::auth::Viewer;
use crate::input::Path;
use crate::reply::Reply;
use crate::state::ApiState;

/// What the last calls of a trunk ended with.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TrunkOutcomes {
    /// Calls that were looked at: the last 1,000 of the trunk, as far as they are among the last 20,000 of the enterprise.
    calls: u64,
    /// The most frequent first.
    outcomes: Vec<TrunkOutcome>,
}

/// Calls of a trunk that ended alike.
#[derive(Debug, Serialize, JsonSchema)]
struct TrunkOutcome {
    /// `answered`, or the called status.
    result: String,
    /// Why, where the line did not say, as on the record; else empty.
    cause: String,
    sip_code: Option<u16>,
    q850_cause: Option<u16>,
    /// What made it this result, by the trunk's status mapping as it is now.
    decided_by: DecidedBy,
    calls: u64,
}

pub(super) async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TrunkPath>,
) -> Reply<Json<TrunkOutcomes>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.trunk_id);
    let trunk = trunks::get(store, enterprise, id).await?;
    let found = trunks::outcomes(store, enterprise, id).await?;
    let mapping = &trunk.config.status_mapping;
    let outcomes: Vec<TrunkOutcome> = found
        .into_iter()
        .map(|outcome| {
            let codes = (outcome.sip_code, outcome.q850_cause);
            TrunkOutcome {
                result: outcome.result.word().to_owned(),
                decided_by: decided_by(outcome.result, &outcome.cause, codes, mapping),
                cause: outcome.cause,
                sip_code: outcome.sip_code,
                q850_cause: outcome.q850_cause,
                calls: outcome.calls,
            }
        })
        .collect();
    let calls = outcomes.iter().map(|outcome| outcome.calls).sum();
    Ok(Json(TrunkOutcomes { calls, outcomes }))
}
