//! One key of an enterprise against another.

use harness::{Answer, World, ask};
use outbound::enterprise::CONCURRENCY_MAX;
use serde_json::{Value, json};
use storage::enterprises;

#[tokio::test]
async fn nobody_takes_an_idempotency_key_from_another_key_and_a_role_that_is_too_low_keeps_nothing()
{
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let http = reqwest::Client::new();
    let secret = async |role: &str, name: &str| {
        let made = world.post("keys", json!({"name": name, "role": role, "permissions": []})).await;
        made["secret"].as_str().expect("a secret").to_owned()
    };
    let viewer = secret("viewer", "viewer").await;
    let [one, two] = [secret("operator", "one").await, secret("operator", "two").await];
    let post = |key: &str, name: &str| {
        let body = json!({"name": name, "kind": "call",
            "ranges": [{"start": "09:00", "end": "18:00"}]});
        let request = http.post(format!("http://{}/v1/periods", world.address)).bearer_auth(key);
        Answer::to(request.json(&body).header("idempotency-key", "Tuesday"))
    };
    assert_eq!(post(&viewer, "theirs").await.told(), "403 role_required");
    assert_eq!(post(&one, "first").await.status, 201, "a viewer took the key");
    assert_eq!(post(&two, "second").await.status, 201, "another key took it");
    let again = post(&one, "first").await;
    assert_eq!(again.header("idempotency-replayed"), "true", "{}", again.told());
    assert_eq!(again.status, 201);
    assert_eq!(post(&one, "another").await.told(), "422 idempotency_key_reused");
    let periods = world.get("periods").await;
    assert_eq!(periods["data"].as_array().map(Vec::len), Some(2), "{periods}");
    world.end().await;
}

#[tokio::test]
async fn nobody_revokes_a_key_that_may_do_more() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let weak = world.key("admin", &["export"]).await;
    let strong = world.post("keys", json!({"name": "strong", "role": "viewer", "permissions": ["export", "see_full_numbers"]})).await;
    let path = format!("keys/{}", strong["id"].as_str().expect("an id"));
    let refused = ask(&weak, "DELETE", &path, Value::Null).await;
    assert_eq!(refused.told(), "403 permission_required");
    assert!(
        refused.json()["detail"].as_str().is_some_and(|told| told.contains("`see_full_numbers`"))
    );
    let strong = world.by(strong["secret"].as_str().expect("a secret"));
    assert_eq!(ask(&strong, "GET", "settings", Value::Null).await.told(), "200", "it still works");
    // Keys that may do no more than the own one, itself among them.
    let mine = world
        .post("keys", json!({"name": "mine", "role": "admin", "permissions": ["export"]}))
        .await;
    let mine = format!("keys/{}", mine["id"].as_str().expect("an id"));
    assert_eq!(ask(&weak, "DELETE", &mine, Value::Null).await.told(), "204");
    assert_eq!(ask(&world.api, "DELETE", &path, Value::Null).await.told(), "204");
    assert_eq!(ask(&strong, "GET", "settings", Value::Null).await.told(), "401 key_required");
    world.end().await;
}

#[tokio::test]
async fn no_administrator_sets_more_calls_than_the_hard_limit_of_the_enterprise() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let settings = world.get("settings").await;
    assert_eq!(settings["concurrency_max"], CONCURRENCY_MAX, "none is set");
    let id = settings["enterprise"].as_str().expect("an id").parse().expect("an id");
    let limit = async |most| {
        enterprises::set_concurrency_max(world.store(), id, most, "operator", world.clock.now())
            .await
    };
    let limited = limit(Some(40)).await.expect("it is set");
    assert_eq!(limited.settings.concurrency_limit, 40, "what was more is lowered");
    let patch = |body: Value| {
        let request = world.api.request(reqwest::Method::PATCH, "settings");
        Answer::to(request.header("if-match", "*").json(&body))
    };
    let refused = patch(json!({"concurrency_limit": 41})).await;
    assert_eq!(refused.told(), "422 invalid_input");
    let fault = refused.json()["errors"][0].clone();
    assert_eq!(
        (&fault["pointer"], &fault["code"]),
        (&json!("/concurrency_limit"), &json!("over_hard_limit"))
    );
    let told = fault["detail"].as_str().expect("a detail");
    assert!(
        told.contains("at most 40") && told.contains("callwright enterprises change"),
        "{told}"
    );
    assert_eq!(patch(json!({"concurrency_max": 100})).await.told(), "422 invalid_input");
    assert_eq!(patch(json!({"concurrency_limit": 40})).await.told(), "200");
    assert_eq!(world.get("settings").await["concurrency_max"], 40);
    limit(None).await.expect("it is lifted");
    assert_eq!(patch(json!({"concurrency_limit": 41})).await.told(), "200");
    assert!(limit(Some(0)).await.is_err() && limit(Some(CONCURRENCY_MAX + 1)).await.is_err());
    let told = world.get("audit?action=enterprise.edit").await;
    assert_eq!(
        told["data"][1]["detail"]["concurrency_max"],
        json!({"from": null, "to": 40}),
        "{told}"
    );
    world.end().await;
}
