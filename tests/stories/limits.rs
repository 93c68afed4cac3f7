//! What limits calls, whatever a task wants: slots, calls per second, frequency caps, the do-not-call
//! list, one call a phone. (SPEC 2, 9.)

use chrono::TimeDelta;
use harness::campaign::{ZONE, results, rung, silent_numbers, time, wall, wall_tens};
use harness::gate::Passage;
use harness::{Line, World};
use serde_json::{Value, json};
use workers::Kind;

/// The most calls that were up at a time.
fn peak<'a>(records: impl Iterator<Item = &'a Value> + Clone) -> i64 {
    let begun = records.clone().map(|record| (time(&record["started_at"]), 1));
    let mut moves: Vec<_> =
        begun.chain(records.map(|record| (time(&record["ended_at"]), -1))).collect();
    moves.sort();
    let mut up = 0;
    moves
        .iter()
        .map(|(_, by)| {
            up += by;
            up
        })
        .max()
        .unwrap_or(0)
}

#[tokio::test]
async fn concurrency_of_enterprise_trunk_and_task_is_reached_and_never_exceeded() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.patch("settings", json!({"concurrency_limit": 7})).await;
    let ringing = json!({"ring_ms": [250, 750]});
    let narrow = json!({"concurrency": 5});
    let (_, narrow) = world.line("narrow", "+862155500201", ringing.clone(), narrow).await;
    let (_, wide) = world.line("wide", "+862155500202", ringing, json!({})).await;
    let mut tasks = Vec::new();
    for (place, (caller, concurrency)) in
        [(&narrow, 3), (&narrow, 4), (&wide, 6)].into_iter().enumerate()
    {
        let config = json!({"concurrency": concurrency, "caller_ids": [caller]});
        let task = world.task(&format!("task {place}"), config).await;
        let numbers = silent_numbers(90).into_iter().skip(30 * place).take(30).collect();
        world.import_numbers(&task, &json!({"batch_name": "all"}), numbers).await;
        tasks.push((task, concurrency));
    }
    for (task, _) in &tasks {
        world.start(task).await;
    }
    let mut all = Vec::new();
    for (task, concurrency) in &tasks {
        let records = world.until_records(task, 30).await;
        assert!(peak(records.iter()) <= i64::from(*concurrency), "task {concurrency}");
        all.extend(records);
    }
    let on_narrow = all.iter().filter(|record| record["trunk_name"] == "narrow");
    assert!(peak(on_narrow) <= 5);
    assert_eq!(peak(all.iter()), 7, "every slot of the enterprise is used");
    world.end().await;
}

/// The large task could fill each place that it frees itself.
#[tokio::test]
async fn a_call_that_waits_for_a_place_of_a_full_dialer_gets_the_next_one() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    world.stop_workers().await;
    world.config.dial_concurrency = 2;
    world.run(&Kind::WORK);
    let ringing = json!({"ring_ms": [100, 100]});
    let (_, caller) = world.line("slow", "+862155500201", ringing, json!({})).await;
    let config = json!({"concurrency": 2, "caller_ids": [caller]});
    let (large, small) =
        (world.task("large", config.clone()).await, world.task("small", config).await);
    let mut numbers = silent_numbers(61);
    world.import_numbers(&small, &json!({"batch_name": "one"}), numbers.split_off(60)).await;
    world.import_numbers(&large, &json!({"batch_name": "all"}), numbers).await;
    world.start(&large).await;
    world.until_records(&large, 4).await;
    world.start(&small).await;
    let one = world.until_records(&small, 1).await;
    let all = world.until_records(&large, 60).await;
    let last = all.iter().map(|record| time(&record["started_at"])).max();
    assert!(Some(time(&one[0]["started_at"])) < last, "it waited for all of the large task");
    world.end().await;
}

/// Each call leaves a redial to be pushed; the queue answers to none of it.
#[tokio::test]
async fn slots_ring_on_while_the_queue_does_not_answer() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let gate = world.put_gate_before_redis(&Kind::WORK).await;
    let ringing = json!({"ring_ms": [100, 100]});
    let (_, caller) = world.line("slow", "+862155500201", ringing, json!({})).await;
    let redial = json!({"enabled": true, "retry_seconds": [3_600]});
    let config = json!({"concurrency": 2, "caller_ids": [caller], "redial": redial});
    let task = world.task("task", config).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(60)).await;
    world.start(&task).await;
    world.until_records(&task, 4).await;
    gate.set(Passage::Halted);
    world.until_records(&task, 60).await;
    gate.set(Passage::Open);
    world.end().await;
}

