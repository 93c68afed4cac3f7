//! Caller IDs: the enterprise's own outbound numbers. They are shown to every customer that is
//! called, so they are never masked.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::fault::TEXT_PATTERN;
use outbound::ids::{CallerIdId, TrunkId};
use outbound::phone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::trunks::{self, CallerId, NewCallerId};

use crate::audit::changes;
use crate::auth::{Admin, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/caller_ids",
            get_with(list, about("list_caller_ids", "Caller IDs", "Caller IDs, newest first"))
                .post_with(
                    create,
                    about("create_caller_id", "Caller IDs", "Add a caller ID to a trunk"),
                ),
        )
        .api_route(
            "/v1/caller_ids/{caller_id}",
            get_with(read, about("get_caller_id", "Caller IDs", "A caller ID"))
                .patch_with(
                    change,
                    about("update_caller_id", "Caller IDs", "Change a caller ID's label or trunk"),
                )
                .delete_with(
                    delete,
                    about("delete_caller_id", "Caller IDs", "Delete a caller ID that nothing uses"),
                ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct CallerIdPath {
    caller_id: CallerIdId,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only those of this trunk.
    trunk: Option<TrunkId>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A new caller ID.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewCallerId")]
struct NewBody {
    trunk: TrunkId,
    /// E.164, or the national form of the enterprise's region.
    phone: String,
    /// At most 64 characters.
    #[serde(default)]
    #[schemars(length(max = 64), regex(pattern = TEXT_PATTERN))]
    label: String,
    /// Where it belongs, for rotation by location; as numbers' locations are written.
    #[serde(default)]
    #[schemars(length(max = 64), regex(pattern = TEXT_PATTERN))]
    province: String,
    #[serde(default)]
    #[schemars(length(max = 64), regex(pattern = TEXT_PATTERN))]
    city: String,
}

/// What may be changed of a caller ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct CallerIdConfig {
    trunk: TrunkId,
    /// At most 64 characters.
    #[serde(default)]
    #[schemars(length(max = 64), regex(pattern = TEXT_PATTERN))]
    label: String,
}

/// A caller ID.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CallerId")]
struct CallerIdView {
    id: CallerIdId,
    trunk: TrunkId,
    /// E.164.
    phone: String,
    label: String,
    province: String,
    city: String,
    created_at: Time,
}

impl From<CallerId> for CallerIdView {
    fn from(row: CallerId) -> Self {
        Self {
            id: row.id,
            trunk: row.trunk,
            phone: row.phone.reveal(),
            label: row.label,
            province: row.province,
            city: row.city,
            created_at: row.created_at,
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Reply<Json<Page<CallerIdView>>> {
    let page = Paging::new(which.limit, which.cursor).page()?;
    let listed =
        trunks::list_caller_ids(&state.store, caller.enterprise, which.trunk, page).await?;
    Ok(Json(view::page(listed, CallerIdView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Body(body): Body<NewBody>,
) -> Reply<Created<CallerIdView>> {
    let region = state.settings(&caller).await?.settings.default_region;
    let phone = phone::parse(&body.phone, &region)
        .map_err(|error| Problem::fault("/phone", "invalid_phone", error.to_string()))?;
    let new = NewCallerId {
        trunk: body.trunk,
        phone,
        label: body.label,
        province: body.province,
        city: body.city,
    };
    let row =
        trunks::create_caller_id(&state.store, caller.enterprise, new, state.clock.now()).await?;
    let detail = json!({ "trunk": row.trunk, "label": row.label });
    state.audit(&caller, Action::CallerIdCreate, row.id, detail).await;
    let location = format!("/v1/caller_ids/{}", row.id);
    Ok(Created { location, version: row.version, body: row.into() })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<CallerIdPath>,
) -> Reply<Tagged<CallerIdView>> {
    let row = trunks::get_caller_id(&state.store, caller.enterprise, path.caller_id).await?;
    Ok(Tagged { version: row.version, body: row.into() })
}

async fn change(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<CallerIdPath>,
    if_match: IfMatch,
    patch: MergePatch<CallerIdConfig>,
) -> Reply<Tagged<CallerIdView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.caller_id);
    let row = trunks::get_caller_id(store, enterprise, id).await?;
    let version = if_match.version(row.version);
    let old = CallerIdConfig { trunk: row.trunk, label: row.label };
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let (now, actor, label) = (state.clock.now(), caller.actor(), new.label.as_str());
    let row =
        trunks::update_caller_id(store, enterprise, id, version, new.trunk, label, now, &actor)
            .await?;
    state.audit(&caller, Action::CallerIdEdit, id, detail).await;
    Ok(Tagged { version: row.version, body: row.into() })
}

async fn delete(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<CallerIdPath>,
) -> Reply<NoContent> {
    trunks::delete_caller_id(&state.store, caller.enterprise, path.caller_id).await?;
    state.audit(&caller, Action::CallerIdDelete, path.caller_id, json!({})).await;
    Ok(NoContent)
}
