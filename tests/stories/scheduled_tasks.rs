//! Step 1, scenario 2: “Configure Scheduled Tasks for Automatic Outbound Execution”.

use harness::World;
use harness::campaign::{ZONE, numbers, refusal, rung, silent_numbers, time, wall, wall_tens};
use serde_json::{Value, json};

/// The periods of the guide's example.
async fn day_and_night(world: &World) -> (String, String) {
    let day = world.period("Expected Call Time", "call", "09:00-18:00").await;
    let night = world.period("Do-Not-Call Time", "do_not_call", "00:00-08:59 18:01-23:59").await;
    (day, night)
}

/// Whether a task of this schedule may be made: `201`, or the refusal and its words.
async fn judged(world: &World, schedule: Value) -> (String, String) {
    let config = world.task_config("judged", json!({"schedule": schedule}));
    let answer = world.ask("POST", "tasks", config).await;
    if let Some(id) = answer.1["id"].as_str() {
        world.api.delete(&format!("tasks/{id}")).await.expect("a delete");
    }
    refusal(&answer)
}

#[tokio::test]
async fn the_example_starts_at_nine_stops_at_six_and_goes_on_the_next_morning() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    let (day, night) = day_and_night(&world).await;
    let task = world
        .task(
            "nine to six",
            json!({"concurrency": 1, "schedule": {
                "scheduled_start": "2026-12-01T09:00:00",
                "scheduled_end": "2026-12-05T18:00:00",
                "call_period": day,
                "do_not_call_period": night,
            }}),
        )
        .await;
    world.import(&task, "Tuesday", &["13800000001"]).await;
    assert_eq!(world.state(&task).await, "initial");

    // Nobody starts it: it starts by itself, and not before 09:00.
    world.set("2026-12-01T08:59:59+08:00");
    let records = world.until_records(&task, 1).await;
    assert!(wall_tens(&records[0], ZONE).starts_with("12-01 09:00:0"), "{records:?}");
    world.until_state(&task, "paused no_pending_numbers").await;

    // At 18:01 it stops, with numbers left; the list says why.
    world.set("2026-12-01T17:30:00+08:00");
    let options = json!({"batch_name": "evening", "start": "auto"});
    world.patch(&format!("tasks/{task}"), json!({"calls_per_second": 10})).await;
    world.import_numbers(&task, &options, silent_numbers(200)).await;
    world.set("2026-12-01T18:00:57+08:00");
    world.until_state(&task, "paused do_not_call_period").await;
    let shown = world.get(&format!("tasks/{task}")).await;
    assert_eq!(shown["pause_title"], "Do-Not-Call Time Period");
    assert_eq!(time(&shown["next_edge_at"]), harness::at("2026-12-02T09:00:00+08:00"));
    let evening = world.records(&task).await;
    let last = wall_tens(evening.last().expect("a call"), ZONE);
    assert_eq!(last, "12-01 18:00:5x");

    // The next morning it goes on, and not before 09:00.
    world.set("2026-12-02T08:59:59+08:00");
    let records = world.until_records(&task, evening.len() + 1).await;
    assert!(wall_tens(&records[evening.len()], ZONE).starts_with("12-02 09:00:0"));
    assert_eq!(world.state(&task).await, "running");
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn the_scheduled_end_stops_the_task_for_good() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    let (day, night) = day_and_night(&world).await;
    let schedule = json!({
        "scheduled_start": "2026-12-01T09:00:00", "scheduled_end": "2026-12-02T10:00:00",
        "call_period": day, "do_not_call_period": night,
    });
    let task = world.task(
        "two days",
        json!({"schedule": schedule, "redial": {
            "enabled": true, "retry_seconds": [3_600, 90_000],
        }}),
    );
    let task = task.await;
    world.import(&task, "all", &["13800000003"]).await;
    world.set("2026-12-01T09:00:00+08:00");
    world.until_records(&task, 1).await;
    world.set("2026-12-01T10:30:00+08:00");
    world.until_records(&task, 2).await;
    assert_eq!(world.number_states(&task).await, "waiting");

    world.set("2026-12-02T09:59:59+08:00");
    world.until_state(&task, "ended").await;
    let shown = world.get(&format!("tasks/{task}")).await;
    assert_eq!((&shown["next_start_at"], &shown["next_end_at"]), (&Value::Null, &Value::Null));
    assert_eq!(world.number_states(&task).await, "waiting", "numbers keep their state");

    // The redial of 11:30 waits for the start that only a person gives; then it goes on.
    world.set("2026-12-03T09:30:00+08:00");
    world.until_number_states(&task, "pending").await;
    world.start(&task).await;
    let records = world.until_records(&task, 3).await;
    assert!(wall_tens(&records[2], ZONE).starts_with("12-03 09:30:"), "{records:?}");
    world.end().await;
}

