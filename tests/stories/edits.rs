//! Editing, pausing and ending a task while it runs: each touches what SPEC 3 says, and nothing else.

use harness::World;
use harness::campaign::{
    ZONE, numbers, refusal, results, rung, silent_numbers, time, wall, wall_tens,
};
use serde_json::{Value, json};

/// What makes calls stay up: phones that ring until the ring timeout of two minutes.
const RINGING: u32 = 120;

/// A task whose calls ring for two minutes, and `count` numbers for it (that end in 0020).
async fn ringing(world: &World, name: &str, concurrency: u32, count: usize) -> String {
    let config = json!({"concurrency": concurrency, "ring_timeout_seconds": RINGING});
    let task = world.task(name, config).await;
    let phones: Vec<String> = (0..count).map(|n| format!("139{n:04}0020")).collect();
    world.import(&task, "ringing", &phones.iter().map(String::as_str).collect::<Vec<_>>()).await;
    task
}

/// A task with one call up, in which the robot says `words` words, and a number behind it.
async fn talking(world: &World, words: usize) -> String {
    let navigation = world.speech("speech", words).await;
    let task = world.task("talking", json!({"concurrency": 1, "navigation": navigation})).await;
    world.import(&task, "first", &["13800000021", "13800000002"]).await;
    world.start(&task).await;
    world.until_begun(&task, 1).await;
    task
}

#[tokio::test]
async fn an_end_lets_the_calls_that_are_up_finish() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = talking(&world, 25).await;
    assert_eq!(world.post(&format!("tasks/{task}/end"), json!({})).await["state"], "ended");
    let ended_at = world.clock.now();
    assert_eq!(world.progress(&task).await["live"], 1, "the call is still up");
    let records = world.until_records(&task, 1).await;
    assert_eq!((&records[0]["result"], &records[0]["cause"]), (&json!("answered"), &Value::Null));
    assert!(records[0]["talk_seconds"].as_f64() >= Some(4.0), "{}", records[0]);
    assert!(time(&records[0]["ended_at"]) > ended_at);
    assert_eq!(world.number_states(&task).await, "connected pending", "and no new call starts");
    assert_eq!(world.state(&task).await, "ended");
    world.end().await;
}

#[tokio::test]
async fn an_end_with_hang_up_ends_the_calls_that_are_up() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = talking(&world, 190).await;
    let ended = world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    assert_eq!(ended["state"], "ended");
    let records = world.until_records(&task, 1).await;
    assert_eq!(
        (&records[0]["result"], &records[0]["cause"]),
        (&json!("answered"), &json!("task_ended"))
    );
    assert_eq!(records[0]["hangup_party"], "system");
    assert!(records[0]["talk_seconds"].as_f64() < Some(25.0), "{}", records[0]);
    assert_eq!(world.number_states(&task).await, "connected pending");
    world.end().await;
}

#[tokio::test]
async fn a_pause_lets_calls_finish_and_starts_no_new_one() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = talking(&world, 15).await;
    world.pause(&task).await;
    let records = world.until_records(&task, 1).await;
    assert_eq!(results(&records), "answered");
    assert_eq!(world.state(&task).await, "paused manual");
    let resumed_at = world.clock.now();
    world.start(&task).await;
    let records = world.until_records(&task, 2).await;
    assert!(time(&records[1]["started_at"]) > resumed_at);
    world.end().await;
}

