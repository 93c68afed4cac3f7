//! The edges of a task's hours: first and last minutes, midnight, clock changes, holidays, redials into
//! closed windows, and steps that nobody was there for.

use chrono_tz::Europe::Berlin;
use harness::World;
use harness::campaign::{ZONE, numbers, rung, silent_numbers, wall, wall_tens};
use serde_json::{Value, json};
use workers::Kind;

/// One call after another, ten a second, so that there is always one to be placed.
fn stream(schedule: Value) -> Value {
    json!({"concurrency": 1, "calls_per_second": 10, "schedule": schedule})
}

async fn import_many(world: &World, task: &str, count: usize) {
    let options = json!({"batch_name": "many", "start": "auto"});
    world.import_numbers(task, &options, silent_numbers(count)).await;
}

/// The times of a task's calls, `12-01 18:00:5x`, oldest first.
async fn times(world: &World, task: &str) -> Vec<String> {
    world.records(task).await.iter().map(|record| wall_tens(record, ZONE)).collect()
}

#[tokio::test]
async fn calls_start_from_the_first_second_of_a_range_to_the_last_of_its_last_minute() {
    let world = World::at("2026-12-01T08:30:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let task = world.task("all day", stream(json!({"call_period": day}))).await;
    import_many(&world, &task, 300).await;
    assert_eq!(world.state(&task).await, "paused outside_call_period");

    world.set("2026-12-01T08:59:59+08:00");
    world.until_records(&task, 1).await;
    assert_eq!(times(&world, &task).await[0], "12-01 09:00:0x");

    world.set("2026-12-01T18:00:57+08:00");
    world.until_state(&task, "paused outside_call_period").await;
    let evening = times(&world, &task).await;
    assert_eq!(evening.last().map(String::as_str), Some("12-01 18:00:5x"));

    world.set("2026-12-02T08:59:59+08:00");
    world.until_records(&task, evening.len() + 1).await;
    assert_eq!(times(&world, &task).await[evening.len()], "12-02 09:00:0x");
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn at_midnight_one_task_goes_on_and_one_stops() {
    let world = World::at("2026-12-01T23:59:00+08:00").await;
    let over = world.period("Over midnight", "call", "22:00-23:59 00:00-05:59").await;
    let until = world.period("Until midnight", "call", "22:00-23:59").await;
    let from = world.period("From midnight", "do_not_call", "00:00-05:59").await;
    let goes_on = world.task("goes on", stream(json!({"call_period": over}))).await;
    let stops = world.task("stops", stream(json!({"call_period": until}))).await;
    let rests = world.task("rests", stream(json!({"do_not_call_period": from}))).await;
    for (place, task) in [&goes_on, &stops, &rests].into_iter().enumerate() {
        let numbers = silent_numbers(900).into_iter().skip(300 * place).take(300).collect();
        world.import_numbers(task, &json!({"batch_name": "many", "start": "auto"}), numbers).await;
    }
    world.set("2026-12-01T23:59:56+08:00");
    world.until_state(&stops, "paused outside_call_period").await;
    world.until_state(&rests, "paused do_not_call_period").await;
    harness::eventually("calls after midnight", || async {
        times(&world, &goes_on).await.iter().any(|at| at.starts_with("12-02")).then_some(())
    })
    .await;
    assert!(!world.events(&goes_on).await.contains("window"), "midnight is no edge");
    for task in [&stops, &rests] {
        let last = times(&world, task).await.pop().expect("a call");
        assert_eq!(last, "12-01 23:59:5x");
    }
    world.set("2026-12-02T05:59:59+08:00");
    world.until_state(&rests, "running").await;
    world.set("2026-12-02T21:59:59+08:00");
    world.until_state(&stops, "running").await;
    for task in [&goes_on, &stops, &rests] {
        world.ask("POST", &format!("tasks/{task}/end"), json!({})).await;
    }
    world.end().await;
}

/// A task of Berlin that keeps to a period.
async fn in_berlin(world: &World, ranges: &str) -> String {
    let period = world.period("Night shift", "call", ranges).await;
    let config = json!({"time_zone": "Europe/Berlin", "schedule": {"call_period": period}});
    world.task("Berlin", config).await
}

#[tokio::test]
async fn a_range_that_starts_in_the_skipped_hour_starts_when_the_clock_lands_after_it() {
    // 02:00 becomes 03:00 in Berlin at 01:00 UTC.
    let world = World::at("2026-03-29T00:30:00Z").await;
    let task = in_berlin(&world, "02:30-04:00").await;
    world.import_auto(&task, "first", &["13800000001"]).await;
    assert_eq!(world.state(&task).await, "paused outside_call_period");
    world.set("2026-03-29T00:59:59Z");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall_tens(&records[0], Berlin), "03-29 03:00:0x");

    // It ends by the wall clock, too: 04:00:59 is 02:00:59 UTC.
    world.set("2026-03-29T02:00:50Z");
    world.import_auto(&task, "second", &["13800000002"]).await;
    world.until_records(&task, 2).await;
    world.set("2026-03-29T02:01:00Z");
    world.import_auto(&task, "third", &["13800000003"]).await;
    world.until_state(&task, "paused outside_call_period").await;
    // The next night has its hour again.
    world.set("2026-03-30T00:29:59Z");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall_tens(&records[2], Berlin), "03-30 02:30:0x");
    world.end().await;
}

