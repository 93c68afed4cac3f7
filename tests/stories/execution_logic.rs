//! Step 1, scenario 2, “Execution Logic”: the table row by row, and the sentence below it.

use harness::World;
use harness::campaign::{numbers, wall};
use serde_json::{Value, json};

const REDIAL: &str = r#"{"enabled": true, "retry_seconds": [600]}"#;

fn redial() -> Value {
    serde_json::from_str(REDIAL).expect("JSON")
}

#[tokio::test]
async fn a_created_task_is_initial_and_cannot_be_started_or_ended_until_data_is_imported() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("created", json!({})).await;
    for verb in ["start", "end"] {
        let (status, problem) = world.ask("POST", &format!("tasks/{task}/{verb}"), json!({})).await;
        assert_eq!((status, &problem["code"]), (409, &json!("task_has_no_numbers")), "{verb}");
    }
    assert_eq!(world.state(&task).await, "initial");
    world.import(&task, "first", &["13800000001"]).await;
    assert_eq!(world.state(&task).await, "initial", "a manual import starts nothing");
    assert_eq!(world.start(&task).await["state"], "running");
    world.until_records(&task, 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_task_that_nobody_starts_runs_once_its_scheduled_start_is_reached() {
    let world = World::at("2026-12-01T08:59:00+08:00").await;
    let schedule = json!({"scheduled_start": "2026-12-01T09:00:00"});
    let task = world.task("by itself", json!({"schedule": schedule})).await;
    world.import(&task, "first", &["13800000001"]).await;
    world.set("2026-12-01T08:59:59+08:00");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall(&records), "09:00");
    assert!(world.events(&task).await.starts_with("create scheduled_start"));
    world.end().await;
}

#[tokio::test]
async fn a_round_completed_pauses_and_a_redial_that_falls_due_restarts_the_task() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("rounds", json!({"redial": redial()})).await;
    world.import(&task, "first", &["13800000003", "13900010002"]).await;
    world.start(&task).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let shown = world.get(&format!("tasks/{task}")).await;
    assert_eq!(shown["pause_title"], "No Pending Numbers");
    assert_eq!(world.number_states(&task).await, "waiting waiting");

    world.set("2026-12-01T10:10:30+08:00");
    let records = world.until_records(&task, 4).await;
    assert_eq!(wall(&records), "10:00 10:00 10:10 10:10");
    world.until_state(&task, "paused no_pending_numbers").await;
    let events = world.events(&task).await;
    let wanted = "create start nothing_pending redial_due";
    assert!(events.starts_with(wanted) && events.ends_with("nothing_pending"), "{events}");

    // The final call completed: nothing is left, ever.
    assert_eq!(world.number_states(&task).await, "unconnected unconnected");
    world.end().await;
}

#[tokio::test]
async fn a_do_not_call_period_pauses_and_the_list_shows_it() {
    let world = World::at("2026-12-01T11:59:00+08:00").await;
    let noon = world.period("Noon", "do_not_call", "12:00-13:59").await;
    let schedule = json!({"do_not_call_period": noon});
    let task = world.task("lunch", json!({"schedule": schedule, "concurrency": 1})).await;
    world.set("2026-12-01T12:00:00+08:00");
    world
        .import_numbers(
            &task,
            &json!({"batch_name": "first", "start": "auto"}),
            numbers(["13800000001"]),
        )
        .await;
    world.until_state(&task, "paused do_not_call_period").await;
    let listed = world.api.list("tasks", &[], 10).await.expect("tasks");
    assert_eq!(listed[0]["pause_title"], "Do-Not-Call Time Period");

    // A start by hand in that time waits for its end, too.
    let shown = world.start(&task).await;
    assert_eq!(
        (&shown["state"], &shown["pause_reason"]),
        (&json!("paused"), &json!("do_not_call_period"))
    );
    world.set("2026-12-01T13:59:59+08:00");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall(&records), "14:00");
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}

#[tokio::test]
async fn the_final_call_completed_pauses_or_ends_the_task_as_it_is_configured() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (when_done, state) in [("pause", "paused no_pending_numbers"), ("end", "ended")] {
        let config = json!({"when_done": when_done, "redial": redial()});
        let task = world.task(when_done, config).await;
        world.import(&task, "first", &["13800000018"]).await;
        world.start(&task).await;
        world.until_state(&task, "paused no_pending_numbers").await;
        let round = world.records(&task).await.len();
        assert_eq!(round, 1, "a redial is still to come, so it is not done yet");
        let redialled = harness::campaign::time(&world.records(&task).await[0]["started_at"]);
        world.clock.set(redialled + chrono::TimeDelta::seconds(601));
        world.until_records(&task, 2).await;
        world.until_state(&task, state).await;
        assert_eq!(world.number_states(&task).await, "connected");
    }
    world.end().await;
}

/// “Final call completed: Paused: No pending numbers / Do-not-call period reached.”
#[tokio::test]
async fn the_final_call_completed_after_a_do_not_call_period_was_reached_stays_paused_for_it() {
    let world = World::at("2026-12-01T11:59:00+08:00").await;
    let noon = world.period("Noon", "do_not_call", "12:00-13:59").await;
    let speech = world.speech("speech", 40).await;
    let config = json!({"schedule": {"do_not_call_period": noon}, "navigation": speech});
    let task = world.task("lunch", config).await;
    world.import(&task, "last", &["13800000021"]).await;
    world.start(&task).await;
    world.until_begun(&task, 1).await;
    world.set("2026-12-01T12:00:00+08:00");
    world.until_state(&task, "paused do_not_call_period").await;
    assert_eq!(world.progress(&task).await["live"], 1, "the call that is up goes on");
    let records = world.until_records(&task, 1).await;
    assert_eq!((&records[0]["result"], &records[0]["cause"]), (&json!("answered"), &Value::Null));
    world.until_number_states(&task, "connected").await;
    let shown = world.get(&format!("tasks/{task}")).await;
    assert_eq!(shown["pause_title"], "Do-Not-Call Time Period");

    // When the period is over there is nothing left to dial.
    world.set("2026-12-01T14:00:00+08:00");
    world.until_state(&task, "paused no_pending_numbers").await;
    let events = "create start window_closed window_opened nothing_pending";
    assert_eq!(world.events(&task).await, events);
    world.end().await;
}

#[tokio::test]
async fn an_ended_task_can_be_started_again() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("again", json!({})).await;
    world.import(&task, "first", &["13800000001"]).await;
    assert_eq!(world.post(&format!("tasks/{task}/end"), json!({})).await["state"], "ended");
    let (status, problem) = world.ask("POST", &format!("tasks/{task}/end"), json!({})).await;
    assert_eq!((status, &problem["code"]), (409, &json!("task_already_ended")));
    assert_eq!(world.number_states(&task).await, "pending", "numbers keep their state");
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}
