//! Guide, step 4: viewing call data: task call records, robot conversations, filters, details.

use harness::{World, ask};
use outbound::record::{FIELDS, GUIDE_FIELDS};
use serde_json::{Value, json};

/// A world whose task has called one number of each of these endings.
async fn called(ends: &[&str]) -> (World, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let number = |end: &&str| json!({"phone_number": format!("1380000{end}"), "variables": {"city": if end.ends_with('1') { "Wuxi" } else { "Suzhou" }}});
    world
        .import_numbers(&task, &json!({"batch_name": "May"}), ends.iter().map(number).collect())
        .await;
    world.start(&task).await;
    world.until_records(&task, ends.len()).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    (world, task)
}

/// The last four digits of what a list holds, newest first.
async fn listed(world: &World, path: &str, filter: &str) -> Vec<String> {
    let rows = world
        .api
        .list(path, &[("filter", filter)], 1_000)
        .await
        .unwrap_or_else(|error| panic!("{filter}: {error}"));
    let end = |row: &Value| row["customer_number"].as_str().expect("a number")[10..].to_owned();
    rows.iter().map(end).collect()
}

#[tokio::test]
async fn all_calls_are_task_call_records_and_only_talks_with_a_robot_are_conversations() {
    let (world, task) = called(&["0001", "0002", "0003"]).await;
    let records = world.get(&format!("records?task={task}&count=true")).await;
    assert_eq!(records["count"], 3);
    let rows = records["data"].as_array().expect("records");
    let told: Vec<_> =
        rows.iter().map(|row| (row["answer_status"].as_str(), row["result"].as_str())).collect();
    let wanted = [("unanswered", "no_answer"), ("unanswered", "busy"), ("answered", "answered")];
    assert_eq!(told, wanted.map(|(status, result)| (Some(status), Some(result))), "newest first");
    // This navigation has no robot: an answered call is no conversation.
    assert_eq!(world.get(&format!("conversations?task={task}")).await["data"], json!([]));

    let robot = json!({"name": "host", "opening": "Hello?", "agent": {"kind": "scripted",
        "intents": [{"name": "yes", "keywords": ["yes"], "reply": "#Hangup#"}], "fallback": ["#Hangup#"]}});
    let robot = world.made("robots", robot).await;
    let navigation = json!({"name": "host", "start": "talk", "nodes": [{"name": "talk", "kind": "agent", "robot": robot}]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("host", json!({"navigation": navigation})).await;
    world
        .import_numbers(
            &task,
            &json!({"batch_name": "May", "start": "auto"}),
            vec![json!({"phone_number": "13800000001"}), json!({"phone_number": "13800000002"})],
        )
        .await;
    world.until_records(&task, 2).await;
    assert_eq!(listed(&world, "conversations", "").await, ["0001"]);
    world.end().await;
}

#[tokio::test]
async fn every_field_of_the_guides_table_is_on_the_record() {
    let (world, task) = called(&["0001"]).await;
    let record = &world.records(&task).await[0];
    let fields = record.as_object().expect("a record");
    for field in FIELDS.iter().filter(|field| field.name != "conversation_text") {
        assert!(fields.contains_key(field.name), "{} ({})", field.name, field.title);
    }
    assert_eq!(FIELDS[..GUIDE_FIELDS].len(), 42);
    for (field, value) in [
        ("customer_number", json!("+8613800000001")),
        ("customer_number_encrypted", json!("138****0001")),
        ("outbound_number", json!("+862155500100")),
        ("trunk_name", json!("line")),
        ("task_name", json!("spring")),
        ("batch_name", json!("May")),
        ("round", json!(0)),
        ("sip_code", json!(200)),
        ("q850_cause", json!(16)),
        ("called_status", Value::Null),
        ("robot_answer_status", json!("unanswered")),
        ("variables", json!({"city": "Wuxi"})),
        ("virtual_number", Value::Null),
    ] {
        assert_eq!(record[field], value, "{field}");
    }
    let id = record["id"].as_str().expect("an id");
    let mut detail = world.get(&format!("records/{id}")).await;
    let text = detail.as_object_mut().and_then(|fields| fields.remove("conversation_text"));
    assert!(text.is_some(), "the detail has the conversation's text");
    assert_eq!(detail, *record, "the detail tells what the list tells");
    let conversation = world.get(&format!("records/{id}/conversation")).await;
    assert!(
        conversation["transcript"].is_array() && conversation["log"].is_array(),
        "{conversation}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_list_has_the_fields_that_it_is_asked_for_and_either_order() {
    let (world, task) = called(&["0001", "0002"]).await;
    let path =
        format!("records?task={task}&fields=result,hangup_party,conversation_text&sort=started_at");
    let rows = world.get(&path).await["data"].clone();
    let mut names: Vec<&String> = rows[0].as_object().expect("a record").keys().collect();
    names.sort();
    assert_eq!(names, ["conversation_text", "hangup_party", "id", "result"]);
    assert_eq!((&rows[0]["result"], &rows[1]["result"]), (&json!("answered"), &json!("busy")));
    assert!(rows[0]["hangup_party"].is_string());
    assert_eq!(rows[1]["hangup_party"], Value::Null, "nobody answered, so nobody hung up");
    let newest = world.get(&format!("records?task={task}&sort=-started_at&limit=1")).await;
    assert_eq!(newest["data"][0]["id"], rows[1]["id"]);
    let answer = ask(&world.api, "GET", "records?fields=colour", Value::Null).await;
    assert_eq!(answer.told(), "400 malformed_request");
    world.end().await;
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let (world, task) = called(&["0001", "0002", "0003", "0004"]).await;
    for (filter, wanted) in [
        ("", vec!["0004", "0003", "0002", "0001"]),
        ("result = \"answered\"", vec!["0001"]),
        ("answer_status = unanswered AND result != busy", vec!["0004", "0003"]),
        ("result = busy OR result = power_off", vec!["0004", "0002"]),
        ("NOT (result = busy OR result = power_off)", vec!["0003", "0001"]),
        ("customer_number = \"+8613800000003\"", vec!["0003"]),
        ("variables.city = \"Wuxi\"", vec!["0001"]),
        (
            "started_at >= \"2026-12-01T02:00:00Z\" AND round = 0",
            vec!["0004", "0003", "0002", "0001"],
        ),
        ("started_at < \"2026-12-01T02:00:00Z\"", vec![]),
        ("task_name : spr AND sip_code >= 500", vec![]),
        ("turns >= 6", vec![]),
    ] {
        assert_eq!(listed(&world, "records", filter).await, wanted, "{filter}");
    }
    let by = |name: &str, id: &str| format!("records?{name}={id}");
    assert_eq!(world.get(&by("task", &task)).await["data"].as_array().map(Vec::len), Some(4));
    let record = &world.records(&task).await[2];
    let number = by("number", record["number"].as_str().expect("an id"));
    assert_eq!(world.get(&number).await["data"], json!([record]));
    for (filter, detail) in [
        ("resultt = 1", "column 1"),
        ("result = maybe", "answered"),
        ("a = 1 AND b = 2 OR c = 3", "column"),
        ("turns >= many", "column"),
    ] {
        let query = [("filter", filter)];
        let request = world.api.request(reqwest::Method::GET, "records").query(&query);
        let answer = harness::Answer::to(request).await;
        assert_eq!(answer.told(), "400 malformed_request", "{filter}");
        assert!(
            answer.json()["detail"].as_str().is_some_and(|said| said.contains(detail)),
            "{filter}: {}",
            answer.json()
        );
    }
    world.end().await;
}

#[tokio::test]
async fn pages_hold_steady_while_new_records_come_in() {
    let ends: Vec<String> = (1000..1010).map(|end| end.to_string()).collect();
    let ends: Vec<&str> = ends.iter().map(String::as_str).collect();
    let (world, task) = called(&ends).await;
    let end = |row: &Value| row["customer_number"].as_str().expect("a number")[10..].to_owned();
    let page = |path: String| {
        let world = &world;
        async move {
            let page = world.get(&path).await;
            let rows: Vec<_> = page["data"].as_array().expect("rows").iter().map(end).collect();
            (rows, page["next_cursor"].as_str().map(str::to_owned))
        }
    };
    let path = format!("records?task={task}&limit=4");
    let (first, next) = page(path.clone()).await;
    assert_eq!(first, ["1009", "1008", "1007", "1006"]);
    // New records come in at the front: the pages behind stay as they were.
    world
        .import_numbers(
            &task,
            &json!({"batch_name": "more", "start": "auto"}),
            vec![json!({"phone_number": "13800002000"}), json!({"phone_number": "13800002001"})],
        )
        .await;
    world.until_records(&task, 12).await;
    let (second, next) = page(format!("{path}&cursor={}", next.expect("a cursor"))).await;
    assert_eq!(second, ["1005", "1004", "1003", "1002"]);
    let (third, next) = page(format!("{path}&cursor={}", next.expect("a cursor"))).await;
    assert_eq!((third, next), (vec!["1001".to_owned(), "1000".to_owned()], None));
    assert_eq!(page(path).await.0, ["2001", "2000", "1009", "1008"]);
    world.end().await;
}

#[tokio::test]
async fn without_the_permission_no_path_shows_a_whole_number() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let numbers = vec![
        json!({"phone_number": "13800000001", "variables": {"note": "call 13800000001 or 021-5550 0100"}}),
        json!({"phone_number": "13800000002", "backup_numbers": ["13800000003"]}),
        json!({"phone_number": "13800000002x"}),
    ];
    let import =
        world.import_numbers(&task, &json!({"batch_name": "May", "start": "auto"}), numbers).await;
    let records = world.until_records(&task, 3).await;
    world.post("suppressions", json!({"phone_numbers": ["13800000001"]})).await;
    let masked = world.key("admin", &["export", "listen_recordings"]).await;
    let mut paths = vec![
        "records".to_owned(),
        "conversations".into(),
        "suppressions".into(),
        "numbers?phone=13800000001".into(),
        format!("tasks/{task}/numbers"),
        "audit".into(),
        "exports".into(),
        format!("tasks/{task}/imports"),
        format!("imports/{}/errors", import["id"].as_str().expect("an id")),
    ];
    for record in &records {
        let (id, number) =
            (record["id"].as_str().expect("an id"), record["number"].as_str().expect("an id"));
        paths.extend([format!("records/{id}"), format!("numbers/{number}")]);
        if record["result"] == "answered" {
            paths.push(format!("records/{id}/conversation"));
        }
    }
    for path in &paths {
        let answer = ask(&masked, "GET", path, Value::Null).await;
        assert_eq!(answer.told(), "200", "{path}");
        let text = String::from_utf8(answer.bytes).expect("text");
        for whole in ["13800000001", "13800000002", "13800000003"] {
            assert!(!text.contains(whole), "{path}: {text}");
        }
    }
    let shown = &masked.list("records", &[("task", &*task)], 10).await.expect("records")[0];
    assert!(
        shown["customer_number"].as_str().is_some_and(|phone| phone.starts_with("138****")),
        "{shown}"
    );

    let options = json!({"content": "call_records", "format": "csv", "fields": ["customer_number", "variables"]});
    let made = ask(&masked, "POST", "exports", options).await.json();
    let path = format!("exports/{}", made["id"].as_str().expect("an id"));
    world.until_over(&path).await;
    let file = String::from_utf8(world.download(&format!("{path}/download")).await).expect("text");
    assert!(file.contains("138****0001") && file.contains("note: call 138"), "{file}");
    assert!(!file.contains("13800000001") && !file.contains("5550 0100"), "{file}");

    // Who may see them sees them, unless the enterprise masks lists for everybody.
    assert!(world.get("records").await.to_string().contains("+8613800000001"));
    world.patch("settings", json!({"number_masking": true})).await;
    assert!(!world.get("records").await.to_string().contains("13800000001"));
    let one = world.get(&format!("records/{}", records[0]["id"].as_str().expect("an id"))).await;
    assert!(
        one["customer_number"].as_str().is_some_and(|phone| phone.starts_with("+861380000")),
        "asked for by itself"
    );
    let seen = world.get("audit?action=number.reveal").await;
    assert!(!seen["data"].as_array().expect("entries").is_empty(), "each full view is audited");
    world.end().await;
}
