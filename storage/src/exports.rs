//! Exports as rows: queued, taken, reported on, how they ended, and when their files go.

use std::time::Duration;

use outbound::Time;
use outbound::export::ExportOptions;
use outbound::ids::{EnterpriseId, ExportId, TaskId};
use outbound::quota::Quota;
use serde::{Deserialize, Serialize};
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page};
use crate::work::{Lease, WorkStatus, seconds, status};
use crate::{Store, StoreError, quotas};

/// Why an export failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportProblem {
    /// Stable, for programs.
    pub code: String,
    pub detail: String,
}

/// One export.
#[derive(Debug, Clone, PartialEq)]
pub struct Export {
    pub id: ExportId,
    pub enterprise: EnterpriseId,
    pub task: Option<TaskId>,
    pub status: WorkStatus,
    pub options: ExportOptions,
    /// What a download is called.
    pub file_name: String,
    /// Numbers in full: who asked may see them.
    pub reveal: bool,
    /// The file, while it is there.
    pub object_key: Option<String>,
    pub bytes: Option<u64>,
    /// Rows, once they are known.
    pub total: Option<u64>,
    pub done: u64,
    pub problem: Option<ExportProblem>,
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
    /// When the file goes.
    pub expires_at: Option<Time>,
    /// What there is to know of the file.
    pub note: Option<String>,
    /// Cells of the file that were cut.
    pub cells_cut: u64,
    /// The object that tells a worker where to go on, if an earlier one left one.
    pub checkpoint: Option<String>,
}

impl Export {
    /// It in the hands of the worker that took it.
    pub const fn lease(&self) -> Lease<ExportId> {
        Lease { work: self.id, token: self.token }
    }

    /// It was written, and its file was kept for its time: it is gone, or goes with the next sweep.
    pub fn has_expired(&self, now: Time) -> bool {
        let due = self.expires_at.is_some_and(|at| at <= now);
        self.status == WorkStatus::Done && (due || self.object_key.is_none())
    }
}

struct Row {
    id: Uuid,
    enterprise_id: Uuid,
    task_id: Option<Uuid>,
    status: String,
    options: Json<ExportOptions>,
    file_name: String,
    reveal: bool,
    object_key: Option<String>,
    bytes: Option<i64>,
    total: Option<i64>,
    done: i64,
    problem: Option<Json<ExportProblem>>,
    token: i64,
    cancel: bool,
    tries: i32,
    trouble: Option<String>,
    actor: String,
    created_at: Time,
    finished_at: Option<Time>,
    expires_at: Option<Time>,
    note: Option<String>,
    cells_cut: i64,
    checkpoint: Option<String>,
}

impl TryFrom<Row> for Export {
    type Error = StoreError;

    fn try_from(row: Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.id.into(),
            enterprise: row.enterprise_id.into(),
            task: row.task_id.map(TaskId::from),
            status: status(&row.status)?,
            options: row.options.0,
            file_name: row.file_name,
            reveal: row.reveal,
            object_key: row.object_key,
            bytes: row.bytes.map(i64::unsigned_abs),
            total: row.total.map(i64::unsigned_abs),
            done: row.done.unsigned_abs(),
            problem: row.problem.map(|problem| problem.0),
            token: row.token,
            cancel: row.cancel,
            tries: row.tries.unsigned_abs(),
            trouble: row.trouble,
            actor: row.actor,
            created_at: row.created_at,
            finished_at: row.finished_at,
            expires_at: row.expires_at,
            note: row.note,
            cells_cut: row.cells_cut.unsigned_abs(),
            checkpoint: row.checkpoint,
        })
    }
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewExport<'a> {
    pub id: ExportId,
    pub enterprise: EnterpriseId,
    pub options: &'a ExportOptions,
    pub file_name: &'a str,
    pub reveal: bool,
    pub actor: &'a str,
}

/// Queue an export, with token 0. Locks nothing; a task that is named must be there.
pub async fn create(store: &Store, new: NewExport<'_>, now: Time) -> Result<(), StoreError> {
    let task = new.options.task.map(Uuid::from);
    let mut tx = store.api.begin().await?;
    for quota in [Quota::ExportsWaiting, Quota::Exports] {
        quotas::room(&mut tx, new.enterprise, quota).await?;
    }
    let made = sqlx::query!(
        "insert into export (id, enterprise_id, task_id, status, options, file_name, reveal, actor, created_at)
         select $1, $2, $3, 'queued', $4, $5, $6, $7, $8
          where $3::uuid is null or exists (select from task where id = $3 and enterprise_id = $2)",
        new.id.uuid(),
        new.enterprise.uuid(),
        task,
        Json(new.options) as _,
        new.file_name,
        new.reveal,
        new.actor,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    if made.rows_affected() == 0 { Err(StoreError::NotFound("task")) } else { Ok(()) }
}

/// Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    id: ExportId,
) -> Result<Export, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, enterprise_id, task_id, status, options as "options: Json<ExportOptions>",
                  file_name, reveal, object_key, bytes, total, done,
                  problem as "problem: Json<ExportProblem>", token, cancel, tries, trouble,
                  actor, created_at, finished_at, expires_at, note, cells_cut, checkpoint
             from export where id = $1 and enterprise_id = $2"#,
        id.uuid(),
        enterprise.uuid()
    )
    .fetch_optional(&store.api)
    .await?;
    row.ok_or(StoreError::NotFound("export"))?.try_into()
}

