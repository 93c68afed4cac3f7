//! Passages that a question is answered from, by PostgreSQL's full text search.

use outbound::ids::EnterpriseId;
use outbound::knowledge::{FOUND_MAX, question_words};
use sqlx::types::Uuid;

use crate::{Store, StoreError};

/// A passage that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Excerpt {
    /// The name of its document.
    pub document: String,
    /// It begins with the headings above it.
    pub passage: String,
    /// How well it fits; for comparison with others of the same question.
    pub rank: f32,
}

/// The passages of these bases with words of the question, those that fit best first, at most `most`. A word counts in any of its
/// English forms, and words that stand everywhere ("the", "is") do not count. Bases that are not there have no passages. Locks
/// nothing.
pub async fn find(
    store: &Store,
    enterprise: EnterpriseId,
    base_names: &[String],
    question: &str,
    most: u32,
) -> Result<Vec<Excerpt>, StoreError> {
    let words = question_words(question);
    if words.is_empty() || base_names.is_empty() {
        return Ok(Vec::new());
    }
    let bases = sqlx::query_scalar!(
        "select id from knowledge_base where enterprise_id = $1 and name = any($2)",
        enterprise.uuid(),
        base_names
    )
    .fetch_all(&store.hot)
    .await?;
    if bases.is_empty() {
        return Ok(Vec::new());
    }
    // Quoted, so that the id is one word; it has no quote in it.
    let of_bases = bases.iter().map(|base| format!("'{base}'")).collect::<Vec<_>>().join(" | ");
    let rows = sqlx::query!(
        r#"with word as (
               select word, to_tsvector('english', word) as stem from unnest($1::text[]) as word),
           sought as (
               -- Words of letters and digits only, so quotes are all that they need.
               select string_agg(distinct '''' || form || '''', ' | ')::tsquery as words
                 from word, unnest(tsvector_to_array(stem || to_tsvector('simple', word))) as form
                where length(stem) > 0)
           select d.name as document, p.content as passage,
                  ts_rank(p.terms, s.words, 1) as "rank!"
             from sought s
             join knowledge_passage p on p.terms @@ ($2::text::tsquery && s.words)
             join knowledge_document d on d.id = p.document_id
            where d.enterprise_id = $3 and d.base_id = any($4)
            order by 3 desc, d.id, p.number
            limit $5"#,
        &words,
        of_bases,
        enterprise.uuid(),
        &bases as &[Uuid],
        i64::from(most.min(FOUND_MAX))
    )
    .fetch_all(&store.hot)
    .await?;
    let excerpts = rows.into_iter().map(|row| Excerpt {
        document: row.document,
        passage: row.passage,
        rank: row.rank,
    });
    Ok(excerpts.collect())
}
