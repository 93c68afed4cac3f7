//! The do-not-call list of an enterprise: phone numbers that no task dials, at whatever stage they
//! stand.
//!
//! An entry holds until it expires or is removed. Whoever is about to dial asks [`among`] in the
//! transaction that decides.

use std::collections::{BTreeSet, HashSet};

use outbound::Time;
use outbound::fault::{Fault, count, text};
use outbound::ids::{EnterpriseId, SuppressionId};
use outbound::phone::Phone;
use sqlx::types::Uuid;
use sqlx::{PgConnection, Postgres, Transaction};

use crate::attempts::put_back;
use crate::attempts::quiet::{Stopped, await_quiet};
use crate::lanes::{self, Counts, lock_claims};
use crate::rows::{Listed, Page, phone, phone_column};
use crate::tasks::references::refuse;
use crate::{Store, StoreError};

/// Phones that one request may add, at most.
pub const ADDED_MAX: usize = 10_000;
/// Characters of a reason, at most.
pub const REASON_MAX: usize = 200;

/// Who put a phone on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person or the API.
    Api,
    /// The robot, because the customer asked for it.
    Robot,
}

impl Source {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Robot => "robot",
        }
    }
}

/// An entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suppression {
    pub id: SuppressionId,
    pub phone: Phone,
    pub reason: String,
    /// A word of [`Source`].
    pub source: String,
    pub created_at: Time,
    /// From then on it holds no longer; `None`: for good.
    pub expires_at: Option<Time>,
}

struct Row {
    id: Uuid,
    phone: i64,
    reason: String,
    source: String,
    created_at: Time,
    expires_at: Option<Time>,
}

