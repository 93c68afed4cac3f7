//! Recordings: what still has to go up from a spool folder, and what is kept.

use std::collections::HashSet;

use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId, TaskId};
use sqlx::types::Uuid;

use crate::rows::{Listed, Page};
use crate::work::Try;
use crate::{Store, StoreError};

/// One recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    pub attempt: AttemptId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub started_at: Time,
    /// `pending`, `ready` or `failed`.
    pub state: String,
    /// The spool folder (by its id) that holds the file until it is safe.
    pub spool: String,
    pub object_key: String,
    pub bytes: Option<u64>,
    pub duration_ms: u64,
    /// Times that its upload was tried, without those that a server's absence broke off.
    pub tries: u32,
    /// What went wrong at the last try that failed.
    pub trouble: Option<String>,
}

struct Row {
    attempt_id: Uuid,
    enterprise_id: Uuid,
    task_id: Uuid,
    started_at: Time,
    state: String,
    spool: String,
    object_key: String,
    bytes: Option<i64>,
    duration_ms: i64,
    tries: i32,
    trouble: Option<String>,
}

impl From<Row> for Recording {
    fn from(row: Row) -> Self {
        Self {
            attempt: row.attempt_id.into(),
            enterprise: row.enterprise_id.into(),
            task: row.task_id.into(),
            started_at: row.started_at,
            state: row.state,
            spool: row.spool,
            object_key: row.object_key,
            bytes: row.bytes.map(i64::unsigned_abs),
            duration_ms: row.duration_ms.unsigned_abs(),
            tries: row.tries.unsigned_abs(),
            trouble: row.trouble,
        }
    }
}

/// The recording of an attempt. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    attempt: AttemptId,
) -> Result<Recording, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "select attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, bytes,
                duration_ms, tries, trouble
           from recording where attempt_id = $1 and enterprise_id = $2",
        attempt.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Recording::from).ok_or(StoreError::NotFound("recording"))
}

/// The recordings of a task, newest first. Locks nothing.
pub async fn of_task(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    page: Page<AttemptId>,
) -> Result<Listed<Recording, AttemptId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, bytes,
                duration_ms, tries, trouble
           from recording
          where task_id = $1 and enterprise_id = $2 and ($3::uuid is null or attempt_id < $3)
          order by attempt_id desc limit $4",
        task.uuid(),
        enterprise.uuid(),
        page.after.map(Uuid::from),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let recordings = rows.into_iter().map(Recording::from).collect();
    Ok(page.cut(recordings, |recording: &Recording| recording.attempt))
}

/// Recordings that wait in the spool folder, oldest first, behind `after`: an upload job that was
/// lost is pushed again from here. Locks nothing.
pub async fn pending(
    store: &Store,
    spool: &str,
    after: Option<AttemptId>,
    limit: u32,
) -> Result<Vec<Recording>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "select attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, bytes,
                duration_ms, tries, trouble
           from recording
          where state = 'pending' and spool = $1 and ($2::uuid is null or attempt_id > $2)
          order by attempt_id limit $3",
        spool,
        after.map(Uuid::from),
        i64::from(limit)
    )
    .fetch_all(&store.api)
    .await?;
    Ok(rows.into_iter().map(Recording::from).collect())
}

/// Take a recording that waits, to bring it up, whatever the enterprise, and count the try. None: it is up, it
/// failed, or there is none. Locks the row.
pub async fn take(store: &Store, attempt: AttemptId) -> Result<Option<Recording>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        "update recording set tries = tries + 1 where attempt_id = $1 and state = 'pending'
      returning attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, bytes,
                duration_ms, tries, trouble",
        attempt.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    Ok(row.map(Recording::from))
}

/// A try that did not end it: whoever comes next tries again. Locks the row.
pub async fn give_back(
    store: &Store,
    attempt: AttemptId,
    tried: Try<'_>,
) -> Result<(), StoreError> {
    let (off, trouble) = tried.columns();
    sqlx::query!(
        "update recording
            set tries = greatest(tries - $2, 0), trouble = coalesce($3, trouble)
          where attempt_id = $1 and state = 'pending'",
        attempt.uuid(),
        off,
        trouble
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// It lies in the object store: recording and call record say so. Twice is once. Locks both rows.
pub async fn mark_ready(store: &Store, attempt: AttemptId, bytes: u64) -> Result<(), StoreError> {
    sqlx::query!(
        "with marked as (
             update recording set state = 'ready', bytes = $2 where attempt_id = $1
          returning attempt_id, started_at)
         update call_record r set recording_state = 'ready'
           from marked where r.id = marked.attempt_id and r.started_at = marked.started_at",
        attempt.uuid(),
        i64::try_from(bytes).unwrap_or(i64::MAX)
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// It can't be brought up, for this reason: nobody tries again. Locks both rows.
pub async fn mark_failed(
    store: &Store,
    attempt: AttemptId,
    trouble: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with marked as (
             update recording set state = 'failed', trouble = $2
              where attempt_id = $1 and state = 'pending'
          returning attempt_id, started_at)
         update call_record r set recording_state = 'failed'
           from marked where r.id = marked.attempt_id and r.started_at = marked.started_at",
        attempt.uuid(),
        trouble
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// Recordings past their enterprise's retention, or past that of its records, behind `after`: delete the
/// object, then [`forget`]. Those that still wait for their upload are left alone. Locks nothing.
pub async fn expired(
    store: &Store,
    now: Time,
    after: Option<AttemptId>,
    limit: u32,
) -> Result<Vec<(AttemptId, String)>, StoreError> {
    let rows = sqlx::query!(
        "select attempt_id, object_key
           from recording join enterprise on enterprise.id = recording.enterprise_id
          where state <> 'pending'
            and started_at < $1::timestamptz - make_interval(days => least(
                    coalesce((settings ->> 'recording_retention_days')::int, 365),
                    coalesce((settings ->> 'record_retention_days')::int, 365)))
            and ($2::uuid is null or attempt_id > $2)
          order by attempt_id limit $3",
        now,
        after.map(Uuid::from),
        i64::from(limit)
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows.into_iter().map(|row| (row.attempt_id.into(), row.object_key)).collect())
}

/// The objects are gone: their call records show no recording any more. Locks those rows.
pub async fn forget(store: &Store, attempts: &[AttemptId]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.uuid()).collect();
    sqlx::query!(
        "with gone as (
             delete from recording where attempt_id = any($1) returning attempt_id, started_at)
         update call_record r set recording_state = null
           from gone where r.id = gone.attempt_id and r.started_at = gone.started_at",
        &ids
    )
    .execute(&store.long)
    .await?;
    Ok(())
}

/// Recordings that wait for their upload, wherever they are. Locks nothing.
pub async fn pending_count(store: &Store) -> Result<u64, StoreError> {
    let count = sqlx::query_scalar!(
        r#"select count(*) as "count!" from recording where state = 'pending'"#
    )
    .fetch_one(&store.api)
    .await?;
    Ok(count.unsigned_abs())
}

/// Those of `attempts` whose file in a spool folder is still needed: the call may yet be written down, its
/// recording waits for its upload, or the upload failed and the file is the only one there is. Locks nothing.
pub async fn needed(
    store: &Store,
    attempts: &[AttemptId],
) -> Result<HashSet<AttemptId>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.uuid()).collect();
    let rows = sqlx::query_scalar!(
        r#"select id as "id!" from attempt where id = any($1)
            union all
           select attempt_id from recording where attempt_id = any($1) and state <> 'ready'"#,
        &ids
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows.into_iter().map(AttemptId::from).collect())
}
