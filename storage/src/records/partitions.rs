//! A partition a month for records and conversations, made before the month begins.
//!
//! Where none was made in time (the service was down, or business time was set ahead), rows lie in
//! the default partition. They are found there all the same; making the month's partition moves them.

use std::time::Duration;

use chrono::{Datelike, Months, NaiveDate};
use outbound::Time;
use sqlx::{AssertSqlSafe, PgConnection};

use crate::{Store, StoreError};

/// Months that have their partition before they begin.
const MONTHS_AHEAD: u32 = 2;
/// Rows that are moved out of the default partition for one month; more are left there, since the
/// move holds up the calls that end meanwhile.
const MOVED_ROWS_MAX: i64 = 200_000;
/// How long calls that end may be held up by waiting for the lock.
const LOCK_WAIT: Duration = Duration::from_secs(2);

pub(super) const TABLES: [&str; 2] = ["call_record", "conversation"];

/// Make the partitions of the month of `now` and of the next two; returns the names of those made.
///
/// Locks the table and its default partition, against readers too, while rows are moved out of it. Months that can't be done now (a lock
/// that is not had, too many rows) are logged and tried again at the next call.
pub async fn ensure_partitions(store: &Store, now: Time) -> Result<Vec<String>, StoreError> {
    let mut made = Vec::new();
    let first = first_of_month(now);
    for ahead in 0..=MONTHS_AHEAD {
        let Some(month) = first.checked_add_months(Months::new(ahead)) else { continue };
        for table in TABLES {
            match ensure(store, table, month).await {
                Ok(Some(name)) => made.push(name),
                Ok(None) => {}
                Err(StoreError::Unavailable(reason)) => {
                    tracing::warn!(table, %month, reason, "a partition was not made");
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(made)
}

async fn ensure(
    store: &Store,
    table: &'static str,
    month: NaiveDate,
) -> Result<Option<String>, StoreError> {
    let name = partition_name(table, month);
    let mut tx = store.long.begin().await?;
    // One maker at a time: the second finds what the first made.
    sqlx::query!("select pg_advisory_xact_lock(hashtextextended('partitions', 0))")
        .execute(&mut *tx)
        .await?;
    let exists = sqlx::query_scalar!(r#"select to_regclass($1) is not null as "exists!""#, name)
        .fetch_one(&mut *tx)
        .await?;
    if exists {
        return Ok(None);
    }
    let (from, to) = (bound(month), bound(month + Months::new(1)));
    run(&mut tx, format!("set local lock_timeout = {}", LOCK_WAIT.as_millis())).await?;
    // The table itself first: a statement that was being planned would look for the rows where they were,
    // in the partitions that it saw before it had to wait for the default one, and miss them.
    run(&mut tx, format!("lock table only {table} in access exclusive mode")).await?;
    run(&mut tx, format!("lock table only {table}_default in access exclusive mode")).await?;
    let inside = format!("started_at >= '{from}' and started_at < '{to}'");
    let rows = format!(
        "select count(*) from (select from {table}_default where {inside} limit {}) as inside",
        MOVED_ROWS_MAX + 1
    );
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(rows)).fetch_one(&mut *tx).await?;
    if rows > MOVED_ROWS_MAX {
        tracing::warn!(partition = %name, "too many rows lie in the default partition to move them");
        return Ok(None);
    }
    run(&mut tx, format!("create table {name} (like {table} including defaults)")).await?;
    if rows > 0 {
        run(
            &mut tx,
            format!(
                "with moved as (delete from {table}_default where {inside} returning *)
                 insert into {name} select * from moved"
            ),
        )
        .await?;
    }
    run(
        &mut tx,
        format!(
            "alter table {table} attach partition {name} for values from ('{from}') to ('{to}')"
        ),
    )
    .await?;
    tx.commit().await?;
    Ok(Some(name))
}

/// Statements that take no parameters: their texts are made of table names and dates only.
pub(super) async fn run(db: &mut PgConnection, sql: String) -> Result<(), StoreError> {
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(db).await?;
    Ok(())
}

pub(super) fn first_of_month(at: Time) -> NaiveDate {
    let date = at.date_naive();
    date.with_day(1).unwrap_or(date)
}

pub(super) fn partition_name(table: &str, month: NaiveDate) -> String {
    format!("{table}_{}", month.format("y%Ym%m"))
}

/// The month that a partition's name tells.
pub(super) fn month_of(name: &str) -> Option<NaiveDate> {
    let month = &name[name.rfind("_y")? + 2..];
    let (year, month) = month.split_once('m')?;
    NaiveDate::from_ymd_opt(year.parse().ok()?, month.parse().ok()?, 1)
}

fn bound(date: NaiveDate) -> String {
    format!("{date} 00:00:00+00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_is_named_after_its_month() {
        let month = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a date");
        assert_eq!(partition_name("call_record", month), "call_record_y2026m11");
        assert_eq!(month_of("call_record_y2026m11"), Some(month));
        assert_eq!(month_of("call_record_default"), None);
    }
}
