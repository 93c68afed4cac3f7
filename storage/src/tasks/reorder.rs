//! A change of the call order before a task's first start holds for the numbers that are there, too.
//!
//! Where the change says which class goes first, or how redials stand, the lanes are told. Where it says how
//! uncalled numbers stand, each has another rank in another lane, up to a million of them. A worker moves
//! them, some thousand at a time. Until the last one has moved the task is not dialled for, though it may be
//! started meanwhile: the order is exact from its first call on.
//!
//! The task's row holds the revision that numbers of earlier ones move to; a worker that dies leaves the rest
//! to the next one, which finds them in the lanes of those revisions.

use std::collections::{BTreeSet, HashMap};

use outbound::ids::TaskId;
use outbound::order::{CallOrder, LaneClass, UncalledOrder, rank};
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Task, lock};
use crate::lanes::{self, LaneSpec, chance, find_or_make};
use crate::{Store, StoreError};

/// Numbers of one transaction, at most: a cancel of one of them waits for it.
const CHUNK_MAX: i64 = 5_000;
/// Passes over all numbers before a worker leaves the rest to the next look: a pass leaves out those that
/// somebody holds at that moment.
const PASSES_MAX: u32 = 10;

/// Make an edit of the call order hold for the numbers that are there. `old` was never started, its row is
/// locked, and the edit has raised its revision already. Locks its lanes.
pub(super) async fn begin(
    conn: &mut PgConnection,
    old: &Task,
    order: CallOrder,
) -> Result<(), StoreError> {
    let task = old.id.uuid();
    let same = old.config.call_order.uncalled == order.uncalled;
    if same && !old.reordering {
        sqlx::query!("update lane set call_order = $2 where task_id = $1", task, Json(order) as _)
            .execute(conn)
            .await?;
        return Ok(());
    }
    // Lanes to move to, so that the order is known there whatever the configuration becomes meanwhile.
    let by_batch = order.uncalled == UncalledOrder::Sequential;
    let made = sqlx::query!(
        "insert into lane (task_id, batch_id, class, round, order_revision, call_order)
         select distinct t.id, case when $3 then b.id end, 'uncalled', 0, t.order_revision, $2::jsonb
           from task t join batch b on b.task_id = t.id
          where t.id = $1",
        task,
        Json(order) as _,
        by_batch
    )
    .execute(&mut *conn)
    .await?;
    if made.rows_affected() > 0 {
        sqlx::query!("update task set reorder_to = order_revision where id = $1", task)
            .execute(conn)
            .await?;
    }
    Ok(())
}

/// Tasks whose numbers are still to be moved, each with the revision of its call order, the oldest first.
/// Locks nothing.
pub async fn reordering(store: &Store, limit: u32) -> Result<Vec<(TaskId, i32)>, StoreError> {
    let rows = sqlx::query!(
        "select id, order_revision from task where reorder_to is not null and deleted_at is null
          order by id limit $1",
        i64::from(limit)
    )
    .fetch_all(&store.hot)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id.into(), row.order_revision)).collect())
}

/// Move a task's numbers to the lanes and ranks of its new call order, and let it be dialled for. Gives how
/// many moved now; a task that has none to move is left as it is. Several may do this at a time.
///
/// Locks some thousand ready rows and numbers at a time; at the end, for a moment, the task and its lanes.
pub async fn reorder(store: &Store, task: TaskId) -> Result<u64, StoreError> {
    let mut moved = 0;
    for _ in 0..PASSES_MAX {
        let mut after = Some(0);
        while let Some(seq) = after {
            let (numbers, last) = chunk(store, task, seq).await?;
            moved += numbers;
            after = last;
        }
        if finish(store, task).await? {
            break;
        }
    }
    Ok(moved)
}

