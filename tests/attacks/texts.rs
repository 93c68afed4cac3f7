//! Texts and times that no database keeps, and names that are not what they look like.

use harness::{Answer, World, ask};
use serde_json::{Value, json};

/// `400 malformed_request /filter`
async fn asked(world: &World, path: &str, query: &[(&str, &str)]) -> String {
    let answer = Answer::to(world.api.request(reqwest::Method::GET, path).query(query)).await;
    let told = answer.told();
    let pointer = answer.json()["errors"][0]["pointer"].as_str().unwrap_or_default().to_owned();
    format!("{told} {pointer}").trim_end().to_owned()
}

fn cursor(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn what_no_database_keeps_is_refused_by_name_in_every_query_filter_and_cursor() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let id = "att_01h455vb4pex5vsknk084sn02q";
    let numbers = format!("tasks/{task}/numbers");
    for (path, name, value) in [
        ("audit", "action", "task\0start"),
        ("audit", "target", "\0"),
        ("audit", "actor", "a\0"),
        ("audit", "from", "-5000-01-01T00:00:00Z"),
        ("audit", "until", "+262000-01-01T00:00:00Z"),
        ("audit", "until", "300000-01-01T00:00:00Z"),
        ("audit", "cursor", "\0"),
        (
            "audit",
            "cursor",
            &cursor(r#"["-5000-01-01T00:00:00Z","audit_01h455vb4pex5vsknk084sn02q"]"#),
        ),
        ("records", "cursor", &cursor(&format!(r#"["-5000-01-01T00:00:00Z","{id}"]"#))),
        ("records", "cursor", &cursor(&format!(r#"["+262000-01-01T00:00:00Z","{id}"]"#))),
        ("records", "cursor", &cursor(&format!(r#"["2026-12-01T00:00:00Z\u0000","{id}"]"#))),
        ("records", "filter", "variables.\"a\0\" = b"),
        ("records", "filter", "variables.a = \"b\0\""),
        ("records", "filter", "variables : \"a\0\""),
        ("records", "filter", "conversation_text : \"\0\""),
        ("records", "filter", "started_at > -5000-01-01T00:00:00Z"),
        ("records", "filter", "started_at < +262000-01-01T00:00:00Z"),
        ("records", "filter", "started_at < 0000-01-01T00:00:00Z"),
        ("records", "filter", "started_at < 9999-12-31T23:59:59-08:00"),
        ("records", "sort", "started_at\0"),
        ("records", "fields", "id\0"),
        ("numbers", "phone", "138\x0000000001"),
        (&numbers, "phone", "13800000001\0"),
        (&numbers, "cursor", "00"),
        ("suppressions", "phone", "\0"),
        ("caller_ids", "cursor", &cursor("\"\\u0000\"")),
    ] {
        let expected = format!("400 malformed_request /{name}");
        assert_eq!(
            asked(&world, path, &[(name, value)]).await,
            expected,
            "{path} {name}={value:?}"
        );
    }
    for path in ["tasks/%00", "records/att_%00", "batches/batch_01h455vb4pex5vsknk084sn02%00"] {
        assert_eq!(asked(&world, path, &[]).await, "404 not_found", "{path}");
    }
    // Times at the edges of what is kept are asked for like any other.
    let edges = "started_at > 0001-01-01T00:00:00Z AND started_at < 9999-12-31T23:59:59Z";
    assert_eq!(asked(&world, "records", &[("filter", edges)]).await, "200");
    let query = [("from", "0001-01-01T00:00:00Z"), ("until", "9999-12-31T23:59:59Z")];
    assert_eq!(asked(&world, "audit", &query).await, "200");
    world.end().await;
}

/// `422 /name invalid_character`, and the detail.
async fn refused(world: &World, method: &str, path: &str, body: Value) -> (String, String) {
    let mut request = world.api.request(method.parse().expect("a method"), path);
    if method == "PATCH" {
        request = request.header("if-match", "*");
    }
    let answer = Answer::to(request.json(&body)).await;
    let fault = answer.json()["errors"][0].clone();
    let word = |name: &str| fault[name].as_str().unwrap_or_default().to_owned();
    (format!("{} {} {}", answer.status, word("pointer"), word("code")), word("detail"))
}

#[tokio::test]
async fn times_that_nobody_keeps_are_refused_by_name_in_every_body() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let period =
        json!({"name": "day", "kind": "call", "ranges": [{"start": "09:00", "end": "18:00"}]});
    let period = format!("periods/{}", world.made("periods", period).await);
    let day = json!({"exceptions": [{"date": "+262000-01-01", "day": "closed"}]});
    for (method, path, body, pointer) in [
        (
            "POST",
            "suppressions",
            json!({"phone_numbers": ["13800000001"], "expires_at": "+262000-01-01T00:00:00Z"}),
            "/expires_at",
        ),
        (
            "PATCH",
            &format!("tasks/{task}"),
            json!({"schedule": {"scheduled_start": "-262000-01-01T00:00:00"}}),
            "/schedule/scheduled_start",
        ),
        (
            "PATCH",
            &format!("tasks/{task}"),
            json!({"schedule": {"scheduled_end": "+262142-12-31T23:59:59"}}),
            "/schedule/scheduled_end",
        ),
        ("PATCH", &period, day, "/exceptions/0/date"),
    ] {
        let (told, detail) = refused(&world, method, path, body).await;
        assert_eq!(told, format!("422 {pointer} out_of_bounds"), "{path}");
        assert!(detail.contains("years 1 to 9999"), "{detail}");
    }
    let options = json!({"expires_at": "+262000-01-01T00:00:00Z"});
    let file = b"Phone Number\n13800000001\n".to_vec();
    let answer = world.upload_to("suppressions/imports", "list.csv", file.clone(), &options).await;
    assert_eq!(
        (answer.status, &answer.json()["errors"][0]["pointer"]),
        (422, &json!("/expires_at"))
    );
    let options = json!({"reason": "a\0b"});
    let answer = world.upload_to("suppressions/imports", "list.csv", file, &options).await;
    assert_eq!((answer.status, &answer.json()["errors"][0]["pointer"]), (422, &json!("/reason")));
    world.end().await;
}

#[tokio::test]
async fn a_name_that_is_not_what_it_looks_like_is_refused_with_the_character_in_it() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let agent = json!({"kind": "scripted", "intents": [{"name": "yes", "keywords": ["yes"], "reply": "Fine."}], "fallback": ["Pardon?"]});
    let bodies = |name: &str| {
        [
            ("tasks", world.task_config(name, json!({}))),
            ("templates", world.task_config(name, json!({}))),
            ("robots", json!({"name": name, "agent": agent})),
            (
                "navigations",
                json!({"name": name, "start": "end", "nodes": [{"name": "end", "kind": "hangup"}]}),
            ),
            ("trunks", json!({"name": name, "concurrency": 1})),
            (
                "periods",
                json!({"name": name, "kind": "call", "ranges": [{"start": "09:00", "end": "18:00"}]}),
            ),
            ("keys", json!({"name": name, "role": "viewer", "permissions": []})),
            ("knowledge", json!({"name": name})),
        ]
    };
    for (character, code_point, code) in [
        ('\u{200b}', "U+200B", "invisible_character"),
        ('\u{202e}', "U+202E", "invisible_character"),
        ('\u{feff}', "U+FEFF", "invisible_character"),
        ('\u{ad}', "U+00AD", "invisible_character"),
        ('\u{e0041}', "U+E0041", "invisible_character"),
        ('\u{7}', "U+0007", "control_character"),
        ('\n', "U+000A", "control_character"),
        ('\u{2028}', "U+2028", "control_character"),
    ] {
        let name = format!("spr{character}ing");
        for (path, body) in bodies(&name) {
            let (told, detail) = refused(&world, "POST", path, body).await;
            assert_eq!(told, format!("422 /name {code}"), "{path} {name:?}");
            assert!(detail.contains(code_point), "{path}: {detail}");
        }
        let numbers = json!({"numbers": [{"phone_number": "13800000001"}]});
        let request = world.api.request(reqwest::Method::POST, &format!("tasks/{task}/imports"));
        let answer = Answer::to(request.query(&[("batch_name", &name)]).json(&numbers)).await;
        let fault = answer.json()["errors"][0].clone();
        assert_eq!(
            (&fault["pointer"], &fault["code"]),
            (&json!("/batch_name"), &json!(code)),
            "{fault}"
        );
    }
    let settings = outbound::enterprise::EnterpriseSettings::new(chrono_tz::Asia::Shanghai, 10);
    let made =
        storage::enterprises::create(world.store(), "Sto\u{200d}ry", settings, world.clock.now())
            .await;
    assert!(made.is_err(), "an enterprise");
    for (path, body) in bodies("Frühling 春 👍") {
        assert_eq!(ask(&world.api, "POST", path, body).await.told(), "201", "{path}");
    }
    world.end().await;
}
