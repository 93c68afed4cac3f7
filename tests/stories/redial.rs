//! Step 1, scenario 3: “Configure Redial Strategy to Improve Connection Rate”.

use harness::campaign::{numbers, refusal, results, rung, silent_numbers, time, wall};
use harness::{World, eventually};
use serde_json::{Value, json};
use workers::Kind;

/// The test numbers of the ten statuses, and their words.
const STATUSES: [(&str, &str); 10] = [
    ("0002", "busy"),
    ("0003", "no_answer"),
    ("0004", "power_off"),
    ("0005", "out_of_service"),
    ("0006", "invalid_number"),
    ("0007", "temporarily_unavailable"),
    ("0008", "call_restricted"),
    ("0009", "service_suspended"),
    ("0010", "call_assistant"),
    ("0011", "call_failed"),
];

fn policy(reference: &str, retry_minutes: &[u32]) -> Value {
    let seconds: Vec<u32> = retry_minutes.iter().map(|minutes| minutes * 60).collect();
    json!({"redial": {"enabled": true, "reference": reference, "retry_seconds": seconds}})
}

/// A running task with one number.
async fn running(world: &World, name: &str, config: Value, phone: &str) -> String {
    let task = world.task(name, config).await;
    world.import(&task, "first", &[phone]).await;
    world.start(&task).await;
    task
}

/// That the task never calls its number again: a day later it calls a new number, and nobody else.
async fn calls_no_more(world: &World, task: &str, later: &str) {
    let before = world.records(task).await.len();
    world.set(later);
    world.import_auto(task, "another", &["13700000001"]).await;
    let records = world.until_records(task, before + 1).await;
    world.until_state(task, "paused no_pending_numbers").await;
    assert_eq!(world.records(task).await.len(), before + 1);
    assert_eq!(rung(&records[before..], 11), "13700000001");
}

#[tokio::test]
async fn the_example_from_the_last_call_rings_at_ten_ten_past_and_half_past() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = running(&world, "example", policy("last_call", &[10, 20]), "13800000003").await;
    world.until_records(&task, 1).await;
    // Seconds before each is due: none comes early.
    world.set("2026-12-01T10:09:59+08:00");
    world.until_records(&task, 2).await;
    world.set("2026-12-01T10:29:59+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "10:00 10:10 10:30");
    let rounds: Vec<_> = records.iter().map(|record| record["round"].as_u64()).collect();
    assert_eq!(rounds, [Some(0), Some(1), Some(2)]);

    // “The system stops further redial attempts and records the final result.”
    world.until_number_states(&task, "unconnected").await;
    assert_eq!(world.numbers(&task).await[0]["last_status"], "no_answer");
    calls_no_more(&world, &task, "2026-12-02T10:00:00+08:00").await;
    world.end().await;
}

#[tokio::test]
async fn from_the_first_call_the_intervals_are_distances_from_it() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = running(&world, "first call", policy("first_call", &[10, 30]), "13800000003").await;
    world.until_records(&task, 1).await;
    // The second comes late; the third does not move with it.
    world.pause(&task).await;
    world.set("2026-12-01T10:25:00+08:00");
    world.start(&task).await;
    world.until_records(&task, 2).await;
    world.set("2026-12-01T10:29:59+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "10:00 10:25 10:30");
    let apart = time(&records[2]["started_at"]) - time(&records[0]["started_at"]);
    assert!((1_800_000..1_805_000).contains(&apart.num_milliseconds()), "{apart}");
    world.end().await;
}

#[tokio::test]
async fn from_the_last_call_a_late_call_moves_the_next_one() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = running(&world, "last call", policy("last_call", &[10, 20]), "13800000003").await;
    world.until_records(&task, 1).await;
    world.pause(&task).await;
    world.set("2026-12-01T10:25:00+08:00");
    world.start(&task).await;
    world.until_records(&task, 2).await;
    world.set("2026-12-01T10:44:59+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "10:00 10:25 10:45");
    world.end().await;
}

#[tokio::test]
async fn basic_mode_redials_every_unconnected_status() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("basic", policy("last_call", &[10])).await;
    let phones: Vec<String> = STATUSES.iter().map(|(last, _)| format!("1380000{last}")).collect();
    world.import(&task, "first", &phones.iter().map(String::as_str).collect::<Vec<_>>()).await;
    world.start(&task).await;
    world.until_records(&task, 10).await;
    world.set("2026-12-01T10:10:30+08:00");
    let records = world.until_records(&task, 20).await;
    let all = results(&records);
    let mut twice = STATUSES.map(|(_, word)| word).repeat(2);
    let mut found: Vec<_> = all.split(' ').collect();
    twice.sort();
    found.sort();
    assert_eq!(found, twice);
    world.until_number_states(&task, &["unconnected"; 10].join(" ")).await;
    world.end().await;
}

