//! A person takes numbers out: those that no call is up for.

use std::collections::BTreeSet;

use outbound::ids::{BatchId, EnterpriseId, NumberId, TaskId};
use outbound::number::NumberState;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::lanes::{self, Counts, lock_claims};
use crate::{Store, StoreError};

/// Numbers of one transaction, at most: claims wait for it.
const CHUNK_MAX: i64 = 2_000;
/// Numbers that may be named at once.
pub const NAMED_MAX: usize = 1_000;

/// Which numbers of a task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Which {
    All,
    Batch(BatchId),
    /// At most [`NAMED_MAX`].
    These(Vec<NumberId>),
}

/// What a cancel did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cancelled {
    pub numbers: u64,
}

/// Cancel the pending and waiting numbers among these. Those with a call up, and those that ended,
/// stay as they are.
///
/// Locks, some thousands at a time: the enterprise's claims, the numbers, the counters.
pub async fn cancel(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    which: &Which,
) -> Result<Cancelled, StoreError> {
    owned(store, enterprise, task, which).await?;
    chunks(store, enterprise, task, which, u32::MAX).await
}

/// Cancel what a deleted task has left open, some thousands at a time, `most` times at most. Locks what
/// [`cancel`] locks.
pub async fn cancel_deleted(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    most: u32,
) -> Result<Cancelled, StoreError> {
    chunks(store, enterprise, task, &Which::All, most).await
}

/// Deleted tasks with numbers that are still pending or waiting, `limit` at most. Locks nothing.
pub async fn open_of_deleted(
    store: &Store,
    limit: u32,
) -> Result<Vec<(EnterpriseId, TaskId)>, StoreError> {
    let tasks = sqlx::query!(
        "select t.id, t.enterprise_id from task t
          where t.deleted_at is not null
            and (exists (select from waiting w where w.task_id = t.id)
                 or exists (select from lane l join ready r on r.lane_id = l.id
                             where l.task_id = t.id))
          limit $1",
        i64::from(limit)
    )
    .fetch_all(&store.hot)
    .await?;
    Ok(tasks.into_iter().map(|row| (row.enterprise_id.into(), row.id.into())).collect())
}

async fn chunks(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    which: &Which,
    most: u32,
) -> Result<Cancelled, StoreError> {
    let mut cancelled = Cancelled::default();
    let mut after = -1;
    for _ in 0..most {
        let mut tx = store.api.begin().await?;
        lock_claims(&mut tx, enterprise).await?;
        let (numbers, last) = chunk(&mut tx, task, which, after).await?;
        // A claim that found the lock taken left its work to whoever holds it.
        lanes::notify(&mut tx, BTreeSet::from([enterprise.uuid()])).await?;
        tx.commit().await?;
        cancelled.numbers += numbers;
        let Some(last) = last else { break };
        after = last;
    }
    Ok(cancelled)
}

/// The task, and the batch where one is named, are this enterprise's. Locks nothing.
async fn owned(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    which: &Which,
) -> Result<(), StoreError> {
    let batch = match which {
        Which::Batch(batch) => Some(batch.uuid()),
        Which::All | Which::These(_) => None,
    };
    let found = sqlx::query!(
        r#"select exists (select from task where id = $2 and enterprise_id = $1
                             and deleted_at is null) as "task!",
                  ($3::uuid is null or exists (select from batch
                    where id = $3 and task_id = $2 and enterprise_id = $1)) as "batch!""#,
        enterprise.uuid(),
        task.uuid(),
        batch
    )
    .fetch_one(&store.api)
    .await?;
    match (found.task, found.batch) {
        (false, _) => Err(StoreError::NotFound("task")),
        (_, false) => Err(StoreError::NotFound("batch")),
        (true, true) => Ok(()),
    }
}

/// How many were cancelled, and the import sequence to go on from.
async fn chunk(
    conn: &mut PgConnection,
    task: TaskId,
    which: &Which,
    after: i64,
) -> Result<(u64, Option<i64>), StoreError> {
    let batch = match which {
        Which::Batch(batch) => Some(batch.uuid()),
        Which::All | Which::These(_) => None,
    };
    let these: Option<Vec<Uuid>> = match which {
        Which::These(numbers) => {
            Some(numbers.iter().take(NAMED_MAX).map(|number| number.uuid()).collect())
        }
        Which::All | Which::Batch(_) => None,
    };
    let rows = sqlx::query!(
        r#"with chosen as (
               select id, seq, state from number
                where task_id = $1 and seq > $2 and ($3::uuid is null or batch_id = $3)
                  and ($4::uuid[] is null or id = any($4))
                order by seq limit $5),
           ready_gone as (
               delete from ready r using chosen where r.number_id = chosen.id returning r.number_id),
           held as (
               select w.number_id from waiting w join chosen on chosen.id = w.number_id
                order by w.number_id for update of w),
           waiting_gone as (
               delete from waiting w using held where w.number_id = held.number_id
               returning w.number_id),
           gone as (select number_id from ready_gone union all select number_id from waiting_gone),
           moved as (
               update number n set state = 'cancelled' from gone, chosen
                where n.id = gone.number_id and chosen.id = n.id
               returning n.batch_id, chosen.state)
           select (select max(seq) from chosen) as last, (select count(*) from chosen) as "seen!",
                  moved.batch_id as "batch_id?", moved.state as "state?", count(moved.state) as "n!"
             from (values (1)) one (row) left join moved on true
            group by moved.batch_id, moved.state"#,
        task.uuid(),
        after,
        batch,
        these.as_deref(),
        CHUNK_MAX
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut counts = Counts::default();
    let (mut numbers, mut last) = (0, None);
    for row in rows {
        last = row.last.filter(|_| row.seen == CHUNK_MAX);
        if let (Some(batch), Some(state)) = (row.batch_id, row.state) {
            let from = lanes::word(NumberState::from_word(&state), "a number's state", &state)?;
            counts.number(task.uuid(), batch, from, -row.n);
            counts.number(task.uuid(), batch, NumberState::Cancelled, row.n);
            numbers += row.n.unsigned_abs();
        }
    }
    counts.write(conn).await?;
    Ok((numbers, last))
}

/// Delete numbers of a batch that are ended, some thousands; how many. Their records stay. Locks the
/// task, the numbers, the counters.
pub(crate) async fn delete_ended(
    conn: &mut PgConnection,
    task: Uuid,
    batch: Uuid,
) -> Result<i64, StoreError> {
    let rows = sqlx::query!(
        r#"with chosen as (
               select id from number
                where batch_id = $1 and state not in ('pending', 'waiting', 'calling')
                order by seq limit $2 for update),
           gone as (
               delete from number n using chosen where n.id = chosen.id returning n.state)
           select state, count(*) as "n!" from gone group by state"#,
        batch,
        CHUNK_MAX
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut counts = Counts::default();
    let mut gone = 0;
    for row in rows {
        let state =
            lanes::word(NumberState::from_word(&row.state), "a number's state", &row.state)?;
        counts.number(task, batch, state, -row.n);
        gone += row.n;
    }
    counts.write(conn).await?;
    Ok(gone)
}