#[tokio::test]
async fn in_the_repeated_hour_both_passes_count() {
    // 03:00 becomes 02:00 in Berlin at 01:00 UTC.
    let world = World::at("2026-10-25T00:00:00Z").await;
    let task = in_berlin(&world, "02:30-02:44").await;
    world.import_auto(&task, "first", &["13800000001"]).await;
    world.set("2026-10-25T00:29:59Z");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall_tens(&records[0], Berlin), "10-25 02:30:0x");

    world.set("2026-10-25T00:45:00Z");
    world.import_auto(&task, "second", &["13800000002"]).await;
    world.until_state(&task, "paused outside_call_period").await;
    world.set("2026-10-25T01:29:59Z");
    let records = world.until_records(&task, 2).await;
    assert_eq!(wall_tens(&records[1], Berlin), "10-25 02:30:0x");
    assert_eq!(records[1]["started_at"].as_str().map(|at| &at[..16]), Some("2026-10-25T01:30"));

    world.set("2026-10-25T01:45:00Z");
    world.import_auto(&task, "third", &["13800000003"]).await;
    world.set("2026-10-26T01:29:59Z");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall_tens(&records[2], Berlin), "10-26 02:30:0x");
    world.end().await;
}

#[tokio::test]
async fn a_scheduled_start_in_the_skipped_hour_happens_when_the_clock_lands() {
    let world = World::at("2026-03-29T00:30:00Z").await;
    let config = json!({"time_zone": "Europe/Berlin",
        "schedule": {"scheduled_start": "2026-03-29T02:15:00"}});
    let task = world.task("skipped", config).await;
    world.import(&task, "first", &["13800000001"]).await;
    world.set("2026-03-29T00:59:59Z");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall_tens(&records[0], Berlin), "03-29 03:00:0x");
    world.end().await;
}

