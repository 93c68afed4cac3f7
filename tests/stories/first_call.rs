//! Steps 1 to 3 in their shortest form: a task, a number, a call.

use harness::World;

#[tokio::test]
async fn a_number_is_imported_called_and_recorded() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", serde_json::json!({})).await;
    assert_eq!(world.state(&task).await, "initial");
    let (status, problem) =
        world.ask("POST", &format!("tasks/{task}/start"), serde_json::json!({})).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("task_has_no_numbers")));

    world.import(&task, "first", &["13800000001", "13800000002"]).await;
    world.start(&task).await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(records[0]["result"], "answered");
    assert_eq!(records[1]["result"], "busy");
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}
