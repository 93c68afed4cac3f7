//! Step 1, scenario 3 with backup numbers: the chain of a number, round by round.

use harness::World;
use harness::campaign::{results, rung, time};
use serde_json::{Value, json};

/// A task that calls one chain: the first phone and its backups.
async fn chain(world: &World, name: &str, config: Value, phones: &[&str]) -> String {
    let task = world.task(name, config).await;
    let number = json!({"phone_number": phones[0], "backup_numbers": phones[1..]});
    world.import_numbers(&task, &json!({"batch_name": "chain"}), vec![number]).await;
    world.start(&task).await;
    task
}

/// `0/0 0/1 1/0`: round and place in the chain of each call.
fn places(records: &[Value]) -> String {
    let place = |record: &Value| format!("{}/{}", record["round"], record["chain_index"]);
    records.iter().map(place).collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn backups_are_called_one_after_another_in_the_same_round_until_one_connects() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let phones = ["13800000003", "13800000002", "13800000001", "13800000004"];
    let task = chain(&world, "connects", json!({}), &phones).await;
    let records = world.until_records(&task, 3).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    assert_eq!(world.records(&task).await.len(), 3, "the one behind is left alone");
    assert_eq!(rung(&records, 4), "0003 0002 0001");
    assert_eq!(results(&records), "no_answer busy answered");
    assert_eq!(places(&records), "0/0 0/1 0/2");
    for pair in records.windows(2) {
        assert!(time(&pair[0]["ended_at"]) <= time(&pair[1]["started_at"]), "one after another");
    }
    world.until_number_states(&task, "connected").await;
    world.end().await;
}

#[tokio::test]
async fn six_backups_are_called_and_a_connected_first_phone_needs_none() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let phones = [
        "13800000002",
        "13800000003",
        "13800000004",
        "13800000005",
        "13800000006",
        "13800000007",
        "13800000008",
    ];
    let task = chain(&world, "seven phones", json!({}), &phones).await;
    let records = world.until_records(&task, 7).await;
    assert_eq!(rung(&records, 4), "0002 0003 0004 0005 0006 0007 0008");
    world.until_number_states(&task, "unconnected").await;

    let task = chain(&world, "answers", json!({}), &["13810000001", "13810000002"]).await;
    world.until_number_states(&task, "connected").await;
    assert_eq!(rung(&world.records(&task).await, 4), "0001");
    world.end().await;
}

#[tokio::test]
async fn a_redial_round_calls_the_chain_again_without_those_that_do_not_qualify() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"enabled": true, "mode": "advanced", "statuses": ["busy", "no_answer"],
        "retry_seconds": [600, 600]});
    // No answer, power off, busy then power off then answered.
    let phones = ["13800000003", "13800000004", "13800000028"];
    let task = chain(&world, "qualifies", json!({"redial": redial}), &phones).await;
    world.until_records(&task, 3).await;
    world.set("2026-12-01T10:10:30+08:00");
    world.until_records(&task, 5).await;
    world.set("2026-12-01T10:21:00+08:00");
    let records = world.until_records(&task, 6).await;
    world.until_number_states(&task, "unconnected").await;
    assert_eq!(rung(&records, 4), "0003 0004 0028 0003 0028 0003");
    assert_eq!(results(&records), "no_answer power_off busy no_answer power_off no_answer");
    assert_eq!(places(&records), "0/0 0/1 0/2 1/0 1/2 2/0");
    world.end().await;
}

#[tokio::test]
async fn a_chain_none_of_whose_statuses_qualifies_is_not_redialled() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"enabled": true, "mode": "advanced", "statuses": ["busy"],
        "retry_seconds": [600]});
    let phones = ["13800000003", "13800000004"];
    let task = chain(&world, "none", json!({"redial": redial}), &phones).await;
    world.until_number_states(&task, "unconnected").await;
    assert_eq!(rung(&world.records(&task).await, 4), "0003 0004");
    world.end().await;
}

#[tokio::test]
async fn a_rounds_redial_time_counts_from_its_first_attempt() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let ringing = json!({"ring_ms": [2_000, 2_000]});
    let (_, caller) = world.line("slow", "+862155500200", ringing, json!({})).await;
    let redial = json!({"enabled": true, "reference": "last_call", "retry_seconds": [600]});
    let config = json!({"redial": redial, "caller_ids": [caller]});
    let task = chain(&world, "slow", config, &["13800000003", "13800000002"]).await;
    let first = world.until_records(&task, 2).await;
    assert!(
        time(&first[1]["started_at"]) - time(&first[0]["started_at"])
            >= chrono::TimeDelta::seconds(2)
    );
    let due = time(&first[0]["started_at"]) + chrono::TimeDelta::seconds(600);
    world.clock.set(due - chrono::TimeDelta::milliseconds(500));
    let records = world.until_records(&task, 3).await;
    let late = time(&records[2]["started_at"]) - due;
    assert!((0..1_900).contains(&late.num_milliseconds()), "{late}");
    world.until_records(&task, 4).await;
    world.until_number_states(&task, "unconnected").await;
    world.end().await;
}