#[tokio::test]
async fn a_holiday_is_closed_and_a_make_up_workday_is_open() {
    // Tuesday 1 December is a holiday, Saturday 5 December makes up for it.
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let workdays = json!(["Mon", "Tue", "Wed", "Thu", "Fri"]);
    let period = json!({
        "name": "Workdays",
        "kind": "call",
        "ranges": [{"start": "09:00", "end": "18:00", "weekdays": workdays}],
        "exceptions": [
            {"date": "2026-12-01", "day": "closed"},
            {"date": "2026-12-05", "day": "open"},
        ],
    });
    let period = world.made("periods", period).await;
    let task = world.task("workdays", json!({"schedule": {"call_period": period}})).await;
    let first = world.import_auto(&task, "holiday", &["13800000001"]).await;
    assert_eq!(first["result"]["imported"], 1, "{first}");
    assert_eq!(world.state(&task).await, "paused outside_call_period");
    for (closed, open, wanted, phone) in [
        ("", "2026-12-02T08:59:59+08:00", "12-02 09:00:0x", ""),
        ("2026-12-04T18:01:00+08:00", "2026-12-05T08:59:59+08:00", "12-05 09:00:0x", "13800000002"),
        ("2026-12-06T10:00:00+08:00", "2026-12-07T08:59:59+08:00", "12-07 09:00:0x", "13800000003"),
        ("2026-12-11T18:01:00+08:00", "2026-12-14T08:59:59+08:00", "12-14 09:00:0x", "13800000004"),
    ] {
        if !closed.is_empty() {
            world.set(closed);
            world.import_auto(&task, phone, &[phone]).await;
            world.until_state(&task, "paused outside_call_period").await;
        }
        let before = world.records(&task).await.len();
        world.set(open);
        world.until_records(&task, before + 1).await;
        assert_eq!(times(&world, &task).await[before], wanted);
    }
    world.end().await;
}

#[tokio::test]
async fn a_redial_that_falls_into_a_closed_window_is_put_off_to_the_opening() {
    let world = World::at("2026-12-01T17:55:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let config = json!({
        "schedule": {"call_period": day},
        "redial": {"enabled": true, "retry_seconds": [600, 600]},
    });
    let task = world.task("overnight", config).await;
    world.import(&task, "first", &["13800000019"]).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.set("2026-12-01T18:10:00+08:00");
    let opens = harness::at("2026-12-02T09:00:00+08:00");
    harness::eventually("the redial to be put off", || async {
        (world.until_waiting(&task, "redial").await == opens).then_some(())
    })
    .await;
    world.set("2026-12-02T08:59:59+08:00");
    world.until_records(&task, 2).await;
    world.set("2026-12-02T09:10:30+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(wall(&records), "17:55 09:00 09:10");
    world.end().await;
}

