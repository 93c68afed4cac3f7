//! Templates: named, saved task configurations, and tasks made from them.

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use outbound::ids::TemplateId;
use outbound::task::TaskConfig;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use storage::{tasks, templates};

use crate::audit::changes;
use crate::auth::{Operator, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::tasks::{TaskView, made};
use crate::view::{self, Named, View};

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/templates",
            get_with(list, about("list_templates", "Templates", "Templates, newest first"))
                .post_with(create, about("create_template", "Templates", "Save a template")),
        )
        .api_route(
            "/v1/templates/{template_id}",
            get_with(read, about("get_template", "Templates", "A template"))
                .patch_with(
                    change,
                    about(
                        "update_template",
                        "Templates",
                        "Change a template; tasks made from it keep what they have",
                    ),
                )
                .delete_with(delete, about("delete_template", "Templates", "Delete a template")),
        )
        .api_route(
            "/v1/templates/{template_id}/tasks",
            post_with(
                create_task,
                about(
                    "create_task_from_template",
                    "Templates",
                    "Make a task of a template's values",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct TemplatePath {
    template_id: TemplateId,
}

type Template = View<TemplateId, TaskConfig>;

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Template>>> {
    let listed = templates::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, View::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<TaskConfig>,
) -> Reply<Created<Template>> {
    let now = state.clock.now();
    let row = templates::create(&state.store, caller.enterprise, config, now).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::TemplateCreate, row.id, detail).await;
    Ok(view::created("templates", row))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<TemplatePath>,
) -> Reply<Tagged<Template>> {
    Ok(view::tagged(templates::get(&state.store, caller.enterprise, path.template_id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TemplatePath>,
    if_match: IfMatch,
    patch: MergePatch<TaskConfig>,
) -> Reply<Tagged<Template>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.template_id);
    let row = templates::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let row = templates::update(store, enterprise, id, version, new).await?;
    state.audit(&caller, Action::TemplateEdit, id, detail).await;
    Ok(view::tagged(row))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TemplatePath>,
) -> Reply<NoContent> {
    templates::delete(&state.store, caller.enterprise, path.template_id).await?;
    state.audit(&caller, Action::TemplateDelete, path.template_id, json!({})).await;
    Ok(NoContent)
}

async fn create_task(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TemplatePath>,
    Body(named): Body<Named>,
) -> Reply<Created<TaskView>> {
    let (now, actor, id) = (state.clock.now(), caller.actor(), path.template_id);
    let enterprise = caller.enterprise;
    let task =
        tasks::create_from_template(&state.store, enterprise, id, &named.name, now, &actor).await?;
    Ok(made(&state, &caller, Action::TaskCreate, task, json!(id)).await)
}
