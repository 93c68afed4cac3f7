//! Opening hours of a task with both periods are edited in one step, while it runs too.

use harness::World;
use harness::campaign::{refusal, wall};
use serde_json::{Value, json};

/// The `ETag` of a period.
async fn tag(world: &World, period: &str) -> String {
    let path = format!("periods/{period}");
    let read = world.api.request("GET".parse().expect("a method"), &path).send().await;
    let read = read.expect("an answer");
    let tag = read.headers().get("etag").expect("an ETag");
    tag.to_str().expect("a text").to_owned()
}

/// An edit among several.
fn edit(period: &str, tag: &str, changes: Value) -> Value {
    json!({"id": period, "if_match": tag, "changes": changes})
}

fn ranges(text: &str) -> Value {
    json!({"ranges": World::ranges(text)})
}

async fn change(world: &World, edits: &[Value]) -> (u16, Value) {
    world.ask("PATCH", "periods", json!({"periods": edits})).await
}

/// Everything that a refused edit must leave alone.
async fn everything(world: &World, task: &str) -> [Value; 2] {
    [world.get(&format!("tasks/{task}")).await, world.get("periods").await]
}

#[tokio::test]
async fn opening_hours_of_a_task_with_both_periods_are_edited_in_one_request() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let night = world.period("Night", "do_not_call", "00:00-08:59 18:01-23:59").await;
    let schedule = json!({"call_period": day, "do_not_call_period": night});
    let task = world.task("both", json!({"schedule": schedule})).await;
    world.import_auto(&task, "first", &["13800000003"]).await;
    world.until_records(&task, 1).await;

    // Each half alone breaks the cover.
    for (period, hours, code) in [
        (&day, "11:00-18:00", "periods_leave_a_gap"),
        (&night, "00:00-10:59 18:01-23:59", "periods_overlap"),
    ] {
        let refused = world.edit(&format!("periods/{period}"), ranges(hours)).await;
        assert_eq!(refusal(&refused).0, format!("422 /ranges {code}"));
    }
    let (old_day, old_night) = (tag(&world, &day).await, tag(&world, &night).await);
    let edits = [
        edit(&night, &old_night, ranges("00:00-10:59 18:01-23:59")),
        edit(&day, &old_day, ranges("11:00-18:00")),
    ];
    let (status, changed) = change(&world, &edits).await;
    assert_eq!(status, 200, "{changed}");
    assert_eq!(changed["periods"][1]["id"], json!(day));
    assert_eq!(changed["periods"][1]["ranges"][0]["start"], "11:00");
    assert_eq!(changed["periods"][0]["etag"], json!(tag(&world, &night).await));
    // It is 10:00: the task that ran is closed from now on, and opens at 11:00.
    world.import_auto(&task, "second", &["13800010003"]).await;
    world.until_state(&task, "paused do_not_call_period").await;
    world.set("2026-12-01T10:59:59+08:00");
    assert_eq!(wall(&world.until_records(&task, 2).await), "10:00 11:00");

    // What is stale, or wrong, or not there refuses all of it.
    world.until_state(&task, "paused no_pending_numbers").await;
    let before = everything(&world, &task).await;
    let new_day = tag(&world, &day).await;
    let good = edit(&day, &new_day, ranges("10:00-18:00"));
    let stale = edit(&night, &old_night, ranges("00:00-09:59 18:01-23:59"));
    assert_eq!(
        refusal(&change(&world, &[good.clone(), stale]).await).0,
        "412 /periods/1/if_match stale"
    );
    let fresh = tag(&world, &night).await;
    for (second, told) in [
        (
            edit(&night, &fresh, ranges("10:00-09:59")),
            "422 /periods/1/changes/ranges/0/end past_midnight",
        ),
        (
            edit(&night, &fresh, json!({"ranges": [{"start": "nine", "end": "18:00"}]})),
            "422 /periods/1/changes/ranges/0/start invalid_value",
        ),
        (
            edit(&night, &fresh, json!({"colour": "red"})),
            "422 /periods/1/changes/colour unknown_field",
        ),
        (
            edit(&night, &fresh, ranges("00:00-09:58 18:01-23:59")),
            "422 /periods/0/changes/ranges periods_leave_a_gap",
        ),
        (edit(&day, &new_day, json!({})), "422 /periods/1/id repeated"),
        (
            edit("period_00000000000000000000000001", &fresh, json!({})),
            "422 /periods/1/id not_found",
        ),
        (edit(&night, "3", json!({})), "422 /periods/1/if_match invalid_value"),
    ] {
        assert_eq!(refusal(&change(&world, &[good.clone(), second]).await).0, told);
    }
    assert_eq!(refusal(&change(&world, &[]).await).0, "422 /periods too_few");
    assert_eq!(everything(&world, &task).await, before, "nothing was changed");
    world.end().await;
}

