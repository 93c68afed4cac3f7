//! Counts for people: numbers by state, calls by result, per task, batch, day and hour.
//!
//! They come from counters that the transactions keep which change what they count; [`mismatches`]
//! compares the two.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use chrono_tz::Tz;
use outbound::Time;
use outbound::ids::{BatchId, EnterpriseId, TaskId};
use outbound::number::NumberState;
use outbound::outcome::CallResult;
use sqlx::PgConnection;

use crate::checks::Faults;
use crate::{Store, StoreError};

/// Rows by hour or day of one answer, at most.
const SPANS_MAX: i64 = 10_000;

/// Calls by how they ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Calls {
    pub by_result: BTreeMap<CallResult, u64>,
    /// Of all calls together, from answer to end.
    pub talk_ms: u64,
}

impl Calls {
    pub fn total(&self) -> u64 {
        self.by_result.values().sum()
    }

    pub fn answered(&self) -> u64 {
        self.by_result.get(&CallResult::Answered).copied().unwrap_or(0)
    }

    /// Answered calls of all calls, 0 to 1; none before the first call.
    pub fn connect_rate(&self) -> Option<f64> {
        let total = self.total();
        (total > 0).then(|| self.answered() as f64 / total as f64)
    }

    fn add(&mut self, result: &str, calls: i64, talk_ms: i64) -> Result<(), StoreError> {
        let word = result;
        let result = CallResult::from_word(word)
            .ok_or_else(|| StoreError::Damaged(format!("`{word}` is no result of a call")))?;
        if calls != 0 {
            *self.by_result.entry(result).or_default() += calls.unsigned_abs();
        }
        self.talk_ms += talk_ms.unsigned_abs();
        Ok(())
    }
}

/// Where a task or a batch stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    pub numbers: BTreeMap<NumberState, u64>,
    pub calls: Calls,
}

impl Counts {
    pub fn numbers_in(&self, state: NumberState) -> u64 {
        self.numbers.get(&state).copied().unwrap_or(0)
    }

    pub fn numbers_total(&self) -> u64 {
        self.numbers.values().sum()
    }

    fn add_numbers(&mut self, state: &str, n: i64) -> Result<(), StoreError> {
        let known = NumberState::from_word(state)
            .ok_or_else(|| StoreError::Damaged(format!("`{state}` is no state of a number")))?;
        if n != 0 {
            *self.numbers.entry(known).or_default() += n.unsigned_abs();
        }
        Ok(())
    }
}

