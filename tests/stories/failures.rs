//! What fails in the middle of a call costs that call, and nobody is called twice for it.

use harness::World;
use harness::campaign::silent_numbers;
use serde_json::json;
use workers::fail_point::FailPoint;

/// The causes of five calls of a task whose process fails at this point, once; in order.
async fn causes(point: FailPoint) -> Vec<String> {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.fail_at(point).await;
    let task = world.task("five", json!({})).await;
    let options = json!({"batch_name": "five", "start": "auto"});
    world.import_numbers(&task, &options, silent_numbers(5)).await;
    let records = world.until_records(&task, 5).await;
    let causes = records.iter().filter_map(|record| record["cause"].as_str().map(str::to_owned));
    let mut causes: Vec<_> = causes.collect();
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
