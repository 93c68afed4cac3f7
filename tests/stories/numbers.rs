//! Step 2: the numbers of a task are listed, searched, cancelled and deleted; call records stay (SPEC 4).

use harness::campaign::rung;
use harness::{World, ask};
use serde_json::{Value, json};

#[tokio::test]
async fn numbers_are_listed_and_found_by_state_batch_and_phone() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let may = world.import(&task, "May", &["13800000001", "13800000002"]).await;
    let other = world.task("autumn", json!({})).await;
    world.import(&other, "May", &["13800000001"]).await;
    world.start(&task).await;
    world.until_number_states(&task, "connected unconnected").await;
    world.import(&task, "June", &["13800000003"]).await;
    let batch = may["batch"].as_str().expect("a batch");
    for (query, wanted) in [
        (format!("tasks/{task}/numbers"), "0001 0002 0003"),
        (format!("tasks/{task}/numbers?state=connected"), "0001"),
        (format!("tasks/{task}/numbers?state=pending"), "0003"),
        (format!("tasks/{task}/numbers?batch={batch}"), "0001 0002"),
        (format!("tasks/{task}/numbers?batch={batch}&state=unconnected"), "0002"),
        (format!("tasks/{task}/numbers?phone=138-0000-0002"), "0002"),
        (format!("tasks/{task}/numbers?phone=13800000009"), ""),
        ("numbers?phone=%2B8613800000001".into(), "0001 0001"),
    ] {
        let found = world.get(&query).await;
        let found = found["data"].as_array().expect("numbers").iter();
        let ends = found.map(|number| {
            let phone = number["phone_number"].as_str().expect("a phone");
            phone[phone.len() - 4..].to_owned()
        });
        assert_eq!(ends.collect::<Vec<_>>().join(" "), wanted, "{query}");
    }
    world.end().await;
}

#[tokio::test]
async fn pending_numbers_are_cancelled_and_those_that_ended_are_left_as_they_are() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"enabled": true, "retry_seconds": [600]});
    let task = world.task("spring", json!({"redial": redial, "concurrency": 1})).await;
    world.import(&task, "May", &["13800000001", "13800000002"]).await;
    world.start(&task).await;
    world.until_number_states(&task, "connected waiting").await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.import(&task, "June", &["13800000003", "13800000004", "13800000005"]).await;
    let ids: Vec<Value> =
        world.numbers(&task).await.iter().map(|number| number["id"].clone()).collect();
    let path =
        |at: usize, verb: &str| format!("numbers/{}{verb}", ids[at].as_str().expect("an id"));
    assert_eq!(world.post(&path(3, "/cancel"), json!({})).await["cancelled"], 1);
    assert_eq!(world.post(&path(0, "/cancel"), json!({})).await["cancelled"], 0, "it has ended");
    let cancel = format!("tasks/{task}/numbers/cancel");
    let named = world.post(&cancel, json!({"numbers": [ids[1], ids[4], ids[0]]})).await;
    assert_eq!(named["cancelled"], 2, "one that waits for its redial, and one that is pending");
    let wanted = "connected cancelled pending cancelled cancelled";
    assert_eq!(world.number_states(&task).await, wanted);
    assert_eq!(world.post(&cancel, json!({"all": true})).await["cancelled"], 1);
    for body in [json!({}), json!({"all": true, "numbers": [ids[0]]})] {
        assert_eq!(ask(&world.api, "POST", &cancel, body).await.told(), "422 invalid_input");
    }

    // None of them is called any more, by a start or by the redial that was due.
    world.set("2026-12-01T10:11:00+08:00");
    world.import_auto(&task, "July", &["13800000006"]).await;
    let records = world.until_records(&task, 3).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    assert_eq!(rung(&records, 4), "0001 0002 0006");
    assert_eq!(world.records(&task).await.len(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_deleted_number_is_gone_and_its_call_records_stay() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = json!({"concurrency": 1, "ring_timeout_seconds": 120});
    let task = world.task("spring", config).await;
    world.import(&task, "May", &["13800000001", "13800000020", "13800000002"]).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_begun(&task, 1).await;
    let ids: Vec<String> = world
        .numbers(&task)
        .await
        .iter()
        .map(|number| number["id"].as_str().expect("an id").to_owned())
        .collect();
    let delete = |at: usize| {
        let path = format!("numbers/{}", ids[at]);
        let world = &world;
        async move { ask(&world.api, "DELETE", &path, Value::Null).await.told() }
    };
    assert_eq!(delete(0).await, "204");
    assert_eq!(delete(0).await, "404 not_found");
    assert!(delete(1).await.starts_with("409 "), "it is on a call");
    assert_eq!(delete(2).await, "204", "one that was never called");
    assert_eq!(world.number_states(&task).await, "calling");
    let total = &world.progress(&task).await["total"];
    assert_eq!(total, 1, "the counters know");
    world.post(&format!("tasks/{task}/end"), json!({"hang_up": true})).await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(rung(&records, 4), "0001 0020", "call records stay, and nobody else was called");
    world.end().await;
}
