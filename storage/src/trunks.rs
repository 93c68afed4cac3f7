//! Lines to the phone network, and the caller IDs that belong to them.

pub mod health;
mod outcomes;
mod secrets;

use std::collections::BTreeMap;

use outbound::Time;
use outbound::fault::Fault;
use outbound::ids::{CallerIdId, EnterpriseId, TrunkId};
use outbound::phone::Phone;
use outbound::quota::Quota;
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::enterprises::{Limit, Scope, limits_changed};
use crate::rows::{Listed, Page, name_taken, phone, phone_column, same_version, taken, unused};
use crate::tasks::references::{Referred, faults, refuse, users};
use crate::tasks::{notify_dispatch, trunk_changed};
use crate::{Store, StoreError, idempotency, quotas};

pub use outcomes::{OUTCOMES_CALLS_MAX, Outcome, outcomes};
pub use secrets::{RealLine, real_lines};

/// A line as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct Trunk {
    pub id: TrunkId,
    pub config: TrunkConfig,
    /// A word of `outbound::breaker::BreakerState`.
    pub breaker: String,
    /// When an open breaker next lets a probe through.
    pub breaker_until: Option<Time>,
    /// Counts edits; what the breaker does is not one.
    pub version: i64,
    pub created_at: Time,
}

struct Row {
    id: Uuid,
    config: Json<TrunkConfig>,
    breaker: String,
    breaker_until: Option<Time>,
    version: i64,
    created_at: Time,
}

impl From<Row> for Trunk {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            config: row.config.0,
            breaker: row.breaker,
            breaker_until: row.breaker_until,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

macro_rules! trunk_rows {
    ($rest:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            r#"select id, config as "config: Json<TrunkConfig>", breaker, breaker_until, version,
                      created_at
                 from trunk "# + $rest,
            $($argument),*
        )
    };
}

fn limits(config: &TrunkConfig) -> [Limit; 2] {
    [Limit::Concurrency(config.concurrency), Limit::CallsPerSecond(config.calls_per_second)]
}

pub async fn create(
    store: &Store,
    enterprise: EnterpriseId,
    config: TrunkConfig,
    now: Time,
) -> Result<Trunk, StoreError> {
    if let Some(made) = idempotency::made(|id| get(store, enterprise, id)).await? {
        return Ok(made);
    }
    refuse(faults(config.check()))?;
    let id = idempotency::id(clock::new_id::<TrunkId>());
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::Trunks).await?;
    sqlx::query!(
        "insert into trunk (id, enterprise_id, name, config, secrets, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        id.uuid(),
        enterprise.uuid(),
        config.name,
        Json(&config) as _,
        secrets::seal(store, enterprise, id, &config)?,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    limits_changed(&mut tx, enterprise, Scope::Trunk(id), &[], &limits(&config), now).await?;
    tx.commit().await?;
    get(store, enterprise, id).await
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: TrunkId,
) -> Result<Trunk, StoreError> {
    let row = trunk_rows!("where id = $1 and enterprise_id = $2", id.uuid(), enterprise.uuid())
        .fetch_optional(&store.api)
        .await?;
    row.map(Trunk::from).ok_or(StoreError::NotFound("trunk"))
}

/// Newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<TrunkId>,
) -> Result<Listed<Trunk, TrunkId>, StoreError> {
    let rows = trunk_rows!(
        "where enterprise_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        enterprise.uuid(),
        page.after.map(TrunkId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Trunk::from).collect(), |trunk| trunk.id))
}

