//! Voice navigations: drafts, their publication, and the versions that calls run.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use dialog::navigation::{Navigation, Published};
use outbound::Time;
use outbound::audit::Action;
use outbound::ids::NavigationId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::navigations::{self, Draft};

use crate::audit::changes;
use crate::auth::{Operator, Viewer};
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
            "/v1/navigations",
            get_with(list, about("list_navigations", "Navigations", "Navigations, newest first"))
                .post_with(
                    create,
                    about("create_navigation", "Navigations", "Make a draft of a navigation"),
                ),
        )
        .api_route(
            "/v1/navigations/{navigation_id}",
            get_with(read, about("get_navigation", "Navigations", "A navigation's draft"))
                .patch_with(
                    change,
                    about(
                        "update_navigation",
                        "Navigations",
                        "Change the draft; calls run what was published",
                    ),
                )
                .delete_with(
                    delete,
                    about(
                        "delete_navigation",
                        "Navigations",
                        "Delete a navigation that nothing uses",
                    ),
                ),
        )
        .api_route(
            "/v1/navigations/{navigation_id}/publish",
            post_with(
                publish,
                about("publish_navigation", "Navigations", "Check the draft and publish it"),
            ),
        )
        .api_route(
            "/v1/navigations/{navigation_id}/versions",
            get_with(
                versions,
                about(
                    "list_navigation_versions",
                    "Navigations",
                    "The published versions, newest first",
                ),
            ),
        )
        .api_route(
            "/v1/navigations/{navigation_id}/versions/{number}",
            get_with(
                read_version,
                about(
                    "get_navigation_version",
                    "Navigations",
                    "What was published, with its robots",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct NavigationPath {
    navigation_id: NavigationId,
}

#[derive(Debug, Deserialize, JsonSchema)]
struct VersionPath {
    navigation_id: NavigationId,
    /// Counted from 1.
    #[schemars(range(min = 1))]
    number: i32,
}

/// A navigation.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NavigationDraft")]
struct NavigationView {
    id: NavigationId,
    #[serde(flatten)]
    draft: Navigation,
    /// The version that calls run, counted from 1; `null` before the first publication.
    published_version: Option<i32>,
    created_at: Time,
}

/// A published version.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "NavigationVersion")]
struct VersionView {
    number: i32,
    /// Calls that are triggered now run it.
    current: bool,
}

impl From<Draft> for NavigationView {
    fn from(row: Draft) -> Self {
        Self {
            id: row.id,
            draft: row.draft,
            published_version: row.published_version,
            created_at: row.created_at,
        }
    }
}

fn tagged(row: Draft) -> Tagged<NavigationView> {
    Tagged { version: row.version, body: row.into() }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<NavigationView>>> {
    let listed = navigations::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, NavigationView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(draft): Body<Navigation>,
) -> Reply<Created<NavigationView>> {
    let now = state.clock.now();
    let row = navigations::create(&state.store, caller.enterprise, draft, now).await?;
    let detail = json!({ "name": row.draft.name });
    state.audit(&caller, Action::NavigationCreate, row.id, detail).await;
    let location = format!("/v1/navigations/{}", row.id);
    Ok(Created { location, version: row.version, body: row.into() })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<NavigationPath>,
) -> Reply<Tagged<NavigationView>> {
    Ok(tagged(navigations::get(&state.store, caller.enterprise, path.navigation_id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<NavigationPath>,
    if_match: IfMatch,
    patch: MergePatch<Navigation>,
) -> Reply<Tagged<NavigationView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.navigation_id);
    let row = navigations::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.draft);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let row = navigations::update(store, enterprise, id, version, new).await?;
    state.audit(&caller, Action::NavigationEdit, id, detail).await;
    Ok(tagged(row))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<NavigationPath>,
) -> Reply<NoContent> {
    navigations::delete(&state.store, caller.enterprise, path.navigation_id).await?;
    state.audit(&caller, Action::NavigationDelete, path.navigation_id, json!({})).await;
    Ok(NoContent)
}

async fn publish(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<NavigationPath>,
) -> Reply<Tagged<NavigationView>> {
    let now = state.clock.now();
    let row =
        navigations::publish(&state.store, caller.enterprise, path.navigation_id, now).await?;
    let detail = json!({ "version": row.published_version });
    state.audit(&caller, Action::NavigationPublish, path.navigation_id, detail).await;
    Ok(tagged(row))
}

async fn versions(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<NavigationPath>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<VersionView>>> {
    let row = navigations::get(&state.store, caller.enterprise, path.navigation_id).await?;
    let newest = row.published_version.unwrap_or(0);
    let before: Option<i32> = paging.after()?;
    let from = before.map_or(newest, |before| (before - 1).min(newest));
    let limit = i32::try_from(paging.limit()?).unwrap_or(i32::MAX);
    let last = from.saturating_sub(limit).max(0);
    let data = ((last + 1)..=from).rev();
    let data = data.map(|number| VersionView { number, current: number == newest }).collect();
    let next = (last > 0).then_some(last + 1);
    Ok(Json(Page::going_on(data, next.as_ref())))
}

async fn read_version(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<VersionPath>,
) -> Reply<Json<Published>> {
    let row = navigations::get(&state.store, caller.enterprise, path.navigation_id).await?;
    if !(1..=row.published_version.unwrap_or(0)).contains(&path.number) {
        return Err(Problem::not_found("that version"));
    }
    Ok(Json(navigations::published(&state.store, path.navigation_id, path.number).await?))
}
