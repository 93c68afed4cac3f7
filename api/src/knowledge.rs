//! Knowledge bases: documents that robots answer from.

mod documents;

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use outbound::ids::KnowledgeId;
use outbound::knowledge::{KnowledgeConfig, Question};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::knowledge;

use crate::audit::changes;
use crate::auth::{Operator, Viewer};
use crate::etag::{IfMatch, MergePatch};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Reply, Tagged};
use crate::state::ApiState;
use crate::view::{self, View};

const TAG: &str = "Knowledge";

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/knowledge",
            get_with(list, about("list_knowledge", TAG, "Knowledge bases, newest first"))
                .post_with(create, about("create_knowledge", TAG, "Make a knowledge base")),
        )
        .api_route(
            "/v1/knowledge/{knowledge_id}",
            get_with(read, about("get_knowledge", TAG, "A knowledge base"))
                .patch_with(
                    change,
                    about(
                        "update_knowledge",
                        TAG,
                        "Give a knowledge base that no robot names another name",
                    ),
                )
                .delete_with(
                    delete,
                    about(
                        "delete_knowledge",
                        TAG,
                        "Delete a knowledge base that no robot names, with its documents",
                    ),
                ),
        )
        .api_route(
            "/v1/knowledge/{knowledge_id}/find",
            post_with(
                find,
                about("find_knowledge", TAG, "What robots would find in it for a question"),
            ),
        )
        .merge(documents::routes())
}

#[derive(Debug, Deserialize, JsonSchema)]
struct BasePath {
    knowledge_id: KnowledgeId,
}

type Base = View<KnowledgeId, KnowledgeConfig>;

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<Base>>> {
    let listed = knowledge::list(&state.store, caller.enterprise, paging.page()?).await?;
    Ok(Json(view::page(listed, View::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(config): Body<KnowledgeConfig>,
) -> Reply<Created<Base>> {
    let now = state.clock.now();
    let row = knowledge::create(&state.store, caller.enterprise, config, now).await?;
    let detail = json!({ "name": row.config.name });
    state.audit(&caller, Action::KnowledgeCreate, row.id, detail).await;
    Ok(view::created("knowledge", row))
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<BasePath>,
) -> Reply<Tagged<Base>> {
    Ok(view::tagged(knowledge::get(&state.store, caller.enterprise, path.knowledge_id).await?))
}

async fn change(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BasePath>,
    if_match: IfMatch,
    patch: MergePatch<KnowledgeConfig>,
) -> Reply<Tagged<Base>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.knowledge_id);
    let row = knowledge::get(store, enterprise, id).await?;
    let (version, old) = (if_match.version(row.version), row.config);
    let new = patch.apply(&old)?;
    let detail = json!({ "changes": changes(&old, &new) });
    let row = knowledge::update(store, enterprise, id, version, new).await?;
    state.audit(&caller, Action::KnowledgeEdit, id, detail).await;
    Ok(view::tagged(row))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BasePath>,
) -> Reply<NoContent> {
    knowledge::delete(&state.store, caller.enterprise, path.knowledge_id).await?;
    state.audit(&caller, Action::KnowledgeDelete, path.knowledge_id, json!({})).await;
    Ok(NoContent)
}

/// What was found, best first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KnowledgeFound")]
struct Found {
    data: Vec<Excerpt>,
}

/// A passage that has words of the question.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KnowledgeExcerpt")]
struct Excerpt {
    /// The name of its document.
    document: String,
    /// It begins with the headings above it.
    passage: String,
    /// How well it fits; for comparison with others of the same question.
    rank: f32,
}

async fn find(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<BasePath>,
    Body(asked): Body<Question>,
) -> Reply<Json<Found>> {
    asked.check().map_err(Problem::refused)?;
    let (store, enterprise) = (&state.store, caller.enterprise);
    let base = knowledge::get(store, enterprise, path.knowledge_id).await?.config.name;
    let found = knowledge::find(store, enterprise, &[base], &asked.question, asked.most).await?;
    let data = found.into_iter().map(|found| Excerpt {
        document: found.document,
        passage: found.passage,
        rank: found.rank,
    });
    Ok(Json(Found { data: data.collect() }))
}
