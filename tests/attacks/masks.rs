//! Somebody who sees numbers masked asks until they know them.

use callwright::client::Api;
use harness::{Answer, World, ask};
use serde_json::{Value, json};

/// A world in which three numbers of a task were called.
async fn called() -> (World, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let numbers = vec![
        json!({"phone_number": "13800000001", "variables": {"city": "Berlin", "age": "34", "mobile": "139 1234 5678"}}),
        json!({"phone_number": "13800000002"}),
        json!({"phone_number": "13800000003"}),
    ];
    world.import_numbers(&task, &json!({"batch_name": "May", "start": "auto"}), numbers).await;
    world.until_records(&task, 3).await;
    (world, task)
}

/// Ask a list with a filter.
async fn filtered(api: &Api, list: &str, filter: &str) -> Answer {
    let query = [("filter", filter), ("count", "true")];
    Answer::to(api.request(reqwest::Method::GET, list).query(&query)).await
}

/// What a refusal names, where it is one of the filter.
fn refusal(answer: &Answer) -> String {
    assert_eq!(answer.told(), "403 permission_required");
    let problem = answer.json();
    assert_eq!(problem["errors"][0]["pointer"], "/filter", "{problem}");
    problem["detail"].as_str().expect("a detail").to_owned()
}

#[tokio::test]
async fn a_filter_tells_a_masked_viewer_no_more_than_the_masked_list() {
    let (world, _) = called().await;
    let viewer = world.key("viewer", &["export"]).await;
    for (filter, named) in [
        ("customer_number = +8613800000001 OR customer_number = +8613800000002", "customer_number"),
        (
            "customer_number != +8613800000001 AND NOT customer_number = +8613800000002",
            "customer_number",
        ),
        ("customer_number = +8613800000001 OR outbound_number = +862155500100", "outbound_number"),
        ("variables.mobile : 1", "variables.mobile"),
        ("NOT variables.mobile : \"٣\"", "variables.mobile"),
        ("variables.mobile = \"139 1234 5678\"", "variables.mobile"),
        ("variables.mobile != \"13912345678\"", "variables.mobile"),
        ("captures.callback : 139", "captures.callback"),
        ("conversation_text : 139", "conversation_text"),
        ("intent_tags : 13912345678", "intent_tags"),
    ] {
        for list in ["records", "conversations"] {
            let told = refusal(&filtered(&viewer, list, filter).await);
            assert!(
                told.contains(&format!("`{named}`")) && told.contains("`see_full_numbers`"),
                "{told}"
            );
            assert!(!told.contains("1380000") && !told.contains("1391234"), "{told}");
        }
        let export = json!({"content": "call_records", "format": "csv", "filter": filter});
        refusal(&ask(&viewer, "POST", "exports", export).await);
        assert_eq!(filtered(&world.api, "records", filter).await.told(), "200", "{filter}");
    }
    for (filter, count) in [
        ("variables.city = Berlin", 1),
        ("variables.age = 34", 1),
        ("variables.mobile : \" \"", 1),
        ("variables.mobile = \"139 **** ****\"", 0),
        ("batch_name = May AND turns < 5", 3),
        ("customer_number_encrypted : 138", 3),
        ("customer_number = +8613800000001", 1),
    ] {
        let answer = filtered(&viewer, "records", filter).await;
        assert_eq!(
            (answer.told().as_str(), &answer.json()["count"]),
            ("200", &json!(count)),
            "{filter}"
        );
    }
    world.end().await;
}

/// Look a phone up, in every way there is, in turn.
async fn look_up(api: &Api, task: &str, way: usize) -> Answer {
    let phone = "phone=13800000002";
    match way % 5 {
        0 => ask(api, "GET", &format!("numbers?{phone}"), Value::Null).await,
        1 => ask(api, "GET", &format!("tasks/{task}/numbers?{phone}"), Value::Null).await,
        2 => ask(api, "GET", &format!("suppressions?{phone}"), Value::Null).await,
        3 => filtered(api, "records", "customer_number = +8613800000002").await,
        _ => ask(api, "POST", "suppressions", json!({"phone_numbers": ["13800000009"]})).await,
    }
}

#[tokio::test]
async fn numbers_are_looked_up_sixty_times_an_hour_by_all_masked_keys_together_and_it_is_written_down()
 {
    let (world, task) = called().await;
    world.post("suppressions", json!({"phone_numbers": ["13800000009"]})).await;
    let keys = [world.key("operator", &[]).await, world.key("admin", &["export"]).await];
    for way in 0..60 {
        let answer = look_up(&keys[way % 2], &task, way).await;
        assert_eq!(answer.told(), "200", "{way}");
    }
    for way in 0..5 {
        let answer = look_up(&keys[way % 2], &task, way).await;
        assert_eq!(answer.told(), "429 rate_limited", "{way}");
        let seconds: u64 = answer.header("retry-after").parse().expect("seconds");
        assert!((3_000..=3_600).contains(&seconds), "{seconds}");
    }
    let options = json!({"content": "call_records", "filter": "customer_number = +8613800000002"});
    assert_eq!(ask(&keys[1], "POST", "exports", options).await.told(), "429 rate_limited");
    // Whatever names no number goes on, and so does who sees them.
    assert_eq!(filtered(&keys[0], "records", "result = answered").await.told(), "200");
    let new = json!({"phone_numbers": ["13800000010"]});
    assert_eq!(ask(&keys[0], "POST", "suppressions", new).await.told(), "200");
    for way in 0..5 {
        assert_eq!(look_up(&world.api, &task, way).await.told(), "200");
    }
    // Another enterprise has an hour of its own.
    let stranger = world.stranger().await;
    let body = json!({"name": "viewer", "role": "viewer", "permissions": []});
    let made = ask(&stranger, "POST", "keys", body).await.json();
    let other = world.by(made["secret"].as_str().expect("a secret"));
    assert_eq!(ask(&other, "GET", "numbers?phone=13800000002", Value::Null).await.told(), "200");

    let entries = world.api.list("audit", &[("action", "number.look_up")], 1_000).await;
    let entries = entries.expect("entries");
    assert_eq!(entries.len(), 60, "each is written down, and no refused one");
    for entry in &entries {
        let shown = entry["detail"]["phones"][0].as_str().unwrap_or_default();
        assert!(["138****0002", "138****0009"].contains(&shown), "{entry}");
        assert!(!entry.to_string().contains("1380000"), "{entry}");
    }
    // After the hour there is room again.
    world
        .sql("update look_up set at = array(select t - interval '1 hour' from unnest(at) as t)")
        .await;
    assert_eq!(look_up(&keys[0], &task, 0).await.told(), "200");
    world.end().await;
}

#[tokio::test]
async fn a_do_not_call_file_does_not_tell_a_masked_operator_which_rows_were_listed() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.post("suppressions", json!({"phone_numbers": ["13800000001"]})).await;
    let file = b"Phone Number\n13800000001\n13800000002\n".to_vec();
    let answer = world.upload_to("suppressions/imports", "list.csv", file, &json!({})).await;
    let path = format!("suppressions/imports/{}", answer.json()["id"].as_str().expect("an id"));
    world.until_over(&path).await;
    let operator = world.key("operator", &[]).await;
    let counts = async |api: &Api| {
        let result = ask(api, "GET", &path, Value::Null).await.json()["result"].clone();
        [&result["added"], &result["already_listed"]].map(Value::to_string).join(" ")
    };
    assert_eq!((counts(&world.api).await, counts(&operator).await), ("1 1".into(), "2 0".into()));
    world.end().await;
}