/// The counts of a task. Locks nothing.
pub async fn of_task(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<Counts, StoreError> {
    let batches = of_batches(store, enterprise, task).await?;
    let mut counts = Counts::default();
    for batch in batches.into_values() {
        for (state, n) in batch.numbers {
            *counts.numbers.entry(state).or_default() += n;
        }
        for (result, n) in batch.calls.by_result {
            *counts.calls.by_result.entry(result).or_default() += n;
        }
        counts.calls.talk_ms += batch.calls.talk_ms;
    }
    Ok(counts)
}

/// The counts of each batch of a task. Locks nothing.
pub async fn of_batches(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<BTreeMap<BatchId, Counts>, StoreError> {
    own(store, enterprise, task).await?;
    // One statement, so that numbers and calls are of one moment.
    let rows = sqlx::query!(
        r#"select batch_id as "batch_id!", state, null::text as result, n as "n!", 0::bigint as "talk_ms!"
             from number_count where task_id = $1
            union all
           select batch_id, null, result, sum(calls)::bigint, sum(talk_ms)::bigint
             from call_count where task_id = $1 group by batch_id, result"#,
        task.uuid()
    )
    .fetch_all(&store.api)
    .await?;
    let mut batches: BTreeMap<BatchId, Counts> = BTreeMap::new();
    for row in rows {
        let counts = batches.entry(row.batch_id.into()).or_default();
        if let Some(state) = row.state {
            counts.add_numbers(&state, row.n)?;
        }
        if let Some(result) = row.result {
            counts.calls.add(&result, row.n, row.talk_ms)?;
        }
    }
    Ok(batches)
}

/// Calls by the hour (UTC) that they started in, within `from..to`. Locks nothing.
pub async fn by_hour(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    from: Time,
    to: Time,
) -> Result<BTreeMap<Time, Calls>, StoreError> {
    own(store, enterprise, task).await?;
    let rows = sqlx::query!(
        r#"select hour, result, sum(calls)::bigint as "calls!", sum(talk_ms)::bigint as "talk_ms!"
             from call_count where task_id = $1 and hour >= $2 and hour < $3
            group by hour, result order by hour limit $4"#,
        task.uuid(),
        from,
        to,
        SPANS_MAX
    )
    .fetch_all(&store.api)
    .await?;
    let mut hours: BTreeMap<Time, Calls> = BTreeMap::new();
    for row in rows {
        hours.entry(row.hour).or_default().add(&row.result, row.calls, row.talk_ms)?;
    }
    Ok(hours)
}

/// Calls by the day that they started on, in `zone`, within `from..to`. A zone whose offset is not
/// of whole hours shifts the hour that midnight falls in to the day that it began on. Locks nothing.
pub async fn by_day(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    zone: Tz,
    from: Time,
    to: Time,
) -> Result<BTreeMap<NaiveDate, Calls>, StoreError> {
    let mut days: BTreeMap<NaiveDate, Calls> = BTreeMap::new();
    for (hour, calls) in by_hour(store, enterprise, task, from, to).await? {
        let day = days.entry(hour.with_timezone(&zone).date_naive()).or_default();
        for (result, n) in calls.by_result {
            *day.by_result.entry(result).or_default() += n;
        }
        day.talk_ms += calls.talk_ms;
    }
    Ok(days)
}

/// What the answered calls of a task were like, from the records themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Talk {
    pub answered: u64,
    /// From answer to end.
    pub average_ms: f64,
    pub p50_ms: f64,
    pub p90_ms: f64,
    pub p99_ms: f64,
    pub average_turns: f64,
    pub transferred: u64,
    /// Intent tags, by how often they were given; the 100 most frequent.
    pub intents: BTreeMap<String, u64>,
}

/// Reads every answered record of the task: for a page that a person opens, not for a ticker. Locks
/// nothing.
pub async fn talk(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
) -> Result<Talk, StoreError> {
    own(store, enterprise, task).await?;
    let row = sqlx::query!(
        r#"select count(*) as "answered!",
                  coalesce(avg(ms), 0)::float8 as "average!",
                  coalesce(percentile_cont(array[0.5, 0.9, 0.99]) within group (order by ms),
                           array[0, 0, 0]::float8[]) as "percentiles!",
                  coalesce(avg(turns), 0)::float8 as "turns!",
                  count(*) filter (where transferred) as "transferred!"
             from (select (extract(epoch from ended_at - answered_at) * 1000)::float8 as ms,
                          turns, transferred
                     from call_record
                    where task_id = $1 and result = 'answered' and answered_at is not null) as call"#,
        task.uuid()
    )
    .fetch_one(&store.long)
    .await?;
    let intents = sqlx::query!(
        r#"select tag as "tag!", count(*) as "n!"
             from call_record, unnest(intent_tags) as tag
            where task_id = $1 and result = 'answered'
            group by tag order by 2 desc, 1 limit 100"#,
        task.uuid()
    )
    .fetch_all(&store.long)
    .await?;
    let percentile = |place: usize| row.percentiles.get(place).copied().unwrap_or(0.0);
    Ok(Talk {
        answered: row.answered.unsigned_abs(),
        average_ms: row.average,
        p50_ms: percentile(0),
        p90_ms: percentile(1),
        p99_ms: percentile(2),
        average_turns: row.turns,
        transferred: row.transferred.unsigned_abs(),
        intents: intents.into_iter().map(|row| (row.tag, row.n.unsigned_abs())).collect(),
    })
}

/// A counter that is not what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mismatch {
    pub task: TaskId,
    pub batch: BatchId,
    /// `numbers waiting`, `calls busy at 2026-11-23T09:00:00Z`, …
    pub what: String,
    pub counter: i64,
    pub rows: i64,
}

