//! What one enterprise has, another can't see, change or name: every route, and every reference (SPEC 1, 2).

use callwright::client::Api;
use harness::campaign::numbers;
use harness::{Answer, World, ask};
use reqwest::Method;
use serde_json::{Map, Value, json};

const CONTRACT: &str = include_str!("../../api/openapi.json");

/// An enterprise that has one of everything, and a call up.
struct House {
    world: World,
    /// The id of each parameter of a path.
    ids: Map<String, Value>,
    task: String,
    import: Value,
}

fn id(value: &Value) -> Value {
    value["id"].as_str().expect("an id").into()
}

async fn house() -> House {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let period = world.period("day", "call", "09:00-18:00").await;
    let agent = json!({"kind": "scripted", "fallback": ["Pardon?"],
        "intents": [{"name": "yes", "keywords": ["yes"], "reply": "Good."}]});
    let robot =
        world.made("robots", json!({"name": "host", "opening": "Hi", "agent": agent})).await;
    let template = world.made("templates", world.task_config("template", json!({}))).await;
    let schedule = json!({"call_period": period});
    let config = json!({"concurrency": 1, "ring_timeout_seconds": 120, "recording": true, "schedule": schedule});
    let task = world.task("spring", config).await;
    let options = json!({"batch_name": "May", "start": "auto"});
    let phones = ["13800000001", "13800000020", "13800000002", "letters"];
    let import = world.import_numbers(&task, &options, numbers(phones)).await;
    let record = world.until_records(&task, 1).await.remove(0);
    world.until_begun(&task, 1).await;
    let export = world.exported(json!({"content": "call_records"})).await;
    let listed = world.post("suppressions", json!({"phone_numbers": ["13800000009"]})).await;
    let person = json!({"employee_number": "1001", "name": "A", "phone": "+8613900000001"});
    let person = world.made("agents", person).await;
    let provider = world.made("providers", json!({"name": "voice", "driver": "espeak"})).await;
    let base = world.made("knowledge", json!({"name": "spring"})).await;
    let document = json!({"name": "spring", "text": "In spring the garage opens at nine."});
    let document = world.made(&format!("knowledge/{base}/documents"), document).await;
    let key =
        world.post("keys", json!({"name": "theirs", "role": "viewer", "permissions": []})).await;
    let ids = json!({
        "task_id": task, "template_id": template, "period_id": period, "robot_id": robot,
        "agent_id": person, "provider_id": provider,
        "knowledge_id": base, "document_id": document,
        "navigation_id": world.navigation, "trunk_id": world.trunk, "caller_id": world.caller,
        "import_id": id(&import), "batch_id": import["batch"], "number_id": record["number"],
        "record_id": id(&record), "export_id": id(&export), "key_id": id(&key),
        "suppression_id": id(&listed["data"][0]), "number": "1",
    });
    let Value::Object(ids) = ids else { panic!("ids") };
    House { world, ids, task, import }
}

/// What a person would send there who may.
fn body(method: &str, path: &str) -> Value {
    match (method, path.rsplit('/').next().expect("a path")) {
        ("PATCH", "{caller_id}") => json!({"label": "theirs"}),
        ("PATCH", _) => json!({"name": "theirs"}),
        ("PUT", "priority") => json!({"priority": 9}),
        ("POST", "end") => json!({"hang_up": true}),
        ("POST", "clone" | "tasks") => json!({"name": "theirs"}),
        ("POST", "documents") => json!({"name": "theirs", "text": "Theirs."}),
        ("POST", "find") => json!({"question": "spring"}),
        ("POST", "imports") => json!({"numbers": numbers(["13800000005"])}),
        ("POST", "cancel") if path.contains("{task_id}") => json!({"all": true}),
        _ => Value::Null,
    }
}

