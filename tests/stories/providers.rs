//! Services that robots hear, think and speak with: kept as everything else is, with a key that nobody reads back.

use harness::{World, ask};
use serde_json::{Value, json};

fn chat(name: &str) -> Value {
    json!({"name": name, "driver": "openai_chat", "url": "https://llm.example.com/v1", "model": "m", "key": "sk-secret"})
}

#[tokio::test]
async fn providers_are_kept_shown_and_deleted_like_everything_else() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let made = world.post("providers", chat("main")).await;
    let id = made["id"].as_str().expect("an id").to_owned();
    let path = format!("providers/{id}");
    assert_eq!((&made["kind"], &made["key"]), (&json!("agent"), &json!("********")));
    assert_eq!((&made["at_once"], &made["timeout_ms"]), (&json!(100), &json!(5_000)));
    assert_eq!(ask(&world.api, "POST", "providers", chat("main")).await.told(), "409 name_taken");
    for (body, pointer) in [
        (json!({"name": "x", "driver": "openai_chat", "url": "ftp://x", "model": "m"}), "/url"),
        (json!({"name": "", "driver": "espeak"}), "/name"),
        (json!({"name": "x", "driver": "http", "url": "https://x", "key": "********"}), "/key"),
    ] {
        let answer = ask(&world.api, "POST", "providers", body.clone()).await;
        assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{body}: {}", answer.told());
    }
    let unknown = json!({"name": "x", "driver": "telepathy"});
    assert_eq!(ask(&world.api, "POST", "providers", unknown).await.status, 422);

    // A new key holds; what is written back as it was read changes nothing.
    let changed = world.patch(&path, json!({"timeout_ms": 900, "key": "********"})).await;
    assert_eq!((&changed["timeout_ms"], &changed["key"]), (&json!(900), &json!("********")));
    world.patch(&path, json!({"key": "sk-new"})).await;
    let elsewhere = world.edit(&path, json!({"url": "https://other.example.com"})).await;
    assert_eq!(elsewhere.1["errors"][0]["code"], "another_address", "{}", elsewhere.1);

    // Nobody reads a key: not in a list, not in the audit log, not from the database.
    let log = world.get("audit?limit=200").await;
    let actions: Vec<&str> = log["data"]
        .as_array()
        .expect("entries")
        .iter()
        .filter(|entry| entry["target"] == json!(id))
        .filter_map(|entry| entry["action"].as_str())
        .collect();
    assert_eq!(actions, ["provider.edit", "provider.edit", "provider.create"]);
    assert_eq!(log["data"][0]["detail"]["new_key"], true, "that there is a new one is told");
    let list = world.get("providers").await;
    let stored =
        world.sql("select config::text || encode(sealed_key, 'escape') from provider").await;
    for told in [log.to_string(), list.to_string(), stored] {
        assert!(!told.contains("sk-"), "{told}");
    }

    // Operators see which there are, for their robots; only administrators keep them.
    let operator = world.key("operator", &[]).await;
    assert_eq!(ask(&operator, "GET", &path, Value::Null).await.status, 200);
    assert_eq!(ask(&operator, "POST", "providers", chat("other")).await.status, 403);
    assert_eq!(ask(&operator, "DELETE", &path, Value::Null).await.status, 403);
    let stranger = world.stranger().await;
    assert_eq!(ask(&stranger, "GET", &path, Value::Null).await.status, 404);
    assert_eq!(ask(&world.api, "DELETE", &path, Value::Null).await.status, 204);
    assert_eq!(ask(&world.api, "GET", &path, Value::Null).await.status, 404);
    world.end().await;
}

#[tokio::test]
async fn a_robot_that_names_a_provider_that_is_not_there_is_not_published() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let robot = json!({"name": "Anna", "opening": "Hello.",
        "agent": {"kind": "llm", "providers": ["main"], "prompt": "You are Anna."},
        "speech": {"recognisers": ["main"]}});
    let robot = world.made("robots", robot).await;
    let flow = json!({"name": "talk", "start": "talk",
        "nodes": [{"name": "talk", "kind": "agent", "robot": robot}]});
    let flow = world.made("navigations", flow).await;
    let publish = format!("navigations/{flow}/publish");
    let refused = ask(&world.api, "POST", &publish, json!({})).await.json();
    let told: Vec<&str> = refused["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["detail"].as_str())
        .collect();
    assert_eq!(
        told,
        [
            "the enterprise has no provider `main` (of kind `recogniser`)",
            "the enterprise has no provider `main` (of kind `agent`)",
        ]
    );
    let provider = world.made("providers", chat("main")).await;
    let refused = ask(&world.api, "POST", &publish, json!({})).await.json();
    assert_eq!(refused["errors"][0]["pointer"], "/nodes/0/robot", "{refused}");
    assert_eq!(refused["errors"][0]["code"], "wrong_provider", "{refused}");
    world.patch(&format!("robots/{robot}"), json!({"speech": null})).await;
    assert_eq!(ask(&world.api, "POST", &publish, json!({})).await.status, 200);

    let path = format!("providers/{provider}");
    let kept = ask(&world.api, "DELETE", &path, Value::Null).await;
    assert_eq!(kept.told(), "409 provider_in_use");
    let detail = kept.json()["detail"].to_string();
    assert!(detail.contains("the robot “Anna”, the voice navigation “talk”"), "{detail}");
    assert_eq!(world.edit(&path, json!({"name": "other"})).await.0, 409);
    world.patch(&path, json!({"key": "sk-new"})).await;
    world.end().await;
}
