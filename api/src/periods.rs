//! Periods: named time conditions. An edit re-plans every task that keeps to one.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use outbound::ids::PeriodId;
use outbound::period::PeriodConfig;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use storage::periods;

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
            "/v1/periods",
            get_with(list, about("list_periods", "Periods", "Periods, newest first"))
                .post_with(create, about("create_period", "Periods", "Make a period")),
        )
        .api_route(
            "/v1/periods/{period_id}",
            get_with(read, about("get_period", "Periods", "A period"))
                .patch_with(
                    change,
                    about(
                        "update_period",
                        "Periods",
                        "Change a period, and re-plan the tasks that keep to it",
                    ),
                )
                .delete_with(
                    delete,
                    about("delete_period", "Periods", "Delete a period that nothing keeps to"),
                ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct PeriodPath {
    period_id: PeriodId,
}

type Period = View<PeriodId, PeriodConfig>;

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Period>>> {
    let listed = periods::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, View::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<PeriodConfig>,
) -> Reply<Created<Period>> {
    let now = state.clock.now();
    let row = periods::create(&state.store, caller.enterprise, config, now).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::PeriodCreate, row.id, detail).await;
    Ok(view::created("periods", row))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<PeriodPath>,
) -> Reply<Tagged<Period>> {
    Ok(view::tagged(periods::get(&state.store, caller.enterprise, path.period_id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<PeriodPath>,
    IfMatch(version): IfMatch,
    patch: MergePatch<PeriodConfig>,
) -> Reply<Tagged<Period>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.period_id);
    let old = periods::get(store, enterprise, id).await?.config;
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let (now, actor) = (state.clock.now(), caller.actor());
    let (row, steps) = periods::update(store, enterprise, id, version, new, now, &actor).await?;
    state.push_steps(steps).await;
    state.audit(&caller, Action::PeriodEdit, id, detail).await;
    Ok(view::tagged(row))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<PeriodPath>,
) -> Reply<NoContent> {
    periods::delete(&state.store, caller.enterprise, path.period_id).await?;
    state.audit(&caller, Action::PeriodDelete, path.period_id, json!({})).await;
    Ok(NoContent)
}