#[tokio::test]
async fn calls_per_second_of_task_and_trunk_are_never_exceeded() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (_, caller) =
        world.line("paced", "+862155500201", json!({}), json!({"calls_per_second": 8})).await;
    let config =
        |cps: Value| json!({"concurrency": 10, "caller_ids": [caller], "calls_per_second": cps});
    let paced = world.task("paced", config(json!(3))).await;
    let free = world.task("free", config(Value::Null)).await;
    let mut numbers = silent_numbers(42);
    world.import_numbers(&paced, &json!({"batch_name": "all"}), numbers.split_off(30)).await;
    world.import_numbers(&free, &json!({"batch_name": "all"}), numbers).await;
    world.start(&paced).await;
    world.start(&free).await;
    let of_paced = world.until_records(&paced, 12).await;
    let mut all = world.until_records(&free, 30).await;
    all.extend(of_paced.clone());
    for (mut records, rate) in [(of_paced, 3), (all, 8)] {
        records.sort_by_key(|record| time(&record["started_at"]));
        for together in records.windows(rate + 1) {
            let apart = time(&together[rate]["started_at"]) - time(&together[0]["started_at"]);
            assert!(apart >= TimeDelta::seconds(1), "{} calls within {apart}", rate + 1);
        }
    }
    world.end().await;
}

#[tokio::test]
async fn a_phone_is_called_so_often_a_day_and_no_more_whatever_tasks_it_is_in() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.patch("settings", json!({"frequency_cap": {"per_day": 2}})).await;
    let redial = json!({"redial": {"enabled": true, "retry_seconds": [600, 600]}});
    let task = world.task("redials", redial).await;
    world.import(&task, "first", &["13800000003"]).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.set("2026-12-01T10:10:30+08:00");
    world.until_records(&task, 2).await;
    let other = world.task("other", json!({})).await;
    world.import_auto(&other, "first", &["13800000003"]).await;
    let midnight = harness::at("2026-12-02T00:00:00+08:00");
    assert_eq!(world.until_waiting(&other, "frequency_cap").await, midnight);
    world.set("2026-12-01T10:21:00+08:00");
    assert_eq!(world.until_waiting(&task, "frequency_cap").await, midnight);

    world.set("2026-12-01T23:59:59+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "10:00 10:10 00:00");
    let records = world.until_records(&other, 1).await;
    assert_eq!(wall_tens(&records[0], ZONE), "12-02 00:00:0x");
    world.end().await;
}

#[tokio::test]
async fn two_calls_to_a_phone_keep_their_distance() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.patch("settings", json!({"frequency_cap": {"distance_seconds": 7_200}})).await;
    let redial = json!({"redial": {"enabled": true, "retry_seconds": [600]}});
    let task = world.task("distance", redial).await;
    world.import(&task, "first", &["13800000003"]).await;
    world.start(&task).await;
    let first = time(&world.until_records(&task, 1).await[0]["started_at"]);
    world.set("2026-12-01T10:10:30+08:00");
    assert_eq!(world.until_waiting(&task, "frequency_cap").await, first + TimeDelta::hours(2));
    world.set("2026-12-01T11:59:59+08:00");
    let records = world.until_records(&task, 2).await;
    assert!(time(&records[1]["started_at"]) >= first + TimeDelta::hours(2));
    assert_eq!(wall(&records), "10:00 12:00");
    world.end().await;
}

#[tokio::test]
async fn a_number_on_the_do_not_call_list_is_not_dialled_at_whatever_stage_it_stands() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let list = |phone: &str| json!({"phone_numbers": [phone], "reason": "asked for it"});
    world.post("suppressions", list("13900010003")).await;
    let config = json!({"redial": {"enabled": true, "retry_seconds": [600]}, "concurrency": 1});
    let task = world.task("listed", config).await;
    let phones = ["13900010003", "13900020003", "13900030003", "13900040003"];
    let import = world.import(&task, "first", &phones).await;
    assert_eq!(
        (&import["result"]["imported"], &import["result"]["suppressed"]),
        (&json!(3), &json!(1))
    );

    // Added before its first call, and while it waits for its redial.
    world.post("suppressions", list("13900020003")).await;
    world.start(&task).await;
    world.until_number_states(&task, "suppressed waiting waiting").await;
    world.post("suppressions", list("13900030003")).await;
    world.set("2026-12-01T10:10:30+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(rung(&records, 6), "030003 040003 040003");
    world.until_number_states(&task, "suppressed suppressed unconnected").await;
    world.end().await;
}

