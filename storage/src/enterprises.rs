//! Tenants and their settings, and every value that a concurrency limit ever had.

use outbound::Time;
use outbound::audit::Action;
use outbound::enterprise::{CONCURRENCY_MAX, EnterpriseSettings};
use outbound::fault::{name as name_fault, number};
use outbound::ids::{EnterpriseId, TaskId, TrunkId};
use serde_json::json;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::audit::{self, COMMAND_LINE, Entry};
use crate::rows::{Listed, Page, name_taken, same_version};
use crate::tasks::references::{faults, refuse};
use crate::tasks::{self, plan};
use crate::{Store, StoreError};

/// Characters of an enterprise's name, at most.
pub const NAME_MAX: usize = 64;

/// A tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct Enterprise {
    pub id: EnterpriseId,
    pub name: String,
    pub settings: EnterpriseSettings,
    /// Calls up at a time that its administrators can't set more than; none: as many as the platform allows.
    pub concurrency_max: Option<u32>,
    /// Counts edits.
    pub version: i64,
    pub created_at: Time,
}

/// What a limit holds for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Enterprise(EnterpriseId),
    Trunk(TrunkId),
    Task(TaskId),
}

impl Scope {
    fn words(self) -> (&'static str, Uuid) {
        match self {
            Self::Enterprise(id) => ("enterprise", id.uuid()),
            Self::Trunk(id) => ("trunk", id.uuid()),
            Self::Task(id) => ("task", id.uuid()),
        }
    }
}

/// A limit with its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    Concurrency(u32),
    /// `None`: no limit.
    CallsPerSecond(Option<u32>),
}

impl Limit {
    fn parts(self) -> (&'static str, Option<u32>) {
        match self {
            Self::Concurrency(calls) => ("concurrency", Some(calls)),
            Self::CallsPerSecond(rate) => ("calls_per_second", rate),
        }
    }
}

/// Note which limits of a scope have another value from now on: what calls are checked against
/// afterwards. Before a scope was made it had none.
pub(crate) async fn limits_changed(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    scope: Scope,
    before: &[Limit],
    after: &[Limit],
    now: Time,
) -> Result<(), StoreError> {
    let (word, id) = scope.words();
    for limit in after.iter().filter(|limit| !before.contains(limit)) {
        let (what, value) = limit.parts();
        sqlx::query!(
            "insert into limit_change (enterprise_id, scope, scope_id, at, what, value)
         values ($1, $2, $3, $4, $5, $6)",
            enterprise.uuid(),
            word,
            id,
            now,
            what,
            value.map(|value| i32::try_from(value).unwrap_or(i32::MAX))
        )
        .execute(&mut *conn)
        .await?;
    }
    Ok(())
}

/// Make a tenant.
pub async fn create(
    store: &Store,
    name: &str,
    settings: EnterpriseSettings,
    now: Time,
) -> Result<Enterprise, StoreError> {
    let mut found = faults(settings.check());
    found.extend(name_fault("/name", name, 1, NAME_MAX));
    refuse(found)?;
    let id = clock::new_id::<EnterpriseId>();
    let mut tx = store.api.begin().await?;
    sqlx::query!(
        "insert into enterprise (id, name, settings, created_at) values ($1, $2, $3, $4)",
        id.uuid(),
        name,
        Json(&settings) as _,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, name))?;
    let limits = [Limit::Concurrency(settings.concurrency_limit)];
    limits_changed(&mut tx, id, Scope::Enterprise(id), &[], &limits, now).await?;
    tx.commit().await?;
    let name = name.to_owned();
    Ok(Enterprise { id, name, settings, concurrency_max: None, version: 1, created_at: now })
}

struct Row {
    id: Uuid,
    name: String,
    settings: Json<EnterpriseSettings>,
    concurrency_max: Option<i32>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Enterprise {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            name: row.name,
            settings: row.settings.0,
            concurrency_max: row.concurrency_max.map(i32::unsigned_abs),
            version: row.version,
            created_at: row.created_at,
        }
    }
}

/// A tenant by its id. Locks nothing.
pub async fn get(store: &Store, id: EnterpriseId) -> Result<Enterprise, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, settings as "settings: Json<EnterpriseSettings>", concurrency_max,
                  version, created_at
             from enterprise where id = $1"#,
        id.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Enterprise::from).ok_or(StoreError::NotFound("enterprise"))
}

/// A tenant by its name, where there is one. Locks nothing.
pub async fn find(store: &Store, name: &str) -> Result<Option<Enterprise>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, settings as "settings: Json<EnterpriseSettings>", concurrency_max,
                  version, created_at
             from enterprise where name = $1"#,
        name
    )
    .fetch_optional(&store.api)
    .await?;
    Ok(row.map(Enterprise::from))
}

/// Tenants, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    page: Page<EnterpriseId>,
) -> Result<Listed<Enterprise, EnterpriseId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, name, settings as "settings: Json<EnterpriseSettings>", concurrency_max,
                  version, created_at
             from enterprise where $1::uuid is null or id < $1 order by id desc limit $2"#,
        page.after.map(EnterpriseId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Enterprise::from).collect(), |enterprise| enterprise.id))
}

/// The ids of all tenants, for those who work for each of them. Locks nothing.
pub async fn ids(store: &Store) -> Result<Vec<EnterpriseId>, StoreError> {
    let ids =
        sqlx::query_scalar!("select id from enterprise order by id").fetch_all(&store.hot).await?;
    Ok(ids.into_iter().map(EnterpriseId::from).collect())
}

