//! Is there room for one more: asked in the transaction that adds it, right before it does.
//!
//! Nobody is locked for it. Requests that ask at the same moment may all be let in, so there may be a few more than
//! the limit: as many as the API has connections.

use outbound::ids::{EnterpriseId, KnowledgeId, TaskId};
use outbound::quota::{Full, Quota, REVOKED_KEYS_KEPT};
use sqlx::PgConnection;

use crate::{Store, StoreError};

/// The same, before a request costs anything: what it adds is asked about again.
pub async fn ask(store: &Store, enterprise: EnterpriseId, of: &[Quota]) -> Result<(), StoreError> {
    let mut conn = store.api.acquire().await?;
    for quota in of {
        room(&mut conn, enterprise, *quota).await?;
    }
    Ok(())
}

/// Refuse one more where an enterprise has as many as it may. Locks nothing.
pub(crate) async fn room(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    of: Quota,
) -> Result<(), StoreError> {
    within(count(conn, enterprise, of).await?, 1, of)
}

/// Refuse `more` where they would be too many.
pub(crate) fn within(there: u64, more: u64, of: Quota) -> Result<(), StoreError> {
    if there + more <= of.max() {
        return Ok(());
    }
    let (code, detail) = (of.code(), of.refusal(there));
    Err(match of.full() {
        Full::MakeRoom => StoreError::Conflict { code, detail },
        Full::AskAgain { seconds } => {
            StoreError::Busy { code, detail, retry_after_seconds: seconds }
        }
    })
}

macro_rules! count {
    ($conn:expr, $enterprise:expr, $rest:tt) => {
        sqlx::query_scalar!(r#"select count(*) as "n!" from "# + $rest, $enterprise.uuid())
            .fetch_one($conn)
            .await?
    };
}

async fn count(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    of: Quota,
) -> Result<u64, StoreError> {
    let n = match of {
        Quota::Tasks => {
            count!(conn, enterprise, "task where enterprise_id = $1 and deleted_at is null")
        }
        Quota::Templates => count!(conn, enterprise, "template where enterprise_id = $1"),
        Quota::Periods => count!(conn, enterprise, "period where enterprise_id = $1"),
        Quota::Navigations => count!(conn, enterprise, "navigation where enterprise_id = $1"),
        Quota::Robots => count!(conn, enterprise, "robot where enterprise_id = $1"),
        Quota::HumanAgents => count!(conn, enterprise, "human_agent where enterprise_id = $1"),
        Quota::Providers => count!(conn, enterprise, "provider where enterprise_id = $1"),
        Quota::Trunks => count!(conn, enterprise, "trunk where enterprise_id = $1"),
        Quota::CallerIds => count!(conn, enterprise, "caller_id where enterprise_id = $1"),
        Quota::Keys => {
            count!(conn, enterprise, "api_key where enterprise_id = $1 and revoked_at is null")
        }
        Quota::Imports => {
            count!(conn, enterprise, "import where enterprise_id = $1 and not files_gone")
        }
        Quota::Exports => {
            count!(conn, enterprise, "export where enterprise_id = $1 and not files_gone")
        }
        Quota::ImportsWaiting => count!(
            conn,
            enterprise,
            "import where enterprise_id = $1 and status in ('queued', 'running')"
        ),
        Quota::ExportsWaiting => count!(
            conn,
            enterprise,
            "export where enterprise_id = $1 and status in ('queued', 'running')"
        ),
        Quota::Suppressions => kept(conn, enterprise, "suppression").await?,
        Quota::IdempotencyKeys => kept(conn, enterprise, "idempotency").await?,
        Quota::KnowledgeBases => {
            count!(conn, enterprise, "knowledge_base where enterprise_id = $1")
        }
        Quota::KnowledgeBytes => document_bytes(conn, enterprise).await?,
        // Of one task, one navigation and one knowledge base: whoever adds to them counts.
        Quota::Batches | Quota::NavigationVersions | Quota::KnowledgeDocuments => 0,
    };
    Ok(n.unsigned_abs())
}

/// Of tables with millions of rows: a trigger counts them (migration 0060).
async fn kept(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    table: &str,
) -> Result<i64, StoreError> {
    let n = sqlx::query_scalar!(
        "select n from stored_count where enterprise_id = $1 and of_table = $2",
        enterprise.uuid(),
        table
    )
    .fetch_optional(conn)
    .await?;
    Ok(n.unwrap_or(0))
}

/// Bytes of all documents of an enterprise, from the index alone.
async fn document_bytes(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
) -> Result<i64, StoreError> {
    let bytes = sqlx::query_scalar!(
        r#"select coalesce(sum(bytes), 0) as "n!" from knowledge_document where enterprise_id = $1"#,
        enterprise.uuid()
    )
    .fetch_one(conn)
    .await?;
    Ok(bytes)
}

/// Refuse a document of so many bytes where its base, or the enterprise, has as much as it may. Locks nothing.
pub(crate) async fn room_for_document(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    base: KnowledgeId,
    bytes: u64,
) -> Result<(), StoreError> {
    let there = sqlx::query_scalar!(
        r#"select count(*) as "n!" from knowledge_document where base_id = $1"#,
        base.uuid()
    )
    .fetch_one(&mut *conn)
    .await?;
    within(there.unsigned_abs(), 1, Quota::KnowledgeDocuments)?;
    let there = count(conn, enterprise, Quota::KnowledgeBytes).await?;
    within(there, bytes, Quota::KnowledgeBytes)
}

/// Refuse one more batch in a task that has as many as it may. Locks nothing.
pub(crate) async fn room_for_batch(
    conn: &mut PgConnection,
    task: TaskId,
) -> Result<(), StoreError> {
    let there = sqlx::query_scalar!(
        r#"select count(*) as "n!" from batch where task_id = $1"#,
        task.uuid()
    )
    .fetch_one(conn)
    .await?;
    within(there.unsigned_abs(), 1, Quota::Batches)
}

/// Refuse phones that come onto the do-not-call list where it would have more entries than it may. The caller
/// holds the enterprise's claims, as everybody who adds entries does.
pub(crate) async fn room_for_phones(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<(), StoreError> {
    let there = count(conn, enterprise, Quota::Suppressions).await?;
    if within(there, phones.len() as u64, Quota::Suppressions).is_ok() {
        return Ok(());
    }
    let known = sqlx::query_scalar!(
        r#"select count(*) as "n!" from suppression where enterprise_id = $1 and phone = any($2)"#,
        enterprise.uuid(),
        phones
    )
    .fetch_one(conn)
    .await?;
    let more = (phones.len() as u64).saturating_sub(known.unsigned_abs());
    within(there, more, Quota::Suppressions)
}

/// Forget the oldest revoked keys beyond those that the list keeps. Locks their rows.
pub(crate) async fn forget_revoked_keys(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from api_key where id in (
             select id from api_key where enterprise_id = $1 and revoked_at is not null
              order by revoked_at desc, id desc offset $2)",
        enterprise.uuid(),
        REVOKED_KEYS_KEPT
    )
    .execute(conn)
    .await?;
    Ok(())
}
