//! An import lands: all of its rows in one step, or none.
//!
//! The transaction is long, so it holds nothing that a call needs until its very end: the rows are
//! written first, where nobody sees them, and the task, its lanes and its counters only then. Should
//! the batch have started meanwhile, or the call order have been edited, it begins anew.

use std::collections::{BTreeSet, HashSet};

use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, ImportId, TaskId};
use outbound::import::{
    BATCH_NUMBERS_MAX, ENTERPRISE_NUMBERS_MAX, ImportOptions, ImportResult, StartType,
    TASK_NUMBERS_MAX,
};
use outbound::number::NumberState;
use outbound::order::{CallOrder, UncalledOrder};
use outbound::task::Event;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::rows::{Into, LandingRows, Sieve, insert};
use crate::lanes::{self, Counts};
use crate::store::LANDING_STALLED_MAX;
use crate::tasks::{self, Task, apply};
use crate::{Store, StoreError, imports, quotas};

/// Times that a landing begins anew before it gives up.
const TRIES_MAX: u32 = 5;

/// An import that is ready to land.
#[derive(Debug, Clone, Copy)]
pub struct Landing<'a> {
    pub import: ImportId,
    /// The token that the import was taken with.
    pub token: i64,
    pub enterprise: EnterpriseId,
    pub task: TaskId,
    pub options: &'a ImportOptions,
    /// Good rows that are to land.
    pub rows: u64,
    /// Rows that were left out because of an error.
    pub invalid: u64,
    /// Rows that were hidden in the file, and so left out.
    pub hidden: u64,
    /// The CSV of their errors.
    pub error_key: Option<&'a str>,
    pub actor: &'a str,
}

/// What landed.
#[derive(Debug, Clone, PartialEq)]
pub struct Landed {
    pub result: ImportResult,
    /// `None`: no row was left to import.
    pub batch: Option<BatchId>,
    /// The task as it is now; its steps are the caller's to push.
    pub task: Task,
}

/// Land an import, and mark it done. Over a limit, cancelled, or with its lease lost it is a
/// [`StoreError::Conflict`], and nothing is left of it.
///
/// Locks the task's imports for its whole length; at its end, for a moment, the enterprise's imports,
/// the task, the lane, the batch, the import, the counters.
pub async fn land(
    store: &Store,
    landing: Landing<'_>,
    rows: &mut impl LandingRows,
    now: Time,
) -> Result<Landed, StoreError> {
    for _ in 0..TRIES_MAX {
        rows.rewind().await?;
        if let Some(landed) = attempt(store, landing, rows, now).await? {
            return Ok(landed);
        }
    }
    Err(StoreError::Unavailable(
        "the task was edited again and again while an import landed".into(),
    ))
}

/// One try; `None`: what it was based on changed.
async fn attempt(
    store: &Store,
    landing: Landing<'_>,
    rows: &mut impl LandingRows,
    now: Time,
) -> Result<Option<Landed>, StoreError> {
    let Landing { enterprise, task, options, .. } = landing;
    let read = landing.rows + landing.invalid;
    within(read, BATCH_NUMBERS_MAX, "batch_numbers_max", "rows in one import")?;
    let mut tx = store.long.begin().await?;
    sqlx::query_scalar!(
        "select set_config('idle_in_transaction_session_timeout', $1, true)",
        LANDING_STALLED_MAX
    )
    .fetch_one(&mut *tx)
    .await?;
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 2))", task.uuid())
        .execute(&mut *tx)
        .await?;
    let plan = plan(&mut tx, landing).await?;
    let place = Into {
        enterprise,
        task,
        batch: plan.batch,
        lane: plan.lane,
        order: plan.order.uncalled,
        order_revision: plan.order_revision,
    };
    let mut sieve = Sieve {
        enterprise,
        task,
        batch_name: &options.batch_name,
        dedupe: options.dedupe,
        now,
        seen: HashSet::new(),
        duplicates: 0,
        suppressed: 0,
    };
    let mut imported = 0;
    loop {
        let chunk = rows.next().await?;
        if chunk.is_empty() {
            break;
        }
        let left = sieve.sift(&mut tx, chunk).await?;
        let seq = plan.next_seq + i64::try_from(imported).unwrap_or(i64::MAX);
        imported += left.len() as u64;
        // Over the limit the rest is only counted, to say by how much.
        if plan.there + imported <= BATCH_NUMBERS_MAX {
            insert(&mut tx, &place, seq, &left).await?;
        }
    }
    within(plan.there + imported, BATCH_NUMBERS_MAX, "batch_numbers_max", "numbers in one batch")?;

    let result = ImportResult {
        rows: read,
        imported,
        duplicates: sieve.duplicates,
        suppressed: sieve.suppressed,
        invalid: landing.invalid,
        hidden: landing.hidden,
        merged: plan.merged && imported > 0,
    };
    let Some(task) = settle(&mut tx, landing, &plan, &result, now).await? else {
        return Ok(None);
    };
    tx.commit().await?;
    Ok(Some(Landed { batch: (imported > 0).then(|| plan.batch.into()), result, task }))
}

