//! Bodies that are refused: a problem that names field, limit and mend, and nothing changed.

use harness::{Answer, World, ask};
use reqwest::Method;
use serde_json::{Value, json};

/// A world with the guide's periods; ids of the call period and the do-not-call period.
async fn office() -> (World, String, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let call = period(&world, "day", "call", &[("09:00", "18:00")]).await;
    let quiet =
        period(&world, "night", "do_not_call", &[("00:00", "08:59"), ("18:01", "23:59")]).await;
    (world, call, quiet)
}

async fn period(world: &World, name: &str, kind: &str, ranges: &[(&str, &str)]) -> String {
    let ranges: Vec<_> =
        ranges.iter().map(|(start, end)| json!({"start": start, "end": end})).collect();
    world.made("periods", json!({"name": name, "kind": kind, "ranges": ranges})).await
}

/// `422 invalid_input /name too_long` when there is one fault, and its words.
pub fn told(answer: &Answer) -> (String, String) {
    let (told, body) = (answer.told(), answer.json());
    let faults = body["errors"].as_array().cloned().unwrap_or_default();
    let one = |fault: &Value| {
        format!(
            " {} {}",
            fault["pointer"].as_str().unwrap_or("?"),
            fault["code"].as_str().unwrap_or("?")
        )
    };
    let said: Vec<_> = faults.iter().filter_map(|fault| fault["detail"].as_str()).collect();
    let detail = body["detail"].as_str().unwrap_or_default();
    (told + &faults.iter().map(one).collect::<String>(), format!("{detail} {}", said.join(" ")))
}