/// A request as the stranger sends it, with the version that the thing really has.
async fn sent(stranger: &Api, owner: &Api, method: &str, path: &str, body: Value) -> Answer {
    let mut request = stranger.request(method.parse().expect("a method"), path);
    if method == "PATCH" {
        let read = ask(owner, "GET", path, Value::Null).await;
        request = request.header("if-match", read.header("etag"));
    }
    if method == "POST" && path.ends_with("/imports") {
        request = request.query(&[("batch_name", "theirs")]).header("idempotency-key", "theirs");
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    Answer::to(request).await
}

#[tokio::test]
async fn every_route_with_another_enterprises_id_is_not_found_and_changes_nothing() {
    let House { world, ids, task, .. } = house().await;
    let witness = world.key("admin", &[]).await;
    let before = world.everything(&witness).await;
    let stranger = world.stranger().await;
    let contract: Value = serde_json::from_str(CONTRACT).expect("JSON");
    let (mut tried, mut wrong) = (0, Vec::new());
    for (route, operations) in contract["paths"].as_object().expect("paths") {
        let mut path = route.trim_start_matches("/v1/").to_owned();
        while let Some((name, _)) = path.split_once('{').and_then(|(_, rest)| rest.split_once('}'))
        {
            let id = ids.get(name).unwrap_or_else(|| panic!("{route} is new: give it a {name}"));
            path = path.replace(&format!("{{{name}}}"), id.as_str().expect("an id"));
        }
        if path == route.trim_start_matches("/v1/") {
            continue;
        }
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            if operations.get(method.to_lowercase()).is_none() {
                continue;
            }
            let answer = sent(&stranger, &world.api, method, &path, body(method, route)).await;
            if answer.told() != "404 not_found" || answer.json().to_string().contains("spring") {
                wrong.push(format!("{method} {route}: {}", answer.json()));
            }
            tried += 1;
        }
    }
    assert_eq!(wrong, [""; 0]);
    assert!(tried > 50, "{tried} routes have an id");
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    let key = world.get(&format!("keys/{}", ids["key_id"].as_str().expect("an id"))).await;
    assert_eq!(key["revoked_at"], Value::Null);
    assert_eq!(world.state(&task).await, "running");
    assert_eq!(world.progress(&task).await["live"], 1, "the call is up as before");

    // For the owner all of them are there.
    for (method, path) in
        [("GET", format!("tasks/{task}")), ("POST", format!("tasks/{task}/pause"))]
    {
        assert_eq!(ask(&world.api, method, &path, Value::Null).await.told(), "200");
    }
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_live(&task, 0).await;
    world.end().await;
}

#[tokio::test]
async fn no_list_and_no_filter_shows_what_another_enterprise_has() {
    let House { world, ids, task, import } = house().await;
    let stranger = world.stranger().await;
    let id = |name: &str| ids[name].as_str().expect("an id").to_owned();
    let mut lists: Vec<String> = ["tasks", "templates", "periods", "navigations", "robots"]
        .into_iter()
        .chain(["trunks", "caller_ids", "records", "conversations", "exports", "suppressions"])
        .chain(["knowledge"])
        .map(str::to_owned)
        .collect();
    lists.extend([
        "numbers?phone=13800000001".into(),
        "suppressions?phone=13800000009".into(),
        format!("records?task={task}"),
        format!("records?batch={}", import["batch"].as_str().expect("a batch")),
        format!("records?number={}", id("number_id")),
        format!("conversations?task={task}"),
        format!("caller_ids?trunk={}", id("trunk_id")),
        format!("audit?target={task}"),
    ]);
    for list in lists {
        let answer = ask(&stranger, "GET", &list, Value::Null).await;
        assert_eq!(answer.told(), "200", "{list}");
        assert_eq!(answer.json()["data"], json!([]), "{list}");
    }
    assert_ne!(stranger.get("settings").await.expect("settings")["enterprise_name"], "Story");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_live(&task, 0).await;
    world.end().await;
}

