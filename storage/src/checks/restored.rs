//! What a check needs beside its snapshot: restores that were noted, and calls that began after it.

use std::collections::HashSet;

use outbound::Time;
use outbound::ids::AttemptId;
use sqlx::types::Uuid;

use super::Snapshot;
use crate::{Store, StoreError};

/// Attempts that are asked for at a time.
const EXISTING_PAGE: usize = 5_000;

/// The database was restored from a backup at `restored_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The start of the newest call that the backup knew; none: it knew no call.
    pub known_until: Option<Time>,
    pub restored_at: Time,
}

impl Snapshot {
    /// The restores from a backup that somebody noted, oldest first.
    pub async fn restored(&mut self) -> Result<Vec<Restored>, StoreError> {
        let rows = sqlx::query!("select known_until, restored_at from restored order by id")
            .fetch_all(&mut *self.tx)
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| Restored { known_until: row.known_until, restored_at: row.restored_at })
            .collect())
    }
}

/// Those of `attempts` that exist at this moment, live or with a record: a check of a running installation
/// asks for calls that began after its snapshot. Locks nothing.
pub async fn existing(
    store: &Store,
    attempts: &[AttemptId],
) -> Result<HashSet<AttemptId>, StoreError> {
    let mut found = HashSet::new();
    for some in attempts.chunks(EXISTING_PAGE) {
        let ids: Vec<Uuid> = some.iter().map(|attempt| attempt.uuid()).collect();
        let rows = sqlx::query_scalar!(
            r#"select id as "id!" from attempt where id = any($1)
                union all select id from call_record where id = any($1)
                union all select id from transfer_leg where id = any($1)"#,
            &ids
        )
        .fetch_all(&store.long)
        .await?;
        found.extend(rows.into_iter().map(AttemptId::from));
    }
    Ok(found)
}

/// Note that the database was restored from a backup. Locks nothing.
pub async fn note_restored(
    store: &Store,
    restored: Restored,
    noted_at: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "insert into restored (known_until, restored_at, noted_at) values ($1, $2, $3)",
        restored.known_until,
        restored.restored_at,
        noted_at
    )
    .execute(&store.long)
    .await?;
    Ok(())
}