#[tokio::test]
async fn a_task_that_cant_be_is_refused_with_field_limit_and_mend() {
    let (world, call, quiet) = office().await;
    let early =
        period(&world, "overlaps", "do_not_call", &[("00:00", "09:00"), ("18:01", "23:59")]).await;
    let late =
        period(&world, "leaves one free", "do_not_call", &[("00:00", "08:59"), ("18:02", "23:59")])
            .await;
    let draft =
        json!({"name": "draft", "start": "end", "nodes": [{"name": "end", "kind": "hangup"}]});
    let draft = world.made("navigations", draft).await;
    world.task("taken", json!({})).await;
    let witness = world.key("admin", &[]).await;
    let (many, long) = (vec![60; 11], "x".repeat(65));
    let schedule = |more: Value| json!({"schedule": more});
    let redial = |more: Value| json!({"redial": more});
    let rows = [
        (
            schedule(json!({"call_period": call, "do_not_call_period": early})),
            "/schedule/do_not_call_period periods_overlap",
            "Mon 09:00 is in both",
        ),
        (
            schedule(json!({"call_period": call, "do_not_call_period": late})),
            "/schedule/do_not_call_period periods_leave_a_gap",
            "Mon 18:01 is in neither",
        ),
        (
            schedule(json!({"call_period": quiet})),
            "/schedule/call_period wrong_period_kind",
            "kind `call`",
        ),
        (
            schedule(json!({"scheduled_start": "2026-12-01T09:59:59"})),
            "/schedule/scheduled_start in_the_past",
            "2026-12-01T10:0",
        ),
        (
            schedule(json!({"scheduled_start": "2026-12-02T09:30:00", "call_period": call})),
            "/schedule/scheduled_start not_a_range_start",
            "09:00",
        ),
        (
            schedule(json!({"scheduled_end": "2026-12-01T09:00:00"})),
            "/schedule/scheduled_end in_the_past",
            "Asia/Shanghai",
        ),
        (
            schedule(
                json!({"scheduled_start": "2026-12-03T09:00:00", "scheduled_end": "2026-12-02T18:00:00"}),
            ),
            "/schedule/scheduled_end not_after_start",
            "after the scheduled start",
        ),
        (
            schedule(json!({"scheduled_start": "tomorrow"})),
            "/schedule/scheduled_start invalid_value",
            "",
        ),
        (
            redial(
                json!({"enabled": true, "reference": "first_call", "retry_seconds": [1200, 600]}),
            ),
            "/redial/retry_seconds/1 must_rise",
            "600 must be more than 1200",
        ),
        (
            redial(
                json!({"enabled": true, "reference": "first_call", "retry_seconds": [600, 600]}),
            ),
            "/redial/retry_seconds/1 must_rise",
            "must rise",
        ),
        (
            redial(json!({"enabled": true, "retry_seconds": []})),
            "/redial/retry_seconds required",
            "1 to 10",
        ),
        (
            redial(json!({"enabled": true, "retry_seconds": many})),
            "/redial/retry_seconds too_many",
            "at most 10",
        ),
        (
            redial(json!({"enabled": true, "retry_seconds": [59]})),
            "/redial/retry_seconds/0 too_small",
            "60 to 2592000",
        ),
        (
            redial(json!({"enabled": true, "retry_seconds": [2_592_001]})),
            "/redial/retry_seconds/0 too_large",
            "2592000",
        ),
        (
            redial(json!({"enabled": true, "mode": "advanced", "retry_seconds": [60]})),
            "/redial/statuses required",
            "at least one",
        ),
        (redial(json!({"mode": "sometimes"})), "/redial/mode unknown_value", "basic"),
        (json!({"time_zone": "Mars/Olympus"}), "/time_zone unknown_time_zone", "Asia/Shanghai"),
        (json!({"default_region": "ZZ"}), "/default_region unknown_region", "ISO 3166"),
        (json!({"name": long}), "/name too_long", "at most 64 characters, not 65"),
        (json!({"name": "  "}), "/name required", "1 to 64"),
        (json!({"description": "x".repeat(1_001)}), "/description too_long", "1000"),
        (json!({"tags": [long]}), "/tags/0 too_long", "64"),
        (json!({"concurrency": 0}), "/concurrency too_small", "1 to 1000"),
        (json!({"concurrency": 1_001}), "/concurrency too_large", "1 to 1000"),
        (json!({"concurrency": "ten"}), "/concurrency invalid_value", "ten"),
        (json!({"concurrency": -1}), "/concurrency invalid_value", ""),
        (json!({"concurrency": null}), "/concurrency invalid_value", "null"),
        (json!({"ring_timeout_seconds": 4}), "/ring_timeout_seconds too_small", "5 to 120"),
        (json!({"colour": "red"}), "/colour unknown_field", "colour"),
        (schedule(json!({"start": "09:00"})), "/schedule/start unknown_field", "start"),
        (json!({"caller_ids": []}), "/caller_ids too_few", "1 to 100"),
        (json!({"caller_ids": [world.trunk]}), "/caller_ids/0 invalid_value", ""),
        (json!({"navigation": draft}), "/navigation not_published", "publish it first"),
        (json!({"recording": "yes"}), "/recording invalid_value", ""),
    ];
    let before = world.everything(&witness).await;
    for (more, wanted, words) in rows {
        let config = world.task_config("spring", more.clone());
        let (found, said) = told(&ask(&world.api, "POST", "tasks", config).await);
        assert_eq!(found, format!("422 invalid_input {wanted}"), "{more}: {said}");
        assert!(said.contains(words), "{more}: `{words}` in {said}");
    }
    let taken = ask(&world.api, "POST", "tasks", world.task_config("taken", json!({}))).await;
    assert_eq!(taken.told(), "409 name_taken");
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    world.end().await;
}

