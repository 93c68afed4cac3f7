//! Who may do what: keys, roles, and the audit log (SPEC 2).

use callwright::client::Api;
use harness::{Answer, World, ask};
use serde_json::{Value, json};

async fn told(api: &Api, method: &str, path: &str, body: Value) -> String {
    ask(api, method, path, body).await.told()
}

#[tokio::test]
async fn a_key_is_shown_once_and_works_until_it_is_revoked() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let body = json!({"name": "console", "role": "operator", "permissions": ["export"]});
    let made = ask(&world.api, "POST", "keys", body).await;
    assert_eq!(made.told(), "201");
    let made = made.json();
    let (secret, id) =
        (made["secret"].as_str().expect("a secret"), made["id"].as_str().expect("an id"));
    assert!(
        secret.starts_with(made["prefix"].as_str().expect("a prefix")) && secret.len() > 43,
        "256 bits"
    );
    for path in ["keys".to_owned(), format!("keys/{id}"), "audit".into()] {
        assert!(
            !world.get(&path).await.to_string().contains(secret),
            "{path} never shows it again"
        );
    }
    let key = world.by(secret);
    assert_eq!(told(&key, "GET", "tasks", Value::Null).await, "200");
    assert_eq!(world.get(&format!("keys/{id}")).await["role"], "operator");
    assert_eq!(told(&world.api, "DELETE", &format!("keys/{id}"), Value::Null).await, "204");
    let refused = ask(&key, "GET", "tasks", Value::Null).await;
    assert_eq!(
        (refused.told().as_str(), refused.header("www-authenticate")),
        ("401 key_required", "Bearer")
    );
    assert!(world.get(&format!("keys/{id}")).await["revoked_at"].is_string());
    for wrong in ["", "cw_", "cw_0000_0000", &secret[..secret.len() - 1], "Bearer"] {
        assert_eq!(
            told(&world.by(wrong), "GET", "tasks", Value::Null).await,
            "401 key_required",
            "{wrong}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn each_role_may_do_its_own_and_what_is_below() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let keys = [
        world.key("viewer", &[]).await,
        world.key("operator", &[]).await,
        world.key("admin", &[]).await,
    ];
    let tag = ask(&world.api, "GET", "settings", Value::Null).await.header("etag").to_owned();
    let (allowed, refused) = ("", "403 role_required");
    for (method, path, body, wanted) in [
        ("GET", "tasks".to_owned(), Value::Null, [allowed; 3]),
        ("GET", format!("tasks/{task}/progress"), Value::Null, [allowed; 3]),
        ("GET", "records".into(), Value::Null, [allowed; 3]),
        ("GET", "settings".into(), Value::Null, [allowed; 3]),
        ("POST", "tasks".into(), json!({}), [refused, allowed, allowed]),
        ("POST", format!("tasks/{task}/start"), json!({}), [refused, allowed, allowed]),
        (
            "POST",
            format!("tasks/{task}/imports"),
            json!({"numbers": []}),
            [refused, allowed, allowed],
        ),
        ("POST", "templates".into(), json!({}), [refused, allowed, allowed]),
        ("POST", "robots".into(), json!({}), [refused, allowed, allowed]),
        ("POST", "suppressions".into(), json!({}), [refused, allowed, allowed]),
        ("POST", "trunks".into(), json!({}), [refused, refused, allowed]),
        ("POST", "keys".into(), json!({}), [refused, refused, allowed]),
        ("GET", "keys".into(), Value::Null, [refused, refused, allowed]),
        ("GET", "audit".into(), Value::Null, [refused, refused, allowed]),
        ("PATCH", "settings".into(), json!({}), [refused, refused, allowed]),
    ] {
        for (key, wanted) in keys.iter().zip(wanted) {
            let mut request =
                key.request(method.parse().expect("a method"), &path).header("if-match", &tag);
            if !body.is_null() {
                request = request.json(&body);
            }
            let answer = Answer::to(request).await;
            if wanted == refused {
                assert_eq!(answer.told(), refused, "{method} {path}");
            } else {
                // Whatever else may be wrong with it, the role is not.
                assert!(![401, 403].contains(&answer.status), "{method} {path}: {}", answer.told());
            }
        }
    }
    // Nobody gives away what they do not have.
    let body = json!({"name": "more", "role": "viewer", "permissions": ["export"]});
    assert_eq!(told(&keys[2], "POST", "keys", body).await, "403 permission_required");
    world.end().await;
}

#[tokio::test]
async fn every_change_start_import_export_and_download_is_in_the_audit_log() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"recording": true})).await;
    world.patch(&format!("tasks/{task}"), json!({"concurrency": 5})).await;
    let import = world.import(&task, "May", &["13800000001"]).await;
    world.start(&task).await;
    let record = world.until_records(&task, 1).await.remove(0);
    world.until_state(&task, "paused no_pending_numbers").await;
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    let export = world.exported(json!({"task": task, "content": "call_records"})).await;
    world.download(&format!("exports/{}/download", export["id"].as_str().expect("an id"))).await;
    world.patch("settings", json!({"record_retention_days": 30})).await;
    world.post("suppressions", json!({"phone_numbers": ["13800000009"]})).await;
    let entry = |action: &str, target: Option<String>| {
        let path = format!(
            "audit?action={action}{}",
            target.map(|id| format!("&target={id}")).unwrap_or_default()
        );
        let world = &world;
        async move { world.get(&path).await["data"][0].clone() }
    };
    let id = |value: &Value| value["id"].as_str().map(str::to_owned);
    for (action, target) in [
        ("task.create", Some(task.clone())),
        ("task.edit", Some(task.clone())),
        ("task.start", Some(task.clone())),
        ("task.end", Some(task.clone())),
        ("import.create", id(&import)),
        ("export.create", id(&export)),
        ("export.download", id(&export)),
        ("settings.edit", None),
        ("suppression.add", None),
        ("number.reveal", None),
    ] {
        let entry = entry(action, target).await;
        assert_eq!(entry["action"], action, "{entry}");
        assert!(
            entry["actor"].as_str().is_some_and(|actor| actor.starts_with("key_")),
            "who: {entry}"
        );
        assert_eq!(entry["source"], "127.0.0.1", "from where: {entry}");
        assert!(
            entry["at"].as_str().is_some_and(|at| at.starts_with("2026-12-01T02:0")),
            "when: {entry}"
        );
    }
    let edit = entry("task.edit", Some(task)).await;
    assert_eq!(
        edit["detail"]["changes"]["concurrency"],
        json!({"from": 10, "to": 5}),
        "what: {edit}"
    );
    // The log itself names no number in full.
    let log = world.get("audit?limit=200").await.to_string();
    assert!(!log.contains("13800000001") && !log.contains("13800000009"), "{log}");
    assert_eq!(record["result"], "answered");
    world.end().await;
}