#[tokio::test]
async fn a_listed_backup_is_left_out_of_its_chain() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("chain", json!({})).await;
    let chain = json!({"phone_number": "13900010003",
        "backup_numbers": ["13900020002", "13900030004"]});
    world.import_numbers(&task, &json!({"batch_name": "chain"}), vec![chain]).await;
    world.post("suppressions", json!({"phone_numbers": ["13900020002"]})).await;
    world.start(&task).await;
    world.until_number_states(&task, "unconnected").await;
    assert_eq!(rung(&world.records(&task).await, 6), "010003 030004");
    world.end().await;
}

#[tokio::test]
async fn an_entry_that_expired_and_one_that_was_taken_off_hold_no_longer() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let until_noon =
        json!({"phone_numbers": ["13900010003"], "expires_at": "2026-12-01T04:00:00Z"});
    world.post("suppressions", until_noon).await;
    let listed = world.post("suppressions", json!({"phone_numbers": ["13900020003"]})).await;
    let task = world.task("later", json!({})).await;
    let first = world.import(&task, "early", &["13900010003", "13900020003"]).await;
    assert_eq!(first["result"]["suppressed"], 2);
    world.set("2026-12-01T12:00:01+08:00");
    let id = listed["data"][0]["id"].as_str().expect("an id");
    world.api.delete(&format!("suppressions/{id}")).await.expect("a delete");
    world.import_auto(&task, "late", &["13900010003", "13900020003"]).await;
    world.until_records(&task, 2).await;
    world.end().await;
}

#[tokio::test]
async fn a_phone_has_one_live_call_at_a_time_across_tasks() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let ringing = json!({"ring_ms": [1_500, 1_500]});
    let (_, caller) = world.line("slow", "+862155500201", ringing, json!({})).await;
    let mut tasks = Vec::new();
    for name in ["one", "two", "three"] {
        let task = world.task(name, json!({"caller_ids": [caller]})).await;
        // In the third it is a backup.
        let number = match name {
            "three" => json!({"phone_number": "13900030004", "backup_numbers": ["13800000002"]}),
            _ => json!({"phone_number": "13800000002"}),
        };
        world.import_numbers(&task, &json!({"batch_name": "all"}), vec![number]).await;
        tasks.push(task);
    }
    for task in &tasks {
        world.start(task).await;
    }
    let mut calls = Vec::new();
    for (task, count) in tasks.iter().zip([1, 1, 2]) {
        calls.extend(world.until_records(task, count).await);
    }
    calls.retain(|call| call["customer_number"] == "+8613800000002");
    assert_eq!(results(&calls), "busy busy busy");
    assert_eq!(peak(calls.iter()), 1);
    // The phone that is free again is called at once, not after a poll.
    calls.sort_by_key(|call| time(&call["started_at"]));
    for pair in calls.windows(2) {
        let gap = time(&pair[1]["started_at"]) - time(&pair[0]["ended_at"]);
        assert!(gap < TimeDelta::seconds(5), "{gap}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_freed_slot_is_refilled_at_once_and_not_at_the_next_poll() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("one by one", json!({"concurrency": 1})).await;
    world.import_numbers(&task, &json!({"batch_name": "all"}), silent_numbers(40)).await;
    world.start(&task).await;
    let records = world.until_records(&task, 40).await;
    // At a poll a second they would take forty.
    let span = time(&records[39]["started_at"]) - time(&records[0]["started_at"]);
    assert!(span < TimeDelta::seconds(20), "{span}");
    assert_eq!(peak(records.iter()), 1);
    world.end().await;
}

#[tokio::test]
async fn a_phone_that_rings_too_long_and_a_call_that_lasts_too_long_are_ended() {
    let world = World::with("2026-12-01T10:00:00+08:00", 10, Line::Instant).await;
    let speech = world.speech("speech", 190).await;
    let config = json!({"ring_timeout_seconds": 7, "max_call_seconds": 12, "navigation": speech});
    let task = world.task("too long", config).await;
    world.import(&task, "all", &["13800000020", "13800000021"]).await;
    world.start(&task).await;
    let mut records = world.until_records(&task, 2).await;
    records.sort_by_key(|record| record["customer_number"].to_string());
    for (record, result, cause, field, seconds) in [
        (&records[0], "no_answer", "ring_timeout", "total_seconds", 7.0),
        (&records[1], "answered", "max_call", "talk_seconds", 12.0),
    ] {
        assert_eq!((&record["result"], &record["cause"]), (&json!(result), &json!(cause)));
        let lasted = record[field].as_f64().unwrap_or_else(|| panic!("no {field}: {record}"));
        assert!((seconds..seconds + 5.0).contains(&lasted), "{field} {lasted}");
    }
    assert_eq!(records[1]["hangup_party"], "system");
    world.end().await;
}
