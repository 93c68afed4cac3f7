//! Imports of do-not-call lists as rows.

use outbound::Time;
use outbound::ids::{EnterpriseId, ImportId};
use outbound::import::ImportProblem;
use outbound::suppression::{FileOptions, FileResult};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::carried::{column, going};
use super::{Import, QUOTAS, Row};
use crate::rows::{Listed, Page};
use crate::{Store, StoreError, quotas};

/// A do-not-call list that is to be imported. The file lies at `object_key` before the row is made.
#[derive(Debug, Clone)]
pub struct NewSuppressionImport<'a> {
    pub id: ImportId,
    pub enterprise: EnterpriseId,
    pub options: &'a FileOptions,
    pub object_key: &'a str,
    pub actor: &'a str,
}

/// Locks nothing.
pub async fn create_suppressions(
    store: &Store,
    new: NewSuppressionImport<'_>,
    now: Time,
) -> Result<(), StoreError> {
    let mut tx = store.api.begin().await?;
    for quota in QUOTAS {
        quotas::room(&mut tx, new.enterprise, quota).await?;
    }
    sqlx::query!(
        "insert into import (id, enterprise_id, status, options, object_key, actor, created_at)
         values ($1, $2, 'queued', $3, $4, $5, $6)",
        new.id.uuid(),
        new.enterprise.uuid(),
        Json(new.options) as _,
        new.object_key,
        new.actor,
        now
    )
    .execute(&mut *tx)
    .await?;
    tx.commit().await?;
    Ok(())
}

/// The imports of the do-not-call list, newest first. Locks nothing.
pub async fn list_suppressions(
    store: &Store,
    enterprise: EnterpriseId,
    page: Page<ImportId>,
) -> Result<Listed<Import, ImportId>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select id, enterprise_id, task_id, status, options, object_key, error_key, total, done,
                  result, problem as "problem: Json<ImportProblem>", batch_id, landed_line, token,
                  cancel, tries, trouble, actor, created_at, finished_at
             from import
            where task_id is null and enterprise_id = $1 and ($2::uuid is null or id < $2)
            order by id desc limit $3"#,
        enterprise.uuid(),
        page.after.map(Uuid::from),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let imports = rows.into_iter().map(Import::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(page.cut(imports, |import| import.id))
}

/// How far the rows of a do-not-call list are listed, for whoever holds the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Landmark {
    pub import: ImportId,
    pub token: i64,
    /// The line of the last row that is.
    pub line: u64,
}

/// Note it, in the transaction that lists them: both happen or neither. A lost lease or a cancel is an error, and
/// the transaction must be rolled back. Locks the row.
pub(crate) async fn landed_until(
    db: &mut PgConnection,
    landmark: Landmark,
    result: &FileResult,
) -> Result<(), StoreError> {
    let cancelled = sqlx::query_scalar!(
        "update import set landed_line = $3, result = $4, done = $5, total = $6
          where id = $1 and token = $2 and status = 'running'
      returning cancel",
        landmark.import.uuid(),
        landmark.token,
        column(landmark.line),
        Json(result) as _,
        column(result.done()),
        column(result.rows)
    )
    .fetch_optional(db)
    .await?
    .ok_or(StoreError::LeaseLost)?;
    going(cancelled)
}

/// Every row of a do-not-call list is listed or refused. A lost lease or a cancel is an error. Locks the row.
pub async fn finish_suppressions(
    store: &Store,
    id: ImportId,
    token: i64,
    result: &FileResult,
    error_key: Option<&str>,
    now: Time,
) -> Result<(), StoreError> {
    let finished = sqlx::query!(
        "update import
            set status = 'done', result = $3, error_key = $4, finished_at = $5, total = $6, done = $6,
                lease_until = null
          where id = $1 and token = $2 and status = 'running' and not cancel",
        id.uuid(),
        token,
        Json(result) as _,
        error_key,
        now,
        column(result.rows)
    )
    .execute(&store.api)
    .await?;
    if finished.rows_affected() > 0 {
        return Ok(());
    }
    // Cancelled: its worker says so next. Or it is another's.
    let cancel = sqlx::query_scalar!(
        "select cancel from import where id = $1 and token = $2 and status = 'running'",
        id.uuid(),
        token
    );
    going(cancel.fetch_optional(&store.api).await?.ok_or(StoreError::LeaseLost)?)
}