#[tokio::test]
async fn advanced_mode_redials_the_chosen_statuses_only() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let mut tasks = Vec::new();
    for (place, (_, chosen)) in STATUSES.iter().enumerate() {
        let redial = json!({"enabled": true, "mode": "advanced", "statuses": [chosen],
            "retry_seconds": [600]});
        let task = world.task(chosen, json!({"redial": redial})).await;
        let phones: Vec<_> =
            STATUSES.iter().map(|(last, _)| format!("138{:04}{last}", place + 1)).collect();
        let numbers = numbers(phones.iter().map(String::as_str));
        world.import_numbers(&task, &json!({"batch_name": "first"}), numbers).await;
        world.start(&task).await;
        tasks.push((task, *chosen));
    }
    for (task, chosen) in &tasks {
        world.until_state(task, "paused no_pending_numbers").await;
        let wanted =
            STATUSES.map(|(_, word)| if word == *chosen { "waiting" } else { "unconnected" });
        assert_eq!(world.number_states(task).await, wanted.join(" "), "{chosen}");
    }
    world.set("2026-12-01T10:15:00+08:00");
    for (task, chosen) in &tasks {
        let records = world.until_records(task, 11).await;
        assert_eq!(results(&records[10..]), *chosen);
        world.until_number_states(task, &["unconnected"; 10].join(" ")).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_change_applies_only_to_calls_triggered_after_it() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = running(&world, "changed", policy("last_call", &[10, 20]), "13800000003").await;
    world.until_records(&task, 1).await;
    let mut changed = policy("last_call", &[30, 60, 90]);
    changed["redial"]["statuses"] = json!([]);
    world.patch(&format!("tasks/{task}"), changed).await;

    // The first call was triggered under 10 minutes, the second under the second interval of now.
    world.set("2026-12-01T10:09:59+08:00");
    world.until_records(&task, 2).await;
    world.set("2026-12-01T11:09:59+08:00");
    world.until_records(&task, 3).await;

    // Switched off, it still holds for the call that was made before.
    world.patch(&format!("tasks/{task}"), json!({"redial": {"enabled": false}})).await;
    world.set("2026-12-01T12:39:59+08:00");
    let records = world.until_records(&task, 4).await;
    assert_eq!(wall(&records), "10:00 10:10 11:10 12:40");
    world.until_number_states(&task, "unconnected").await;
    world.end().await;
}

#[tokio::test]
async fn a_call_that_falls_into_a_do_not_call_period_is_postponed() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let tea = world.period("Tea", "do_not_call", "10:05-10:20").await;
    let mut config = policy("last_call", &[10, 20]);
    config["schedule"] = json!({"do_not_call_period": tea});
    let task = running(&world, "postponed", config, "13800000019").await;
    world.until_records(&task, 1).await;
    world.set("2026-12-01T10:11:00+08:00");
    let opens = harness::at("2026-12-01T10:21:00+08:00");
    eventually("the redial to be put off", || async {
        (world.until_waiting(&task, "redial").await == opens).then_some(())
    })
    .await;
    world.set("2026-12-01T10:20:59+08:00");
    world.until_records(&task, 2).await;
    world.set("2026-12-01T10:40:59+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "10:00 10:21 10:41");
    assert_eq!(results(&records), "no_answer no_answer answered");
    world.end().await;
}

#[tokio::test]
async fn a_number_is_redialled_ten_times_at_most() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let eleven = world.task_config("eleven", policy("last_call", &[1; 11]));
    let refused = world.ask("POST", "tasks", eleven).await;
    assert_eq!(refusal(&refused).0, "422 /redial/retry_seconds too_many");

    let task = running(&world, "ten", policy("last_call", &[1; 10]), "13800000002").await;
    for round in 1..=10 {
        let records = world.until_records(&task, round).await;
        let last = time(&records[round - 1]["started_at"]);
        world.clock.set(last + chrono::TimeDelta::seconds(61));
    }
    let records = world.until_records(&task, 11).await;
    assert_eq!(records[10]["round"], 10);
    world.until_number_states(&task, "unconnected").await;
    calls_no_more(&world, &task, "2026-12-02T10:00:00+08:00").await;
    world.end().await;
}

#[tokio::test]
async fn a_connected_call_ends_the_number() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task =
        running(&world, "connected", policy("last_call", &[10, 20, 30]), "13800000018").await;
    world.until_records(&task, 1).await;
    world.set("2026-12-01T10:10:30+08:00");
    let records = world.until_records(&task, 2).await;
    assert_eq!(results(&records), "no_answer answered");
    world.until_number_states(&task, "connected").await;
    calls_no_more(&world, &task, "2026-12-02T10:00:00+08:00").await;
    world.end().await;
}

