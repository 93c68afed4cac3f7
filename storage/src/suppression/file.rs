//! Phones come onto the list from a file, some hundreds in a transaction.
//!
//! Calls go on meanwhile, so each transaction is short, and what it listed holds from its commit on: whatever
//! becomes of the import, a phone that is on the list stays there. The import's row says in the same
//! transaction how far it is.

use std::collections::{BTreeMap, HashSet};

use outbound::Time;
use outbound::ids::{EnterpriseId, ImportId};
use outbound::phone::Phone;
use outbound::suppression::{Entry, FileResult};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::{Source, in_force, listing};
use crate::attempts::quiet::{Stopped, await_quiet};
use crate::imports::{self, Landmark};
use crate::lanes::Counts;
use crate::rows::{phone, phone_column};
use crate::{Store, StoreError, quotas};

/// Rows of one transaction, at most: claims wait for it.
pub const LANDED_MAX: usize = 500;

/// Rows of a file on their way onto the list.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'a> {
    pub import: ImportId,
    pub token: i64,
    pub enterprise: EnterpriseId,
    /// In the order of the file, each with its line.
    pub rows: &'a [(u64, Entry)],
    /// What came of the file before these rows.
    pub before: FileResult,
}

/// List these rows, at most [`LANDED_MAX`]; of a phone that is there twice the last one holds. A lost lease or a
/// cancel is an error, and then nothing of these rows is listed. Gives what came of the file with them.
///
/// Locks the import's row; and if something is new among them what [`super::add`] locks, before it.
pub async fn land(
    store: &Store,
    landing: Landing<'_>,
    now: Time,
) -> Result<FileResult, StoreError> {
    let Landing { import, token, enterprise, rows, before } = landing;
    let Some((line, _)) = rows.last() else { return Ok(before) };
    let landmark = Landmark { import, token, line: *line };
    let mut entries: BTreeMap<Phone, Entry> =
        rows.iter().map(|(_, entry)| (entry.phone, entry.clone())).collect();
    let mut tx = store.api.begin().await?;
    // A list that is sent again each day says little that is new, and must not stop the claims for it.
    let same = unchanged(&mut tx, enterprise, &entries, now).await?;
    entries.retain(|phone, _| !same.contains(phone));
    if entries.is_empty() {
        let result =
            FileResult { already_listed: before.already_listed + rows.len() as u64, ..before };
        imports::landed_until(&mut tx, landmark, &result).await?;
        tx.commit().await?;
        return Ok(result);
    }
    let phones: Vec<i64> = entries.keys().map(|phone| phone_column(*phone)).collect();
    let claimed = listing::hold(&mut tx, enterprise, &phones).await?;
    quotas::room_for_phones(&mut tx, enterprise, &phones).await?;
    let of: Vec<(Uuid, i64)> = phones.iter().map(|phone| (enterprise.uuid(), *phone)).collect();
    let added = entries.len() - in_force(&mut tx, &of, now).await?.len();
    listing::write(&mut tx, enterprise, &entries, Source::File, now).await?;
    let result = FileResult {
        added: before.added + added as u64,
        already_listed: before.already_listed + (rows.len() - added) as u64,
        ..before
    };
    let mut counts = Counts::default();
    let left = listing::let_go(&mut tx, enterprise, &phones, &claimed, &mut counts).await?;
    imports::landed_until(&mut tx, landmark, &result).await?;
    counts.write(&mut tx).await?;
    tx.commit().await?;
    left.end(store, enterprise, &phones).await?;
    await_quiet(store, Stopped::Phones(enterprise, &phones)).await?;
    Ok(result)
}

/// Those of the phones whose entries say already what these say. Locks nothing.
async fn unchanged(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    entries: &BTreeMap<Phone, Entry>,
    now: Time,
) -> Result<HashSet<Phone>, StoreError> {
    let phones: Vec<i64> = entries.keys().map(|phone| phone_column(*phone)).collect();
    let reasons: Vec<&str> = entries.values().map(|entry| entry.reason.as_str()).collect();
    let expiries: Vec<Option<Time>> = entries.values().map(|entry| entry.expires_at).collect();
    let same = sqlx::query_scalar!(
        r#"select u.phone as "phone!"
             from unnest($2::bigint[], $3::text[], $4::timestamptz[]) as u (phone, reason, expires_at)
            where (select s.reason = u.reason and s.expires_at is not distinct from u.expires_at
                          and suppression_in_force(s.expires_at, $5)
                     from suppression s where s.enterprise_id = $1 and s.phone = u.phone)"#,
        enterprise.uuid(),
        &phones,
        &reasons as &[&str],
        &expiries as &[Option<Time>],
        now
    )
    .fetch_all(conn)
    .await?;
    Ok(same.into_iter().map(phone).collect())
}
