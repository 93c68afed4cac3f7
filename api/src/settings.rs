//! What an enterprise sets for all of its tasks.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::extract::State;
use outbound::audit::Action;
use outbound::enterprise::{CONCURRENCY_MAX, EnterpriseSettings};
use outbound::ids::EnterpriseId;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;
use storage::enterprises::{self, Enterprise};

use crate::audit::changes;
use crate::auth::{Admin, Caller, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::openapi::about;
use crate::problem::Problem;
use crate::reply::{Reply, Tagged};
use crate::state::ApiState;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new().api_route(
        "/v1/settings",
        get_with(read, about("get_settings", "Settings", "The enterprise's settings")).patch_with(
            change,
            about("update_settings", "Settings", "Change the enterprise's settings"),
        ),
    )
}

/// The settings of the key's enterprise.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Settings")]
struct SettingsView {
    enterprise: EnterpriseId,
    enterprise_name: String,
    /// The most that `concurrency_limit` may be. Who runs the installation sets it: `callwright enterprises change`.
    concurrency_max: u32,
    #[serde(flatten)]
    settings: EnterpriseSettings,
}

fn tagged(row: Enterprise) -> Tagged<SettingsView> {
    let version = row.version;
    let body = SettingsView {
        enterprise: row.id,
        enterprise_name: row.name,
        concurrency_max: row.concurrency_max.unwrap_or(CONCURRENCY_MAX),
        settings: row.settings,
    };
    Tagged { version, body }
}

impl ApiState {
    /// The enterprise of a caller.
    pub(crate) async fn settings(&self, caller: &Caller) -> Result<Enterprise, Problem> {
        Ok(enterprises::get(&self.store, caller.enterprise).await?)
    }
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
) -> Reply<Tagged<SettingsView>> {
    Ok(tagged(state.settings(&caller).await?))
}

async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    if_match: IfMatch,
    patch: MergePatch<EnterpriseSettings>,
) -> Reply<Tagged<SettingsView>> {
    let row = state.settings(&caller).await?;
    let (version, old) = (if_match.version(row.version), row.settings);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let (now, actor) = (state.clock.now(), caller.actor());
    let row =
        enterprises::update(&state.store, caller.enterprise, version, new, now, &actor).await?;
    state.audit(&caller, Action::SettingsEdit, caller.enterprise, detail).await;
    Ok(tagged(row))
}
