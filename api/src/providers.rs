//! Providers: services that robots hear, think and speak with, and systems of the enterprise that they ask.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::ids::ProviderId;
use outbound::provider::{ProviderConfig, ProviderKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::providers::{self, Provider};

use crate::audit::changes;
use crate::auth::{Admin, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view;

const TAG: &str = "Providers";

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/providers",
            get_with(list, about("list_providers", TAG, "Providers, newest first"))
                .post_with(create, about("create_provider", TAG, "Add a provider")),
        )
        .api_route(
            "/v1/providers/{provider_id}",
            get_with(read, about("get_provider", TAG, "A provider"))
                .patch_with(
                    change,
                    about("update_provider", TAG, "Change a provider; calls hear of it at once"),
                )
                .delete_with(
                    delete,
                    about("delete_provider", TAG, "Delete a provider that nothing names"),
                ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct ProviderPath {
    provider_id: ProviderId,
}

/// A provider.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Provider")]
struct ProviderView {
    id: ProviderId,
    /// What it is for, as its driver says.
    kind: ProviderKind,
    #[serde(flatten)]
    config: ProviderConfig,
    created_at: Time,
}

impl From<Provider> for ProviderView {
    fn from(row: Provider) -> Self {
        let kind = row.config.kind();
        Self { id: row.id, kind, config: row.config, created_at: row.created_at }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<ProviderView>>> {
    let listed = providers::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, ProviderView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Body(config): Body<ProviderConfig>,
) -> Reply<Created<ProviderView>> {
    let now = state.clock.now();
    let row = providers::create(&state.store, caller.enterprise, config, now).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::ProviderCreate, row.id, detail).await;
    let location = format!("/v1/providers/{}", row.id);
    Ok(Created { location, version: row.version, body: row.into() })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<ProviderPath>,
) -> Reply<Tagged<ProviderView>> {
    let row = providers::get(&state.store, caller.enterprise, path.provider_id).await?;
    Ok(Tagged { version: row.version, body: row.into() })
}

async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<ProviderPath>,
    if_match: IfMatch,
    patch: MergePatch<ProviderConfig>,
) -> Reply<Tagged<ProviderView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.provider_id);
    let row = providers::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    // A key is for nobody's eyes, also in the audit log; that a new one was written is.
    let new_key = new.secret().is_some();
    let detail = json!({ "changes": changes(&old, &new), "new_key": new_key });
    let row = providers::update(store, enterprise, id, version, new).await?;
    state.audit(&caller, Action::ProviderEdit, id, detail).await;
    Ok(Tagged { version: row.version, body: row.into() })
}

async fn delete(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<ProviderPath>,
) -> Reply<NoContent> {
    providers::delete(&state.store, caller.enterprise, path.provider_id).await?;
    state.audit(&caller, Action::ProviderDelete, path.provider_id, json!({})).await;
    Ok(NoContent)
}