#[tokio::test]
async fn a_manual_pause_is_resumed_by_no_window_and_no_redial_but_by_an_auto_import() {
    let world = World::at("2026-12-01T17:50:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let schedule = json!({"call_period": day, "scheduled_start": "2026-12-02T09:00:00"});
    let redial = json!({"enabled": true, "retry_seconds": [600, 600]});
    let task = world.task("by hand", json!({"schedule": schedule, "redial": redial})).await;
    world.import(&task, "first", &["13800000003"]).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.pause(&task).await;

    // The redial of 18:00, the window of 09:00 and the scheduled start of 09:00 come and go.
    let witness = world.task("witness", json!({"schedule": {"call_period": day}})).await;
    world.import_auto(&witness, "first", &["13800000004"]).await;
    world.until_records(&witness, 1).await;
    world.set("2026-12-01T18:01:00+08:00");
    world.import_auto(&witness, "second", &["13900010004"]).await;
    world.until_state(&witness, "paused outside_call_period").await;
    world.set("2026-12-02T09:00:00+08:00");
    world.until_records(&witness, 2).await;
    world.until_number_states(&task, "pending").await;
    assert_eq!(world.state(&task).await, "paused manual");
    assert_eq!(world.records(&task).await.len(), 1);
    harness::eventually("the scheduled start to be spent", || async {
        world.get(&format!("tasks/{task}")).await["next_start_at"].is_null().then_some(())
    })
    .await;
    assert_eq!(world.state(&task).await, "paused manual");

    // A manual import does not resume it, an auto import does.
    world.import(&task, "manual", &["13900010003"]).await;
    assert_eq!(world.state(&task).await, "paused manual");
    world.import_auto(&task, "auto", &["13900020003"]).await;
    let records = world.until_records(&task, 4).await;
    assert_eq!(wall(&records), "17:50 09:00 09:00 09:00");
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn concurrency_holds_at_once_up_and_down() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = ringing(&world, "concurrency", 2, 8).await;
    world.start(&task).await;
    world.until_begun(&task, 2).await;
    world.patch(&format!("tasks/{task}"), json!({"concurrency": 5})).await;
    world.until_begun(&task, 5).await;
    assert_eq!(world.progress(&task).await["live"], 5);

    // Lowered under five calls that are up, none is cut off and none is added; a new limit of six is.
    world.patch(&format!("tasks/{task}"), json!({"concurrency": 1})).await;
    assert_eq!(world.progress(&task).await["live"], 5);
    world.patch(&format!("tasks/{task}"), json!({"concurrency": 6})).await;
    world.until_begun(&task, 6).await;
    assert_eq!(world.progress(&task).await["live"], 6);
    assert!(world.records(&task).await.is_empty(), "none was cut off");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    let records = world.until_records(&task, 6).await;
    assert_eq!(
        results(&records),
        ["call_failed"; 6].join(" "),
        "hung up before they were answered"
    );
    world.end().await;
}

#[tokio::test]
async fn a_lowered_limit_of_the_enterprise_stops_no_other_edit_of_its_tasks_and_templates() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = ringing(&world, "above the limit", 6, 8).await;
    let template = world.made("templates", world.task_config("template", json!({}))).await;
    world.start(&task).await;
    world.until_begun(&task, 6).await;
    world.patch("settings", json!({"concurrency_limit": 5})).await;
    for path in [format!("tasks/{task}"), format!("templates/{template}")] {
        world.patch(&path, json!({"description": "Edited", "ring_timeout_seconds": 60})).await;
        for concurrency in [7, 20] {
            let refused = world.edit(&path, json!({"concurrency": concurrency})).await;
            let (code, detail) = refusal(&refused);
            assert_eq!(code, "422 /concurrency too_large", "{path}");
            assert!(detail.contains("1 to 5"), "{detail}");
        }
        assert_eq!(world.get(&path).await["description"], "Edited");
        world.patch(&path, json!({"concurrency": 4})).await;
        assert_eq!(
            refusal(&world.edit(&path, json!({"concurrency": 6})).await).0,
            "422 /concurrency too_large"
        );
    }
    assert_eq!(world.progress(&task).await["live"], 6, "no call was cut off");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_records(&task, 6).await;
    world.end().await;
}

#[tokio::test]
async fn calls_per_second_hold_at_once() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("paced", json!({"concurrency": 10, "calls_per_second": 1})).await;
    world.import_numbers(&task, &json!({"batch_name": "many"}), silent_numbers(42)).await;
    world.start(&task).await;
    let slow = world.until_records(&task, 2).await;
    assert!(
        time(&slow[1]["started_at"]) - time(&slow[0]["started_at"])
            >= chrono::TimeDelta::seconds(1)
    );
    world.patch(&format!("tasks/{task}"), json!({"calls_per_second": null})).await;
    let edited_at = world.clock.now();
    let records = world.until_records(&task, 42).await;
    // At one a second they would have taken forty seconds.
    assert!(time(&records[41]["started_at"]) - edited_at < chrono::TimeDelta::seconds(20));
    world.end().await;
}

