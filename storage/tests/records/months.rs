//! Partitions by the month, and records that are kept no longer.

use chrono::{TimeDelta, TimeZone, Utc};
use sqlx::PgPool;
use storage::recordings;
use storage::records::{self, RecordQuery, drop_expired, ensure_partitions};
use storage::rows::Page;

use crate::data::{Call, enterprise, minutes, nine, world};

#[sqlx::test(migrations = "../migrations")]
async fn partitions_are_made_ahead_and_take_in_what_lies_in_the_default(pool: PgPool) {
    let world = world(pool).await;
    let early = world.call(Call::at(nine())).await;
    let december = world.call(Call::at(nine() + TimeDelta::days(20))).await;
    let far = world.call(Call::at(nine() + TimeDelta::days(200))).await;
    let made = ensure_partitions(&world.store, nine()).await.unwrap();
    let months = ["y2026m11", "y2026m12", "y2027m01"];
    let expected: Vec<String> = months
        .iter()
        .flat_map(|month| [format!("call_record_{month}"), format!("conversation_{month}")])
        .collect();
    assert_eq!(made, expected);
    assert!(ensure_partitions(&world.store, nine()).await.unwrap().is_empty(), "once");

    assert_eq!(world.one::<i64>("select count(*) from call_record_y2026m11").await, 1);
    assert_eq!(world.one::<i64>("select count(*) from conversation_y2026m12").await, 1);
    assert_eq!(world.one::<i64>("select count(*) from call_record_default").await, 1);
    let late = world.call(Call::at(nine() + minutes(1))).await;
    assert_eq!(world.one::<i64>("select count(*) from call_record_y2026m11").await, 2);
    let all = RecordQuery::default();
    let page = records::list(&world.store, world.enterprise, &all, Page::first(10)).await.unwrap();
    let ids: Vec<_> = page.rows.iter().map(|view| view.record.id).collect();
    assert_eq!(ids, [far, december, late, early]);
}

#[sqlx::test(migrations = "../migrations")]
async fn records_go_after_their_enterprises_own_days_and_their_counters_with_them(pool: PgPool) {
    let world = world(pool).await;
    let (brief, brief_task) = enterprise(&world.pool, "Brief", 30).await;
    let long_ago = Utc.with_ymd_and_hms(2025, 9, 10, 9, 30, 0).unwrap();
    ensure_partitions(&world.store, long_ago).await.unwrap();
    ensure_partitions(&world.store, nine()).await.unwrap();
    for n in 0..3 {
        world.call(Call::at(long_ago + minutes(n))).await;
    }
    let kept = world.call(Call::at(nine() - TimeDelta::days(100))).await;
    let at = |days: i64| Call::at(nine() - TimeDelta::days(days));
    world.call_of(brief, brief_task, at(31)).await;
    world.call_of(brief, brief_task, at(31).result("busy")).await;
    let brief_kept = world.call_of(brief, brief_task, at(29)).await;
    world.count_calls().await;

    let dropped = drop_expired(&world.store, nine()).await.unwrap();
    assert!(dropped.partitions.contains(&"call_record_y2025m09".to_owned()));
    assert!(dropped.partitions.contains(&"conversation_y2025m09".to_owned()));
    assert_eq!((dropped.rows, dropped.more), (2, false));

    let all = RecordQuery::default();
    let left = |enterprise| records::list(&world.store, enterprise, &all, Page::first(10));
    let ids = |page: storage::rows::Listed<records::RecordView, _>| {
        page.rows.iter().map(|view| view.record.id).collect::<Vec<_>>()
    };
    assert_eq!(ids(left(world.enterprise).await.unwrap()), [kept]);
    assert_eq!(ids(left(brief).await.unwrap()), [brief_kept]);
    assert_eq!(world.one::<i64>("select count(*) from conversation").await, 2);
    let mut snapshot = storage::checks::Snapshot::take(&world.store).await.unwrap();
    assert!(snapshot.mismatches(10).await.unwrap().is_empty());
}

/// Returns when as many sessions as that wait for a lock.
async fn until_waiting(pool: &PgPool, sessions: i64) {
    let waiting = "select count(*) from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'";
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    while sqlx::query_scalar::<_, i64>(waiting).fetch_one(pool).await.unwrap() < sessions {
        assert!(tokio::time::Instant::now() < deadline, "they never waited");
    }
}

/// PostgreSQL plans a statement with the partitions that it saw before it waited for one of them.
#[sqlx::test(migrations = "../migrations")]
async fn a_record_that_is_moved_to_its_month_while_its_recording_is_uploaded_says_ready(
    pool: PgPool,
) {
    let world = world(pool.clone()).await;
    let call = world.call(Call::at(nine())).await;
    world.recording(call, nine(), "pending").await;
    // The name is taken for as long as this transaction lasts: the move stops half way.
    let mut taken = pool.begin().await.unwrap();
    sqlx::query("create table call_record_y2026m11 ()").execute(&mut *taken).await.unwrap();
    let store = world.store.clone();
    let moved = tokio::spawn(async move { ensure_partitions(&store, nine()).await });
    until_waiting(&pool, 1).await;
    let store = world.store.clone();
    let marked = tokio::spawn(async move { recordings::mark_ready(&store, call, 44).await });
    until_waiting(&pool, 2).await;
    taken.rollback().await.unwrap();
    marked.await.unwrap().unwrap();
    assert_eq!(moved.await.unwrap().unwrap().len(), 6);
    assert_eq!(world.one::<i64>("select count(*) from call_record_y2026m11").await, 1);
    let record = records::get(&world.store, world.enterprise, call).await.unwrap().record;
    assert_eq!(record.recording_state.as_deref(), Some("ready"));
}
