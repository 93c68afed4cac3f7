//! The do-not-call list of an enterprise: phone numbers that no task dials, at whatever stage they
//! stand.
//!
//! An entry holds until it expires or is removed. Whoever is about to dial asks [`among`] in the
//! transaction that decides. Numbers that wait end as they are listed (`ended`).

mod ended;
mod file;
mod listing;

use std::collections::HashSet;

use outbound::Time;
use outbound::ids::{EnterpriseId, SuppressionId};
use outbound::phone::Phone;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::rows::{Listed, Page, phone, phone_column};
use crate::{Store, StoreError};

pub use file::{LANDED_MAX, Landing, land};
pub use listing::{ADDED_MAX, add, asked};

/// Who put a phone on the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// A person or the API.
    Api,
    /// A file that was imported.
    File,
    /// The robot, because the customer asked for it.
    Robot,
}

impl Source {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::File => "file",
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

/// Those of the phones, each with its enterprise, that may not be dialled now. Locks nothing.
pub async fn in_force(
    conn: &mut PgConnection,
    phones: &[(Uuid, i64)],
    now: Time,
) -> Result<HashSet<(Uuid, i64)>, StoreError> {
    if phones.is_empty() {
        return Ok(HashSet::new());
    }
    let (enterprises, columns): (Vec<Uuid>, Vec<i64>) = phones.iter().copied().unzip();
    let rows = sqlx::query!(
        r#"select u.enterprise as "enterprise!", u.phone as "phone!"
             from unnest($1::uuid[], $2::bigint[]) as u (enterprise, phone)
            where (select true from suppression s
                    where s.enterprise_id = u.enterprise and s.phone = u.phone
                      and suppression_in_force(s.expires_at, $3))"#,
        &enterprises,
        &columns,
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.enterprise, row.phone)).collect())
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

/// Those of the phones that have an entry, an expired one too. Locks nothing.
pub async fn listed(
    store: &Store,
    enterprise: EnterpriseId,
    phones: &[Phone],
) -> Result<Vec<Phone>, StoreError> {
    let columns: Vec<i64> = phones.iter().map(|phone| phone_column(*phone)).collect();
    let found = sqlx::query_scalar!(
        "select phone from suppression where enterprise_id = $1 and phone = any($2)",
        enterprise.uuid(),
        &columns
    )
    .fetch_all(&store.api)
    .await?;
    Ok(found.into_iter().map(phone).collect())
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
