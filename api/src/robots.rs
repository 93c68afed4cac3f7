//! Robots: named voice bots.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use dialog::robot::RobotConfig;
use outbound::audit::Action;
use outbound::ids::RobotId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use storage::robots;

use crate::audit::changes;
use crate::auth::{Operator, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view::{self, View};

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/robots",
            get_with(list, about("list_robots", "Robots", "Robots, newest first"))
                .post_with(create, about("create_robot", "Robots", "Make a robot")),
        )
        .api_route(
            "/v1/robots/{robot_id}",
            get_with(read, about("get_robot", "Robots", "A robot"))
                .patch_with(change, about("update_robot", "Robots", "Change a robot; calls hear of it when a navigation that uses it is published"))
                .delete_with(delete, about("delete_robot", "Robots", "Delete a robot that no navigation names")),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
pub(crate) struct RobotPath {
    pub(crate) robot_id: RobotId,
}

type Robot = View<RobotId, RobotConfig>;

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Robot>>> {
    let listed = robots::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, View::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<RobotConfig>,
) -> Reply<Created<Robot>> {
    let now = state.clock.now();
    let row = robots::create(&state.store, caller.enterprise, config, now).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::RobotCreate, row.id, detail).await;
    Ok(view::created("robots", row))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<RobotPath>,
) -> Reply<Tagged<Robot>> {
    Ok(view::tagged(robots::get(&state.store, caller.enterprise, path.robot_id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<RobotPath>,
    if_match: IfMatch,
    patch: MergePatch<RobotConfig>,
) -> Reply<Tagged<Robot>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.robot_id);
    let row = robots::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let row = robots::update(store, enterprise, id, version, new).await?;
    state.audit(&caller, Action::RobotEdit, id, detail).await;
    Ok(view::tagged(row))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<RobotPath>,
) -> Reply<NoContent> {
    robots::delete(&state.store, caller.enterprise, path.robot_id).await?;
    state.audit(&caller, Action::RobotDelete, path.robot_id, json!({})).await;
    Ok(NoContent)
}