/// Move the next numbers in the order of their import, in which they lie on the disk too. Gives how many
/// moved, and where to go on; `None` at the end.
async fn chunk(store: &Store, task: TaskId, from: i64) -> Result<(u64, Option<i64>), StoreError> {
    let mut tx = store.long.begin().await?;
    let Some((revision, order)) = target(&mut tx, task).await? else { return Ok((0, None)) };
    let rows = sqlx::query!(
        r#"select n.id, n.batch_id, n.priority, n.seq, r.lane_id, r.ord
             from number n join ready r on r.number_id = n.id
            where n.task_id = $1 and n.seq >= $2 and n.order_revision < $3
            order by n.seq limit $4 for update of r skip locked"#,
        task.uuid(),
        from,
        revision,
        CHUNK_MAX
    )
    .fetch_all(&mut *tx)
    .await?;
    let Some(last) = rows.last().map(|row| row.seq) else { return Ok((0, None)) };
    let spec = |batch: Uuid| LaneSpec {
        task: task.uuid(),
        batch: (order.uncalled == UncalledOrder::Sequential).then_some(batch),
        class: LaneClass::Uncalled,
        round: 0,
        order_revision: revision,
    };
    let batches: BTreeSet<Uuid> = rows.iter().map(|row| row.batch_id).collect();
    let lanes: HashMap<LaneSpec, i64> =
        find_or_make(&mut tx, batches.into_iter().map(spec)).await?;
    let mut moves = Moves::default();
    for row in &rows {
        let lane = lanes.get(&spec(row.batch_id)).copied();
        let priority = u32::try_from(row.priority).unwrap_or(0);
        let rank = rank(order.uncalled, priority, row.seq, chance(row.id.into()));
        moves.numbers.push(row.id);
        moves.from.push(row.lane_id);
        moves.from_ords.push(row.ord);
        moves.to.push(lane.ok_or_else(|| StoreError::Damaged(format!("{task} has no lane")))?);
        moves.ords.push(rank.ord);
        moves.plain_ords.push(rank.plain_ord);
    }
    moves.write(&mut tx, revision).await?;
    tx.commit().await?;
    Ok((rows.len() as u64, Some(last + 1)))
}

/// Numbers that move, by columns.
#[derive(Default)]
struct Moves {
    numbers: Vec<Uuid>,
    from: Vec<i64>,
    from_ords: Vec<i64>,
    to: Vec<i64>,
    ords: Vec<i64>,
    plain_ords: Vec<i64>,
}

impl Moves {
    /// The ready rows are locked. A cancel that waits for one finds it where it is then, and takes it out.
    async fn write(&self, conn: &mut PgConnection, revision: i32) -> Result<(), StoreError> {
        sqlx::query!(
            "with moved as (
                 update ready r set lane_id = u.lane, ord = u.ord, plain_ord = u.plain_ord
                   from unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[],
                               $6::bigint[])
                        as u (number, from_lane, from_ord, lane, ord, plain_ord)
                  where r.lane_id = u.from_lane and r.ord = u.from_ord and r.number_id = u.number)
             update number n set ord = u.ord, plain_ord = u.plain_ord, order_revision = $7
               from unnest($1::uuid[], $5::bigint[], $6::bigint[]) as u (number, ord, plain_ord)
              where n.id = u.number",
            &self.numbers,
            &self.from,
            &self.from_ords,
            &self.to,
            &self.ords,
            &self.plain_ords,
            revision
        )
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// The revision that numbers move to, and its order. Locks the task (for share), so that no edit moves the
/// goal before the commit.
async fn target(
    conn: &mut PgConnection,
    task: TaskId,
) -> Result<Option<(i32, CallOrder)>, StoreError> {
    let found = sqlx::query!(
        r#"select t.reorder_to as "revision!",
                  (select l.call_order from lane l
                    where l.task_id = t.id and l.order_revision = t.reorder_to
                    limit 1) as "order: Json<CallOrder>"
             from task t
            where t.id = $1 and t.deleted_at is null and t.reorder_to is not null for share of t"#,
        task.uuid()
    )
    .fetch_optional(conn)
    .await?;
    // Without a lane there is no batch, and nothing to move.
    Ok(found.and_then(|found| Some((found.revision, found.order?.0))))
}

/// Let the task be dialled for, if all its numbers have moved: whether they have. Locks the task, then its
/// lanes.
async fn finish(store: &Store, task: TaskId) -> Result<bool, StoreError> {
    let mut tx = store.long.begin().await?;
    let found = lock(&mut tx, task).await?;
    if !found.reordering || found.deleted {
        return Ok(true);
    }
    let left = sqlx::query_scalar!(
        r#"select exists (select from task t join lane l on l.task_id = t.id
                            join ready r on r.lane_id = l.id
                           where t.id = $1 and l.order_revision < t.reorder_to) as "left!""#,
        task.uuid()
    )
    .fetch_one(&mut *tx)
    .await?;
    if left {
        return Ok(false);
    }
    sqlx::query!(
        "delete from lane l using task t
          where t.id = $1 and l.task_id = t.id and l.order_revision < t.reorder_to",
        task.uuid()
    )
    .execute(&mut *tx)
    .await?;
    let moved_to = sqlx::query_scalar!("select id from lane where task_id = $1", task.uuid())
        .fetch_all(&mut *tx)
        .await?;
    lanes::entered(&mut tx, moved_to.into_iter().collect()).await?;
    sqlx::query!("update task set reorder_to = null where id = $1", task.uuid())
        .execute(&mut *tx)
        .await?;
    lanes::notify(&mut tx, BTreeSet::from([found.enterprise.uuid()])).await?;
    tx.commit().await?;
    Ok(true)
}
