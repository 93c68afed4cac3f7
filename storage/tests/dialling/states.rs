//! What a task does when its numbers run out, and what a person does with them.

use storage::numbers::{Which, cancel};
use storage::rows::Page;
use storage::{batches, numbers};

use super::*;

#[sqlx::test(migrations = "../migrations")]
async fn a_task_pauses_when_nothing_is_left_to_dial(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(9, at("09:00")).await;
    floor.claim(9, at("09:00")).await;
    assert_eq!(floor.state(task).await, TaskState::Running, "a call is up");
    floor.ring(&calls, BUSY, at("09:00")).await;
    floor.claim(9, at("09:00")).await;
    assert_eq!(floor.state(task).await.words(), ("paused", Some("no_pending_numbers")));
    floor.import(task, json!({ "batch_name": "second", "start": "auto" }), &rows(2..=2)).await;
    assert_eq!(floor.state(task).await, TaskState::Running);
    assert_eq!(who(&floor.claim(9, at("09:01")).await), [2]);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_that_is_to_end_when_done_waits_for_its_redials_first(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let config =
        json!({ "when_done": "end", "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", config, &rows(1..=1)).await;
    let calls = floor.claim(9, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    floor.claim(9, at("09:00")).await;
    assert_eq!(floor.state(task).await.words(), ("paused", Some("no_pending_numbers")));
    floor.promote(at("09:10")).await;
    assert_eq!(floor.state(task).await, TaskState::Running);
    let calls = floor.claim(9, at("09:10")).await;
    floor.ring(&calls, BUSY, at("09:10")).await;
    floor.claim(9, at("09:10")).await;
    assert_eq!(floor.state(task).await, TaskState::Ended);
}

#[sqlx::test(migrations = "../migrations")]
async fn a_task_that_waits_for_a_phone_on_another_tasks_call_goes_on_running(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    floor.running("A", json!({}), &rows(1..=1)).await;
    let calls = floor.claim(9, at("09:00")).await;
    let task = floor.running("B", json!({}), &rows(1..=1)).await;
    assert_eq!(floor.claim(9, at("09:00")).await.len(), 0);
    assert_eq!(floor.state(task).await, TaskState::Running);
    floor.ring(&calls, ANSWERED, at("09:01")).await;
    assert_eq!(floor.claim(9, at("09:01")).await.len(), 1);
}

#[sqlx::test(migrations = "../migrations")]
async fn numbers_that_are_not_on_a_call_can_be_cancelled(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let redial = json!({ "redial": { "enabled": true, "retry_seconds": [600] } });
    let task = floor.running("A", redial, &rows(1..=6)).await;
    let calls = floor.claim(2, at("09:00")).await;
    floor.ring(&calls[..1], BUSY, at("09:00")).await;
    let three = fences::journey_of(&floor, 3).await.number.id;
    let one = Which::These(vec![three]);
    assert_eq!(cancel(&floor.store, floor.enterprise, task, &one).await.unwrap().numbers, 1);
    let all = cancel(&floor.store, floor.enterprise, task, &Which::All).await.unwrap();
    assert_eq!(all.numbers, 4, "one waits, three are pending, one is on a call");
    assert_eq!(floor.count(task, "cancelled").await, 5);
    floor.sound().await;
    floor.promote(at("09:10")).await;
    assert_eq!(floor.claim(9, at("09:10")).await.len(), 0);
    let other = Floor::other(&floor).await;
    let foreign = cancel(&floor.store, other, task, &Which::All).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("task"))));
}

impl Floor {
    /// Another enterprise.
    async fn other(&self) -> EnterpriseId {
        let settings = EnterpriseSettings::new(ZONE, 10);
        storage::enterprises::create(&self.store, "Other", settings, at("07:00")).await.unwrap().id
    }
}

#[sqlx::test(migrations = "../migrations")]
async fn a_batch_can_be_deleted_when_its_calls_have_ended_and_its_records_stay(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &rows(1..=5)).await;
    floor.import(task, json!({ "batch_name": "second" }), &rows(6..=7)).await;
    let batch = floor.batch(task, "first").await;
    let calls = floor.claim(2, at("09:00")).await;
    floor.ring(&calls[..1], ANSWERED, at("09:00")).await;
    let refused = batches::delete(&floor.store, floor.enterprise, batch).await;
    assert!(matches!(refused, Err(StoreError::Conflict { code: "batch_has_live_calls", .. })));
    floor.ring(&calls[1..], BUSY, at("09:01")).await;
    batches::delete(&floor.store, floor.enterprise, batch).await.unwrap();
    let left = batches::list(&floor.store, floor.enterprise, task, Page::first(9)).await.unwrap();
    assert_eq!(left.rows.iter().map(|batch| batch.name.as_str()).collect::<Vec<_>>(), ["second"]);
    let records: i64 = sqlx::query_scalar("select count(*) from call_record")
        .fetch_one(&floor.pool)
        .await
        .unwrap();
    assert_eq!(records, 2);
    assert_eq!(who(&floor.claim(9, at("09:02")).await), [6, 7]);
    let counted: i64 =
        sqlx::query_scalar("select number_count from task").fetch_one(&floor.pool).await.unwrap();
    assert_eq!(counted, 2);
}

#[sqlx::test(migrations = "../migrations")]
async fn numbers_are_listed_in_import_order_and_found_by_phone(pool: PgPool) {
    let mut floor = Floor::open(pool).await;
    let task = floor.running("A", json!({}), &[chain(1, &[11]), row(2), row(3)]).await;
    let calls = floor.claim(1, at("09:00")).await;
    floor.ring(&calls, BUSY, at("09:00")).await;
    let list = |filter, page| numbers::list(&floor.store, floor.enterprise, task, filter, page);
    let first = list(Default::default(), Page::first(2)).await.unwrap();
    let second = list(Default::default(), Page { limit: 2, after: first.next }).await.unwrap();
    let all: Vec<_> =
        first.rows.iter().chain(&second.rows).map(|number| nth(number.phone)).collect();
    assert_eq!((all, second.next), (vec![1, 2, 3], None));
    let batch = Some(floor.batch(task, "first").await);
    let state = Some(outbound::number::NumberState::Pending);
    let filter = numbers::NumberFilter { batch, state, phone: None };
    assert_eq!(list(filter, Page::first(9)).await.unwrap().rows.len(), 3);
    let filter = numbers::NumberFilter { phone: Some(phone(2)), ..Default::default() };
    assert_eq!(list(filter, Page::first(9)).await.unwrap().rows.len(), 1);

    let calls = floor.claim(1, at("09:01")).await;
    let journey = fences::journey_of(&floor, 1).await;
    assert_eq!(journey.calls.len(), 1);
    assert_eq!(journey.live.unwrap().attempt, calls[0].attempt);
    let other = floor.other().await;
    let foreign = numbers::get(&floor.store, other, journey.number.id).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("number"))));
}
