//! Imports as rows: queued, taken, reported on, and how they ended. What they land is in `batches`.

use std::time::Duration;

use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, ImportId, TaskId};
use outbound::import::{ImportOptions, ImportProblem, ImportResult};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page};
use crate::work::{Going, Try, WorkStatus, lease_lost, over, seconds, status};
use crate::{Store, StoreError, tasks};

/// One import.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub id: ImportId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub status: WorkStatus,
    pub options: ImportOptions,
    /// The file that it reads.
    pub object_key: String,
    /// The CSV of refused rows, if there were any.
    pub error_key: Option<String>,
    /// Rows, once they are known.
    pub total: Option<u64>,
    pub done: u64,
    pub result: Option<ImportResult>,
    pub problem: Option<ImportProblem>,
    pub batch: Option<BatchId>,
    /// The fencing token of the worker that has it, or had it last.
    pub token: i64,
    /// Someone asked to cancel it.
    pub cancel: bool,
    /// Times that it was taken, this one included, without those that a server's absence broke off.
    pub tries: u32,
    /// What went wrong at the last try that failed.
    pub trouble: Option<String>,
    pub actor: String,
    pub created_at: Time,
    pub finished_at: Option<Time>,
}

struct Row {
    id: Uuid,
    enterprise_id: Uuid,
    task_id: Uuid,
    status: String,
    options: Json<ImportOptions>,
    object_key: String,
    error_key: Option<String>,
    total: Option<i64>,
    done: i64,
    result: Option<Json<ImportResult>>,
    problem: Option<Json<ImportProblem>>,
    batch_id: Option<Uuid>,
    token: i64,
    cancel: bool,
    tries: i32,
    trouble: Option<String>,
    actor: String,
    created_at: Time,
    finished_at: Option<Time>,
}

impl TryFrom<Row> for Import {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            enterprise: row.enterprise_id.into(),
            task: row.task_id.into(),
            status: status(&row.status)?,
            options: row.options.0,
            object_key: row.object_key,
            error_key: row.error_key,
            total: row.total.map(i64::unsigned_abs),
            done: row.done.unsigned_abs(),
            result: row.result.map(|result| result.0),
            problem: row.problem.map(|problem| problem.0),
            batch: row.batch_id.map(BatchId::from),
            token: row.token,
            cancel: row.cancel,
            tries: row.tries.unsigned_abs(),
            trouble: row.trouble,
            actor: row.actor,
            created_at: row.created_at,
            finished_at: row.finished_at,
        })
    }
}

/// What is asked for. The file lies at `object_key` before the row is made.
#[derive(Debug, Clone)]
pub struct NewImport<'a> {
    pub id: ImportId,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub options: &'a ImportOptions,
    pub object_key: &'a str,
    pub actor: &'a str,
}

/// Queue an import, with token 0. Locks nothing; the task must be there.
pub async fn create(store: &Store, new: NewImport<'_>, now: Time) -> Result<(), StoreError> {
    let made = sqlx::query!(
        "insert into import (id, enterprise_id, task_id, status, options, object_key, actor, created_at)
         select $1, enterprise_id, id, 'queued', $2, $3, $4, $5
           from task where id = $6 and enterprise_id = $7 and deleted_at is null",
        new.id.uuid(),
        Json(new.options) as _,
        new.object_key,
        new.actor,
        now,
        new.task.uuid(),
        new.enterprise.uuid()
    )
    .execute(&store.api)
    .await?;
    if made.rows_affected() == 0 { Err(StoreError::NotFound("task")) } else { Ok(()) }
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: ImportId,
) -> Result<Import, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, enterprise_id, task_id, status, options as "options: Json<ImportOptions>",
                  object_key, error_key, total, done, result as "result: Json<ImportResult>",
                  problem as "problem: Json<ImportProblem>", batch_id, token, cancel, tries,
                  trouble, actor,
                  created_at, finished_at
             from import where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.ok_or(StoreError::NotFound("import"))?.try_into()
}

/// The imports of a task, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    page: Page<ImportId>,
) -> Result<Listed<Import, ImportId>, StoreError> {
    tasks::must_be_of(store, enterprise, task).await?;
    let rows = sqlx::query_as!(
        Row,
        r#"select id, enterprise_id, task_id, status, options as "options: Json<ImportOptions>",
                  object_key, error_key, total, done, result as "result: Json<ImportResult>",
                  problem as "problem: Json<ImportProblem>", batch_id, token, cancel, tries,
                  trouble, actor,
                  created_at, finished_at
             from import
            where task_id = $1 and enterprise_id = $2 and ($3::uuid is null or id < $3)
            order by id desc limit $4"#,
        task.uuid(),
        enterprise.uuid(),
        page.after.map(Uuid::from),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let imports = rows.into_iter().map(Import::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(imports, |import| import.id))
}

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
        returning id, enterprise_id, task_id, status, options as "options: Json<ImportOptions>",
                  object_key, error_key, total, done, result as "result: Json<ImportResult>",
                  problem as "problem: Json<ImportProblem>", batch_id, token, cancel, tries,
                  trouble, actor,
                  created_at, finished_at"#,
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
        i64::try_from(done).unwrap_or(i64::MAX),
        total.map(|total| i64::try_from(total).unwrap_or(i64::MAX)),
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
        i64::try_from(landed.result.rows).unwrap_or(i64::MAX)
    )
    .fetch_optional(db)
    .await?
    .ok_or_else(lease_lost)?;
    if cancelled {
        return Err(StoreError::conflict("cancelled", "the import was cancelled"));
    }
    Ok(())
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

/// Imports whose files' time is over, behind `after`, with the keys of what they read and of the rows that they
/// refused: delete the objects, then [`forget_files`]. Locks nothing.
pub async fn expired_files(
    store: &Store,
    now: Time,
    after: Option<ImportId>,
    limit: u32,
) -> Result<Vec<(ImportId, Vec<String>)>, StoreError> {
    let rows = sqlx::query!(
        r#"select import.id, object_key, error_key
             from import join enterprise on enterprise.id = import.enterprise_id
            where not files_gone
              and finished_at < $1::timestamptz - make_interval(days =>
                    coalesce((settings ->> 'import_file_retention_days')::int, 30))
              and ($2::uuid is null or import.id > $2)
            order by import.id limit $3"#,
        now,
        after.map(Uuid::from),
        i64::from(limit)
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| (row.id.into(), std::iter::once(row.object_key).chain(row.error_key).collect()))
        .collect())
}

/// The files are gone; the rows stay. Locks the rows.
pub async fn forget_files(store: &Store, imports: &[ImportId]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = imports.iter().map(|import| import.uuid()).collect();
    sqlx::query!("update import set files_gone = true where id = any($1)", &ids)
        .execute(&store.long)
        .await?;
    Ok(())
}
