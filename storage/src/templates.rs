//! Named, saved task configurations. Creating a task from one copies the values.

use outbound::Time;
use outbound::ids::{EnterpriseId, TemplateId};
use outbound::quota::Quota;
use outbound::task::TaskConfig;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, name_taken, same_version};
use crate::tasks::references::{faults, judge, refuse};
use crate::{Store, StoreError, idempotency, quotas};

/// The configuration's name is the template's.
pub type Template = Stored<TemplateId, TaskConfig>;

struct Row {
    id: Uuid,
    config: Json<TaskConfig>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Template {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            config: row.config.0,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// Everything that a task's configuration is judged by, but the dates of its schedule: they are
/// judged when a task is made.
async fn check(
    conn: &mut sqlx::PgConnection,
    enterprise: EnterpriseId,
    config: &TaskConfig,
    before: Option<&TaskConfig>,
) -> Result<(), StoreError> {
    let judged = judge(conn, enterprise, config).await?;
    let mut found = judged.faults(config, before);
    found.extend(faults(judged.hours.check()));
    refuse(found)
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: TaskConfig,
    now: Time,
) -> Result<Template, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Templates).await?;
    check(&mut tx, enterprise, &config, None).await?;
    let id = idempotency::id(clock::new_id::<TemplateId>());
    sqlx::query!(
        "insert into template (id, enterprise_id, name, config, created_at)
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
    id: TemplateId,
) -> Result<Template, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<TaskConfig>", version, created_at
             from template where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Template::from).ok_or(StoreError::NotFound("template"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<TemplateId>,
) -> Result<Listed<Template, TemplateId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<TaskConfig>", version, created_at
             from template where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(TemplateId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Template::from).collect(), |template| template.id))
}

/// Change a template; tasks made from it keep what they have.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: TemplateId,
    expected: i64,
    config: TaskConfig,
) -> Result<Template, StoreError> {
    let before = get(store, enterprise, id).await?;
    same_version(before.version, expected)?;
    let mut tx = store.api.begin().await?;
    check(&mut tx, enterprise, &config, Some(&before.config)).await?;
    let row = sqlx::query!(
        "update template set name = $4, config = $5, version = version + 1
          where id = $1 and enterprise_id = $2 and version = $3
      returning version, created_at",
        id.uuid(),
        enterprise.uuid(),
        expected,
        config.name,
        Json(&config) as _
    )
    .fetch_optional(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    // Edited or deleted since it was read.
    let row = row.ok_or(StoreError::Stale)?;
    tx.commit().await?;
    Ok(Stored { id, config, version: row.version, created_at: row.created_at })
}

pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: TemplateId,
) -> Result<(), StoreError> {
    let deleted = sqlx::query!(
        "delete from template where id = $1 and enterprise_id = $2",
        id.uuid(),
        enterprise.uuid()
    )
    .execute(&store.api)
    .await?;
    if deleted.rows_affected() == 0 { Err(StoreError::NotFound("template")) } else { Ok(()) }
}
