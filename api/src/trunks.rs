//! Trunks: lines to the phone network, with their limits and circuit breakers.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::ids::TrunkId;
use outbound::outcome::{DecidedBy, decided_by};
use outbound::trunk::TrunkConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::trunks::{self, Trunk};

use crate::audit::changes;
use crate::auth::{Admin, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/trunks",
            get_with(list, about("list_trunks", "Trunks", "Trunks, newest first"))
                .post_with(create, about("create_trunk", "Trunks", "Make a trunk")),
        )
        .api_route(
            "/v1/trunks/{trunk_id}",
            get_with(read, about("get_trunk", "Trunks", "A trunk"))
                .patch_with(
                    change,
                    about("update_trunk", "Trunks", "Change a trunk, or take it out of service"),
                )
                .delete_with(
                    delete,
                    about("delete_trunk", "Trunks", "Delete a trunk without caller IDs"),
                ),
        )
        .api_route(
            "/v1/trunks/{trunk_id}/outcomes",
            get_with(
                outcomes,
                about(
                    "list_trunk_outcomes",
                    "Trunks",
                    "What a trunk's last 1,000 calls ended with, and what decided it",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TrunkPath {
    trunk_id: TrunkId,
}

/// A trunk.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Trunk")]
struct TrunkView {
    id: TrunkId,
    #[serde(flatten)]
    config: TrunkConfig,
    /// `closed`, or `open`: it failed, and one call at a time tries it.
    breaker_state: String,
    /// When an open breaker next lets a call through to probe.
    breaker_until: Option<Time>,
    created_at: Time,
}

impl From<Trunk> for TrunkView {
    fn from(row: Trunk) -> Self {
        Self {
            id: row.id,
            config: row.config,
            breaker_state: row.breaker,
            breaker_until: row.breaker_until,
            created_at: row.created_at,
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<TrunkView>>> {
    let listed = trunks::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, TrunkView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Body(config): Body<TrunkConfig>,
) -> Reply<Created<TrunkView>> {
    let row = trunks::create(&state.store, caller.enterprise, config, state.clock.now()).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::TrunkCreate, row.id, detail).await;
    let location = format!("/v1/trunks/{}", row.id);
    Ok(Created { location, version: row.version, body: row.into() })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TrunkPath>,
) -> Reply<Tagged<TrunkView>> {
    let row = trunks::get(&state.store, caller.enterprise, path.trunk_id).await?;
    Ok(Tagged { version: row.version, body: row.into() })
}

/// What the last calls of a trunk ended with.
#[derive(Debug, Serialize, JsonSchema)]
struct TrunkOutcomes {
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

async fn outcomes(
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

async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<TrunkPath>,
    if_match: IfMatch,
    patch: MergePatch<TrunkConfig>,
) -> Reply<Tagged<TrunkView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.trunk_id);
    let row = trunks::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let (now, actor) = (state.clock.now(), caller.actor());
    let row = trunks::update(store, enterprise, id, version, new, now, &actor).await?;
    state.audit(&caller, Action::TrunkEdit, id, detail).await;
    Ok(Tagged { version: row.version, body: row.into() })
}

async fn delete(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<TrunkPath>,
) -> Reply<NoContent> {
    trunks::delete(&state.store, caller.enterprise, path.trunk_id).await?;
    state.audit(&caller, Action::TrunkDelete, path.trunk_id, json!({})).await;
    Ok(NoContent)
}
