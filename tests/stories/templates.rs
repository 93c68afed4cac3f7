//! Step 1, scenario 1: “Using Task Templates to Reuse Existing Configurations”.

use harness::World;
use harness::campaign::refusal;
use serde_json::{Value, json};

/// Every configuration item, basic and advanced, other than its default.
async fn everything(world: &World) -> Value {
    let call = world.period("Day", "call", "09:00-18:00").await;
    let night = world.period("Night", "do_not_call", "00:00-08:59 18:01-23:59").await;
    world.task_config(
        "spring template",
        json!({
            "description": "All about spring",
            "concurrency": 7,
            "rotation": "random",
            "ring_timeout_seconds": 30,
            "max_call_seconds": 120,
            "calls_per_second": 5,
            "schedule": {
                "scheduled_start": "2026-12-02T09:00:00",
                "scheduled_end": "2026-12-09T18:00:00",
                "call_period": call,
                "do_not_call_period": night,
                "callee_local_time": "on",
            },
            "redial": {
                "enabled": true,
                "reference": "first_call",
                "mode": "advanced",
                "statuses": ["busy", "no_answer"],
                "retry_seconds": [600, 1_800],
            },
            "call_order": {"first": "uncalled", "redial": "ascending", "uncalled": "random"},
            "variables": {"customerName": "you"},
            "recording": true,
            "tags": ["spring", "sale"],
            "when_done": "end",
            "time_zone": "Asia/Tokyo",
            "default_region": "JP",
        }),
    )
}

/// The items of a configuration that a task or a template shows.
fn items(shown: &Value, like: &Value) -> Value {
    let like = like.as_object().expect("a configuration");
    like.keys()
        .map(|name| (name.clone(), shown[name].clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[tokio::test]
async fn a_template_fills_in_every_saved_configuration_item() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = everything(&world).await;
    let template = world.made("templates", config.clone()).await;
    assert_eq!(items(&world.get(&format!("templates/{template}")).await, &config), config);

    let task = world.made(&format!("templates/{template}/tasks"), json!({"name": "spring"})).await;
    let mut wanted = config.clone();
    wanted["name"] = "spring".into();
    let task = world.get(&format!("tasks/{task}")).await;
    assert_eq!(items(&task, &config), wanted);
    assert_eq!(task["state"], "initial");
    assert_eq!(task["next_start_at"], "2026-12-02T00:00:00Z", "09:00 in Tokyo");
    world.end().await;
}

#[tokio::test]
async fn selecting_a_template_overwrites_what_the_page_held() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = everything(&world).await;
    let template = world.made("templates", config.clone()).await;
    let task = world
        .task("autumn", json!({"concurrency": 3, "tags": ["autumn"], "max_call_seconds": 99}))
        .await;

    // The page loads the template's values over those of the task, and saves them under its name.
    let shown = world.get(&format!("templates/{template}")).await;
    let mut loaded = items(&shown, &config);
    loaded["name"] = "autumn".into();
    world.patch(&format!("tasks/{task}"), loaded.clone()).await;
    assert_eq!(items(&world.get(&format!("tasks/{task}")).await, &config), loaded);

    // And the user goes on to change them.
    world.patch(&format!("tasks/{task}"), json!({"concurrency": 4})).await;
    assert_eq!(world.get(&format!("tasks/{task}")).await["concurrency"], 4);
    assert_eq!(world.get(&format!("templates/{template}")).await["concurrency"], 7);
    world.end().await;
}

#[tokio::test]
async fn later_edits_of_either_do_not_touch_the_other() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = world.task_config("template", json!({"tags": ["one"], "max_call_seconds": 60}));
    let template = world.made("templates", config).await;
    let task = world.made(&format!("templates/{template}/tasks"), json!({"name": "task"})).await;
    let (template, task) = (format!("templates/{template}"), format!("tasks/{task}"));

    world.patch(&template, json!({"tags": ["two"], "max_call_seconds": 90})).await;
    let seen = world.get(&task).await;
    assert_eq!((&seen["tags"], &seen["max_call_seconds"]), (&json!(["one"]), &json!(60)));

    world.patch(&task, json!({"tags": ["three"], "concurrency": 2})).await;
    let seen = world.get(&template).await;
    assert_eq!((&seen["tags"], &seen["concurrency"]), (&json!(["two"]), &json!(10)));

    // Nor does a deleted template take its tasks along.
    world.api.delete(&template).await.expect("a delete");
    assert_eq!(world.get(&task).await["tags"], json!(["three"]));
    world.end().await;
}

#[tokio::test]
async fn templates_are_created_edited_and_deleted_on_their_page() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let template = world.made("templates", world.task_config("first", json!({}))).await;
    world.made("templates", world.task_config("second", json!({}))).await;
    let names = || async {
        let listed = world.api.list("templates", &[], 100).await.expect("templates");
        listed.iter().map(|row| row["name"].as_str().unwrap_or("?").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names().await, ["second", "first"]);

    world.patch(&format!("templates/{template}"), json!({"name": "renamed"})).await;
    assert_eq!(names().await, ["second", "renamed"]);
    let taken = world.edit(&format!("templates/{template}"), json!({"name": "second"})).await;
    assert!(matches!(taken.0, 409 | 422), "{taken:?}");
    let wrong = world.edit(&format!("templates/{template}"), json!({"concurrency": 0})).await;
    assert_eq!(refusal(&wrong).0, "422 /concurrency too_small");

    world.api.delete(&format!("templates/{template}")).await.expect("a delete");
    assert_eq!(names().await, ["second"]);
    let (status, _) =
        world.ask("POST", &format!("templates/{template}/tasks"), json!({"name": "late"})).await;
    assert_eq!(status, 404);
    world.end().await;
}
