//! An import in a worker's hands: taken, reported on, ended.

use std::time::Duration;

use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, ImportId};
use outbound::import::{ImportProblem, ImportResult};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Import, Row, get};
use crate::work::{Going, Try, WorkStatus, lease_lost, over, seconds, status};
use crate::{Store, StoreError};

/// Take an import to do it, for `lease` of the database's time. `token` is that of the job. None:
/// another worker has it, or it is over, or the job is an old one. Locks the row.
pub async fn take(
    store: &Store,
    id: ImportId,
    token: i64,
    lease: Duration,
) -> Result<Option<Import>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"update import
              set status = 'running', token = token + 1, tries = tries + 1,
                  lease_until = clock_timestamp() + make_interval(secs => $3)
            where id = $1 and token = $2
              and (status = 'queued' or (status = 'running' and lease_until < clock_timestamp()))
        returning id, enterprise_id, task_id, status, options, object_key, error_key, total, done,
                  result, problem as "problem: Json<ImportProblem>", batch_id, landed_line, token,
                  cancel, tries, trouble, actor, created_at, finished_at"#,
        id.uuid(),
        token,
        seconds(lease)
    )
    .fetch_optional(&store.long)
    .await?;
    row.map(Import::try_from).transpose()
}

/// Say how far it is, renew the lease, and hear whether to go on. Locks the row.
pub async fn progress(
    store: &Store,
    id: ImportId,
    token: i64,
    done: u64,
    total: Option<u64>,
    lease: Duration,
) -> Result<Going, StoreError> {
    let cancel = sqlx::query_scalar!(
        "update import
            set done = $3, total = coalesce($4, total),
                lease_until = clock_timestamp() + make_interval(secs => $5)
          where id = $1 and token = $2 and status = 'running'
      returning cancel",
        id.uuid(),
        token,
        column(done),
        total.map(column),
        seconds(lease)
    )
    .fetch_optional(&store.api)
    .await?
    .ok_or_else(lease_lost)?;
    Ok(if cancel { Going::Cancelled } else { Going::On })
}

/// How an import that landed ended.
#[derive(Debug, Clone)]
pub struct Landed<'a> {
    pub result: &'a ImportResult,
    pub batch: Option<BatchId>,
    pub error_key: Option<&'a str>,
}

/// Mark it done, in the transaction that lands it: both happen or neither. A lost lease or a cancel
/// is an error, and the transaction must be rolled back. Locks the row.
pub async fn finish(
    db: &mut PgConnection,
    id: ImportId,
    token: i64,
    landed: Landed<'_>,
    now: Time,
) -> Result<(), StoreError> {
    let cancelled = sqlx::query_scalar!(
        "update import
            set status = 'done', result = $3, batch_id = $4, error_key = $5, finished_at = $6,
                total = $7, done = $7, lease_until = null
          where id = $1 and token = $2 and status = 'running'
      returning cancel",
        id.uuid(),
        token,
        Json(landed.result) as _,
        landed.batch.map(Uuid::from),
        landed.error_key,
        now,
        column(landed.result.rows)
    )
    .fetch_optional(db)
    .await?
    .ok_or_else(lease_lost)?;
    going(cancelled)
}

pub(super) fn going(cancelled: bool) -> Result<(), StoreError> {
    if cancelled {
        return Err(StoreError::conflict("cancelled", "the import was cancelled"));
    }
    Ok(())
}

pub(super) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// It was refused whole. Locks the row.
pub async fn fail(
    store: &Store,
    id: ImportId,
    token: i64,
    problem: &ImportProblem,
    error_key: Option<&str>,
    now: Time,
) -> Result<(), StoreError> {
    let failed = sqlx::query!(
        "update import
            set status = 'failed', problem = $3, error_key = $4, finished_at = $5, lease_until = null
          where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token,
        Json(problem) as _,
        error_key,
        now
    )
    .execute(&store.api)
    .await?;
    if failed.rows_affected() == 0 { Err(lease_lost()) } else { Ok(()) }
}

