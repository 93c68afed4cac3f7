//! Batches as people look at them.

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, TaskId};
use outbound::number::NumberState;
use sqlx::types::Uuid;

use crate::numbers::{Which, cancel, delete_ended};
use crate::rows::{Listed, Page};
use crate::{Store, StoreError, lanes, tasks};

/// The highest batch priority.
const PRIORITY_MAX: u32 = 999_999;

/// One named import into a task, or several of the same name that were merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub id: BatchId,
    pub task: TaskId,
    pub name: String,
    pub priority: u32,
    /// The first attempt of any of its numbers.
    pub started_at: Option<Time>,
    pub created_at: Time,
    /// Its numbers by state; states without any are left out.
    pub numbers: BTreeMap<NumberState, u64>,
}

struct Row {
    id: Uuid,
    task_id: Uuid,
    name: String,
    priority: i32,
    started_at: Option<Time>,
    created_at: Time,
}

macro_rules! batch_rows {
    ($rest:tt, $($argument:expr),*) => {
        sqlx::query_as!(
            Row,
            "select id, task_id, name, priority, started_at, created_at from batch " + $rest,
            $($argument),*
        )
    };
}

/// Batches of a task, newest first. Locks nothing.
pub async fn list(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    page: Page<BatchId>,
) -> Result<Listed<Batch, BatchId>, StoreError> {
    tasks::must_be_of(store, enterprise, task).await?;
    let rows = batch_rows!(
        "where task_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3",
        task.uuid(),
        page.after.map(BatchId::uuid),
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    Ok(page.cut(counted(store, rows).await?, |batch| batch.id))
}

/// One batch. Locks nothing.
pub async fn get(
    store: &Store,
    enterprise: EnterpriseId,
    batch: BatchId,
) -> Result<Batch, StoreError> {
    let row = batch_rows!("where id = $1 and enterprise_id = $2", batch.uuid(), enterprise.uuid())
        .fetch_all(&store.api)
        .await?;
    counted(store, row).await?.pop().ok_or(StoreError::NotFound("batch"))
}

async fn counted(store: &Store, rows: Vec<Row>) -> Result<Vec<Batch>, StoreError> {
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id).collect();
    let counts = sqlx::query!(
        "select batch_id, state, n from number_count where batch_id = any($1) and n > 0",
        &ids
    )
    .fetch_all(&store.api)
    .await?;
    let mut numbers: BTreeMap<Uuid, BTreeMap<NumberState, u64>> = BTreeMap::new();
    for row in counts {
        let state =
            lanes::word(NumberState::from_word(&row.state), "a number's state", &row.state)?;
        numbers.entry(row.batch_id).or_default().insert(state, row.n.unsigned_abs());
    }
    let batch = |row: Row| Batch {
        id: row.id.into(),
        task: row.task_id.into(),
        name: row.name,
        priority: row.priority.unsigned_abs(),
        started_at: row.started_at,
        created_at: row.created_at,
        numbers: numbers.remove(&row.id).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(batch).collect())
}

/// Change a batch's priority (held to 0–999,999): one row, however many numbers it has, and the next
/// claim goes by it. Locks the batch.
pub async fn set_priority(
    store: &Store,
    enterprise: EnterpriseId,
    batch: BatchId,
    priority: u32,
) -> Result<Batch, StoreError> {
    let mut tx = store.api.begin().await?;
    let changed = sqlx::query!(
        "update batch set priority = $3 where id = $1 and enterprise_id = $2",
        batch.uuid(),
        enterprise.uuid(),
        i32::try_from(priority.min(PRIORITY_MAX)).unwrap_or(0)
    )
    .execute(&mut *tx)
    .await?;
    if changed.rows_affected() == 0 {
        return Err(StoreError::NotFound("batch"));
    }
    lanes::notify(&mut tx, BTreeSet::from([enterprise.uuid()])).await?;
    tx.commit().await?;
    get(store, enterprise, batch).await
}

/// Delete a batch with its numbers; its call records stay. What is pending or waiting is cancelled
/// first. With a call still up it is refused, `batch_has_live_calls`: try again when it has ended.
///
/// Locks what a cancel locks; then, some thousands of numbers at a time, the task, the numbers and the
/// counters.
pub async fn delete(
    store: &Store,
    enterprise: EnterpriseId,
    batch: BatchId,
) -> Result<(), StoreError> {
    let found = get(store, enterprise, batch).await?;
    cancel(store, enterprise, found.task, &Which::Batch(batch)).await?;
    let live = sqlx::query_scalar!(
        r#"select count(*) as "n!" from attempt where task_id = $1 and batch_id = $2"#,
        found.task.uuid(),
        batch.uuid()
    )
    .fetch_one(&store.api)
    .await?;
    if live > 0 {
        let detail = format!("{live} calls of the batch are up; delete it when they have ended");
        return Err(StoreError::conflict("batch_has_live_calls", detail));
    }
    loop {
        let mut tx = store.api.begin().await?;
        sqlx::query!("select id from task where id = $1 for no key update", found.task.uuid())
            .fetch_one(&mut *tx)
            .await?;
        let gone = delete_ended(&mut tx, found.task.uuid(), batch.uuid()).await?;
        sqlx::query!(
            "update task set number_count = number_count - $2 where id = $1",
            found.task.uuid(),
            gone
        )
        .execute(&mut *tx)
        .await?;
        if gone == 0 {
            drop_empty(&mut tx, batch).await?;
        }
        tx.commit().await?;
        if gone == 0 {
            return Ok(());
        }
    }
}

/// A batch without numbers goes, with its lanes and counters. Locks them.
async fn drop_empty(conn: &mut sqlx::PgConnection, batch: BatchId) -> Result<(), StoreError> {
    let left = sqlx::query_scalar!(
        r#"select exists (select from number where batch_id = $1) as "left!""#,
        batch.uuid()
    )
    .fetch_one(&mut *conn)
    .await?;
    if left {
        let detail = "calls of the batch are up; delete it when they have ended";
        return Err(StoreError::conflict("batch_has_live_calls", detail));
    }
    sqlx::query!("delete from lane where batch_id = $1", batch.uuid()).execute(&mut *conn).await?;
    sqlx::query!("delete from batch where id = $1", batch.uuid()).execute(&mut *conn).await?;
    sqlx::query!("delete from number_count where batch_id = $1", batch.uuid())
        .execute(conn)
        .await?;
    Ok(())
}
