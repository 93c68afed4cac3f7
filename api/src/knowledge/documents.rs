//! Documents of a knowledge base: added and deleted, never edited.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::ids::{KnowledgeDocumentId, KnowledgeId};
use outbound::knowledge::{DocumentConfig, DocumentFormat};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::knowledge::{self, Document};

use super::{BasePath, TAG};
use crate::auth::{Operator, Viewer};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::{Created, Reply};
use crate::state::ApiState;
use crate::view;

pub(super) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .api_route(
            "/v1/knowledge/{knowledge_id}/documents",
            get_with(
                list,
                about("list_knowledge_documents", TAG, "Documents of a base, newest first"),
            )
            .post_with(create, |operation| {
                let summary = "Add a document to a base";
                about("create_knowledge_document", TAG, summary)(operation).description(ABOUT)
            }),
        )
        .api_route(
            "/v1/knowledge/{knowledge_id}/documents/{document_id}",
            get_with(
                read,
                about("get_knowledge_document", TAG, "A document of a base, with its text"),
            )
            .delete_with(
                delete,
                about(
                    "delete_knowledge_document",
                    TAG,
                    "Delete a document: no answer comes from it any more",
                ),
            ),
        )
}

const ABOUT: &str = "Its text is cut into passages of at most 1,200 characters: by headings, paragraphs and sentences. \
    Robots find them at once. A document is not edited: delete it, and add the new one.";

#[derive(Debug, Deserialize, JsonSchema)]
struct DocumentPath {
    knowledge_id: KnowledgeId,
    document_id: KnowledgeDocumentId,
}

/// A document, without its text.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KnowledgeDocument")]
struct DocumentView {
    id: KnowledgeDocumentId,
    name: String,
    format: DocumentFormat,
    /// Of its text in UTF-8.
    bytes: u32,
    /// Pieces by which it is found.
    passages: u32,
    created_at: Time,
}

impl From<Document> for DocumentView {
    fn from(row: Document) -> Self {
        let Document { id, name, format, bytes, passages, created_at } = row;
        Self { id, name, format, bytes, passages, created_at }
    }
}

/// A document with its text.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "KnowledgeDocumentText")]
struct DocumentTextView {
    id: KnowledgeDocumentId,
    name: String,
    format: DocumentFormat,
    /// Of its text in UTF-8.
    bytes: u32,
    /// Pieces by which it is found.
    passages: u32,
    created_at: Time,
    text: String,
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<BasePath>,
    Query(paging): Query<Paging>,
) -> Reply<Json<Page<DocumentView>>> {
    let (store, base, page) = (&state.store, path.knowledge_id, paging.page()?);
    let listed = knowledge::list_documents(store, caller.enterprise, base, page).await?;
    Ok(Json(view::page(listed, DocumentView::from)))
}

async fn create(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<BasePath>,
    Body(config): Body<DocumentConfig>,
) -> Reply<Created<DocumentView>> {
    let (base, now) = (path.knowledge_id, state.clock.now());
    let row = knowledge::add_document(&state.store, caller.enterprise, base, config, now).await?;
    let detail = json!({ "document": row.id, "name": row.name, "bytes": row.bytes });
    state.audit(&caller, Action::KnowledgeDocumentAdd, base, detail).await;
    let location = format!("/v1/knowledge/{base}/documents/{}", row.id);
    Ok(Created { location, version: 1, body: row.into() })
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<DocumentPath>,
) -> Reply<Json<DocumentTextView>> {
    let (store, base) = (&state.store, path.knowledge_id);
    let row = knowledge::document(store, caller.enterprise, base, path.document_id).await?;
    let Document { id, name, format, bytes, passages, created_at } = row.document;
    let text = row.text;
    Ok(Json(DocumentTextView { id, name, format, bytes, passages, created_at, text }))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<DocumentPath>,
) -> Reply<NoContent> {
    let (base, document) = (path.knowledge_id, path.document_id);
    knowledge::delete_document(&state.store, caller.enterprise, base, document).await?;
    let detail = json!({ "document": document });
    state.audit(&caller, Action::KnowledgeDocumentDelete, base, detail).await;
    Ok(NoContent)
}