/// Locks the trunk's row for update.
async fn lock(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: TrunkId,
) -> Result<Trunk, StoreError> {
    let row = trunk_rows!(
        "where id = $1 and enterprise_id = $2 for update",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(Trunk::from).ok_or(StoreError::NotFound("trunk"))
}

/// [`lock`] for a trunk that a caller ID names: one that is not there is the caller ID's fault.
async fn lock_named(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: TrunkId,
) -> Result<Trunk, StoreError> {
    lock(conn, enterprise, id).await.map_err(|error| match error {
        StoreError::NotFound(_) => {
            let detail = format!("there is no trunk {id}");
            StoreError::Refused(vec![Fault::new("/trunk", "not_found", detail)])
        }
        other => other,
    })
}

/// Change a trunk. Limits hold for calls that start afterwards; a breaker that is switched off closes.
/// Locks the trunk, then the tasks that call through it.
pub async fn update(
    store: &Store,
    enterprise: EnterpriseId,
    id: TrunkId,
    expected: i64,
    mut config: TrunkConfig,
    now: Time,
    actor: &str,
) -> Result<Trunk, StoreError> {
    let mut tx = store.api.begin().await?;
    let old = lock(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    // Who has seen no more than the mask of a password leaves it as it is.
    config.reunite(&secrets::of(store, &mut tx, enterprise, id).await?);
    refuse(faults(config.check()))?;
    sqlx::query!(
        "update trunk set name = $2, config = $3, secrets = $5, version = version + 1,
                edited_slot = (select last_value from attempt_slot_seq),
                breaker = case when $4 then breaker else 'closed' end,
                breaker_until = case when $4 then breaker_until end
          where id = $1",
        id.uuid(),
        config.name,
        Json(&config) as _,
        config.breaker.enabled,
        secrets::seal(store, enterprise, id, &config)?
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| name_taken(error, &config.name))?;
    let (before, after) = (limits(&old.config), limits(&config));
    limits_changed(&mut tx, enterprise, Scope::Trunk(id), &before, &after, now).await?;
    trunk_changed(&mut tx, id, now, actor).await?;
    notify_dispatch(&mut tx, enterprise).await?;
    let trunk = lock(&mut tx, enterprise, id).await?;
    tx.commit().await?;
    Ok(trunk)
}

/// Delete a trunk. Refused while it has caller IDs or calls. Locks the trunk.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    id: TrunkId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    lock(&mut tx, enterprise, id).await?;
    let callers = sqlx::query_scalar!(
        "select phone from caller_id where trunk_id = $1 order by id",
        id.uuid()
    )
    .fetch_all(&mut *tx)
    .await?;
    let mut users: Vec<String> =
        callers.into_iter().map(|column| format!("the caller ID {}", phone(column))).collect();
    let live = sqlx::query_scalar!(
        r#"select count(*) as "n!" from attempt where trunk_id = $1"#,
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    if live > 0 {
        users.push(format!("{live} calls that are up"));
    }
    unused("trunk_in_use", "trunk", &users)?;
    sqlx::query!("delete from pace where scope_id = $1", id.uuid()).execute(&mut *tx).await?;
    sqlx::query!("delete from trunk where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// An outbound number shown to customers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallerId {
    pub id: CallerIdId,
    pub trunk: TrunkId,
    pub phone: Phone,
    pub label: String,
    pub province: String,
    pub city: String,
    /// Counts edits.
    pub version: i64,
    pub created_at: Time,
}

/// What a person sets on a caller ID; the caller looks its location up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCallerId {
    pub trunk: TrunkId,
    pub phone: Phone,
    /// At most [`LABEL_MAX`] characters.
    pub label: String,
    pub province: String,
    pub city: String,
}

/// Characters of a caller ID's label, at most.
pub const LABEL_MAX: usize = 64;

struct CallerRow {
    id: Uuid,
    trunk_id: Uuid,
    phone: i64,
    label: String,
    province: String,
    city: String,
    version: i64,
    created_at: Time,
}

impl From<CallerRow> for CallerId {
    fn from(row: CallerRow) -> Self {
        Self {
            id: row.id.into(),
            trunk: row.trunk_id.into(),
            phone: phone(row.phone),
            label: row.label,
            province: row.province,
            city: row.city,
            version: row.version,
            created_at: row.created_at,
        }
    }
}

macro_rules! caller_rows {
    ($rest:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            CallerRow,
            r#"select id, trunk_id, phone, label, province, city, version, created_at
                 from caller_id "# + $rest,
            $($argument),*
        )
    };
}

fn check_label(label: &str) -> Result<(), StoreError> {
    refuse(outbound::fault::text("/label", label, 0, LABEL_MAX).into_iter().collect())
}

/// Add a caller ID to a trunk. Locks the trunk against deletion.
pub async fn create_caller_id(
    store: &Store,
    enterprise: EnterpriseId,
    new: NewCallerId,
    now: Time,
) -> Result<CallerId, StoreError> {
    if let Some(made) = idempotency::made(|id| get_caller_id(store, enterprise, id)).await? {
        return Ok(made);
    }
    check_label(&new.label)?;
    let mut tx = store.api.begin().await?;
    quotas::room(&mut tx, enterprise, Quota::CallerIds).await?;
    lock_named(&mut tx, enterprise, new.trunk).await?;
    let id = idempotency::id(clock::new_id::<CallerIdId>());
    let (province, city) = match new.phone.location() {
        Some(location) if new.province.is_empty() && new.city.is_empty() => {
            (location.province.to_owned(), location.city.to_owned())
        }
        _ => (new.province, new.city),
    };
    sqlx::query!(
        "insert into caller_id (id, enterprise_id, trunk_id, phone, label, province, city, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.uuid(),
        enterprise.uuid(),
        new.trunk.uuid(),
        phone_column(new.phone),
        new.label,
        province,
        city,
        now
    )
    .execute(&mut *tx)
    .await
    .map_err(|error| {
        taken(error, "caller_id_exists", || format!("the caller ID {} exists", new.phone))
    })?;
    tx.commit().await?;
    get_caller_id(store, enterprise, id).await
}

/// Locks nothing.
pub async fn get_caller_id(
    store: &Store,
    enterprise: EnterpriseId,
    id: CallerIdId,
) -> Result<CallerId, StoreError> {
    let row = caller_rows!("where id = $1 and enterprise_id = $2", id.uuid(), enterprise.uuid())
        .fetch_optional(&store.api)
        .await?;
    row.map(CallerId::from).ok_or(StoreError::NotFound("caller ID"))
}

/// Newest first; of one trunk, or of all. Locks nothing.
pub async fn list_caller_ids(
    store: &Store,
    enterprise: EnterpriseId,
    trunk: Option<TrunkId>,
    page: Page<CallerIdId>,
) -> Result<Listed<CallerId, CallerIdId>, StoreError> {
    let rows = caller_rows!(
        "where enterprise_id = $1 and ($2::uuid is null or id < $2)
           and ($3::uuid is null or trunk_id = $3)
         order by id desc limit $4",
        enterprise.uuid(),
        page.after.map(CallerIdId::uuid),
        trunk.map(TrunkId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(CallerId::from).collect(), |caller| caller.id))
}

/// Change a caller ID's label or move it to another trunk. Locks that trunk, the
/// caller ID and the tasks that call through the trunk.
#[allow(clippy::too_many_arguments, reason = "each is a plain part of one edit")]
pub async fn update_caller_id(
    store: &Store,
    enterprise: EnterpriseId,
    id: CallerIdId,
    expected: i64,
    trunk: TrunkId,
    label: &str,
    now: Time,
    actor: &str,
) -> Result<CallerId, StoreError> {
    check_label(label)?;
    let mut tx = store.api.begin().await?;
    lock_named(&mut tx, enterprise, trunk).await?;
    let old = lock_caller_id(&mut tx, enterprise, id).await?;
    same_version(old.version, expected)?;
    sqlx::query!(
        "update caller_id set trunk_id = $2, label = $3, version = version + 1 where id = $1",
        id.uuid(),
        trunk.uuid(),
        label
    )
    .execute(&mut *tx)
    .await?;
    if old.trunk != trunk {
        trunk_changed(&mut tx, trunk, now, actor).await?;
    }
    notify_dispatch(&mut tx, enterprise).await?;
    tx.commit().await?;
    Ok(CallerId { trunk, label: label.to_owned(), version: old.version + 1, ..old })
}

/// Locks the caller ID's row for update.
async fn lock_caller_id(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    id: CallerIdId,
) -> Result<CallerId, StoreError> {
    let row = caller_rows!(
        "where id = $1 and enterprise_id = $2 for update",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(conn)
    .await?;
    row.map(CallerId::from).ok_or(StoreError::NotFound("caller ID"))
}

/// Delete a caller ID. Refused with who uses it: tasks, templates, imported numbers, calls that are
/// up. Locks the caller ID.
pub async fn delete_caller_id(
    store: &Store,
    enterprise: EnterpriseId,
    id: CallerIdId,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    lock_caller_id(&mut tx, enterprise, id).await?;
    let mut users = users(&mut tx, enterprise, &Referred::CallerId(id)).await?;
    let numbers = sqlx::query!(
        r#"select exists (select from number where caller_id = $1) as "imported!",
                  exists (select from attempt where caller_id = $1) as "live!""#,
        id.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    if numbers.imported {
        users.push("imported numbers".to_owned());
    }
    if numbers.live {
        users.push("calls that are up".to_owned());
    }
    unused("caller_id_in_use", "caller ID", &users)?;
    sqlx::query!("delete from caller_id where id = $1", id.uuid()).execute(&mut *tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Every caller ID of an enterprise, by its number. Locks nothing.
pub async fn caller_ids_by_phone(
    store: &Store,
    enterprise: EnterpriseId,
) -> Result<BTreeMap<Phone, CallerIdId>, StoreError> {
    let rows =
        sqlx::query!("select id, phone from caller_id where enterprise_id = $1", enterprise.uuid())
            .fetch_all(&store.api)
            .await?;
    Ok(rows.into_iter().map(|row| (phone(row.phone), row.id.into())).collect())
}
