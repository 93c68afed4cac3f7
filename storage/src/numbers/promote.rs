//! What waits falls due: it is pending again, in its lane.

use std::collections::{BTreeMap, BTreeSet};

use outbound::Time;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::number::NumberState;
use outbound::task::{Event, PauseReason, TaskState};
use outbound::wait::NEVER_OPEN_WAIT;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::lanes::{self, Counts, OneAtATime};
use crate::tasks::{self, apply};
use crate::{Store, StoreError};

/// Who acted, in a task's history, when a redial fell due.
const REDIAL: &str = "redial";
/// Numbers of one transaction, at most: it holds the task's row against a pause.
const CHUNK_MAX: i64 = 1_000;
/// Tasks that are looked for at a time.
const TASKS_MAX: i64 = 500;

/// What fell due.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Promoted {
    /// Numbers that were moved: pending again, or put off to an opening.
    pub numbers: u32,
    pub tasks: Vec<TaskId>,
    /// Somebody else promotes a task's numbers, by a time that may be earlier: look again.
    pub busy: bool,
    /// A task had as many as were asked for, and may have more.
    pub more: bool,
    /// Tasks whose numbers can't be promoted, and why; the others were.
    pub failed: Vec<(TaskId, String)>,
}

/// Let numbers that are due be dialled, of one task or of all, `limit` of each at most. In a closed
/// window they are put off to its opening. A task that had nothing left to dial runs again; on a manual
/// pause or an ended task they stand ready for its start.
///
/// Locks, task by task in a transaction of some hundreds: the task's promotion (or leaves the task to
/// whoever has it), the task, the numbers, the lanes, the counters.
pub async fn promote_due(
    store: &Store,
    task: Option<TaskId>,
    now: Time,
    limit: u32,
) -> Result<Promoted, StoreError> {
    let mut promoted = Promoted::default();
    if let Some(task) = task {
        promote(store, task, now, limit, &mut promoted).await?;
        return Ok(promoted);
    }
    // On from the last one: a task whose numbers stay where they are must not stand before the others.
    let mut after = Uuid::nil();
    loop {
        let tasks = due_tasks(store, now, after).await?;
        for task in &tasks {
            let task = TaskId::from(*task);
            match promote(store, task, now, limit, &mut promoted).await {
                Err(error) if error.is_passing() => return Err(error),
                Err(error) => promoted.failed.push((task, error.to_string())),
                Ok(()) => {}
            }
        }
        match tasks.last().filter(|_| tasks.len() as i64 == TASKS_MAX) {
            Some(last) => after = *last,
            None => return Ok(promoted),
        }
    }
}

/// What is due of one task, `limit` at most.
async fn promote(
    store: &Store,
    task: TaskId,
    now: Time,
    limit: u32,
    promoted: &mut Promoted,
) -> Result<(), StoreError> {
    let mut of_task = 0;
    let mut due = Due { from: (Time::UNIX_EPOCH, Uuid::nil()), by: now };
    while of_task < limit {
        let most = CHUNK_MAX.min(i64::from(limit - of_task));
        let Some(moved) = chunk(store, task, &mut due, most).await? else {
            promoted.busy = true;
            break;
        };
        of_task += u32::try_from(moved).unwrap_or(u32::MAX);
        if moved < most {
            break;
        }
    }
    promoted.more |= of_task >= limit;
    promoted.numbers += of_task;
    if of_task > 0 {
        promoted.tasks.push(task);
    }
    Ok(())
}

/// Tasks with something due, those after one in the order of their ids. Locks nothing.
async fn due_tasks(store: &Store, now: Time, after: Uuid) -> Result<Vec<Uuid>, StoreError> {
    // A loose scan: as many index probes as there are tasks, however many numbers are due.
    let tasks = sqlx::query_scalar!(
        r#"with recursive due as (
               (select task_id, due_at from waiting where task_id > $3
                 order by task_id, due_at limit 1)
               union all
               select next.task_id, next.due_at from due
                cross join lateral (select task_id, due_at from waiting
                                     where task_id > due.task_id
                                     order by task_id, due_at limit 1) next)
           select task_id as "task_id!" from due where due_at <= $1 limit $2"#,
        now,
        TASKS_MAX,
        after
    )
    .fetch_all(&store.hot)
    .await?;
    Ok(tasks)
}

/// What is left to promote of a task.
struct Due {
    /// The last that was: the next ones are looked for behind the dead rows that it stands among.
    from: (Time, Uuid),
    by: Time,
}

/// Some of one task's due numbers; how many. `None`: somebody else promotes them.
async fn chunk(
    store: &Store,
    task: TaskId,
    due: &mut Due,
    most: i64,
) -> Result<Option<i64>, StoreError> {
    let now = due.by;
    let mut tx = store.hot.begin().await?;
    if !lock_promotion(&mut tx, task).await? {
        return Ok(None);
    }
    let Some((state, enterprise)) = lock(&mut tx, task).await? else { return Ok(Some(0)) };
    let closed = match state {
        TaskState::Initial | TaskState::Ended | TaskState::Paused(PauseReason::Manual) => None,
        TaskState::Running | TaskState::Paused(_) => {
            let hours = tasks::hours_of(&mut tx, task).await?;
            hours
                .task_closed(now)
                .map(|_| hours.next_open(now, None).unwrap_or(now + NEVER_OPEN_WAIT))
        }
    };
    let moved = match closed {
        Some(opens) => put_off(&mut tx, task, now, opens, most).await?,
        None => ready(&mut tx, task, due, most).await?,
    };
    if moved == 0 {
        return Ok(Some(0));
    }
    if closed.is_none() {
        if state == TaskState::Paused(PauseReason::NoPendingNumbers) {
            apply(&mut tx, task, Event::RedialDue, now, REDIAL).await?;
        }
        lanes::notify(&mut tx, BTreeSet::from([enterprise])).await?;
    }
    tx.commit().await?;
    Ok(Some(moved))
}

