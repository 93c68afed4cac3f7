//! Trunks: lines to the phone network, with their limits and circuit breakers.

mod health;
mod outcomes;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::ids::TrunkId;
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
                outcomes::list,
                about(
                    "list_trunk_outcomes",
                    "Trunks",
                    "What a trunk's last 1,000 calls ended with, and what decided it",
                ),
            ),
        )
        .api_route(
            "/v1/trunks/{trunk_id}/health",
            get_with(
                health::list,
                about(
                    "get_trunk_health",
                    "Trunks",
                    "Whether a SIP trunk's hosts answer and its registration holds",
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