#[tokio::test]
async fn an_edited_schedule_holds_at_once() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let evening = world.period("Evening", "call", "19:00-20:59").await;
    let task = ringing(&world, "schedule", 1, 3).await;
    world.start(&task).await;
    world.until_begun(&task, 1).await;
    let path = format!("tasks/{task}");

    // To a period that is closed now, and back; then the period itself is changed under it.
    world.patch(&path, json!({"schedule": {"call_period": evening}})).await;
    assert_eq!(world.state(&task).await, "paused outside_call_period");
    world.patch(&path, json!({"schedule": {"call_period": day}})).await;
    assert_eq!(world.state(&task).await, "running");
    world.patch(&format!("periods/{day}"), json!({"ranges": World::ranges("14:00-18:00")})).await;
    assert_eq!(world.state(&task).await, "paused outside_call_period");
    assert_eq!(world.progress(&task).await["live"], 1, "the call that is up goes on");
    let edge = &world.get(&path).await["next_edge_at"];
    assert_eq!(time(edge), harness::at("2026-12-01T14:00:00+08:00"));

    // In another zone it is 14:00 now.
    world.patch(&path, json!({"time_zone": "Pacific/Auckland"})).await;
    assert_eq!(world.state(&task).await, "running");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_records(&task, 1).await;
    world.end().await;
}

#[tokio::test]
async fn a_moved_start_and_a_moved_end_happen_when_they_were_moved_to() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    let schedule =
        json!({"scheduled_start": "2026-12-01T09:00:00", "scheduled_end": "2026-12-01T12:00:00"});
    let task = world.task("moved", json!({"schedule": schedule, "concurrency": 1})).await;
    let path = format!("tasks/{task}");
    world.import_numbers(&task, &json!({"batch_name": "all"}), numbers(["13800000003"])).await;
    world.patch(&path, json!({"schedule": {"scheduled_start": "2026-12-01T10:00:00"}})).await;
    world.set("2026-12-01T09:59:59+08:00");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall_tens(&records[0], ZONE), "12-01 10:00:0x");

    world.patch(&path, json!({"schedule": {"scheduled_end": "2026-12-01T13:00:00"}})).await;
    world.set("2026-12-01T12:00:01+08:00");
    world.import_auto(&task, "after the old end", &["13900010003"]).await;
    world.until_records(&task, 2).await;
    world.set("2026-12-01T12:59:59+08:00");
    world.until_state(&task, "ended").await;
    // An end that is taken away does not come.
    world.import_auto(&task, "again", &["13900020003"]).await;
    let records = world.until_records(&task, 3).await;
    assert_eq!(rung(&records, 6), "000003 010003 020003");
    world.end().await;
}

#[tokio::test]
async fn a_running_task_is_not_deleted_and_its_clone_has_its_configuration_only() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = ringing(&world, "original", 1, 2).await;
    world.start(&task).await;
    let (status, problem) = world.ask("DELETE", &format!("tasks/{task}"), Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("task_is_running")));
    let copy = world.made(&format!("tasks/{task}/clone"), json!({"name": "copy"})).await;
    let shown = world.get(&format!("tasks/{copy}")).await;
    assert_eq!(
        (&shown["state"], &shown["ring_timeout_seconds"]),
        (&json!("initial"), &json!(RINGING))
    );
    assert!(world.numbers(&copy).await.is_empty());

    world.until_begun(&task, 1).await;
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_records(&task, 1).await;
    world.api.delete(&format!("tasks/{task}")).await.expect("a delete");
    assert_eq!(world.ask("GET", &format!("tasks/{task}"), Value::Null).await.0, 404);
    assert_eq!(world.records(&task).await.len(), 1, "records stay");
    world.end().await;
}