impl From<Row> for Suppression {
    fn from(row: Row) -> Self {
        Self {
            id: row.id.into(),
            phone: phone(row.phone),
            reason: row.reason,
            source: row.source,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

/// Put phones on the list; one that is there gets the new reason and expiry. Gives the entries.
///
/// A call to one of them that was claimed and has not begun goes back, and its number is judged anew: no
/// later claim has to know. One that begins again asks the list, under the lock that this takes. When it
/// returns, no INVITE to them leaves any more. Locks the enterprise's claims, the live attempts of the
/// phones, the entries.
pub async fn add(
    store: &Store,
    enterprise: EnterpriseId,
    phones: &[Phone],
    reason: &str,
    source: Source,
    expires_at: Option<Time>,
    now: Time,
) -> Result<Vec<Suppression>, StoreError> {
    let mut faults = Vec::new();
    faults.extend(count("/phone_numbers", phones.len(), 1, ADDED_MAX));
    faults.extend(text("/reason", reason, 0, REASON_MAX));
    if expires_at.is_some_and(|at| at <= now) {
        faults.push(Fault::new("/expires_at", "in_the_past", "the expiry must be after now"));
    }
    refuse(faults)?;
    let mut tx = store.api.begin().await?;
    let columns: Vec<i64> = phones.iter().map(|phone| phone_column(*phone)).collect();
    let claimed = hold(&mut tx, enterprise, &columns).await?;
    let entries = add_in(&mut tx, enterprise, phones, reason, source, expires_at, now).await?;
    let_go(tx, enterprise, &claimed).await?;
    await_quiet(store, Stopped::Phones(enterprise, &columns)).await?;
    Ok(entries)
}

/// A customer asks on a call not to be called again: for good, whenever an entry was to expire that is
/// there already. It is not for the call's end to write: whatever becomes of the call, of its worker or its
/// lease, the customer has asked.
///
/// Locks what [`add`] locks.
pub async fn asked(
    store: &Store,
    enterprise: EnterpriseId,
    phone: Phone,
    now: Time,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    let column = phone_column(phone);
    let claimed = hold(&mut tx, enterprise, &[column]).await?;
    sqlx::query!(
        "insert into suppression (id, enterprise_id, phone, reason, source, created_at)
         values ($1, $2, $3, 'asked on a call', $4, $5)
         on conflict (enterprise_id, phone) do update set expires_at = null",
        SuppressionId::new().uuid(),
        enterprise.uuid(),
        column,
        Source::Robot.word(),
        now
    )
    .execute(&mut *tx)
    .await?;
    let_go(tx, enterprise, &claimed).await
}

/// Locks the enterprise's claims, as a claim beside this would neither see the entries nor be seen, and the
/// live attempts of the phones. Gives those that have not begun.
async fn hold(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    lock_claims(conn, enterprise).await?;
    lock_attempts(conn, enterprise, phones).await
}

/// Gives back what was claimed, and commits.
async fn let_go(
    mut tx: Transaction<'_, Postgres>,
    enterprise: EnterpriseId,
    claimed: &[(Uuid, i64)],
) -> Result<(), StoreError> {
    let mut counts = Counts::default();
    put_back(&mut tx, claimed, None, &mut counts).await?;
    counts.write(&mut tx).await?;
    // A claim that found the lock taken left its work to whoever holds it.
    lanes::notify(&mut tx, BTreeSet::from([enterprise.uuid()])).await?;
    tx.commit().await?;
    Ok(())
}

/// Locks the live attempts of the phones: no begin of one is under way from here on. Gives those that
/// have not begun.
async fn lock_attempts(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let live = sqlx::query!(
        r#"select id, token, phase = 'claimed' as "claimed!" from attempt
            where enterprise_id = $1 and phone = any($2) order by id for update"#,
        enterprise.uuid(),
        phones
    )
    .fetch_all(conn)
    .await?;
    Ok(live.into_iter().filter(|row| row.claimed).map(|row| (row.id, row.token)).collect())
}

/// [`add`] in the caller's transaction, unjudged. Locks the entries, in the order of their phones.
pub async fn add_in(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[Phone],
    reason: &str,
    source: Source,
    expires_at: Option<Time>,
    now: Time,
) -> Result<Vec<Suppression>, StoreError> {
    // Sorted, so that two that add the same phones don't wait for each other; once each, as one
    // statement may not touch a row twice.
    let mut columns: Vec<i64> = phones.iter().map(|phone| phone_column(*phone)).collect();
    columns.sort_unstable();
    columns.dedup();
    let ids: Vec<Uuid> = columns.iter().map(|_| SuppressionId::new().uuid()).collect();
    let rows = sqlx::query_as!(
        Row,
        "insert into suppression (id, enterprise_id, phone, reason, source, created_at, expires_at)
         select new.id, $1, new.phone, $4, $5, $6, $7
           from unnest($2::uuid[], $3::bigint[]) as new (id, phone)
         on conflict (enterprise_id, phone) do update
            set reason = excluded.reason, source = excluded.source, expires_at = excluded.expires_at
      returning id, phone, reason, source, created_at, expires_at",
        enterprise.uuid(),
        &ids,
        &columns,
        reason,
        source.word(),
        now,
        expires_at
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Suppression::from).collect())
}

/// Those of the phones that may not be dialled now. Locks nothing.
pub async fn among(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[Phone],
    now: Time,
) -> Result<HashSet<Phone>, StoreError> {
    let columns: Vec<i64> = phones.iter().map(|phone| phone_column(*phone)).collect();
    let found = sqlx::query_scalar!(
        "select phone from suppression
          where enterprise_id = $1 and phone = any($2) and (expires_at is null or expires_at > $3)",
        enterprise.uuid(),
        &columns,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(found.into_iter().map(phone).collect())
}

/// Entries, newest first, expired ones too; of one phone, or of all. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    of: Option<Phone>,
    page: Page<SuppressionId>,
) -> Result<Listed<Suppression, SuppressionId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select id, phone, reason, source, created_at, expires_at from suppression
          where enterprise_id = $1 and ($2::uuid is null or id < $2)
            and ($3::bigint is null or phone = $3)
          order by id desc limit $4",
        enterprise.uuid(),
        page.after.map(SuppressionId::uuid),
        of.map(phone_column),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(rows.into_iter().map(Suppression::from).collect(), |entry| entry.id))
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: SuppressionId,
) -> Result<Suppression, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select id, phone, reason, source, created_at, expires_at from suppression
          where id = $1 and enterprise_id = $2",
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Suppression::from).ok_or(StoreError::NotFound("do-not-call entry"))
}

/// Take a phone off the list. Numbers that ended because of it stay ended.
pub async fn remove(
    store: &Store,
    enterprise: EnterpriseId,
    id: SuppressionId,
) -> Result<(), StoreError> {
    let removed = sqlx::query!(
        "delete from suppression where id = $1 and enterprise_id = $2",
        id.uuid(),
        enterprise.uuid()
    )
    .execute(&store.api)
    .await?;
    if removed.rows_affected() == 0 {
        Err(StoreError::NotFound("do-not-call entry"))
    } else {
        Ok(())
    }
}