#[tokio::test]
async fn an_edit_is_judged_as_a_creation_is_and_changes_nothing() {
    let (world, call, quiet) = office().await;
    let witness = world.key("admin", &[]).await;
    let schedule = json!({"schedule": {"call_period": call, "do_not_call_period": quiet}});
    let task = world.task("spring", schedule).await;
    let before = world.everything(&witness).await;
    let ranges = |ranges: &[(&str, &str)]| {
        ranges.iter().map(|(start, end)| json!({"start": start, "end": end})).collect::<Vec<_>>()
    };
    for (path, patch, wanted, words) in [
        (
            format!("tasks/{task}"),
            json!({"name": "x".repeat(65)}),
            "422 invalid_input /name too_long",
            "64",
        ),
        (
            format!("tasks/{task}"),
            json!({"redial": {"retries": 3}}),
            "422 invalid_input /redial/retries unknown_field",
            "",
        ),
        (
            format!("tasks/{task}"),
            json!({"name": null}),
            "422 invalid_input /name missing_field",
            "",
        ),
        (format!("tasks/{task}"), json!([]), "400 malformed_request  not_an_object", "object"),
        // The period is in use: with it, one minute of the task would be in both.
        (
            format!("periods/{quiet}"),
            json!({"ranges": ranges(&[("00:00", "09:00"), ("18:01", "23:59")])}),
            "422 invalid_input",
            "09:00",
        ),
        (
            format!("periods/{call}"),
            json!({"ranges": ranges(&[("18:00", "09:00")])}),
            "422 invalid_input /ranges/0/end past_midnight",
            "use two",
        ),
        (
            format!("periods/{call}"),
            json!({"ranges": ranges(&[("09:00", "24:00")])}),
            "422 invalid_input /ranges/0/end invalid_value",
            "23:59",
        ),
        (
            "settings".into(),
            json!({"concurrency_limit": 10_001}),
            "422 invalid_input /concurrency_limit too_large",
            "1 to 10000",
        ),
        (
            "settings".into(),
            json!({"time_zone": "Mars/Olympus"}),
            "422 invalid_input /time_zone unknown_time_zone",
            "IANA",
        ),
        (
            format!("trunks/{}", world.trunk),
            json!({"concurrency": 0}),
            "422 invalid_input /concurrency too_small",
            "1",
        ),
        (
            format!("navigations/{}", world.navigation),
            json!({"nodes": "none"}),
            "422 invalid_input /nodes invalid_value",
            "",
        ),
    ] {
        let read = ask(&world.api, "GET", &path, Value::Null).await;
        let request =
            world.api.request(Method::PATCH, &path).header("if-match", read.header("etag"));
        let (found, said) = told(&Answer::to(request.json(&patch)).await);
        assert!(found.starts_with(wanted), "{path} {patch}: {found}: {said}");
        assert!(said.contains(words), "{path} {patch}: `{words}` in {said}");
    }
    let used = ask(&world.api, "DELETE", &format!("periods/{call}"), Value::Null).await;
    assert_eq!(used.status, 409, "{}", used.json());
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    world.end().await;
}

#[tokio::test]
async fn a_list_where_an_object_belongs_is_refused_and_not_read_as_its_fields() {
    let (world, call, _) = office().await;
    let witness = world.key("admin", &[]).await;
    let task = world.task("spring", json!({"schedule": {"call_period": call}})).await;
    let before = world.everything(&witness).await;
    let refused = |pointer: &str| format!("422 invalid_input {pointer} not_an_object");
    for (more, pointer) in [
        (json!({"schedule": []}), "/schedule"),
        (json!({"schedule": ["2026-12-02T09:00:00"]}), "/schedule"),
        (json!({"redial": [true]}), "/redial"),
        (json!({"call_order": []}), "/call_order"),
        (json!({"variables": []}), "/variables"),
    ] {
        let config = world.task_config("wrong", more.clone());
        let (found, said) = told(&ask(&world.api, "POST", "tasks", config).await);
        assert_eq!(found, refused(pointer), "{more}");
        assert!(said.contains("must be an object"), "{said}");
        let path = format!("tasks/{task}");
        let read = ask(&world.api, "GET", &path, Value::Null).await;
        let edit = world.api.request(Method::PATCH, &path).header("if-match", read.header("etag"));
        assert_eq!(told(&Answer::to(edit.json(&more)).await).0, refused(pointer), "{more}");
    }
    let range = json!({"name": "p", "kind": "call", "ranges": [["09:00", "18:00"]]});
    assert_eq!(told(&ask(&world.api, "POST", "periods", range).await).0, refused("/ranges/0"));
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    world.end().await;
}

#[tokio::test]
async fn a_variable_that_no_one_defined_keeps_its_navigation_a_draft() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let witness = world.key("admin", &[]).await;
    let hello = |text: &str| {
        json!({"variables": [{"name": "customerName", "required": true}], "start": "hello",
            "nodes": [{"name": "hello", "kind": "play", "text": text}]})
    };
    let mut draft = hello("Hello {{customername}}, your {{ModelName}} is ready.");
    draft["name"] = "hello".into();
    let navigation = world.made("navigations", draft).await;
    let before = world.everything(&witness).await;
    let publish = format!("navigations/{navigation}/publish");
    let (found, said) = told(&ask(&world.api, "POST", &publish, Value::Null).await);
    let one = " /nodes/0 unknown_variable";
    assert_eq!(found, format!("422 invalid_input{one}{one}"), "{said}");
    assert!(said.contains("`customername`") && said.contains("`ModelName`"), "{said}");
    assert!(said.contains("no column, node or robot sets"), "{said}");
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");

    // Named as it is declared, it can be published.
    world.patch(&format!("navigations/{navigation}"), hello("Hello {{customerName}}.")).await;
    world.post(&publish, json!({})).await;
    world.end().await;
}