/// What a landing is based on.
struct Plan {
    batch: Uuid,
    /// The batch is there already, not started.
    merged: bool,
    /// Numbers in it.
    there: u64,
    lane: i64,
    new_lane: bool,
    order: CallOrder,
    order_revision: i32,
    next_seq: i64,
}

/// Locks nothing: imports of the task wait for each other, and the end looks again.
async fn plan(conn: &mut PgConnection, landing: Landing<'_>) -> Result<Plan, StoreError> {
    let task = sqlx::query!(
        r#"select order_revision, next_seq, config->'call_order' as "order: Json<CallOrder>"
             from task where id = $1 and enterprise_id = $2 and deleted_at is null"#,
        landing.task.uuid(),
        landing.enterprise.uuid()
    )
    .fetch_optional(&mut *conn)
    .await?
    .ok_or(StoreError::NotFound("task"))?;
    let order = task.order.map(|order| order.0).unwrap_or_default();
    let same_name = sqlx::query!(
        r#"select b.id, (select coalesce(sum(n), 0)::bigint from number_count
                          where batch_id = b.id) as "there!"
             from batch b where b.task_id = $1 and b.name = $2 and b.started_at is null
            order by b.id desc limit 1"#,
        landing.task.uuid(),
        landing.options.batch_name
    )
    .fetch_optional(&mut *conn)
    .await?;
    let batch =
        same_name.as_ref().map_or_else(|| clock::new_id::<BatchId>().uuid(), |batch| batch.id);
    let lane_batch = (order.uncalled == UncalledOrder::Sequential).then_some(batch);
    let lane = sqlx::query_scalar!(
        "select id from lane
          where task_id = $1 and class = 'uncalled' and round = 0 and order_revision = $2
            and (batch_id = $3 or (batch_id is null and $3 is null))",
        landing.task.uuid(),
        task.order_revision,
        lane_batch
    )
    .fetch_optional(&mut *conn)
    .await?;
    let new_lane = lane.is_none();
    let lane = match lane {
        Some(lane) => lane,
        None => {
            let next = sqlx::query_scalar!(
                r#"select nextval(pg_get_serial_sequence('lane', 'id')) as "id!""#
            );
            next.fetch_one(conn).await?
        }
    };
    Ok(Plan {
        batch,
        merged: same_name.is_some(),
        there: same_name.map_or(0, |batch| batch.there.unsigned_abs()),
        lane,
        new_lane,
        order,
        order_revision: task.order_revision,
        next_seq: task.next_seq,
    })
}

