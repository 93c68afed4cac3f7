//! Statistics, and what a check of the whole database sees.

use chrono::{NaiveDate, TimeDelta};
use outbound::ids::AttemptId;
use outbound::number::NumberState;
use outbound::outcome::{CallResult, CalledStatus};
use sqlx::PgPool;
use storage::checks::{LimitKind, Scope, Snapshot};
use storage::{StoreError, statistics};

use crate::data::{Call, World, enterprise, nine, world};

async fn place(world: &World, number: outbound::ids::NumberId, place: &str) {
    let sql = match place {
        "ready" => {
            "insert into ready (lane_id, ord, plain_ord, number_id, task_id)
             select 1, ord, plain_ord, id, task_id from number where id = $1"
        }
        "waiting" => {
            "insert into waiting (number_id, enterprise_id, task_id, lane_id, ord, plain_ord, due_at,
                 reason, phone)
             select id, enterprise_id, task_id, 1, ord, plain_ord, now(), 'redial', phone
               from number where id = $1"
        }
        _ => {
            "insert into attempt (id, enterprise_id, task_id, batch_id, number_id, lane_id, trunk_id,
                 caller_id, phone, round, chain_index, policy_id, navigation_id, navigation_version,
                 phase, claimed_at, pushed_at, lease_until)
             select gen_random_uuid(), enterprise_id, task_id, batch_id, id, 1, gen_random_uuid(),
                    gen_random_uuid(), phone, 0, 0, 1, gen_random_uuid(), 1, 'begun', now(), now(), now()
               from number where id = $1"
        }
    };
    world.run(sql, number.uuid()).await;
}

#[sqlx::test(migrations = "../migrations")]
async fn numbers_with_no_place_or_two_are_found(pool: PgPool) {
    let world = world(pool).await;
    for (seq, state, places) in [
        (1, "pending", &["ready"][..]),
        (2, "waiting", &["waiting"]),
        (3, "calling", &["live"]),
        (4, "connected", &[]),
        (5, "unconnected", &[]),
        (6, "suppressed", &[]),
        (7, "cancelled", &[]),
    ] {
        let number = world.number(seq, state).await;
        for one in places {
            place(&world, number, one).await;
        }
    }
    let mut snapshot = Snapshot::take(&world.store).await.unwrap();
    assert!(snapshot.astray(10).await.unwrap().is_empty());
    assert_eq!(snapshot.live().await.unwrap().len(), 1);
    drop(snapshot);

    let mut expected = Vec::new();
    for (seq, state, places, counts) in [
        (11, "pending", &[][..], (0, 0, 0)),
        (12, "waiting", &["ready"], (1, 0, 0)),
        (13, "calling", &["live", "ready"], (1, 0, 1)),
        (14, "connected", &["waiting"], (0, 1, 0)),
    ] {
        let number = world.number(seq, state).await;
        for one in places {
            place(&world, number, one).await;
        }
        expected.push((number, state.to_owned(), counts));
    }
    let deleted = world.number(15, "pending").await;
    place(&world, deleted, "ready").await;
    world.run("delete from number where id = $1", deleted.uuid()).await;
    expected.push((deleted, "deleted".to_owned(), (1, 0, 0)));
    let mut snapshot = Snapshot::take(&world.store).await.unwrap();
    let found: Vec<_> = snapshot
        .astray(10)
        .await
        .unwrap()
        .listed
        .into_iter()
        .map(|astray| (astray.number, astray.state, (astray.ready, astray.waiting, astray.live)))
        .collect();
    assert_eq!(found, expected);
    let some = snapshot.astray(2).await.unwrap();
    assert_eq!((some.listed.len(), some.more), (2, 3), "all are counted");
}