/// The worker heard that it is cancelled, and left nothing behind. Locks the row.
pub async fn cancelled(
    store: &Store,
    id: ImportId,
    token: i64,
    now: Time,
) -> Result<(), StoreError> {
    let ended = sqlx::query!(
        "update import set status = 'cancelled', finished_at = $3, lease_until = null
          where id = $1 and token = $2 and status = 'running' and cancel",
        id.uuid(),
        token,
        now
    )
    .execute(&store.api)
    .await?;
    if ended.rows_affected() == 0 { Err(lease_lost()) } else { Ok(()) }
}

/// Ask for a cancel. What is queued is cancelled at once; what runs, when its worker next reports,
/// unless it lands first. Locks the row.
pub async fn cancel(
    store: &Store,
    enterprise: EnterpriseId,
    id: ImportId,
    now: Time,
) -> Result<WorkStatus, StoreError> {
    let after = sqlx::query_scalar!(
        "update import
            set cancel = true,
                status = case status when 'queued' then 'cancelled' else status end,
                finished_at = case status when 'queued' then $3 else finished_at end
          where id = $1 and enterprise_id = $2 and status in ('queued', 'running')
      returning status",
        id.uuid(),
        enterprise.uuid(),
        now
    )
    .fetch_optional(&store.api)
    .await?;
    match after {
        Some(word) => status(&word),
        None => Err(over(get(store, enterprise, id).await?.status)),
    }
}

/// Give it back before its lease ends, with what came of the try: whoever comes next takes it at once.
/// False: it is not this worker's any more. Locks the row.
pub async fn give_back(
    store: &Store,
    id: ImportId,
    token: i64,
    tried: Try<'_>,
) -> Result<bool, StoreError> {
    let (off, trouble) = tried.columns();
    let given = sqlx::query!(
        "update import
            set lease_until = clock_timestamp(), tries = greatest(tries - $3, 0),
                trouble = coalesce($4, trouble)
          where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token,
        off,
        trouble
    )
    .execute(&store.api)
    .await?;
    Ok(given.rows_affected() > 0)
}

/// Queue again what a worker left: imports whose lease ran out, at most `limit`. Locks those rows.
pub async fn requeue_expired(store: &Store, limit: u32) -> Result<u64, StoreError> {
    let requeued = sqlx::query!(
        "update import set status = 'queued', lease_until = null
          where id in (select id from import
                        where status = 'running' and lease_until < clock_timestamp()
                        order by id limit $1 for update skip locked)",
        i64::from(limit)
    )
    .execute(&store.api)
    .await?;
    Ok(requeued.rows_affected())
}

/// What is queued, oldest first: the sweep pushes a job for each again, and the queue keeps one of
/// a kind. Locks nothing.
pub async fn queued(store: &Store, limit: u32) -> Result<Vec<(ImportId, i64)>, StoreError> {
    let rows = sqlx::query!(
        "select id, token from import where status = 'queued' order by id limit $1",
        i64::from(limit)
    )
    .fetch_all(&store.api)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.token)).collect())
}

/// Whose import it is; none when it is gone. Locks nothing.
pub async fn enterprise_of(
    store: &Store,
    id: ImportId,
) -> Result<Option<EnterpriseId>, StoreError> {
    let found = sqlx::query_scalar!("select enterprise_id from import where id = $1", id.uuid())
        .fetch_optional(&store.api)
        .await?;
    Ok(found.map(EnterpriseId::from))
}

/// The import of an enterprise that has been queued for longest, with its token. Locks nothing.
pub async fn next_queued(
    store: &Store,
    enterprise: EnterpriseId,
) -> Result<Option<(ImportId, i64)>, StoreError> {
    let found = sqlx::query!(
        "select id, token from import where enterprise_id = $1 and status = 'queued' order by id limit 1",
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    Ok(found.map(|found| (found.id.into(), found.token)))
}