/// Tries for the right to promote a task's numbers: a second one would only wait for the first's lanes
/// and counters, and take the cores that dial.
///
/// The commit does not wait for the disk. Should the server stop before it is there, the numbers are due
/// still, and the next look finds them. Whatever rests on it (a begin, a pause) waits for the disk, and
/// so for this, too.
async fn lock_promotion(conn: &mut PgConnection, task: TaskId) -> Result<bool, StoreError> {
    lanes::try_lock(conn, OneAtATime::Promotions, task.uuid()).await
}

/// Locks the task: for share, so that it stands still while others go on; for update where it will be
/// woken. `None`: it is gone.
async fn lock(
    conn: &mut PgConnection,
    task: TaskId,
) -> Result<Option<(TaskState, Uuid)>, StoreError> {
    let seen = sqlx::query!(
        "select enterprise_id, state, pause_reason from task
          where id = $1 and deleted_at is null and pause_reason is distinct from 'no_pending_numbers'
            for share",
        task.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?;
    if let Some(row) = seen {
        let state = TaskState::from_words(&row.state, row.pause_reason.as_deref());
        return Ok(Some((lanes::word(state, "a task's state", &row.state)?, row.enterprise_id)));
    }
    match tasks::lock(conn, task).await {
        Ok(found) if !found.deleted => Ok(Some((found.state, found.enterprise.uuid()))),
        Ok(_) | Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn put_off(
    conn: &mut PgConnection,
    task: TaskId,
    now: Time,
    opens: Time,
    most: i64,
) -> Result<i64, StoreError> {
    let moved = sqlx::query!(
        "with held as (
             select number_id from waiting where task_id = $1 and due_at <= $2
              order by due_at, number_id limit $4 for update skip locked)
         update waiting w set due_at = $3, put_off = true from held where w.number_id = held.number_id",
        task.uuid(),
        now,
        opens,
        most
    )
    .execute(conn)
    .await?;
    Ok(i64::try_from(moved.rows_affected()).unwrap_or(i64::MAX))
}

async fn ready(
    conn: &mut PgConnection,
    task: TaskId,
    due: &mut Due,
    most: i64,
) -> Result<i64, StoreError> {
    let rows = sqlx::query!(
        r#"with held as (
               select due_at, number_id from waiting
                where task_id = $1 and due_at <= $2 and (due_at, number_id) > ($4, $5)
                order by due_at, number_id limit $3 for update skip locked),
           last as (
               select due_at, number_id from held order by due_at desc, number_id desc limit 1),
           gone as (
               delete from waiting w using held where w.number_id = held.number_id
               returning w.number_id, w.task_id, w.lane_id, w.ord, w.plain_ord),
           entered as (
               insert into ready (lane_id, ord, plain_ord, number_id, task_id)
               select lane_id, ord, plain_ord, number_id, task_id from gone),
           moved as (
               update number n set state = 'pending' from gone where n.id = gone.number_id
               returning n.batch_id, gone.lane_id)
           select batch_id as "batch_id!", lane_id as "lane_id!", count(*) as "n!",
                  (select due_at from last) as "due_at!", (select number_id from last) as "number_id!"
             from moved group by batch_id, lane_id"#,
        task.uuid(),
        due.by,
        most,
        due.from.0,
        due.from.1
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut counts = Counts::default();
    let mut batches: BTreeMap<Uuid, i64> = BTreeMap::new();
    for row in &rows {
        *batches.entry(row.batch_id).or_default() += row.n;
        due.from = (row.due_at, row.number_id);
    }
    for (batch, n) in &batches {
        counts.number(task.uuid(), *batch, NumberState::Waiting, -n);
        counts.number(task.uuid(), *batch, NumberState::Pending, *n);
    }
    lanes::entered(conn, rows.iter().map(|row| row.lane_id).collect()).await?;
    counts.write(conn).await?;
    Ok(batches.values().sum())
}

/// Numbers that a frequency cap holds fall due now, and are judged anew. Locks those numbers' waiting rows,
/// in the order of their ids as a cancel does.
pub(crate) async fn uncap(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    now: Time,
) -> Result<(), StoreError> {
    sqlx::query!(
        "with held as (
             select number_id from waiting
              where task_id in (select id from task where enterprise_id = $1)
                and due_at > $2 and reason = 'frequency_cap'
              order by number_id for update)
         update waiting w set due_at = $2 from held where w.number_id = held.number_id",
        enterprise.uuid(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Numbers that were put off to an opening fall due now: call it when a task's windows were changed,
/// and they are judged anew. Locks those numbers' waiting rows.
pub async fn reopen(conn: &mut PgConnection, task: TaskId, now: Time) -> Result<(), StoreError> {
    sqlx::query!(
        "update waiting set due_at = $2, put_off = false
          where task_id = $1 and due_at > $2 and (put_off or reason = 'callee_window')",
        task.uuid(),
        now
    )
    .execute(conn)
    .await?;
    Ok(())
}