#[sqlx::test(migrations = "../migrations")]
async fn faults_of_every_kind_are_counted_beyond_those_that_are_listed(pool: PgPool) {
    let world = world(pool).await;
    for n in 0..5 {
        // No counter knows the calls, no recording is there that they name.
        world.call(Call::at(nine() + TimeDelta::hours(n))).await;
        world.number(n, "connected").await;
    }
    world
        .run(
            "update call_record set recording_state = 'ready' where task_id = $1",
            world.task.uuid(),
        )
        .await;
    world
        .run(
            "insert into import (id, enterprise_id, task_id, status, options, object_key, result, batch_id,
                 actor, created_at)
             select gen_random_uuid(), enterprise_id, id, 'done', '{}', 'x', '{\"imported\": 1}',
                    gen_random_uuid(), 'somebody', now()
               from task, generate_series(1, 5) where id = $1",
            world.task.uuid(),
        )
        .await;
    let mut snapshot = Snapshot::take(&world.store).await.unwrap();
    let wrong = snapshot.mismatches(2).await.unwrap();
    // Five hours of calls and of talk, and the count of connected numbers.
    assert_eq!((wrong.listed.len(), wrong.more), (2, 9));
    let missing = snapshot.recordings_missing(2).await.unwrap();
    assert_eq!((missing.listed.len(), missing.more), (2, 3));
    let torn = snapshot.torn_imports(2).await.unwrap();
    assert_eq!((torn.listed.len(), torn.more), (2, 3));
}

#[sqlx::test(migrations = "../migrations")]
async fn calls_that_began_after_a_snapshot_are_found_by_their_ids(pool: PgPool) {
    let world = world(pool).await;
    let mut snapshot = Snapshot::take(&world.store).await.unwrap();
    let recorded = world.call(Call::at(nine())).await;
    let number = world.number(1, "calling").await;
    place(&world, number, "live").await;
    let live: uuid::Uuid = world.one("select id from attempt").await;
    assert!(snapshot.records(None).await.unwrap().is_empty());
    let asked = [recorded, live.into(), clock::new_id::<AttemptId>()];
    let found = storage::checks::existing(&world.store, &asked).await.unwrap();
    assert_eq!(found, asked[..2].iter().copied().collect());

    let restored = storage::checks::Restored { known_until: None, restored_at: nine() };
    storage::checks::note_restored(&world.store, restored, nine()).await.unwrap();
    let mut later = Snapshot::take(&world.store).await.unwrap();
    assert_eq!(later.restored().await.unwrap(), [restored]);
}

