//! An import in a worker's hands: taken, reported on, ended.

use std::time::Duration;

use outbound::Time;
use outbound::ids::{BatchId, ImportId};
use outbound::import::{ImportProblem, ImportResult};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Import, Row};
use crate::work::seconds;
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
    .ok_or(StoreError::LeaseLost)?;
    going(cancelled)
}

pub(super) fn going(cancelled: bool) -> Result<(), StoreError> {
    if cancelled {
        return Err(StoreError::Cancelled);
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
    if failed.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}