#[tokio::test]
async fn a_start_missed_while_the_workers_were_down_happens_once_when_they_are_back() {
    let mut world = World::at("2026-12-01T08:00:00+08:00").await;
    let start = json!({"scheduled_start": "2026-12-01T09:00:00"});
    let task = world.task("missed", json!({"schedule": start})).await;
    world.import(&task, "first", &["13800000001"]).await;
    let over =
        json!({"scheduled_start": "2026-12-01T09:00:00", "scheduled_end": "2026-12-01T09:20:00"});
    let over = world.task("over", json!({"schedule": over})).await;
    world.import(&over, "first", &["13800000002"]).await;

    world.stop_workers().await;
    world.set("2026-12-01T09:30:00+08:00");
    world.run(&Kind::WORK);
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall(&records), "09:30", "late, not skipped");
    world.until_state(&task, "paused no_pending_numbers").await;
    // The other's end is past: it was not started for a moment.
    world.until_state(&over, "ended").await;
    assert!(!world.events(&over).await.contains("start"), "{}", world.events(&over).await);

    // Not a second time, with numbers that it could call.
    world.stop_workers().await;
    world.run(&Kind::WORK);
    world.import(&task, "second", &["13900010002"]).await;
    world.set("2026-12-02T09:00:00+08:00");
    let witness = world.task("witness", json!({})).await;
    world
        .import_numbers(
            &witness,
            &json!({"batch_name": "w", "start": "auto"}),
            numbers(["13900020002"]),
        )
        .await;
    world.until_records(&witness, 1).await;
    assert_eq!(world.events(&task).await, "create scheduled_start nothing_pending");
    assert_eq!(rung(&world.records(&task).await, 4), "0001");
    assert_eq!(world.records(&over).await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn every_other_step_that_was_missed_happens_late_and_once_when_the_workers_are_back() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"redial": {"enabled": true, "retry_seconds": [600, 600]}});
    let redialled = world.task("redialled", redial).await;
    world.import(&redialled, "first", &["13800000003"]).await;
    world.start(&redialled).await;
    world.until_records(&redialled, 1).await;
    world.until_state(&redialled, "paused no_pending_numbers").await;
    let noon = world.period("Noon", "call", "12:00-13:00").await;
    let opened = world.task("opened", json!({"schedule": {"call_period": noon}})).await;
    world.import_auto(&opened, "first", &["13800000002"]).await;
    world.until_state(&opened, "paused outside_call_period").await;
    let morning = world.period("Morning", "call", "09:00-11:00").await;
    let closed = json!({"concurrency": 1, "schedule": {"call_period": morning}});
    let closed = world.task("closed", closed).await;
    world.import(&closed, "first", &["13900020002"]).await;
    let over = world.task("over", json!({"schedule": {"scheduled_end": "2026-12-01T11:00:00"}}));
    let over = over.await;
    world.import(&over, "first", &["13900010002"]).await;

    world.stop_workers().await;
    world.start(&closed).await;
    world.set("2026-12-01T12:30:00+08:00");
    world.run(&Kind::WORK);
    world.until_records(&redialled, 2).await;
    world.until_records(&opened, 1).await;
    world.until_state(&over, "ended").await;
    world.until_state(&closed, "paused outside_call_period").await;
    world.until_state(&redialled, "paused no_pending_numbers").await;
    assert_eq!(wall(&world.records(&redialled).await), "10:00 12:30", "once for both intervals");
    assert_eq!(wall(&world.records(&opened).await), "12:30");
    world.set("2026-12-01T12:40:30+08:00");
    let records = world.until_records(&redialled, 3).await;
    assert_eq!(wall(&records), "10:00 12:30 12:40");
    for (task, once) in [(&over, "scheduled_end"), (&opened, "window_opened")] {
        assert_eq!(world.events(task).await.matches(once).count(), 1, "{once}");
    }
    world.end().await;
}

/// 09:00–17:59 in all of Australia is 10:30–15:59 in Perth in April, when Lord Howe is two and a half hours
/// ahead of it, and Cocos one and a half behind.
#[tokio::test]
async fn an_australian_mobile_is_called_by_the_tasks_clock_or_strictly_while_all_of_the_country_is_open()
 {
    let world = World::at("2026-04-07T08:00:00+10:00").await;
    let day = world.period("Day", "call", "09:00-17:59").await;
    let task = |name: &str, mode: &str| {
        let schedule = json!({"call_period": day, "callee_local_time": mode});
        let config = json!({"time_zone": "Australia/Sydney", "schedule": schedule});
        (name.to_owned(), config)
    };
    let mut tasks = Vec::new();
    for (place, mode) in ["on", "strict"].into_iter().enumerate() {
        let (name, config) = task(mode, mode);
        let id = world.task(&name, config).await;
        let phone = format!("+6141234567{place}");
        world.import_auto(&id, "first", &[phone.as_str(), "+61291234567"]).await;
        tasks.push(id);
    }
    for id in &tasks {
        let opens = world.until_waiting(id, "callee_window").await;
        assert_eq!(opens, harness::at("2026-04-07T09:00:00+10:00"));
    }
    // 09:00 in Sydney is 07:00 in Perth: the task's clock rings the mobile, the strict one waits.
    world.set("2026-04-07T08:59:59+10:00");
    let records = world.until_records(&tasks[0], 2).await;
    let sydney = chrono_tz::Australia::Sydney;
    assert!(records.iter().all(|record| wall_tens(record, sydney) == "04-07 09:00:0x"));
    world.until_records(&tasks[1], 1).await;
    let opens = world.until_waiting(&tasks[1], "callee_window").await;
    assert_eq!(opens, harness::at("2026-04-07T10:30:00+08:00"));
    world.set("2026-04-07T10:29:59+08:00");
    let records = world.until_records(&tasks[1], 2).await;
    assert_eq!(wall_tens(&records[1], chrono_tz::Australia::Perth), "04-07 10:30:0x");
    // The last minute in which Lord Howe is open, and the next one.
    world.set("2026-04-07T15:29:30+08:00");
    world.import_auto(&tasks[1], "last", &["+61412345672"]).await;
    world.until_records(&tasks[1], 3).await;
    world.set("2026-04-07T15:30:00+08:00");
    world.import_auto(&tasks[1], "late", &["+61412345673"]).await;
    let opens = world.until_waiting(&tasks[1], "callee_window").await;
    assert_eq!(opens, harness::at("2026-04-08T10:30:00+08:00"));
    world.end().await;
}

