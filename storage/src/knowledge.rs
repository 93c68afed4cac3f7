//! Knowledge bases: documents that robots answer from. Robots name a base, so a name is kept while one does.

mod documents;
mod find;

use outbound::Time;
use outbound::fault::Fault;
use outbound::ids::{EnterpriseId, KnowledgeId};
use outbound::knowledge::KnowledgeConfig;
use outbound::quota::Quota;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, name_taken, same_version, unused};
use crate::tasks::references::refuse;
use crate::{Store, StoreError, idempotency, quotas};

pub use documents::{
    Document, DocumentText, add_document, delete_document, document, list_documents,
};
pub use find::{Excerpt, find};

pub type KnowledgeBase = Stored<KnowledgeId, KnowledgeConfig>;

struct Row {
    id: Uuid,
    config: Json<KnowledgeConfig>,
    version: i64,
    created_at: Time,
}

impl From<Row> for KnowledgeBase {
    fn from(row: Row) -> Self {
        let (id, config) = (row.id.into(), row.config.0);
        Self { id, config, version: row.version, created_at: row.created_at }
    }
}

fn check(config: &KnowledgeConfig) -> Result<(), StoreError> {
    refuse(config.check().err().unwrap_or_default())
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: KnowledgeConfig,
    now: Time,
) -> Result<KnowledgeBase, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    check(&config)?;
    let id = idempotency::id(clock::new_id::<KnowledgeId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::KnowledgeBases).await?;
    sqlx::query!(
        "insert into knowledge_base (id, enterprise_id, name, config, created_at)
         values ($1, $2, $3, $4, $5)",
        id.uuid(),
        enterprise.uuid(),
        config.name,
        Json(&config) as _,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    tx.commit().await?;
    Ok(Stored { id, config, version: 1, created_at: now })
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: KnowledgeId,
) -> Result<KnowledgeBase, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<KnowledgeConfig>", version, created_at
             from knowledge_base where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(KnowledgeBase::from).ok_or(StoreError::NotFound("knowledge base"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<KnowledgeId>,
) -> Result<Listed<KnowledgeBase, KnowledgeId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<KnowledgeConfig>", version, created_at
             from knowledge_base where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(KnowledgeId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(KnowledgeBase::from).collect(), |base| base.id))
}

/// Give a base another name. Refused while a robot names it. Locks the base.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: KnowledgeId,
    expected: i64,
    config: KnowledgeConfig,
) -> Result<KnowledgeBase, StoreError> {
    check(&config)?;
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    if old.config.name != config.name {
        unused_by_robots(&mut tx, enterprise, &old.config.name).await?;
    }
    sqlx::query!(
        "update knowledge_base set name = $2, config = $3, version = version + 1 where id = $1",
        id.uuid(),
        config.name,
        Json(&config) as _
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    tx.commit().await?;
    Ok(Stored { config, version: old.version + 1, ..old })
}

/// Delete a base with its documents. Refused while a robot names it, as it is or as it was published. Locks the base.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: KnowledgeId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, enterprise, id).await?;
    unused_by_robots(&mut tx, enterprise, &old.config.name).await?;
    sqlx::query!("delete from knowledge_base where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Locks the base's row for update.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: KnowledgeId,
) -> Result<KnowledgeBase, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<KnowledgeConfig>", version, created_at
             from knowledge_base where id = $1 and enterprise_id = $2 for update"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(KnowledgeBase::from).ok_or(StoreError::NotFound("knowledge base"))
}

/// A publication locks the bases that its robots name, so it can't name one that goes at the same moment.
async fn unused_by_robots(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    name: &str,
) -> Result<(), StoreError> {
    let users = sqlx::query_scalar!(
        r#"select 'the robot “' || name || '”' as "user!" from robot
            where enterprise_id = $1
              and jsonb_path_exists(config, '$.agent.knowledge[*] ? (@ == $name)',
                                    jsonb_build_object('name', $2::text))
            union all
           select 'the voice navigation “' || n.name || '”' from navigation n
             join navigation_version v on v.navigation_id = n.id and v.number = n.published_version
            where n.enterprise_id = $1
              and jsonb_path_exists(v.content, '$.robots.*.agent.knowledge[*] ? (@ == $name)',
                                    jsonb_build_object('name', $2::text))
            order by 1"#,
        enterprise.uuid(),
        name
    )
    .fetch_all(conn)
    .await?;
    unused("knowledge_in_use", "knowledge base", &users)
}

/// Faults of names that no base of the enterprise has; each name with the place where it stands. Locks the bases that there are
/// against a change.
pub(crate) async fn missing(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    named: &[(String, String)],
) -> Result<Vec<Fault>, StoreError> {
    if named.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = named.iter().map(|(_, name)| name.clone()).collect();
    let found = sqlx::query_scalar!(
        "select name from knowledge_base where enterprise_id = $1 and name = any($2)
          order by id for share",
        enterprise.uuid(),
        &names
    )
    .fetch_all(conn)
    .await?;
    let gone = named.iter().filter(|(_, name)| !found.contains(name));
    let fault = |(pointer, name): &(String, String)| {
        let detail =
            format!("the robot answers from “{name}”, and no knowledge base has that name");
        Fault::new(pointer.clone(), "unknown_knowledge", detail)
    };
    Ok(gone.map(fault).collect())
}