#[tokio::test]
async fn without_redial_a_call_is_recorded_and_that_is_all() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let off = json!({"redial": {"enabled": false, "retry_seconds": [600]}});
    let task = running(&world, "off", off, "13800000004").await;
    world.until_records(&task, 1).await;
    world.until_number_states(&task, "unconnected").await;
    calls_no_more(&world, &task, "2026-12-02T10:00:00+08:00").await;
    world.end().await;
}

#[tokio::test]
async fn a_policy_that_cannot_be_kept_is_refused() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (redial, wanted) in [
        (json!({"enabled": true}), "422 /redial/retry_seconds required"),
        (json!({"enabled": true, "retry_seconds": [59]}), "422 /redial/retry_seconds/0 too_small"),
        (
            json!({"enabled": true, "reference": "first_call", "retry_seconds": [600, 600]}),
            "422 /redial/retry_seconds/1 must_rise",
        ),
        (
            json!({"enabled": true, "mode": "advanced", "retry_seconds": [600]}),
            "422 /redial/statuses required",
        ),
    ] {
        let config = world.task_config("wrong", json!({"redial": redial}));
        assert_eq!(refusal(&world.ask("POST", "tasks", config).await).0, wanted);
    }
    assert!(world.api.list("tasks", &[], 10).await.expect("tasks").is_empty());
    world.end().await;
}

/// Wait until that many numbers of a task are in a state.
async fn until_in(world: &World, task: &str, state: &str, count: u64) {
    eventually(&format!("{count} numbers to be {state}"), || async {
        (world.progress(task).await["numbers"][state] == count).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_redial_that_falls_due_while_others_are_made_ready_is_made_ready_after_them() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("wave", policy("last_call", &[10])).await;
    let options = json!({"batch_name": "many", "start": "auto"});
    world.import_numbers(&task, &options, silent_numbers(3_000)).await;
    until_in(&world, &task, "waiting", 3_000).await;
    world.set("2026-12-01T10:05:00+08:00");
    world.import_auto(&task, "one more", &["13900000002"]).await;
    until_in(&world, &task, "waiting", 3_001).await;
    world.stop_workers().await;
    world.set("2026-12-01T10:20:00+08:00");
    world.run(&[Kind::Redial]);

    // Somebody is at the many, by a time at which the one more is not due yet.
    let (store, id) = (world.store().clone(), task.parse().expect("a task"));
    let before = harness::at("2026-12-01T10:14:00+08:00");
    let many = async { storage::numbers::promote_due(&store, Some(id), before, 100_000).await };
    let due = jobs::Redial::at(id, world.clock.now());
    let (promoted, pushed) = tokio::join!(many, world.node.queues.push(&due));
    promoted.expect("the many");
    pushed.expect("a job");
    until_in(&world, &task, "pending", 3_001).await;
    world.end().await;
}

/// What the task's one number waits for: when it may be called, and how `why` says it.
async fn next_of(world: &World, task: &str) -> (Value, String) {
    eventually("the redial to wait", || async {
        let progress = world.get(&format!("tasks/{task}/progress")).await;
        let due = progress["waiting"][0]["next_due_at"].clone();
        let why = progress["why"].as_array().cloned().unwrap_or_default();
        let why = why.iter().find(|why| why["code"] == "waiting_redial").cloned()?;
        Some((due, why["detail"].as_str().expect("a detail").to_owned()))
    })
    .await
}

#[tokio::test]
async fn the_next_redial_is_told_with_the_window_in_which_it_may_ring() {
    let world = World::at("2026-12-01T17:55:00+08:00").await;
    let day = world.period("day", "call", "09:00-18:00").await;
    let mut config = policy("last_call", &[10]);
    config["schedule"] = json!({"call_period": day});
    let task = running(&world, "evening", config.clone(), "13900005001").await;
    world.until_records(&task, 1).await;
    let (due, why) = next_of(&world, &task).await;
    assert_eq!(due, "2026-12-02T01:00:00Z", "18:05 is closed");
    assert_eq!(why, "1 number waits for its redial; it is next at 2026-12-02 09:00:00 +08:00");

    // In the callee's own hours: 17:55 in New York.
    world.set("2026-12-02T06:55:00+08:00");
    config["schedule"]["callee_local_time"] = json!("on");
    let task = running(&world, "abroad", config, "+12125550003").await;
    world.until_records(&task, 1).await;
    let (due, why) = next_of(&world, &task).await;
    assert_eq!(due, "2026-12-02T14:00:00Z", "nine in New York");
    assert!(why.ends_with("2026-12-02 22:00:00 +08:00"), "{why}");
    world.end().await;
}