/// The download center, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<ExportId>,
) -> Result<Listed<Export, ExportId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, enterprise_id, task_id, status, options as "options: Json<ExportOptions>",
                  file_name, reveal, object_key, bytes, total, done,
                  problem as "problem: Json<ExportProblem>", token, cancel, tries, trouble,
                  actor, created_at, finished_at, expires_at, note, cells_cut, checkpoint
             from export
            where enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(Uuid::from),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let exports = rows.into_iter().map(Export::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(exports, |export| export.id))
}

/// Take an export to do it, for `lease` of the database's time. `token` is that of the job. None:
/// another worker has it, or it is over, or the job is an old one. Locks the row.
pub async fn take(
    store: &Store,
    id: ExportId,
    token: i64,
    lease: Duration,
) -> Result<Option<Export>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"update export
              set status = 'running', token = token + 1, tries = tries + 1, done = 0, total = null,
                  lease_until = clock_timestamp() + make_interval(secs => $3)
            where id = $1 and token = $2
              and (status = 'queued' or (status = 'running' and lease_until < clock_timestamp()))
        returning id, enterprise_id, task_id, status, options as "options: Json<ExportOptions>",
                  file_name, reveal, object_key, bytes, total, done,
                  problem as "problem: Json<ExportProblem>", token, cancel, tries, trouble,
                  actor, created_at, finished_at, expires_at, note, cells_cut, checkpoint"#,
        id.uuid(),
        token,
        seconds(lease)
    )
    .fetch_optional(&store.api)
    .await?;
    row.map(Export::try_from).transpose()
}

/// Keep where to go on. The tries start anew: what is behind the checkpoint did not break them. Locks the row.
pub async fn checkpoint(
    store: &Store,
    id: ExportId,
    token: i64,
    object_key: &str,
) -> Result<(), StoreError> {
    let kept = sqlx::query!(
        "update export set checkpoint = $3, tries = 1 where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token,
        object_key
    )
    .execute(&store.api)
    .await?;
    if kept.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}

/// The file that an export wrote.
#[derive(Debug, Clone)]
pub struct Written<'a> {
    pub object_key: &'a str,
    pub bytes: u64,
    pub rows: u64,
    pub expires_at: Time,
    /// What there is to know of it.
    pub note: Option<&'a str>,
    /// Cells that were cut, as a cell of a spreadsheet holds no more.
    pub cells_cut: u64,
}

/// The file is in the object store, whole. A cancel that came meanwhile comes too late. Locks the row.
pub async fn finish(
    store: &Store,
    id: ExportId,
    token: i64,
    written: Written<'_>,
    now: Time,
) -> Result<(), StoreError> {
    let done = sqlx::query!(
        "update export
            set status = 'done', object_key = $3, bytes = $4, total = $5, done = $5,
                finished_at = $6, expires_at = $7, note = $8, cells_cut = $9, lease_until = null
          where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token,
        written.object_key,
        i64::try_from(written.bytes).unwrap_or(i64::MAX),
        i64::try_from(written.rows).unwrap_or(i64::MAX),
        now,
        written.expires_at,
        written.note,
        i64::try_from(written.cells_cut).unwrap_or(i64::MAX)
    )
    .execute(&store.api)
    .await?;
    if done.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}

/// It can't be done. Locks the row.
pub async fn fail(
    store: &Store,
    id: ExportId,
    token: i64,
    problem: &ExportProblem,
    now: Time,
) -> Result<(), StoreError> {
    let failed = sqlx::query!(
        "update export set status = 'failed', problem = $3, finished_at = $4, lease_until = null
          where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token,
        Json(problem) as _,
        now
    )
    .execute(&store.api)
    .await?;
    if failed.rows_affected() == 0 { Err(StoreError::LeaseLost) } else { Ok(()) }
}

/// Days that files of an export that failed or was cancelled may stand about.
const LEFT_OVER_DAYS: i32 = 7;

/// Exports whose files' time is over, behind `after`: delete everything below their prefix, then
/// [`forget_files`]. Also those that failed, as a run that lost its lease may have left a file. Locks nothing.
pub async fn expired_files(
    store: &Store,
    now: Time,
    after: Option<ExportId>,
    limit: u32,
) -> Result<Vec<(ExportId, EnterpriseId)>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, enterprise_id from export
            where not files_gone and finished_at is not null
              and coalesce(expires_at, finished_at + make_interval(days => $2)) <= $1
              and ($3::uuid is null or id > $3)
            order by id limit $4"#,
        now,
        LEFT_OVER_DAYS,
        after.map(Uuid::from),
        i64::from(limit)
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.enterprise_id.into())).collect())
}

/// The files are gone; the rows stay in the list. Locks the rows.
pub async fn forget_files(store: &Store, exports: &[ExportId]) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = exports.iter().map(|export| export.uuid()).collect();
    sqlx::query!("update export set object_key = null, files_gone = true where id = any($1)", &ids)
        .execute(&store.long)
        .await?;
    Ok(())
}
