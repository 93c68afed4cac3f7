//! Documents of a knowledge base. A document is never edited: it goes, and a new one comes.

use outbound::Time;
use outbound::ids::{EnterpriseId, KnowledgeDocumentId, KnowledgeId};
use outbound::knowledge::{DocumentConfig, DocumentFormat, index_text};
use sqlx::types::Uuid;

use crate::judging::judged;
use crate::rows::{Listed, Page, name_taken};
use crate::{Store, StoreError, idempotency, quotas};

/// A document without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    pub id: KnowledgeDocumentId,
    pub name: String,
    pub format: DocumentFormat,
    /// Of its text.
    pub bytes: u32,
    /// Pieces by which it is found.
    pub passages: u32,
    pub created_at: Time,
}

/// A document with its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentText {
    pub document: Document,
    pub text: String,
}

struct Row {
    id: Uuid,
    name: String,
    format: String,
    bytes: i32,
    passages: i32,
    created_at: Time,
}

impl TryFrom<Row> for Document {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        let format = DocumentFormat::from_word(&row.format)
            .ok_or_else(|| StoreError::Damaged("a document's format is not known".into()))?;
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            format,
            bytes: row.bytes.unsigned_abs(),
            passages: row.passages.unsigned_abs(),
            created_at: row.created_at,
        })
    }
}

/// Keep a document, and make its passages. Locks the base against its deletion.
pub async fn add_document(
    store: &Store,
    enterprise: EnterpriseId,
    base: KnowledgeId,
    config: DocumentConfig,
    now: Time,
) -> Result<Document, StoreError> {
    if let Some(made) = idempotency::made(|id| document(store, enterprise, base, id)).await? {
        return Ok(made.document);
    }
    // A megabyte takes a moment, so it is cut before anything is locked.
    let (config, cut) = judged(move || {
        let cut = config.passages().map(|passages| {
            let terms: Vec<String> = passages.iter().map(|passage| index_text(passage)).collect();
            (passages, terms)
        });
        (config, cut)
    })
    .await?;
    let (passages, terms) = cut.map_err(StoreError::Refused)?;
    let count = i32::try_from(passages.len()).unwrap_or(i32::MAX);
    let bytes = i32::try_from(config.text.len()).unwrap_or(i32::MAX);
    let id = idempotency::id(clock::new_id::<KnowledgeDocumentId>());
    let mut tx = store.api.begin().await?;
    sqlx::query_scalar!(
        "select id from knowledge_base where id = $1 and enterprise_id = $2 for share",
        base.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(StoreError::NotFound("knowledge base"))?;
    quotas::room_for_document(&mut tx, enterprise, base, config.text.len() as u64).await?;
    sqlx::query!(
        "insert into knowledge_document
            (id, enterprise_id, base_id, name, format, content, bytes, passages, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        id.uuid(),
        enterprise.uuid(),
        base.uuid(),
        config.name,
        config.format.word(),
        config.text,
        bytes,
        count,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    sqlx::query!(
        "insert into knowledge_passage (document_id, number, content, terms)
         select $1, number - 1, content,
                array_to_tsvector(array[$4::text]) || to_tsvector('simple', words) || to_tsvector('english', words)
           from unnest($2::text[], $3::text[]) with ordinality as p (content, words, number)",
        id.uuid(),
        &passages,
        &terms,
        base.uuid().to_string()
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(Document {
        id,
        name: config.name,
        format: config.format,
        bytes: bytes.unsigned_abs(),
        passages: count.unsigned_abs(),
        created_at: now,
    })
}

/// Locks nothing.
pub async fn document(
    store: &Store,
    enterprise: EnterpriseId,
    base: KnowledgeId,
    id: KnowledgeDocumentId,
) -> Result<DocumentText, StoreError> {
    let row = sqlx::query!(
        "select id, name, format, bytes, passages, created_at, content from knowledge_document
          where id = $1 and base_id = $2 and enterprise_id = $3",
        id.uuid(),
        base.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?
    .ok_or(StoreError::NotFound("document"))?;
    let document = Row {
        id: row.id,
        name: row.name,
        format: row.format,
        bytes: row.bytes,
        passages: row.passages,
        created_at: row.created_at,
    };
    Ok(DocumentText { document: document.try_into()?, text: row.content })
}

/// Newest first. Locks nothing.
pub async fn list_documents(
    store: &Store,
    enterprise: EnterpriseId,
    base: KnowledgeId,
    page: Page<KnowledgeDocumentId>,
) -> Result<Listed<Document, KnowledgeDocumentId>, StoreError> {
    super::get(store, enterprise, base).await?;
    let rows = sqlx::query_as!(
        Row,
        "select id, name, format, bytes, passages, created_at from knowledge_document
          where enterprise_id = $1 and base_id = $2 and ($3::uuid is null or id < $3)
          order by id desc limit $4",
        enterprise.uuid(),
        base.uuid(),
        page.after.map(KnowledgeDocumentId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let rows = rows.into_iter().map(Document::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(rows, |document| document.id))
}

/// Delete a document: no answer comes from it any more. Locks its row.
pub async fn delete_document(
    store: &Store,
    enterprise: EnterpriseId,
    base: KnowledgeId,
    id: KnowledgeDocumentId,
) -> Result<(), StoreError> {
    let gone = sqlx::query!(
        "delete from knowledge_document where id = $1 and base_id = $2 and enterprise_id = $3",
        id.uuid(),
        base.uuid(),
        enterprise.uuid()
    )
    .execute(&store.api)
    .await?;
    if gone.rows_affected() == 0 { Err(StoreError::NotFound("document")) } else { Ok(()) }
}
