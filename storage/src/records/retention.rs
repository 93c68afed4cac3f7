//! How long records are kept: each enterprise's own number of days.
//!
//! Whole months that no enterprise keeps any more go as a partition; the rest goes row by row, in
//! bounded steps. The counters of the calls go with them, in the same transactions, so that
//! statistics equal the records at any moment.

use chrono::{Months, NaiveTime};
use outbound::Time;
use outbound::ids::EnterpriseId;

use super::partitions::{TABLES, first_of_month, month_of, run};
use crate::{Store, StoreError};

/// Rows that one step deletes.
const STEP_ROWS: i64 = 5_000;
/// Steps of one call, so that it ends in a bounded time.
const STEPS_MAX: u32 = 100;

/// What went.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dropped {
    pub partitions: Vec<String>,
    pub rows: u64,
    /// There is more to delete: call again.
    pub more: bool,
}

struct Cutoff {
    enterprise: EnterpriseId,
    before: Time,
}

/// Delete the records that are older than their enterprise keeps them. Locks what it deletes.
pub async fn drop_expired(store: &Store, now: Time) -> Result<Dropped, StoreError> {
    let cutoffs = cutoffs(store, now).await?;
    let mut dropped = Dropped::default();
    let Some(all_before) = cutoffs.iter().map(|cutoff| cutoff.before).min() else {
        return Ok(dropped);
    };
    dropped.partitions = drop_partitions(store, all_before).await?;
    let mut steps = 0;
    for cutoff in &cutoffs {
        loop {
            if steps == STEPS_MAX {
                dropped.more = true;
                return Ok(dropped);
            }
            steps += 1;
            let rows = delete_some(store, cutoff).await?;
            let legs = delete_transfers(store, cutoff).await?;
            dropped.rows += rows;
            if rows.max(legs) < STEP_ROWS.unsigned_abs() {
                break;
            }
        }
    }
    Ok(dropped)
}

async fn cutoffs(store: &Store, now: Time) -> Result<Vec<Cutoff>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, $1::timestamptz - make_interval(
                  days => coalesce((settings ->> 'record_retention_days')::int, 365)) as "before!"
             from enterprise"#,
        now
    )
    .fetch_all(&store.long)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Cutoff { enterprise: row.id.into(), before: row.before })
        .collect())
}

/// Drop the partitions of months that ended before `before`, and the counters of their hours.
async fn drop_partitions(store: &Store, before: Time) -> Result<Vec<String>, StoreError> {
    let parents = TABLES.map(str::to_owned);
    let names = sqlx::query_scalar!(
        r#"select c.relname::text as "name!"
             from pg_inherits i
             join pg_class c on c.oid = i.inhrelid
             join pg_class p on p.oid = i.inhparent
            where p.relname = any($1) order by 1"#,
        &parents
    )
    .fetch_all(&store.long)
    .await?;
    let keep_from = first_of_month(before);
    let mut dropped = Vec::new();
    for name in names {
        let Some(month) = month_of(&name).filter(|month| *month < keep_from) else { continue };
        let from = month.and_time(NaiveTime::MIN).and_utc();
        let to = (month + Months::new(1)).and_time(NaiveTime::MIN).and_utc();
        let mut tx = store.long.begin().await?;
        run(&mut tx, "set local lock_timeout = '2s'".into()).await?;
        run(&mut tx, format!("drop table {name}")).await?;
        if name.starts_with("call_record") {
            sqlx::query!("delete from call_count where hour >= $1 and hour < $2", from, to)
                .execute(&mut *tx)
                .await?;
        }
        tx.commit().await?;
        dropped.push(name);
    }
    Ok(dropped)
}

/// Calls to people go with the records of the calls that they were placed for.
async fn delete_transfers(store: &Store, cutoff: &Cutoff) -> Result<u64, StoreError> {
    let deleted = sqlx::query!(
        "with old as (select id from transfer_leg
                       where enterprise_id = $1 and started_at < $2 and ended_at is not null
                       order by started_at limit $3)
         delete from transfer_leg l using old where l.enterprise_id = $1 and l.id = old.id",
        cutoff.enterprise.uuid(),
        cutoff.before,
        STEP_ROWS
    )
    .execute(&store.long)
    .await?;
    Ok(deleted.rows_affected())
}

async fn delete_some(store: &Store, cutoff: &Cutoff) -> Result<u64, StoreError> {
    let rows = sqlx::query_scalar!(
        r#"with old as (
               select id, started_at from call_record
                where enterprise_id = $1 and started_at < $2
                order by started_at limit $3),
           words as (
               delete from conversation c using old
                where c.id = old.id and c.started_at = old.started_at),
           gone as (
               delete from call_record r using old
                where r.id = old.id and r.started_at = old.started_at
            returning r.task_id, r.batch_id, date_trunc('hour', r.started_at, 'UTC') as hour, r.result,
                      case when r.answered_at is null then 0
                           else greatest(trunc(extract(epoch from r.ended_at - r.answered_at) * 1000), 0)
                      end::bigint as talk_ms),
           less as (
               select task_id, batch_id, hour, result, count(*) as calls, sum(talk_ms)::bigint as talk_ms
                 from gone group by 1, 2, 3, 4),
           counted as (
               update call_count c
                  set calls = c.calls - less.calls, talk_ms = c.talk_ms - less.talk_ms
                 from less
                where (c.task_id, c.batch_id, c.hour, c.result)
                    = (less.task_id, less.batch_id, less.hour, less.result))
           select count(*) as "rows!" from gone"#,
        cutoff.enterprise.uuid(),
        cutoff.before,
        STEP_ROWS
    )
    .fetch_one(&store.long)
    .await?;
    Ok(rows.unsigned_abs())
}