/// The end: everything that others see. `None`: what the plan was based on changed.
async fn settle(
    conn: &mut PgConnection,
    landing: Landing<'_>,
    plan: &Plan,
    result: &ImportResult,
    now: Time,
) -> Result<Option<Task>, StoreError> {
    let Landing { enterprise, task, options, .. } = landing;
    sqlx::query!(
        "select pg_advisory_xact_lock(hashtextextended($1::uuid::text, 3))",
        enterprise.uuid()
    )
    .execute(&mut *conn)
    .await?;
    let found = tasks::lock_in(conn, enterprise, task).await?;
    if found.order_revision != plan.order_revision {
        return Ok(None);
    }
    if result.imported > 0 {
        limits(conn, landing, result.imported).await?;
        if !put_batch(conn, landing, plan, now).await? {
            return Ok(None);
        }
        put_lane(conn, task, plan).await?;
    }
    let batch = (result.imported > 0).then(|| plan.batch.into());
    let landed = imports::Landed { result, batch, error_key: landing.error_key };
    imports::finish(conn, landing.import, landing.token, landed, now).await?;
    let mut counts = Counts::default();
    let imported = i64::try_from(result.imported).unwrap_or(i64::MAX);
    counts.number(task.uuid(), plan.batch, NumberState::Pending, imported);
    lanes::notify(conn, BTreeSet::from([enterprise.uuid()])).await?;
    counts.write(conn).await?;
    if options.start == StartType::Auto && result.imported > 0 {
        // The task's row is locked already: this waits for nobody.
        apply(conn, task, Event::AutoImport, now, landing.actor).await?;
    }
    Ok(Some(tasks::lock(conn, task).await?))
}

/// Counts the numbers into the task, within the limits of task and enterprise.
async fn limits(
    conn: &mut PgConnection,
    landing: Landing<'_>,
    imported: u64,
) -> Result<(), StoreError> {
    let in_task = sqlx::query_scalar!(
        "update task set next_seq = next_seq + $2, number_count = number_count + $2
          where id = $1 returning number_count",
        landing.task.uuid(),
        i64::try_from(imported).unwrap_or(i64::MAX)
    )
    .fetch_one(&mut *conn)
    .await?;
    within(in_task.unsigned_abs(), TASK_NUMBERS_MAX, "task_numbers_max", "numbers in one task")?;
    let in_enterprise = sqlx::query_scalar!(
        r#"select coalesce(sum(number_count), 0)::bigint as "n!" from task
            where enterprise_id = $1 and deleted_at is null"#,
        landing.enterprise.uuid()
    )
    .fetch_one(conn)
    .await?;
    within(
        in_enterprise.unsigned_abs(),
        ENTERPRISE_NUMBERS_MAX,
        "enterprise_numbers_max",
        "numbers in one enterprise",
    )
}

fn within(n: u64, most: u64, code: &'static str, what: &str) -> Result<(), StoreError> {
    if n <= most {
        return Ok(());
    }
    Err(StoreError::conflict(
        code,
        format!("at most {most} {what}; with this import there would be {n}"),
    ))
}

/// The batch by the table of SPEC 4. False: the one to merge into has started meanwhile, or is gone.
async fn put_batch(
    conn: &mut PgConnection,
    landing: Landing<'_>,
    plan: &Plan,
    now: Time,
) -> Result<bool, StoreError> {
    let priority = i32::try_from(landing.options.batch_priority).unwrap_or(i32::MAX);
    if plan.merged {
        let merged = sqlx::query!(
            "update batch set priority = $2 where id = $1 and started_at is null",
            plan.batch,
            priority
        )
        .execute(conn)
        .await?;
        return Ok(merged.rows_affected() == 1);
    }
    quotas::room_for_batch(conn, landing.task).await?;
    sqlx::query!(
        "insert into batch (id, enterprise_id, task_id, name, priority, created_at)
         values ($1, $2, $3, $4, $5, $6)",
        plan.batch,
        landing.enterprise.uuid(),
        landing.task.uuid(),
        landing.options.batch_name,
        priority,
        now
    )
    .execute(conn)
    .await?;
    Ok(true)
}

async fn put_lane(conn: &mut PgConnection, task: TaskId, plan: &Plan) -> Result<(), StoreError> {
    if !plan.new_lane {
        return lanes::entered(conn, BTreeSet::from([plan.lane])).await;
    }
    sqlx::query!(
        "insert into lane (id, task_id, batch_id, class, round, order_revision, call_order, entered)
         overriding system value values ($1, $2, $3, 'uncalled', 0, $4, $5, 1)",
        plan.lane,
        task.uuid(),
        (plan.order.uncalled == UncalledOrder::Sequential).then_some(plan.batch),
        plan.order_revision,
        Json(plan.order) as _
    )
    .execute(conn)
    .await?;
    Ok(())
}
