//! Phones come onto the list: from a request, or because a customer asks for it on a call.

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::fault::{count, text};
use outbound::ids::{EnterpriseId, SuppressionId};
use outbound::phone::Phone;
use outbound::suppression::{Entry, REASON_MAX, in_the_past};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::{Row, Source, Suppression, ended};
use crate::attempts::put_back;
use crate::attempts::quiet::{Stopped, await_quiet};
use crate::lanes::{self, Counts, lock_claims};
use crate::rows::phone_column;
use crate::tasks::references::refuse;
use crate::{Store, StoreError, decisions, quotas};

/// Phones that one request may add, at most.
pub const ADDED_MAX: usize = 10_000;

/// Put phones on the list; one that is there gets the new reason and expiry. Gives the entries.
///
/// A call to one of them that was claimed and has not begun goes back, and its number is judged anew: no
/// later claim has to know. One that begins again asks the list, under the lock that this takes. When it
/// returns, no INVITE to them leaves any more, and their numbers that waited have ended. Locks the
/// enterprise's claims, the live attempts of the phones, the entries, ready and waiting rows, numbers, lanes,
/// counters; all but the first two thousand numbers in transactions of their own.
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
        faults.push(in_the_past());
    }
    refuse(faults)?;
    let mut tx = store.api.begin().await?;
    let columns: Vec<i64> = phones.iter().map(|phone| phone_column(*phone)).collect();
    let claimed = hold(&mut tx, enterprise, &columns).await?;
    quotas::room_for_phones(&mut tx, enterprise, &columns).await?;
    let mut entries = BTreeMap::new();
    for phone in phones {
        entries.insert(*phone, Entry { phone: *phone, reason: reason.to_owned(), expires_at });
    }
    let entries = write(&mut tx, enterprise, &entries, source, now).await?;
    let mut counts = Counts::default();
    let left = let_go(&mut tx, enterprise, &columns, &claimed, &mut counts).await?;
    counts.write(&mut tx).await?;
    tx.commit().await?;
    left.end(store, enterprise, &columns).await?;
    await_quiet(store, Stopped::Phones(enterprise, &columns)).await?;
    Ok(entries)
}

/// A customer asks on a call not to be called again: for good, whenever an entry was to expire that is
/// there already. It is not for the call's end to write: whatever becomes of the call, of its worker or its
/// lease, the customer has asked. So no limit of entries holds here.
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
        clock::new_id::<SuppressionId>().uuid(),
        enterprise.uuid(),
        column,
        Source::Robot.word(),
        now
    )
    .execute(&mut *tx)
    .await?;
    let mut counts = Counts::default();
    let left = let_go(&mut tx, enterprise, &[column], &claimed, &mut counts).await?;
    counts.write(&mut tx).await?;
    tx.commit().await?;
    left.end(store, enterprise, &[column]).await
}

/// Numbers of phones that were listed, once the transaction that listed them is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    None,
    /// Too many for one transaction, moved by somebody else meanwhile, or given back by it.
    Some,
}

impl Left {
    /// End them, too.
    pub async fn end(
        self,
        store: &Store,
        enterprise: EnterpriseId,
        phones: &[i64],
    ) -> Result<(), StoreError> {
        match self {
            Self::None => Ok(()),
            Self::Some => ended::end_all(store, enterprise, phones).await,
        }
    }
}

/// Locks the enterprise's claims, as a claim beside this would neither see the entries nor be seen, and the
/// live attempts of the phones. Gives those that have not begun.
pub(super) async fn hold(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    lock_claims(conn, enterprise).await?;
    lock_attempts(conn, enterprise, phones).await
}

/// Ends numbers that wait, and gives back what was claimed; whether any are left. The counters are the caller's to
/// write, last.
pub(super) async fn let_go(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
    claimed: &[(Uuid, i64)],
    counts: &mut Counts,
) -> Result<Left, StoreError> {
    // Before lanes are locked; what enters them now ends with the rest.
    let look = ended::end_some(conn, enterprise, phones, counts).await?;
    put_back(conn, claimed, None, counts).await?;
    // A claim that found the lock taken left its work to whoever holds it.
    lanes::notify(conn, BTreeSet::from([enterprise.uuid()])).await?;
    decisions::tell_listed(conn, enterprise, phones).await?;
    Ok(if look.is_whole() && claimed.is_empty() { Left::None } else { Left::Some })
}

/// Locks the live attempts of the phones, and those of numbers that have one as their own while a backup is
/// called: no begin of one is under way from here on, and none is being finished. Gives those that have not
/// begun.
async fn lock_attempts(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<Vec<(Uuid, i64)>, StoreError> {
    let live = sqlx::query!(
        r#"with live as (
               select id from attempt where enterprise_id = $1 and phone = any($2)
               union
               select a.id
                 from number n join attempt a on a.enterprise_id = $1 and a.phone = any(n.backups)
                                             and a.number_id = n.id
                where n.enterprise_id = $1 and n.phone = any($2) and n.state = 'calling')
           select a.id, a.token, a.phase = 'claimed' as "claimed!"
             from live join attempt a on a.id = live.id order by a.id for update of a"#,
        enterprise.uuid(),
        phones
    )
    .fetch_all(conn)
    .await?;
    Ok(live.into_iter().filter(|row| row.claimed).map(|row| (row.id, row.token)).collect())
}

/// Writes entries, unjudged; one that is there gets the new reason and expiry. Locks the entries, in the order
/// of their phones, so that two that add the same phones don't wait for each other.
pub(super) async fn write(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    entries: &BTreeMap<Phone, Entry>,
    source: Source,
    now: Time,
) -> Result<Vec<Suppression>, StoreError> {
    let ids: Vec<Uuid> = entries.iter().map(|_| clock::new_id::<SuppressionId>().uuid()).collect();
    let phones: Vec<i64> = entries.keys().map(|phone| phone_column(*phone)).collect();
    let reasons: Vec<&str> = entries.values().map(|entry| entry.reason.as_str()).collect();
    let expiries: Vec<Option<Time>> = entries.values().map(|entry| entry.expires_at).collect();
    let rows = sqlx::query_as!(
        Row,
        "insert into suppression (id, enterprise_id, phone, reason, source, created_at, expires_at)
         select new.id, $1, new.phone, new.reason, $5, $6, new.expires_at
           from unnest($2::uuid[], $3::bigint[], $4::text[], $7::timestamptz[])
                as new (id, phone, reason, expires_at)
         on conflict (enterprise_id, phone) do update
            set reason = excluded.reason, source = excluded.source, expires_at = excluded.expires_at
      returning id, phone, reason, source, created_at, expires_at",
        enterprise.uuid(),
        &ids,
        &phones,
        &reasons as &[&str],
        source.word(),
        now,
        &expiries as &[Option<Time>]
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(Suppression::from).collect())
}