#[tokio::test]
async fn the_two_periods_must_exclude_each_other_and_cover_the_day() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    for (name, ranges, told, minute) in [
        ("one minute twice", "00:00-09:00 18:01-23:59", "periods_overlap", "Mon 09:00"),
        ("the evening twice", "00:00-08:59 18:00-23:59", "periods_overlap", "Mon 18:00"),
        ("a minute free", "00:00-08:58 18:01-23:59", "periods_leave_a_gap", "Mon 08:59"),
        ("the last free", "00:00-08:59 18:01-23:58", "periods_leave_a_gap", "Mon 23:59"),
    ] {
        let night = world.period(name, "do_not_call", ranges).await;
        let (code, detail) =
            judged(&world, json!({"call_period": day, "do_not_call_period": night})).await;
        assert_eq!(code, format!("422 /schedule/do_not_call_period {told}"), "{name}");
        assert!(detail.starts_with(minute), "{name}: {detail}");
    }

    // On Sundays the day has no calls, and no do-not-call time either.
    let workdays: Value = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat"].into_iter().collect();
    let week = json!({"name": "Week", "kind": "call", "ranges": [
        {"start": "09:00", "end": "18:00", "weekdays": workdays},
    ]});
    let week = world.made("periods", week).await;
    let night = world.period("Night", "do_not_call", "00:00-08:59 18:01-23:59").await;
    let (code, detail) =
        judged(&world, json!({"call_period": week, "do_not_call_period": night})).await;
    assert_eq!(code, "422 /schedule/do_not_call_period periods_leave_a_gap");
    assert!(detail.starts_with("Sun 09:00"), "{detail}");

    // Right ones are taken; an edit of a period that would break a task is refused like the task.
    let schedule = json!({"call_period": day, "do_not_call_period": night});
    assert_eq!(judged(&world, schedule.clone()).await.0, "201");
    world.task("keeps to both", json!({"schedule": schedule})).await;
    let (code, detail) = refusal(
        &world
            .edit(&format!("periods/{day}"), json!({"ranges": World::ranges("09:00-17:59")}))
            .await,
    );
    assert!(code.starts_with("422"), "{code} {detail}");
    assert!(detail.contains("Mon 18:00"), "{detail}");
    let (status, _) = world.ask("DELETE", &format!("periods/{day}"), Value::Null).await;
    assert_eq!(status, 409, "a period in use is not deleted");
    world.end().await;
}

#[tokio::test]
async fn the_scheduled_start_must_be_the_start_of_a_range() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    let day = world.period("Day", "call", "14:00-18:00 09:00-12:00").await;
    for (start, wanted) in [
        ("2026-12-01T09:00:00", "201"),
        ("2026-12-03T14:00:00", "201"),
        ("2026-12-01T10:00:00", "422 /schedule/scheduled_start not_a_range_start"),
        ("2026-12-01T09:00:01", "422 /schedule/scheduled_start not_a_range_start"),
        ("2026-11-30T09:00:00", "422 /schedule/scheduled_start in_the_past"),
    ] {
        let schedule = json!({"scheduled_start": start, "call_period": day});
        let (code, detail) = judged(&world, schedule).await;
        assert_eq!(code, wanted, "{start}");
        if wanted.ends_with("not_a_range_start") {
            assert!(detail.ends_with("09:00, 14:00"), "{detail}");
        }
    }
    // Without interval calling any time will do.
    let free = json!({"scheduled_start": "2026-12-01T10:07:00"});
    assert_eq!(judged(&world, free).await.0, "201");
    world.end().await;
}

#[tokio::test]
async fn the_scheduled_end_must_lie_after_now_and_after_the_start() {
    let world = World::at("2026-12-01T08:00:00+08:00").await;
    for (start, end, wanted) in [
        (Value::Null, "2026-12-01T07:59:00", "422 /schedule/scheduled_end in_the_past"),
        (
            json!("2026-12-02T09:00:00"),
            "2026-12-02T09:00:00",
            "422 /schedule/scheduled_end not_after_start",
        ),
        (json!("2026-12-02T09:00:00"), "2026-12-02T18:00:00", "201"),
    ] {
        let schedule = json!({"scheduled_start": start, "scheduled_end": end});
        assert_eq!(judged(&world, schedule).await.0, wanted, "{end}");
    }
    world.end().await;
}

#[tokio::test]
async fn interval_calling_makes_calls_in_the_segments_only() {
    let world = World::at("2026-12-01T11:59:59+08:00").await;
    let day = world.period("Day", "call", "09:00-12:00 14:00-18:00").await;
    let task = world.task("segments", json!({"schedule": {"call_period": day}})).await;
    world.import(&task, "morning", &["13800000002"]).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;

    world.set("2026-12-01T12:01:00+08:00");
    let options = json!({"batch_name": "noon", "start": "auto"});
    world.import_numbers(&task, &options, numbers(["13900010002"])).await;
    world.until_state(&task, "paused outside_call_period").await;
    world.set("2026-12-01T13:59:59+08:00");
    let records = world.until_records(&task, 2).await;
    assert_eq!(rung(&records, 6), "000002 010002");
    assert_eq!(wall(&records[1..]), "14:00");
    world.end().await;
}
