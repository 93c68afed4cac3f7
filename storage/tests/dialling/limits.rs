//! Never one call more than any limit.

use sqlx::ConnectOptions;

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn no_more_calls_are_up_than_the_lowest_limit_allows(pool: PgPool) {
    let mut floor = Floor::with(pool, json!({ "concurrency_limit": 7 })).await;
    floor.running("A", json!({ "concurrency": 5 }), &rows(1..=20)).await;
    assert_eq!(floor.claim(100, at("09:00")).await.len(), 5, "the task's limit");

    floor.running("B", json!({ "concurrency": 5 }), &rows(21..=40)).await;
    let second = floor.claim(100, at("09:00")).await;
    assert_eq!(second.len(), 2, "the enterprise's limit");

    floor.ring(&second, ANSWERED, at("09:01")).await;
    floor.edit_trunk(floor.trunk, json!({ "concurrency": 6 }), at("09:01")).await;
    assert_eq!(floor.claim(100, at("09:01")).await.len(), 1, "the trunk's limit");
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn slots_are_shared_by_how_full_each_task_is(pool: PgPool) {
    let mut floor = Floor::with(pool, json!({ "concurrency_limit": 30 })).await;
    let large = floor.running("Large", json!({ "concurrency": 20 }), &rows(1..=100)).await;
    let small = floor.running("Small", json!({ "concurrency": 10 }), &rows(101..=200)).await;
    floor.edit_enterprise(json!({ "concurrency_limit": 15 }), at("09:00")).await;
    let calls = floor.claim(100, at("09:00")).await;
    let of = |task| calls.iter().filter(|call| call.task == task).count();
    assert_eq!((of(large), of(small)), (10, 5));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_line_that_is_full_is_shared_like_the_slots(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.edit_trunk(floor.trunk, json!({ "concurrency": 3 }), at("09:00")).await;
    let large = floor.running("Large", json!({ "concurrency": 20 }), &rows(1..=100)).await;
    let small = floor.running("Small", json!({ "concurrency": 10 }), &rows(101..=200)).await;
    let calls = floor.claim(100, at("09:00")).await;
    let of = |task| calls.iter().filter(|call| call.task == task).count();
    assert_eq!((of(large), of(small)), (2, 1));
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_that_cannot_be_called_costs_its_task_no_turn_on_a_line_that_fills_up(
    pool: PgPool,
) {
    let mut floor = Floor::with(pool, json!({ "concurrency_limit": 30 })).await;
    floor.edit_trunk(floor.trunk, json!({ "concurrency": 2 }), at("09:00")).await;
    floor.running("A", json!({ "concurrency": 10 }), &rows(1..=9)).await;
    floor.running("B", json!({ "concurrency": 10 }), &[row(1), row(11), row(12)]).await;
    // B's first number is of the phone that A calls.
    assert_eq!(who(&floor.claim(10, at("09:00")).await), [1, 11]);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn what_one_task_has_no_numbers_for_goes_to_another(pool: PgPool) {
    let mut floor = Floor::with(pool, json!({ "concurrency_limit": 10 })).await;
    floor.running("Short", json!({ "concurrency": 10 }), &rows(1..=2)).await;
    floor.running("Long", json!({ "concurrency": 10 }), &rows(11..=50)).await;
    assert_eq!(floor.claim(100, at("09:00")).await.len(), 10);
}

/// A server that takes over has not seen all slots that the other one gave out.
#[sqlx::test(migrations = "../migrations")]
async fn a_server_that_gives_out_lower_slots_lets_no_limit_be_passed(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let url = floor.pool.connect_options().to_url_lossy().to_string();
    floor.store = Store::connect(&storage::StoreConfig::new(url)).unwrap();
    floor.running("A", json!({ "concurrency": 3 }), &rows(1..=20)).await;
    for now in [at("09:00"), at("09:01")] {
        let calls = floor.claim(9, now).await;
        assert_eq!(calls.len(), 3);
        floor.ring(&calls, ANSWERED, now).await;
    }
    assert_eq!(floor.claim(1, at("09:02")).await.len(), 1, "its slot is the lowest that is known");
    floor.claim(1, at("09:02")).await;
    floor.sql("delete from attempt", &[]).await;
    floor.sql("alter table attempt alter column slot restart with 1", &[]).await;
    fences::cut(&floor).await;
    // Each connection that is cut fails once.
    let claimer = async |at_most| loop {
        let mut claimer = Claimer::new();
        let claim = claimer.claim(&floor.store, floor.enterprise, at("09:03"), at_most, 1);
        if let Ok(claimed) = claim.await {
            return claimed.attempts.len();
        }
    };
    assert_eq!([claimer(2).await, claimer(9).await, claimer(9).await], [2, 1, 0]);
}

#[sqlx::test(migrations = "../migrations")]
async fn two_dispatchers_at_once_claim_no_more_than_one_would(pool: PgPool) {
    let floor = Floor::with(pool, json!({ "concurrency_limit": 40 })).await;
    floor.running("A", json!({ "concurrency": 30 }), &rows(1..=200)).await;
    floor.running("B", json!({ "concurrency": 30 }), &rows(201..=400)).await;
    let mut dispatchers = tokio::task::JoinSet::new();
    for seed in 0..4 {
        let (store, enterprise) = (floor.store.clone(), floor.enterprise);
        dispatchers.spawn(async move {
            let (mut claimer, mut claimed) = (Claimer::new(), 0);
            for _ in 0..20 {
                claimed += claimer
                    .claim(&store, enterprise, at("09:00"), 7, seed)
                    .await
                    .unwrap()
                    .attempts
                    .len();
            }
            claimed
        });
    }
    let claimed: usize = dispatchers.join_all().await.into_iter().sum();
    assert_eq!(claimed, 40);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_limit_that_is_lowered_holds_for_calls_that_have_not_begun(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({ "concurrency": 10 }), &rows(1..=20)).await;
    let calls = floor.claim(100, at("09:00")).await;
    floor.begin(&calls[8..], at("09:00")).await;
    floor.edit(task, json!({ "concurrency": 4 }), at("09:01")).await;

    // Two are up; two of the eight that were claimed still fit.
    let begun = floor.try_begin("dialer-2", &calls[4..8], at("09:01")).await;
    assert!(begun.iter().all(|begun| matches!(begun, Begun::Refused)));
    let begun = floor.try_begin(WORKER, &calls[..4], at("09:01")).await;
    let dialled = begun.iter().filter(|begun| matches!(begun, Begun::Dial(_))).count();
    assert_eq!(dialled, 2);
    assert_eq!(floor.claim(100, at("09:01")).await.len(), 0);
    floor.sound().await;

    // The numbers that were withdrawn are next again, in their order.
    floor.edit(task, json!({ "concurrency": 7 }), at("09:02")).await;
    assert_eq!(who(&floor.claim(100, at("09:02")).await), [3, 4, 5]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_lowered_limit_of_an_enterprise_and_of_a_trunk_holds_for_them_as_well(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "concurrency": 20 }), &rows(1..=20)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let dialled = async |floor: &Floor, calls: &[Call]| {
        let begun = floor.try_begin(WORKER, calls, at("09:01")).await;
        begun.iter().filter(|begun| matches!(begun, Begun::Dial(_))).count()
    };
    assert_eq!(dialled(&floor, &calls[..1]).await, 1);
    floor.edit_enterprise(json!({ "concurrency_limit": 5 }), at("09:01")).await;
    assert_eq!(dialled(&floor, &calls[1..4]).await, 3);
    floor.edit_trunk(floor.trunk, json!({ "concurrency": 4 }), at("09:01")).await;
    assert_eq!(dialled(&floor, &calls[4..]).await, 0);
    floor.sound().await;
}

#[sqlx::test(migrations = "../migrations")]
async fn a_trunk_out_of_service_takes_no_call_and_others_go_on(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let other = floor.trunk(json!({ "name": "Other", "concurrency": 2 })).await;
    let caller = floor.caller_id(other, 2, "", "").await;
    let both = json!({ "caller_ids": [floor.caller, caller] });
    floor.running("A", both, &rows(1..=20)).await;
    floor.edit_trunk(floor.trunk, json!({ "in_service": false }), at("09:00")).await;
    assert_eq!(floor.claim(100, at("09:00")).await.len(), 2);
    floor
        .edit_trunk(floor.trunk, json!({ "in_service": true, "concurrency": 3 }), at("09:00"))
        .await;
    assert_eq!(who(&floor.claim(100, at("09:00")).await), [3, 4, 5]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_number_whose_own_line_is_full_holds_up_none_behind_it_to_the_last(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.edit_trunk(floor.trunk, json!({ "concurrency": 1 }), at("08:00")).await;
    let other = floor.trunk(json!({ "name": "Other", "concurrency": 1 })).await;
    let caller = floor.caller_id(other, 2, "", "").await;
    let [mut full, mut free] = [row(1), row(2)];
    full.caller_id = Some(floor.caller);
    free.caller_id = Some(caller);
    floor.running("A", json!({}), &rows(8..=8)).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [8]);
    floor.running("B", json!({}), &[full, free]).await;
    assert_eq!(who(&floor.claim(9, at("09:00")).await), [2]);
}

#[sqlx::test(migrations = "../migrations")]
async fn calls_per_second_space_the_calls_of_a_task_and_of_a_trunk(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.edit_trunk(floor.trunk, json!({ "calls_per_second": 10 }), at("09:00")).await;
    floor.running("A", json!({ "calls_per_second": 5 }), &rows(1..=50)).await;
    floor.running("B", json!({}), &rows(51..=99)).await;
    let calls = floor.claim(100, at("09:00")).await;
    assert!(calls.len() <= 10, "no more than a second's worth is claimed ahead");

    let now = at("09:00");
    let ids: Vec<_> = calls.iter().map(|call| call.attempt).collect();
    let turns = storage::attempts::pace_many(&floor.store, now, &ids).await.unwrap();
    let mut all: Vec<Time> = turns.iter().map(|turn| turn.unwrap()).collect();
    let of_a = |name: TaskId| -> Vec<Time> {
        calls.iter().zip(&all).filter(|(call, _)| call.task == name).map(|(_, at)| *at).collect()
    };
    let a = calls[0].task;
    for pair in of_a(a).windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::milliseconds(220));
    }
    all.sort_unstable();
    for pair in all.windows(2) {
        assert!(pair[1] - pair[0] >= TimeDelta::milliseconds(110));
    }
    // Another asks later: its turn is not in the past.
    let later = storage::attempts::pace(&floor.store, ids[0], at("09:05")).await.unwrap();
    assert_eq!(later, Some(at("09:05")));
}

#[sqlx::test(migrations = "../migrations")]
async fn without_calls_per_second_no_turn_is_kept(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let call = floor.claim(1, at("09:00")).await[0];
    let turn = storage::attempts::pace(&floor.store, call.attempt, at("09:00")).await.unwrap();
    assert_eq!(turn, None);
}

/// If they did, every turn of a task would hold up the dialling of all tasks of its enterprise.
#[sqlx::test(migrations = "../migrations")]
async fn a_turn_waits_for_no_claim_and_a_claim_for_no_turn(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({ "calls_per_second": 5 }), &rows(1..=9)).await;
    let call = floor.claim(1, at("09:00")).await[0];
    let mut claim = floor.pool.begin().await.unwrap();
    sqlx::query("select from task for share").execute(&mut *claim).await.unwrap();
    let turn = storage::attempts::pace(&floor.store, call.attempt, at("09:00"));
    let turn = tokio::time::timeout(Duration::from_secs(30), turn).await;
    assert_eq!(turn.expect("the turn waits for the claim").unwrap(), Some(at("09:00")));
    claim.rollback().await.unwrap();

    let mut turn = floor.pool.begin().await.unwrap();
    let held = sqlx::query("select from pace for update").execute(&mut *turn).await.unwrap();
    assert_eq!(held.rows_affected(), 1);
    let claimed = tokio::time::timeout(Duration::from_secs(30), floor.claim(1, at("09:00"))).await;
    assert_eq!(claimed.expect("the claim waits for the turn").len(), 1);
}