#[sqlx::test(migrations = "../migrations")]
async fn statistics_equal_the_rows_and_a_check_tells_when_they_do_not(pool: PgPool) {
    let world = world(pool).await;
    let at = |hours: i64| nine() + TimeDelta::hours(hours);
    world.call(Call { tags: vec!["vip"], ..Call::at(at(0)) }).await;
    world.call(Call::at(at(1)).result("busy")).await;
    world.call(Call::at(at(1)).result("busy")).await;
    world.call(Call::at(at(17))).await;
    world.count_calls().await;
    world.number(1, "connected").await;
    world.number(2, "pending").await;
    world.run("insert into number_count select batch_id, task_id, state, 1 from number where batch_id = $1", world.batch.uuid()).await;

    let counts = statistics::of_task(&world.store, world.enterprise, world.task).await.unwrap();
    assert_eq!((counts.numbers_total(), counts.numbers_in(NumberState::Connected)), (2, 1));
    assert_eq!(
        (counts.calls.total(), counts.calls.answered(), counts.calls.talk_ms),
        (4, 2, 125_000)
    );
    assert_eq!(counts.calls.connect_rate(), Some(0.5));
    let by_batch =
        statistics::of_batches(&world.store, world.enterprise, world.task).await.unwrap();
    assert_eq!(by_batch[&world.batch], counts);
    let hours = statistics::by_hour(&world.store, world.enterprise, world.task, at(0), at(2))
        .await
        .unwrap();
    assert_eq!(hours.len(), 2);
    assert_eq!(hours[&at(1)].by_result[&CallResult::Unanswered(CalledStatus::Busy)], 2);
    // 02:00 UTC is 10:00 the same day in Shanghai; 17 hours after nine is the next day.
    let zone = chrono_tz::Asia::Shanghai;
    let days = statistics::by_day(&world.store, world.enterprise, world.task, zone, at(0), at(48))
        .await
        .unwrap();
    let day = |day| NaiveDate::from_ymd_opt(2026, 11, day).unwrap();
    assert_eq!((days[&day(23)].total(), days[&day(24)].total()), (3, 1));
    let talk = statistics::talk(&world.store, world.enterprise, world.task).await.unwrap();
    assert_eq!((talk.answered, talk.average_ms, talk.p99_ms), (2, 62_500.0, 62_500.0));
    assert_eq!((talk.average_turns, talk.intents["vip"]), (3.0, 1));

    let check = async || {
        let mut snapshot = Snapshot::take(&world.store).await.unwrap();
        snapshot.mismatches(10).await.unwrap().listed
    };
    assert_eq!(check().await, []);
    world.call(Call::at(at(1)).result("busy")).await;
    world
        .run(
            "update number set state = 'waiting' where state = 'pending' and batch_id = $1",
            world.batch.uuid(),
        )
        .await;
    let wrong: Vec<_> =
        check().await.into_iter().map(|wrong| (wrong.what, wrong.counter, wrong.rows)).collect();
    assert_eq!(
        wrong,
        [
            ("numbers pending".to_owned(), 1, 0),
            ("numbers waiting".to_owned(), 0, 1),
            ("calls busy at 2026-11-23T10:00:00+00:00".to_owned(), 2, 3),
        ]
    );
    let (other, _) = enterprise(&world.pool, "Other", 365).await;
    let foreign = statistics::of_task(&world.store, other, world.task).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("task"))));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_check_reads_history_and_records_in_order(pool: PgPool) {
    let world = world(pool).await;
    for (scope, id) in [("enterprise", world.enterprise.uuid()), ("task", world.task.uuid())] {
        sqlx::query("insert into limit_change (enterprise_id, scope, scope_id, at, value) values ($1, $2, $3, $4, 5)")
            .bind(world.enterprise.uuid())
            .bind(scope)
            .bind(id)
            .bind(nine())
            .execute(&world.pool)
            .await
            .unwrap();
    }
    world.run("insert into task_event (task_id, at, event, state, reason, actor) values ($1, now(), 'pause', 'paused', 'manual', 'key')", world.task.uuid()).await;
    world.run("insert into task_plan (task_id, at, hours) values ($1, now(), '{\"zone\": \"UTC\", \"call\": null, \"do_not_call\": null, \"callee_local_time\": \"off\"}')", world.task.uuid()).await;
    world
        .run(
            "insert into redial_policy (task_id, policy, created_at) values ($1, '{}', now())",
            world.task.uuid(),
        )
        .await;
    let mut calls: Vec<AttemptId> = Vec::new();
    for n in [2, 0, 1] {
        calls.push(world.call(Call::at(nine() + TimeDelta::seconds(n))).await);
    }
    let mut snapshot = Snapshot::take(&world.store).await.unwrap();
    world.call(Call::at(nine())).await;
    let limits = snapshot.limits(LimitKind::Concurrency).await.unwrap();
    assert_eq!(limits[0].scope, Scope::Enterprise(world.enterprise));
    assert_eq!((limits[1].scope, limits[1].value), (Scope::Task(world.task), Some(5)));
    assert!(snapshot.limits(LimitKind::CallsPerSecond).await.unwrap().is_empty());
    let events = snapshot.events().await.unwrap();
    assert_eq!(events[0].state.words(), ("paused", Some("manual")));
    assert_eq!(snapshot.plans().await.unwrap()[0].hours.zone, chrono_tz::UTC);
    assert!(!snapshot.policies().await.unwrap()[0].policy.enabled);
    let records = snapshot.records(None).await.unwrap();
    let ids: Vec<_> = records.iter().map(|record| record.id).collect();
    assert_eq!(ids, [calls[1], calls[2], calls[0]], "by start, and none that came later");
    let last = records.last().map(|record| storage::records::RecordCursor {
        started_at: record.started_at,
        id: record.id,
    });
    assert!(snapshot.records(last).await.unwrap().is_empty());
}
