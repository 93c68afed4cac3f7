//! Named time conditions, and what an edit of one means for the tasks that keep to it.

use std::collections::BTreeMap;

use outbound::Time;
use outbound::ids::{EnterpriseId, PeriodId};
use outbound::period::{PeriodConfig, links};
use outbound::quota::Quota;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, name_taken, unused};
use crate::tasks::plan::period;
use crate::tasks::references::{Referred, faults, refuse, users};
use crate::{Store, StoreError, idempotency, quotas};

mod edit;

pub use edit::{Edit, update, update_all};

pub type Period = Stored<PeriodId, PeriodConfig>;

struct Row {
    id: Uuid,
    config: Json<PeriodConfig>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Period {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            config: row.config.0,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// Make a period. One that is everything outside of another locks that one (for share) until the commit, so
/// that no edit of the other is missed.
pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: PeriodConfig,
    now: Time,
) -> Result<Period, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    refuse(faults(config.check()))?;
    let id = idempotency::id(clock::new_id::<PeriodId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Periods).await?;
    let config = derived(&mut tx, enterprise, id, config).await?;
    sqlx::query!(
        "insert into period (id, enterprise_id, name, config, created_at) values ($1, $2, $3, $4, $5)",
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

/// A new period with its ranges: those that are everything outside of another, where it names one.
async fn derived(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: PeriodId,
    config: PeriodConfig,
) -> Result<PeriodConfig, StoreError> {
    let Some(to) = config.complement_of else { return Ok(config) };
    let other = period(conn, enterprise, Some(to)).await?;
    let mut linked = BTreeMap::from([(id, config.clone())]);
    linked.extend(other.clone().map(|other| (to, other)));
    let own = links(&linked).into_iter().filter(|link| link.period == id);
    refuse(own.map(|link| link.fault).collect())?;
    Ok(match other {
        Some(other) => config.outside(&other),
        None => config,
    })
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: PeriodId,
) -> Result<Period, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<PeriodConfig>", version, created_at
             from period where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Period::from).ok_or(StoreError::NotFound("period"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<PeriodId>,
) -> Result<Listed<Period, PeriodId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<PeriodConfig>", version, created_at
             from period where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(PeriodId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Period::from).collect(), |period| period.id))
}

/// The periods of these ids that there are, in the order of their ids. Locks nothing.
pub async fn get_many(
    store: &Store,
    enterprise: EnterpriseId,
    ids: &[PeriodId],
) -> Result<Vec<Period>, StoreError> {
    let ids: Vec<Uuid> = ids.iter().map(|id| id.uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<PeriodConfig>", version, created_at
             from period where id = any($1) and enterprise_id = $2 order by id"#,
        &ids,
        enterprise.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(rows.into_iter().map(Period::from).collect())
}

/// Who is everything outside of a period, named for people. Locks nothing.
async fn complements(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    of: PeriodId,
) -> Result<Vec<String>, StoreError> {
    let names = sqlx::query_scalar!(
        "select name from period
          where enterprise_id = $1 and config ->> 'complement_of' = $2 order by name",
        enterprise.uuid(),
        of.to_string()
    )
    .fetch_all(conn)
    .await?;
    Ok(names.into_iter().map(|name| format!("the period “{name}”")).collect())
}

/// Delete a period. Refused with who uses it, or is everything outside of it. Locks the period.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: PeriodId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    sqlx::query!(
        "select id from period where id = $1 and enterprise_id = $2 for update",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&mut *tx)
    .await?
    .ok_or(StoreError::NotFound("period"))?;
    let mut users = users(&mut tx, enterprise, &Referred::Period(id)).await?;
    users.extend(complements(&mut tx, enterprise, id).await?);
    unused("period_in_use", "period", &users)?;
    sqlx::query!("delete from period where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