/// Change a tenant's settings; `expected` is the version that they were read with.
///
/// Locks the enterprise, and when its time zone changes every task that goes by it: their windows and
/// scheduled steps move to the new zone. With another frequency cap, or another zone to count days by, the
/// numbers that the cap holds are looked at again at once.
pub async fn update(
    store: &Store,
    id: EnterpriseId,
    expected: i64,
    settings: EnterpriseSettings,
    now: Time,
    actor: &str,
) -> Result<Enterprise, StoreError> {
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, id).await?;
    same_version(old.version, expected)?;
    refuse(faults(settings.check_within(old.concurrency_max)))?;
    sqlx::query!(
        "update enterprise set settings = $2, version = version + 1,
                edited_slot = (select last_value from attempt_slot_seq)
          where id = $1",
        id.uuid(),
        Json(&settings) as _
    )
    .execute(&mut *tx)
    .await?;
    let limits = |settings: &EnterpriseSettings| [Limit::Concurrency(settings.concurrency_limit)];
    let (before, after) = (limits(&old.settings), limits(&settings));
    limits_changed(&mut tx, id, Scope::Enterprise(id), &before, &after, now).await?;
    if old.settings.time_zone != settings.time_zone {
        move_zone(&mut tx, id, &settings, now, actor).await?;
    }
    // Days begin and end by the zone.
    let held_by = |settings: &EnterpriseSettings| (settings.frequency_cap, settings.time_zone);
    if held_by(&old.settings) != held_by(&settings) {
        crate::numbers::uncap(&mut tx, id, now).await?;
    }
    tasks::notify_dispatch(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Enterprise { settings, version: old.version + 1, ..old })
}

/// Set the hard limit of a tenant at the command line, past the API; `None`: as many calls as the platform allows.
/// Settings that allow more are lowered to it. The audit log tells of it, or nothing is changed.
///
/// `system_user` is the user of the machine who did it. Locks the enterprise.
pub async fn set_concurrency_max(
    store: &Store,
    id: EnterpriseId,
    concurrency_max: Option<u32>,
    system_user: &str,
    now: Time,
) -> Result<Enterprise, StoreError> {
    let bounds = |most| number("/concurrency_max", most, 1, CONCURRENCY_MAX);
    refuse(concurrency_max.and_then(bounds).into_iter().collect())?;
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, id).await?;
    let limit = old.settings.concurrency_limit.min(concurrency_max.unwrap_or(CONCURRENCY_MAX));
    let settings = EnterpriseSettings { concurrency_limit: limit, ..old.settings.clone() };
    sqlx::query!(
        "update enterprise set settings = $2, concurrency_max = $3, version = version + 1,
                edited_slot = (select last_value from attempt_slot_seq)
          where id = $1",
        id.uuid(),
        Json(&settings) as _,
        concurrency_max.map(|most| i32::try_from(most).unwrap_or(i32::MAX))
    )
    .execute(&mut *tx)
    .await?;
    let (before, after) = (old.settings.concurrency_limit, settings.concurrency_limit);
    let limit = |calls| [Limit::Concurrency(calls)];
    limits_changed(&mut tx, id, Scope::Enterprise(id), &limit(before), &limit(after), now).await?;
    let entry = Entry {
        enterprise: id,
        at: now,
        actor: COMMAND_LINE,
        source: COMMAND_LINE,
        action: Action::EnterpriseEdit,
        target: &id.to_string(),
        detail: json!({
            "concurrency_max": {"from": old.concurrency_max, "to": concurrency_max},
            "concurrency_limit": {"from": before, "to": after},
            "system_user": system_user,
        }),
    };
    audit::write(&mut *tx, entry).await?;
    tasks::notify_dispatch(&mut tx, id).await?;
    tx.commit().await?;
    Ok(Enterprise { settings, concurrency_max, version: old.version + 1, ..old })
}

/// Locks the enterprise's row for update.
async fn lock(conn: &mut PgConnection, id: EnterpriseId) -> Result<Enterprise, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, name, settings as "settings: Json<EnterpriseSettings>", concurrency_max,
                  version, created_at
             from enterprise where id = $1 for update"#,
        id.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Enterprise::from).ok_or(StoreError::NotFound("enterprise"))
}

/// Put the tasks that have no zone of their own into the enterprise's new one. Their periods are
/// locked before them, as everywhere.
async fn move_zone(
    conn: &mut PgConnection,
    id: EnterpriseId,
    settings: &EnterpriseSettings,
    now: Time,
    actor: &str,
) -> Result<(), StoreError> {
    sqlx::query!("select id from period where enterprise_id = $1 order by id for share", id.uuid())
        .fetch_all(&mut *conn)
        .await?;
    let zoneless = sqlx::query_scalar!(
        "select id from task where enterprise_id = $1 and deleted_at is null
            and jsonb_typeof(config->'time_zone') is distinct from 'string' order by id",
        id.uuid()
    )
    .fetch_all(&mut *conn)
    .await?;
    let zoneless: Vec<TaskId> = zoneless.into_iter().map(TaskId::from).collect();
    for task in tasks::lock_all(conn, &zoneless).await? {
        let hours = plan::hours_for(conn, id, &task.config, settings.time_zone).await?;
        let dates = &task.config.schedule;
        let step = |local, pending| plan::replanned(local, local, pending, hours.zone);
        let start = step(dates.scheduled_start, task.scheduled_start_at);
        let end = step(dates.scheduled_end, task.scheduled_end_at);
        plan::write_steps(conn, task.id, start, end).await?;
        plan::rehour(conn, &task, &hours, now, actor).await?;
    }
    Ok(())
}
