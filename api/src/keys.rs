//! Keys to the API: shown once when made, kept as a hash, revocable.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, NoContent, Response};
use outbound::Time;
use outbound::api_key::{Permission, Role};
use outbound::audit::Action;
use outbound::fault::NAME_PATTERN;
use outbound::ids::ApiKeyId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::keys::{self, ApiKey};

use crate::auth::Admin;
use crate::idempotency::ReplayBody;
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Reply};
use crate::state::ApiState;
use crate::view;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/keys",
            get_with(list, about("list_keys", "Keys", "Keys, newest first")).post_with(
                create,
                |operation| {
                    about("create_key", "Keys", "Make a key; its secret is shown this once")(
                        operation,
                    )
                    .response::<201, Created<NewKeyView>>()
                },
            ),
        )
        .api_route(
            "/v1/keys/{key_id}",
            get_with(read, about("get_key", "Keys", "A key, without its secret")).delete_with(
                revoke,
                about(
                    "revoke_key",
                    "Keys",
                    "Revoke a key: it works no longer. Its permissions must be among those of the key that asks",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct KeyPath {
    key_id: ApiKeyId,
}

/// A new key.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewKey")]
struct NewBody {
    /// 1–64 characters.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    name: String,
    role: Role,
    /// Only those that the key which asks has itself.
    #[serde(default)]
    permissions: Vec<Permission>,
}

/// A key.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Key")]
struct KeyView {
    id: ApiKeyId,
    name: String,
    /// How it starts.
    prefix: String,
    role: Role,
    permissions: Vec<Permission>,
    created_at: Time,
    last_used_at: Option<Time>,
    revoked_at: Option<Time>,
}

/// A key that was just made.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CreatedKey")]
struct NewKeyView {
    #[serde(flatten)]
    key: KeyView,
    /// Shown this once; `null` when the reply is replayed for an Idempotency-Key.
    secret: Option<String>,
}

impl From<ApiKey> for KeyView {
    fn from(row: ApiKey) -> Self {
        Self {
            id: row.id,
            name: row.name,
            prefix: row.prefix,
            role: row.role,
            permissions: row.permissions,
            created_at: row.created_at,
            last_used_at: row.last_used_at,
            revoked_at: row.revoked_at,
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<KeyView>>> {
    let listed = keys::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, KeyView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Body(body): Body<NewBody>,
) -> Reply<Response> {
    for permission in &body.permissions {
        caller.require(*permission)?;
    }
    let (name, permissions) = (&body.name, &body.permissions);
    let (enterprise, now) = (caller.enterprise, state.clock.now());
    let made = keys::create(&state.store, enterprise, name, body.role, permissions, now).await?;
    let detail = json!({ "name": name, "role": body.role, "permissions": permissions });
    state.audit(&caller, Action::KeyCreate, made.key.id, detail).await;

    let location = format!("/v1/keys/{}", made.key.id);
    let mut body = NewKeyView { key: made.key.into(), secret: None };
    // The stored reply of an Idempotency-Key must not keep what is stored nowhere else.
    let replay = serde_json::to_vec(&body).map_err(|_| Problem::internal())?;
    body.secret = Some(made.secret);
    let mut reply = Created { location, version: 1, body }.into_response();
    reply.extensions_mut().insert(ReplayBody(replay.into()));
    Ok(reply)
}

async fn read(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<KeyPath>,
) -> Reply<Json<KeyView>> {
    let row = keys::get(&state.store, caller.enterprise, path.key_id).await?;
    Ok(Json(row.into()))
}

async fn revoke(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Path(path): Path<KeyPath>,
) -> Reply<NoContent> {
    let key = keys::get(&state.store, caller.enterprise, path.key_id).await?;
    // Nobody takes from others what they don't hold themselves. A key never changes, so this stays true.
    caller.at_least(key.role)?;
    key.permissions.iter().try_for_each(|permission| caller.require(*permission))?;
    keys::revoke(&state.store, caller.enterprise, path.key_id, state.clock.now()).await?;
    state.audit(&caller, Action::KeyRevoke, path.key_id, json!({})).await;
    Ok(NoContent)
}
