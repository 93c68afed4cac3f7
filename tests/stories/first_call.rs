//! Steps 1 to 3 in their shortest form: a task, a number, a call.

use harness::World;
use serde_json::{Value, json};

#[tokio::test]
async fn a_number_is_imported_called_and_recorded() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    assert_eq!(world.state(&task).await, "initial");
    let (status, problem) = world.ask("POST", &format!("tasks/{task}/start"), json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("task_has_no_numbers")));

    world.import(&task, "first", &["13800000001", "13800000002"]).await;
    world.start(&task).await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(records[0]["result"], "answered");
    assert_eq!(records[1]["result"], "busy");
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}

/// Step 1: “Click Save. The task will appear in the task management list.”
#[tokio::test]
async fn a_saved_task_appears_in_the_task_list() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let list = || async { world.api.list("tasks", &[], 10).await.expect("tasks") };
    assert!(list().await.is_empty());
    let older = world.task("spring", json!({"concurrency": 7})).await;
    let task = world.task("autumn", json!({"description": "All about autumn"})).await;
    let listed = list().await;
    assert_eq!(listed.iter().map(|task| task["id"].clone()).collect::<Vec<_>>(), [task, older]);
    for (name, value) in [
        ("name", json!("spring")),
        ("concurrency", json!(7)),
        ("navigation", json!(world.navigation)),
        ("caller_ids", json!([world.caller])),
        ("state", json!("initial")),
        ("pause_reason", Value::Null),
    ] {
        assert_eq!(listed[1][name], value, "{name}");
    }
    let found = world.api.list("tasks", &[("name", "autumn")], 10).await.expect("tasks");
    assert_eq!((found.len(), &found[0]["description"]), (1, &json!("All about autumn")));
    world.end().await;
}
