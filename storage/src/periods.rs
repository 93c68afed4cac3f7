//! Named time conditions, and what an edit of one means for the tasks that keep to it.

use outbound::Time;
use outbound::fault::Fault;
use outbound::ids::{EnterpriseId, PeriodId};
use outbound::period::PeriodConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page, Stored, name_taken, same_version, unused};
use crate::tasks::references::{Referred, faults, refuse, settings, tasks_using, users};
use crate::tasks::{self, Task, plan};
use crate::{Store, StoreError};

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

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: PeriodConfig,
    now: Time,
) -> Result<Period, StoreError> {
    refuse(faults(config.check()))?;
    let id = PeriodId::new();
    sqlx::query!(
        "insert into period (id, enterprise_id, name, config, created_at) values ($1, $2, $3, $4, $5)",
        id.uuid(),
        enterprise.uuid(),
        config.name,
        Json(&config) as _,
        now
    )
    .execute(&store.api)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    Ok(Stored { id, config, version: 1, created_at: now })
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

/// Change a period, and re-plan every task that keeps to it: a window that is closed by the edit
/// pauses a running task at once, one that is opened by it resumes it.
///
/// Refused whole when a task's two periods would then overlap or leave a minute free; the fault names
/// the task and the minute. Locks the enterprise, the period, then those tasks. Gives the steps to push.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: PeriodId,
    expected: i64,
    config: PeriodConfig,
    now: Time,
    actor: &str,
) -> Result<(Period, Vec<plan::PlannedStep>), StoreError> {
    let mut tx = store.api.begin().await?;
    alone(&mut tx, enterprise).await?;
    let zone = settings(&mut tx, enterprise).await?.time_zone;
    let old = lock(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    refuse(faults(config.check()))?;
    sqlx::query!(
        "update period set name = $2, config = $3, version = version + 1 where id = $1",
        id.uuid(),
        config.name,
        Json(&config) as _
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;

    let using = tasks_using(&mut tx, enterprise, &Referred::Period(id)).await?;
    let ids: Vec<_> = using.into_iter().map(|(task, _)| task).collect();
    let using = tasks::lock_all(&mut tx, &ids).await?;
    let mut found = Vec::new();
    for task in &using {
        let hours = plan::hours_for(&mut tx, enterprise, &task.config, zone).await?;
        let wrong = coverage(task, id, &config, &old.config, &hours);
        if wrong.is_empty() {
            plan::rehour(&mut tx, task, &hours, now, actor).await?;
        }
        found.extend(wrong);
    }
    refuse(found)?;
    let steps = tasks::lock_all(&mut tx, &ids).await?.iter().flat_map(Task::steps).collect();
    tx.commit().await?;
    Ok((Stored { config, version: old.version + 1, ..old }, steps))
}

/// Locks the enterprise against other edits of periods, and of what refers to them: two edits would
/// else each wait for the period that the other holds.
async fn alone(conn: &mut PgConnection, enterprise: EnterpriseId) -> Result<(), StoreError> {
    sqlx::query!("select id from enterprise where id = $1 for no key update", enterprise.uuid())
        .fetch_optional(conn)
        .await?;
    Ok(())
}

/// What an edit would break in a task that keeps to the period.
fn coverage(
    task: &Task,
    id: PeriodId,
    config: &PeriodConfig,
    old: &PeriodConfig,
    hours: &outbound::hours::Hours,
) -> Vec<Fault> {
    let name = &task.config.name;
    if config.kind != old.kind {
        let detail =
            format!("the task “{name}” uses {id} by its kind; make another period instead");
        return vec![Fault::new("/kind", "in_use", detail)];
    }
    faults(hours.check())
        .into_iter()
        .map(|fault| {
            Fault::new("/ranges", &fault.code, format!("in the task “{name}”: {}", fault.detail))
        })
        .collect()
}

/// Locks the period's row for update.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: PeriodId,
) -> Result<Period, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, config as "config: Json<PeriodConfig>", version, created_at
             from period where id = $1 and enterprise_id = $2 for update"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Period::from).ok_or(StoreError::NotFound("period"))
}

/// Delete a period. Refused with who uses it. Locks the period.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: PeriodId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    lock(&mut tx, enterprise, id).await?;
    let users = users(&mut tx, enterprise, &Referred::Period(id)).await?;
    unused("period_in_use", "period", &users)?;
    sqlx::query!("delete from period where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}