#[tokio::test]
async fn what_another_enterprise_has_cant_be_named_in_what_one_makes() {
    let House { world, ids, task, .. } = house().await;
    let witness = world.key("admin", &[]).await;
    let stranger = world.stranger().await;
    let made = |path: &'static str, body: Value| {
        let stranger = &stranger;
        async move { stranger.post(path, &body).await.expect("made")["id"].clone() }
    };
    // What the stranger has of its own.
    let line = made("trunks", json!({"name": "line", "concurrency": 5})).await;
    let caller = made("caller_ids", json!({"trunk": line, "phone": "+862155500900"})).await;
    let nodes = json!([{"name": "end", "kind": "hangup"}]);
    let flow = made("navigations", json!({"name": "n", "start": "end", "nodes": nodes})).await;
    let publish = format!("navigations/{}/publish", flow.as_str().expect("an id"));
    stranger.post(&publish, &json!({})).await.expect("published");
    let own = json!({"name": "own", "concurrency": 1, "navigation": flow, "caller_ids": [caller]});
    let own_task = made("tasks", own.clone()).await;
    let own_task = own_task.as_str().expect("an id");

    let before = world.everything(&witness).await;
    let with = |more: Value| {
        let mut config = own.clone();
        config["name"] = "theirs".into();
        harness::campaign::merge(&mut config, more);
        config
    };
    let talk = json!([{"name": "talk", "kind": "agent", "robot": ids["robot_id"], "edges": {}}]);
    for (path, body, wanted) in [
        ("tasks", with(json!({"navigation": ids["navigation_id"]})), "/navigation not_found"),
        ("tasks", with(json!({"caller_ids": [ids["caller_id"]]})), "/caller_ids/0 not_found"),
        (
            "tasks",
            with(json!({"schedule": {"call_period": ids["period_id"]}})),
            "/schedule/call_period not_found",
        ),
        (
            "templates",
            with(json!({"schedule": {"do_not_call_period": ids["period_id"]}})),
            "/schedule/do_not_call_period not_found",
        ),
        ("templates", with(json!({"navigation": ids["navigation_id"]})), "/navigation not_found"),
        (
            "caller_ids",
            json!({"trunk": ids["trunk_id"], "phone": "+862155500901"}),
            "/trunk not_found",
        ),
    ] {
        let answer = ask(&stranger, "POST", path, body.clone()).await;
        let (told, fault) = (answer.told(), answer.json()["errors"][0].clone());
        let found = format!(
            "{told} {} {}",
            fault["pointer"].as_str().unwrap_or("?"),
            fault["code"].as_str().unwrap_or("?")
        );
        assert_eq!(found, format!("422 invalid_input {wanted}"), "{body}");
    }
    let caller = format!("caller_ids/{}", caller.as_str().expect("an id"));
    let moved = json!({"trunk": ids["trunk_id"]});
    let read = ask(&stranger, "GET", &caller, Value::Null).await;
    let request = stranger.request(Method::PATCH, &caller).header("if-match", read.header("etag"));
    let answer = Answer::to(request.json(&moved)).await;
    assert_eq!(answer.told(), "422 invalid_input", "{}", answer.json());
    assert_eq!(answer.json()["errors"][0]["pointer"], "/trunk");

    // A robot is looked for when the navigation is published.
    let flow = made("navigations", json!({"name": "t", "start": "talk", "nodes": talk})).await;
    let publish = format!("navigations/{}/publish", flow.as_str().expect("an id"));
    let answer = ask(&stranger, "POST", &publish, Value::Null).await;
    assert_eq!(answer.told(), "422 invalid_input", "{}", answer.json());
    assert!(answer.json()["errors"].to_string().contains("robot"), "{}", answer.json());

    // Numbers of another are not cancelled by naming them in a task of one's own.
    let cancel = json!({"numbers": [ids["number_id"]]});
    let answer = ask(&stranger, "POST", &format!("tasks/{own_task}/numbers/cancel"), cancel).await;
    assert!(answer.status == 404 || answer.json()["cancelled"] == 0, "{}", answer.json());
    // A caller ID of another is no caller ID of a row.
    let row = json!({"phone_number": "13800000001", "caller_id": "+862155500100"});
    let request = stranger.request(Method::POST, &format!("tasks/{own_task}/imports"));
    let request = request.query(&[("batch_name", "May")]).header("idempotency-key", "row");
    let import = Answer::to(request.json(&json!({"numbers": [row]}))).await.json();
    let path = format!("imports/{}", import["id"].as_str().expect("an id"));
    let import = harness::eventually("the import to end", || async {
        let import = stranger.get(&path).await.expect("an import");
        (import["status"] == "done").then_some(import)
    })
    .await;
    assert_eq!(import["result"]["invalid"], 1, "{import}");
    // An export of another's task is refused, or empty.
    let export = json!({"content": "call_records", "task": task});
    let answer = ask(&stranger, "POST", "exports", export).await;
    assert!(matches!(answer.status, 404 | 422), "{} {}", answer.status, answer.json());
    assert_eq!(world.everything(&witness).await, before, "nothing was changed");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    world.until_live(&task, 0).await;
    world.end().await;
}