#[tokio::test]
async fn in_the_callees_own_time_zone_a_number_whose_window_is_closed_waits_and_others_go_on() {
    // 16:00 in Shanghai is 08:00 in London.
    let world = World::at("2026-12-01T16:00:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let schedule = json!({"call_period": day, "callee_local_time": "on"});
    let task = world.task("abroad", json!({"concurrency": 1, "schedule": schedule})).await;
    world.import_auto(&task, "first", &["+442071838750", "13800000002"]).await;
    let records = world.until_records(&task, 1).await;
    assert_eq!(rung(&records, 4), "0002", "London sleeps, and stops nobody behind it");
    let opens = world.until_waiting(&task, "callee_window").await;
    assert_eq!(opens, harness::at("2026-12-01T09:00:00Z"));
    world.set("2026-12-01T08:59:59Z");
    let records = world.until_records(&task, 2).await;
    assert_eq!(wall_tens(&records[1], chrono_tz::Europe::London), "12-01 09:00:0x");

    // At 19:00 in Shanghai it is the other way round.
    world.set("2026-12-01T19:00:00+08:00");
    world.import_auto(&task, "second", &["13900010002", "+442071838751"]).await;
    let records = world.until_records(&task, 3).await;
    assert_eq!(rung(&records[2..], 4), "8751");
    let opens = world.until_waiting(&task, "callee_window").await;
    assert_eq!(opens, harness::at("2026-12-02T09:00:00+08:00"));
    world.set("2026-12-02T08:59:59+08:00");
    let records = world.until_records(&task, 4).await;
    assert_eq!(wall_tens(&records[3], ZONE), "12-02 09:00:0x");
    world.end().await;
}

#[tokio::test]
async fn a_call_that_reaches_its_worker_in_a_closed_minute_does_not_start() {
    let mut world = World::at("2026-12-01T17:59:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let task = world.task("late queue", json!({"schedule": {"call_period": day}})).await;
    world.import(&task, "first", &["13800000002"]).await;
    // Claimed while the window was open; nobody dials, and nobody sees it close.
    world.stop_workers().await;
    world.start(&task).await;
    world.run(&[Kind::Sweep]);
    world.until_live(&task, 1).await;
    world.stop_workers().await;
    world.set("2026-12-01T18:01:00+08:00");
    assert_eq!(world.state(&task).await, "running");
    world.run(&[Kind::Dial]);
    world.until_live(&task, 0).await;
    assert_eq!(world.state(&task).await, "paused outside_call_period");
    assert_eq!(world.number_states(&task).await, "pending", "the number is where it was");
    assert!(world.records(&task).await.is_empty());

    world.stop_workers().await;
    world.run(&Kind::WORK);
    world.set("2026-12-02T08:59:59+08:00");
    let records = world.until_records(&task, 1).await;
    assert_eq!(wall_tens(&records[0], ZONE), "12-02 09:00:0x");
    world.end().await;
}