/// Every counter that differs from the rows, `limit` of them listed. Reads all rows: for checks. Locks
/// nothing; on a connection that is in a snapshot it sees one moment.
pub(crate) async fn mismatches(
    db: &mut PgConnection,
    limit: u32,
) -> Result<Faults<Mismatch>, StoreError> {
    let numbers = sqlx::query!(
        r#"with counted as (
               select task_id, batch_id, state, count(*) as n from number group by 1, 2, 3)
           select coalesce(c.task_id, r.task_id) as "task!", coalesce(c.batch_id, r.batch_id) as "batch!",
                  'numbers ' || coalesce(c.state, r.state) as "what!",
                  coalesce(c.n, 0) as "counter!", coalesce(r.n, 0) as "rows!",
                  count(*) over () as "all!"
             from number_count c
             full join counted r on (r.task_id, r.batch_id, r.state) = (c.task_id, c.batch_id, c.state)
            where coalesce(c.n, 0) <> coalesce(r.n, 0)
            order by 1, 2, 3 limit $1"#,
        i64::from(limit)
    )
    .fetch_all(&mut *db)
    .await?;
    let calls = sqlx::query!(
        r#"with counted as (
               select task_id, batch_id, date_trunc('hour', started_at, 'UTC') as hour, result,
                      count(*) as calls,
                      coalesce(sum(greatest(trunc(extract(epoch from ended_at - answered_at) * 1000), 0)), 0)::bigint as talk_ms
                 from call_record group by 1, 2, 3, 4),
           compared as (
               select coalesce(c.task_id, r.task_id) as task, coalesce(c.batch_id, r.batch_id) as batch,
                      coalesce(c.result, r.result) as result, coalesce(c.hour, r.hour) as hour,
                      coalesce(c.calls, 0) as c_calls, coalesce(r.calls, 0) as r_calls,
                      coalesce(c.talk_ms, 0) as c_talk, coalesce(r.talk_ms, 0) as r_talk
                 from call_count c
                 full join counted r
                   on (r.task_id, r.batch_id, r.hour, r.result) = (c.task_id, c.batch_id, c.hour, c.result)),
           wrong as (
               select task, batch, 'calls' as kind, result, hour, c_calls as counter, r_calls as rows
                 from compared where c_calls <> r_calls
                union all
               select task, batch, 'talk_ms', result, hour, c_talk, r_talk
                 from compared where c_talk <> r_talk)
           select task as "task!", batch as "batch!", kind as "kind!", result as "result!",
                  hour as "hour!", counter as "counter!", rows as "rows!", count(*) over () as "all!"
             from wrong order by task, batch, hour, result limit $1"#,
        i64::from(limit)
    )
    .fetch_all(&mut *db)
    .await?;
    let mut found = Faults::of(
        numbers,
        |row| row.all,
        |row| Mismatch {
            task: row.task.into(),
            batch: row.batch.into(),
            what: row.what,
            counter: row.counter,
            rows: row.rows,
        },
    );
    let calls = Faults::of(
        calls,
        |row| row.all,
        |row| Mismatch {
            task: row.task.into(),
            batch: row.batch.into(),
            what: format!("{} {} at {}", row.kind, row.result, row.hour.to_rfc3339()),
            counter: row.counter,
            rows: row.rows,
        },
    );
    found.listed.extend(calls.listed);
    let over = found.listed.len().saturating_sub(limit as usize);
    found.listed.truncate(limit as usize);
    found.more += calls.more + over as u64;
    Ok(found)
}

async fn own(store: &Store, enterprise: EnterpriseId, task: TaskId) -> Result<(), StoreError> {
    let own = sqlx::query_scalar!(
        r#"select exists (select from task where id = $1 and enterprise_id = $2) as "own!""#,
        task.uuid(),
        enterprise.uuid()
    )
    .fetch_one(&store.api)
    .await?;
    if own { Ok(()) } else { Err(StoreError::NotFound("task")) }
}
