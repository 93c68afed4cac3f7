//! Imports as rows: queued, taken, reported on, and how they ended. What they land is in `batches`, and in
//! `suppression` where a file fills the do-not-call list.

mod carried;
mod suppressions;

use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, ImportId, TaskId};
use outbound::import::{ImportOptions, ImportProblem, ImportResult};
use outbound::quota::Quota;
use outbound::suppression::{FileOptions, FileResult};
use serde_json::Value;
use sqlx::types::{Json, Uuid};

use crate::rows::{Listed, Page};
use crate::work::{Lease, WorkStatus, status};
use crate::{Store, StoreError, quotas, tasks};

pub use carried::{Landed, fail, finish, take};
pub(crate) use suppressions::{Landmark, landed_until};
pub use suppressions::{
    NewSuppressionImport, create_suppressions, finish_suppressions, list_suppressions,
};

/// One import.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    pub id: ImportId,
    pub enterprise: EnterpriseId,
    pub content: Content,
    pub status: WorkStatus,
    /// The file that it reads.
    pub object_key: String,
    /// The CSV of refused rows, if there were any.
    pub error_key: Option<String>,
    /// Rows, once they are known.
    pub total: Option<u64>,
    pub done: u64,
    pub problem: Option<ImportProblem>,
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

/// What is imported, how, and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    Numbers(Numbers),
    Suppressions(Suppressions),
}

/// Numbers into a task.
#[derive(Debug, Clone, PartialEq)]
pub struct Numbers {
    pub task: TaskId,
    pub options: ImportOptions,
    pub result: Option<ImportResult>,
    pub batch: Option<BatchId>,
}

/// Phones onto the do-not-call list.
#[derive(Debug, Clone, PartialEq)]
pub struct Suppressions {
    pub options: FileOptions,
    /// So far, where it is not done; `None` before anything was listed.
    pub result: Option<FileResult>,
    /// The line of the file up to which its rows are listed.
    pub landed_line: u64,
}

impl Import {
    /// It in the hands of the worker that took it.
    pub const fn lease(&self) -> Lease<ImportId> {
        Lease { work: self.id, token: self.token }
    }

    /// What it is, if it is one of numbers.
    pub const fn numbers(&self) -> Option<&Numbers> {
        match &self.content {
            Content::Numbers(numbers) => Some(numbers),
            Content::Suppressions(_) => None,
        }
    }

    /// What it is, if it is one of a do-not-call list.
    pub const fn suppressions(&self) -> Option<&Suppressions> {
        match &self.content {
            Content::Suppressions(suppressions) => Some(suppressions),
            Content::Numbers(_) => None,
        }
    }
}

struct Row {
    id: Uuid,
    enterprise_id: Uuid,
    task_id: Option<Uuid>,
    status: String,
    options: Value,
    object_key: String,
    error_key: Option<String>,
    total: Option<i64>,
    done: i64,
    result: Option<Value>,
    problem: Option<Json<ImportProblem>>,
    batch_id: Option<Uuid>,
    landed_line: i64,
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
        let content = match row.task_id {
            Some(task) => Content::Numbers(Numbers {
                task: task.into(),
                options: serde_json::from_value(row.options)?,
                result: row.result.map(serde_json::from_value).transpose()?,
                batch: row.batch_id.map(BatchId::from),
            }),
            None => Content::Suppressions(Suppressions {
                options: serde_json::from_value(row.options)?,
                result: row.result.map(serde_json::from_value).transpose()?,
                landed_line: row.landed_line.unsigned_abs(),
            }),
        };
        Ok(Self {
            id: row.id.into(),
            enterprise: row.enterprise_id.into(),
            content,
            status: status(&row.status)?,
            object_key: row.object_key,
            error_key: row.error_key,
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

/// What an import needs room in.
pub const QUOTAS: [Quota; 2] = [Quota::ImportsWaiting, Quota::Imports];

/// Queue an import, with token 0. Locks nothing; the task must be there.
pub async fn create(store: &Store, new: NewImport<'_>, now: Time) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    for quota in QUOTAS {
        quotas::room(&mut tx, new.enterprise, quota).await?;
    }
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
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
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
        r#"select id, enterprise_id, task_id, status, options, object_key, error_key, total, done,
                  result, problem as "problem: Json<ImportProblem>", batch_id, landed_line, token,
                  cancel, tries, trouble, actor, created_at, finished_at
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
        r#"select id, enterprise_id, task_id, status, options, object_key, error_key, total, done,
                  result, problem as "problem: Json<ImportProblem>", batch_id, landed_line, token,
                  cancel, tries, trouble, actor, created_at, finished_at
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
