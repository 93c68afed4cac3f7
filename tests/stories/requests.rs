//! The API's manners: requests that can't be read, repeated requests, versions, unknown paths (API.md).

use harness::{Answer, World, ask};
use reqwest::Method;
use serde_json::{Value, json};

use crate::bad_input::told;

#[tokio::test]
async fn requests_that_cant_be_read_are_refused_by_name() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let witness = world.key("admin", &[]).await;
    let task = world.task("spring", json!({})).await;
    let before = world.everything(&witness).await;
    let send = |method: &str, path: &str, media_type: &'static str, body: Vec<u8>| {
        let request = world.api.request(method.parse().expect("a method"), path);
        Answer::to(request.header("content-type", media_type).body(body))
    };
    let json = "application/json";
    let large = format!("{{\"name\": \"{}\"}}", "x".repeat(1 << 20)).into_bytes();
    let numbers = br#"{"numbers": [{"phone_number": "13800001001"}]}"#.to_vec();
    let imports = |query: &str| format!("tasks/{task}/imports{query}");
    for (method, path, media_type, body, wanted, words) in [
        (
            "POST",
            "tasks".to_owned(),
            json,
            b"{".to_vec(),
            "400 malformed_request  not_json",
            "not JSON",
        ),
        (
            "POST",
            "tasks".into(),
            "text/plain",
            b"{}".to_vec(),
            "415 unsupported_media_type",
            "application/json",
        ),
        ("POST", "tasks".into(), json, large, "413 body_too_large", "1048576 bytes"),
        (
            "GET",
            "tasks?limit=201".into(),
            json,
            vec![],
            "400 malformed_request /limit out_of_bounds",
            "1 to 200",
        ),
        (
            "GET",
            "tasks?colour=red".into(),
            json,
            vec![],
            "400 malformed_request /colour invalid_parameter",
            "colour",
        ),
        (
            "GET",
            "tasks?cursor=zz".into(),
            json,
            vec![],
            "400 malformed_request /cursor unknown_cursor",
            "leave it out",
        ),
        (
            "GET",
            "records?filter=resultt%20%3D%201".into(),
            json,
            vec![],
            "400 malformed_request /filter invalid_filter",
            "column 1",
        ),
        (
            "GET",
            "records?sort=result".into(),
            json,
            vec![],
            "400 malformed_request /sort invalid_parameter",
            "started_at",
        ),
        (
            "POST",
            imports("?batch_name=May"),
            "text/html",
            b"x".to_vec(),
            "415 unsupported_media_type",
            "multipart",
        ),
        (
            "POST",
            imports(""),
            json,
            numbers.clone(),
            "422 invalid_input /batch_name missing_field",
            "1 to 64",
        ),
        (
            "POST",
            imports(&format!("?batch_name={}", "x".repeat(65))),
            json,
            numbers.clone(),
            "422 invalid_input /batch_name too_long",
            "64",
        ),
        (
            "POST",
            imports("?batch_name=May&batch_priority=1000000"),
            json,
            numbers.clone(),
            "422 invalid_input /batch_priority too_large",
            "0 to 999999",
        ),
        (
            "POST",
            imports("?batch_name=May&dedupe=some"),
            json,
            numbers.clone(),
            "400 malformed_request",
            "some",
        ),
        (
            "POST",
            imports("?batch_name=May&prio=1"),
            json,
            numbers,
            "400 malformed_request /prio invalid_parameter",
            "prio",
        ),
        (
            "POST",
            imports("?batch_name=May"),
            "text/csv",
            vec![],
            "422 invalid_input /file empty",
            "header",
        ),
        ("PUT", "tasks".into(), json, vec![], "405 method_not_allowed", "Allow"),
    ] {
        let (found, said) = told(&send(method, &path, media_type, body).await);
        assert!(found.starts_with(wanted), "{method} {path}: {found}: {said}");
        assert!(said.contains(words), "{method} {path}: `{words}` in {said}");
    }
    // Announced as too large, an import is refused before a byte of it is read.
    let body = vec![b'x'; 201_000_000];
    let (found, said) = told(&send("POST", &imports("?batch_name=May"), "text/csv", body).await);
    assert_eq!(found, "413 body_too_large", "{said}");
    assert!(said.contains("200065536") || said.contains("200000000"), "{said}");
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    world.end().await;
}