#[tokio::test]
async fn a_period_that_is_everything_outside_of_another_follows_it() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let day = world.period("Day", "call", "09:00-18:00").await;
    let closed = json!({"name": "Closed", "kind": "do_not_call", "complement_of": day});
    let closed = world.made("periods", closed).await;
    let shown = world.get(&format!("periods/{closed}")).await;
    assert_eq!(shown["ranges"][1]["start"], "18:01", "{shown}");
    let schedule = json!({"call_period": day, "do_not_call_period": closed});
    let task = world.task("follows", json!({"schedule": schedule})).await;
    world.import_auto(&task, "first", &["13800000003"]).await;
    world.until_records(&task, 1).await;

    let before = tag(&world, &closed).await;
    let holiday = json!([{"date": "2026-12-02", "day": "closed"}]);
    let hours = json!({"ranges": World::ranges("11:00-18:00"), "exceptions": holiday});
    world.patch(&format!("periods/{day}"), hours).await;
    assert_ne!(tag(&world, &closed).await, before, "its ranges are others now");
    world.import_auto(&task, "second", &["13800010003"]).await;
    world.until_state(&task, "paused do_not_call_period").await;
    world.set("2026-12-01T10:59:59+08:00");
    assert_eq!(wall(&world.until_records(&task, 2).await), "10:00 11:00");
    world.set("2026-12-01T18:01:00+08:00");
    world.import_auto(&task, "third", &["13800020003"]).await;
    world.until_state(&task, "paused do_not_call_period").await;
    // The holiday holds in both.
    world.set("2026-12-02T12:00:00+08:00");
    let edge = world.get(&format!("tasks/{task}")).await["next_edge_at"].clone();
    assert_eq!(harness::campaign::time(&edge), harness::at("2026-12-03T11:00:00+08:00"));
    world.set("2026-12-03T10:59:59+08:00");
    assert_eq!(wall(&world.until_records(&task, 3).await), "10:00 11:00 11:00");

    // One with hours and dates of its own comes to follow, by an edit that names nothing else.
    let night = json!({"name": "Night", "kind": "do_not_call", "ranges": World::ranges("20:00-22:00"),
        "exceptions": [{"date": "2026-12-25", "day": "closed"}]});
    let night = format!("periods/{}", world.made("periods", night).await);
    let follows = world.patch(&night, json!({"complement_of": day})).await;
    let shown = world.get(&format!("periods/{closed}")).await;
    assert_eq!(
        (&follows["ranges"], &follows["exceptions"]),
        (&shown["ranges"], &shown["exceptions"])
    );

    let path = format!("periods/{closed}");
    let refused = world.edit(&path, ranges("00:00-08:59")).await;
    assert_eq!(refusal(&refused).0, "422 /ranges derived");
    let (status, problem) = world.ask("DELETE", &format!("periods/{day}"), Value::Null).await;
    assert_eq!((status, &problem["code"]), (409, &json!("period_in_use")));
    // A rename of the other leaves it as it is, and a new name of its own needs no ranges.
    let before = tag(&world, &closed).await;
    world.patch(&format!("periods/{day}"), json!({"name": "Opening hours"})).await;
    assert_eq!(tag(&world, &closed).await, before);
    assert_eq!(world.patch(&path, json!({"name": "Shut"})).await["complement_of"], json!(day));
    world.end().await;
}
