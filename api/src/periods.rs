//! Periods: named time conditions. An edit re-plans every task that keeps to one.

use std::collections::{BTreeMap, BTreeSet};

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use outbound::fault::{Fault, count};
use outbound::ids::PeriodId;
use outbound::period::PeriodConfig;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::periods::{self, Edit};

use crate::audit::changes;
use crate::auth::{Operator, Viewer};
use crate::etag::{IfMatch, MergePatch, Version};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view::{self, View};

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/periods",
            get_with(list, about("list_periods", "Periods", "Periods, newest first"))
                .post_with(create, about("create_period", "Periods", "Make a period"))
                .patch_with(
                    change_all,
                    about(
                        "update_periods",
                        "Periods",
                        "Change several periods together, all or none, and re-plan the tasks that keep to them",
                    ),
                ),
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

/// Periods that one request changes, at most.
pub const EDITS_MAX: usize = 100;

/// Periods to change together.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PeriodEdits {
    /// 1–100, none twice.
    #[schemars(length(min = 1, max = 100))]
    periods: Vec<PeriodEdit>,
}

/// A period to change.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PeriodEdit {
    id: PeriodId,
    /// The `ETag` with which the period was read; when it is no longer current, none is changed.
    if_match: Version,
    changes: MergePatch<PeriodConfig>,
}

/// Periods as they stand now, in the order of their edits.
#[derive(Debug, Serialize, JsonSchema)]
struct PeriodsChanged {
    periods: Vec<PeriodChanged>,
}

/// A period as it stands now.
#[derive(Debug, Serialize, JsonSchema)]
struct PeriodChanged {
    /// For the next change.
    etag: Version,
    #[serde(flatten)]
    period: Period,
}

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
    if_match: IfMatch,
    patch: MergePatch<PeriodConfig>,
) -> Reply<Tagged<Period>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.period_id);
    let row = periods::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config.written());
    let new = patch.apply(&old)?.edited(&old);
    let detail = json!({ "changes": changes(&old, &new) });
    let (now, actor) = (state.clock.now(), caller.actor());
    let (row, steps) = periods::update(store, enterprise, id, version, new, now, &actor).await?;
    state.push_steps(steps).await;
    state.audit(&caller, Action::PeriodEdit, id, detail).await;
    Ok(view::tagged(row))
}

async fn change_all(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(body): Body<PeriodEdits>,
) -> Reply<Json<PeriodsChanged>> {
    let (store, enterprise) = (&state.store, caller.enterprise);
    let mut faults = Vec::from_iter(count("/periods", body.periods.len(), 1, EDITS_MAX));
    let mut seen = BTreeSet::new();
    for (place, _) in body.periods.iter().enumerate().filter(|(_, edit)| !seen.insert(edit.id)) {
        let detail = "is there twice; put all changes of a period into one";
        faults.push(Fault::new(format!("/periods/{place}/id"), "repeated", detail));
    }
    if !faults.is_empty() {
        return Err(Problem::refused(faults));
    }
    let ids: Vec<PeriodId> = seen.into_iter().collect();
    let found = periods::get_many(store, enterprise, &ids).await?;
    let found: BTreeMap<PeriodId, PeriodConfig> =
        found.into_iter().map(|period| (period.id, period.config.written())).collect();
    let mut edits = Vec::with_capacity(body.periods.len());
    for (place, PeriodEdit { id, if_match, changes }) in body.periods.into_iter().enumerate() {
        let Some(old) = found.get(&id) else {
            let detail = format!("there is no period {id}");
            return Err(Problem::fault(format!("/periods/{place}/id"), "not_found", detail));
        };
        let pointer = format!("/periods/{place}/changes");
        let version_pointer = format!("/periods/{place}/if_match");
        let config = changes.apply(old).map_err(|problem| problem.within(&pointer))?.edited(old);
        edits.push(Edit { id, expected: if_match.0, pointer, version_pointer, config });
    }
    let (now, actor) = (state.clock.now(), caller.actor());
    let (rows, steps) = periods::update_all(store, enterprise, &edits, now, &actor).await?;
    state.push_steps(steps).await;
    for edit in &edits {
        let detail = found.get(&edit.id).map(|old| changes(old, &edit.config));
        state.audit(&caller, Action::PeriodEdit, edit.id, json!({ "changes": detail })).await;
    }
    let changed =
        |row: periods::Period| PeriodChanged { etag: Version(row.version), period: row.into() };
    Ok(Json(PeriodsChanged { periods: rows.into_iter().map(changed).collect() }))
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