#[tokio::test]
async fn the_same_request_twice_happens_once() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let http = reqwest::Client::new();
    let post = |path: &str, key: Option<&str>, body: &Value| {
        let mut request = http
            .post(format!("http://{}/v1/{path}", world.address))
            .bearer_auth(&world.key)
            .json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        Answer::to(request)
    };
    let config = world.task_config("spring", json!({}));
    let first = post("tasks", Some("one"), &config).await;
    let again = post("tasks", Some("one"), &config).await;
    assert_eq!((first.told(), again.told()), ("201".into(), "201".into()));
    assert_eq!(again.json(), first.json());
    assert_eq!(
        (again.header("idempotency-replayed"), again.header("etag")),
        ("true", first.header("etag"))
    );
    let other = post("tasks", Some("one"), &world.task_config("autumn", json!({}))).await;
    assert_eq!(other.told(), "422 idempotency_key_reused");
    assert_eq!(world.get("tasks").await["data"].as_array().map(Vec::len), Some(1));

    let task = first.json()["id"].as_str().expect("an id").to_owned();
    let path = format!("tasks/{task}/imports?batch_name=May");
    let numbers = json!({"numbers": [{"phone_number": "13800001001"}]});
    assert_eq!(post(&path, None, &numbers).await.told(), "400 idempotency_key_required");
    let first = post(&path, Some("two"), &numbers).await;
    let again = post(&path, Some("two"), &numbers).await;
    assert_eq!(
        (first.told(), again.json()["id"].clone()),
        ("202".into(), first.json()["id"].clone())
    );
    let more = json!({"numbers": [{"phone_number": "13800001002"}]});
    assert_eq!(post(&path, Some("two"), &more).await.told(), "422 idempotency_key_reused");
    world.until_over(&format!("imports/{}", first.json()["id"].as_str().expect("an id"))).await;
    assert_eq!(world.get(&format!("tasks/{task}/progress")).await["total"], 1);

    // A key's secret is in its first reply only.
    let key = json!({"name": "console", "role": "viewer"});
    let (first, again) = (
        post("keys", Some("three"), &key).await.json(),
        post("keys", Some("three"), &key).await.json(),
    );
    assert!(first["secret"].is_string());
    assert_eq!((&again["secret"], &again["id"]), (&Value::Null, &first["id"]));
    assert_eq!(post("tasks", Some("a b"), &config).await.told(), "400 invalid_idempotency_key");
    world.end().await;
}

#[tokio::test]
async fn an_edit_needs_the_version_that_was_read() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let path = format!("tasks/{task}");
    let tag = ask(&world.api, "GET", &path, Value::Null).await.header("etag").to_owned();
    let edit = |tag: Option<&str>, description: &str| {
        let mut request =
            world.api.request(Method::PATCH, &path).json(&json!({"description": description}));
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        Answer::to(request)
    };
    assert_eq!(edit(None, "a").await.told(), "428 if_match_required");
    let edited = edit(Some(&tag), "b").await;
    assert_eq!(edited.told(), "200");
    assert_ne!(edited.header("etag"), tag);
    for stale in [&*tag, "W/\"1\"", "\"x\""] {
        assert_eq!(edit(Some(stale), "c").await.told(), "412 stale", "{stale}");
    }
    assert_eq!(world.get(&path).await["description"], "b");
    assert_eq!(edit(Some("*"), "d").await.told(), "200", "`*` takes whatever is there");
    assert_eq!(world.get(&path).await["description"], "d");
    world.end().await;
}

#[tokio::test]
async fn a_path_that_is_not_there_answers_with_a_problem() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (method, path, wanted) in [
        ("GET", "/v1/nothing", "404 not_found"),
        ("POST", "/v1/tasks/x/y/z", "404 not_found"),
        ("GET", "/v1", "404 not_found"),
        ("GET", "/v1/tasks/task_x", "404 not_found"),
        ("PUT", "/v1/tasks", "405 method_not_allowed"),
    ] {
        assert_eq!(
            ask(&world.api, method, path, Value::Null).await.told(),
            wanted,
            "{method} {path}"
        );
    }
    let answer =
        Answer::to(world.api.request(Method::GET, "nothing").header("x-request-id", "mine-1"))
            .await;
    assert_eq!(
        (answer.json()["request_id"].as_str(), answer.header("x-request-id")),
        (Some("mine-1"), "mine-1")
    );
    world.end().await;
}

#[tokio::test]
async fn odd_texts_are_refused_by_name_and_break_nothing() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let agent = json!({"kind": "scripted", "fallback": ["Pardon?"],
        "intents": [{"name": "yes", "keywords": ["yes"], "reply": "Good."}]});
    let node = |text: &str| json!([{"name": "a", "kind": "play", "text": text, "next": null}]);
    for (path, body, wanted) in [
        (
            "robots",
            json!({"name": "r", "opening": "a\0b", "agent": agent}),
            "422 invalid_input /opening control_character",
        ),
        (
            "navigations",
            json!({"name": "n", "start": "a", "nodes": node("\0")}),
            "422 invalid_input /nodes/0/text control_character",
        ),
        (
            "trunks",
            json!({"name": "t", "concurrency": 1, "simulated": {"personas": ["polite", "polit"]}}),
            "422 invalid_input /simulated/personas/1 unknown_persona",
        ),
        (
            "periods",
            json!({"name": "two\nlines", "kind": "call", "ranges": [{"start": "09:00", "end": "18:00"}]}),
            "422 invalid_input /name control_character",
        ),
        ("robots", json!([]), "400 malformed_request  not_an_object"),
    ] {
        let answer = ask(&world.api, "POST", path, body).await;
        assert_eq!(told(&answer).0, wanted, "{path}: {}", answer.json());
    }
    let smiles = "😀".repeat(64);
    let robot = json!({"name": smiles, "opening": "Grüß Gott 👋", "agent": agent});
    let robot = world.made("robots", robot).await;
    assert_eq!(world.get(&format!("robots/{robot}")).await["name"], smiles);
    world.end().await;
}

#[tokio::test]
async fn whoever_comes_with_a_browser_finds_the_documentation() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
    let root = client.expect("a client").get(format!("http://{}/", world.address));
    let answer = Answer::to(root).await;
    assert_eq!((answer.status, answer.header("location")), (307, "/docs"));
    world.end().await;
}
