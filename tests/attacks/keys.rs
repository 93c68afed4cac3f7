//! One key of an enterprise against another.

use harness::{Answer, World};
use serde_json::json;

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
