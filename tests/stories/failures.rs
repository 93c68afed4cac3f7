//! What fails in the middle of a call costs that call, and nobody is called twice for it. A damaged row
//! stops its own enterprise or its own call, and nobody else's.

use callwright::client::Api;
use harness::campaign::silent_numbers;
use harness::{Line, World, eventually};
use serde_json::{Value, json};
use workers::fail_point::FailPoint;

/// The causes of five calls of a task whose process fails at this point, once; in order.
async fn causes(point: FailPoint) -> Vec<String> {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.fail_at(point).await;
    let task = world.task("five", json!({})).await;
    let options = json!({"batch_name": "five", "start": "auto"});
    world.import_numbers(&task, &options, silent_numbers(5)).await;
    let records = world.until_records(&task, 5).await;
    let cause = |record: &Value| record["cause"].as_str().unwrap_or_default().to_owned();
    let mut causes: Vec<String> = records.iter().map(cause).collect();
    causes.sort_unstable();
    // The journal has one INVITE for each, or this says so.
    world.end().await;
    causes
}

#[tokio::test]
async fn a_call_whose_handler_panics_after_the_invite_is_not_placed_again() {
    assert_eq!(causes(FailPoint::InvitePanics).await, ["", "", "", "", "worker_lost"]);
}

#[tokio::test]
async fn a_call_whose_handler_fails_after_the_invite_is_not_placed_again() {
    assert_eq!(causes(FailPoint::InviteFails).await, ["", "", "", "", "worker_lost"]);
}

#[tokio::test]
async fn calls_that_end_after_a_panic_of_their_writer_are_written_down() {
    assert_eq!(causes(FailPoint::FinishPanics).await, [""; 5]);
}

async fn made(api: &Api, path: &str, body: Value) -> String {
    let made = api.post(path, &body).await.unwrap_or_else(|error| panic!("{path}: {error:#}"));
    made["id"].as_str().expect("an id").to_owned()
}

/// A task of another enterprise, with all that it takes.
async fn task_of(api: &Api, more: Value) -> String {
    let line = json!({"setup_ms": [0, 0], "ring_ms": [0, 0], "mix": {"no_answer": 1}});
    let line = json!({"name": "line", "concurrency": 10, "simulated": line});
    let trunk = made(api, "trunks", line).await;
    let caller = json!({"trunk": trunk, "phone": "+862155500101"});
    let caller = made(api, "caller_ids", caller).await;
    let navigation =
        json!({"name": "end", "start": "end", "nodes": [{"name": "end", "kind": "hangup"}]});
    let navigation = made(api, "navigations", navigation).await;
    let publish = format!("navigations/{navigation}/publish");
    api.post(&publish, &json!({})).await.expect("it is published");
    let mut config = json!({"name": "other", "navigation": navigation, "caller_ids": [caller],
        "recording": false});
    for (name, value) in more.as_object().into_iter().flatten() {
        config[name] = value.clone();
    }
    made(api, "tasks", config).await
}

/// No call may follow on for the enterprise whose task has no readable plan; all others go on.
#[tokio::test]
async fn an_enterprise_with_a_damaged_row_holds_up_nobody_elses_records() {
    let world = World::with("2026-12-01T10:00:00+08:00", 5, Line::Instant).await;
    let stranger = world.stranger().await;
    let ring = json!({"concurrency": 1, "ring_timeout_seconds": 40});
    let theirs = task_of(&stranger, ring).await;
    // Both ring until the ring timeout.
    let numbers = json!({"numbers": [{"phone_number": "13900010020"},
        {"phone_number": "13900020020"}]});
    let import = format!("tasks/{theirs}/imports?batch_name=two&start=auto");
    stranger.post(&import, &numbers).await.expect("an import");
    let live = format!("tasks/{theirs}/progress");
    eventually("their call", || async {
        (stranger.get(&live).await.ok()?["live"] == 1).then_some(())
    })
    .await;
    // Their call is up; when it ends, the next one is looked for.
    let whole = "create table whole as select id, hours from task_plan";
    let damage =
        "update task_plan set hours = '\"damaged\"' from task where task.id = task_plan.task_id
                  and task.name = 'other'";
    world.sql(whole).await;
    world.sql(damage).await;

    let ours = world.task("ours", json!({"ring_timeout_seconds": 5})).await;
    let options = json!({"batch_name": "five", "start": "auto"});
    world.import_numbers(&ours, &options, silent_numbers(5)).await;
    world.until_records(&ours, 5).await;
    let records_of_theirs = async || {
        let records = stranger.list("records", &[("task", &*theirs)], 100).await;
        records.expect("records").len()
    };
    eventually("their record", || async { (records_of_theirs().await == 1).then_some(()) }).await;

    let mend = "update task_plan set hours = whole.hours from whole where whole.id = task_plan.id";
    world.sql(mend).await;
    world.sql("drop table whole").await;
    eventually("their next call", || async { (records_of_theirs().await == 2).then_some(()) })
        .await;
    world.end().await;
}

#[tokio::test]
async fn a_call_that_cannot_be_written_down_holds_up_no_other() {
    let world = World::with("2026-12-01T10:00:00+08:00", 5, Line::Instant).await;
    let whole = world.task("whole", json!({"ring_timeout_seconds": 5})).await;
    let damaged = world.task("damaged", json!({"ring_timeout_seconds": 5})).await;
    world.sql("create table whole as select id, policy from redial_policy").await;
    let damage = r#"update redial_policy set policy = '"none"' from task
                    where task.id = redial_policy.task_id and task.name = 'damaged'"#;
    world.sql(damage).await;
    let options = json!({"batch_name": "some", "start": "auto"});
    let mut numbers = silent_numbers(6);
    let last = numbers.split_off(5);
    world.import_numbers(&damaged, &options, last).await;
    world.import_numbers(&whole, &options, numbers).await;
    world.until_records(&whole, 5).await;
    assert_eq!(world.records(&damaged).await.len(), 0);

    let mend = "update redial_policy set policy = whole.policy from whole
                where whole.id = redial_policy.id";
    world.sql(mend).await;
    world.sql("drop table whole").await;
    let records = world.until_records(&damaged, 1).await;
    assert_eq!(records[0]["cause"], "worker_lost");
    world.end().await;
}
