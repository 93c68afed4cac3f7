//! Guide, step 2, scenario 2: the table of batch names (“Batch Logic Description”).

use harness::{World, ask};
use serde_json::{Value, json};

fn numbers(ends: &[&str]) -> Vec<Value> {
    ends.iter().map(|end| json!({"phone_number": format!("1380000{end}")})).collect()
}

/// The last four digits of what was called, in order.
fn called(records: &[Value]) -> Vec<String> {
    let phones = records.iter().map(|record| record["customer_number"].as_str().expect("a number"));
    phones.map(|phone| phone[phone.len() - 4..].to_owned()).collect()
}

/// Batches of a task, oldest first: name, priority, numbers.
async fn batches(world: &World, task: &str) -> Vec<(String, u64, u64)> {
    let mut listed =
        world.api.list(&format!("tasks/{task}/batches"), &[], 100).await.expect("batches");
    listed.reverse();
    let batch = |batch: &Value| {
        let number = |name: &str| batch[name].as_u64().expect("a number");
        (batch["name"].as_str().expect("a name").to_owned(), number("priority"), number("total"))
    };
    listed.iter().map(batch).collect()
}

fn batch(name: &str, priority: u64, total: u64) -> (String, u64, u64) {
    (name.to_owned(), priority, total)
}

#[tokio::test]
async fn a_new_name_is_a_batch_of_its_own_and_priority_says_which_goes_first() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let (low, high) =
        (json!({"batch_name": "low"}), json!({"batch_name": "high", "batch_priority": 10}));
    let one = world.import_numbers(&task, &low, numbers(&["1001", "1002"])).await;
    let other = world.import_numbers(&task, &high, numbers(&["2001", "2002"])).await;
    assert_ne!(one["batch"], other["batch"]);
    assert_eq!(other["result"]["merged"], false);
    assert_eq!(batches(&world, &task).await, [batch("low", 0, 2), batch("high", 10, 2)]);
    world.start(&task).await;
    assert_eq!(called(&world.until_records(&task, 4).await), ["2001", "2002", "1001", "1002"]);
    world.end().await;
}

#[tokio::test]
async fn the_same_name_while_not_started_is_merged_and_the_new_priority_replaces_the_old() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let named = |name: &str, priority: u32| json!({"batch_name": name, "batch_priority": priority});
    let first = world.import_numbers(&task, &named("May", 1), numbers(&["1001", "1002"])).await;
    world.import_numbers(&task, &named("June", 5), numbers(&["2001"])).await;
    let again = world.import_numbers(&task, &named("May", 9), numbers(&["1003"])).await;
    assert_eq!(again["batch"], first["batch"], "merged into the batch that was there");
    assert_eq!(again["result"]["merged"], true);
    assert_eq!(batches(&world, &task).await, [batch("May", 9, 3), batch("June", 5, 1)]);
    world.start(&task).await;
    let records = world.until_records(&task, 4).await;
    assert_eq!(
        called(&records),
        ["1001", "1002", "1003", "2001"],
        "all of May by its new priority"
    );

    // The new priority replaces the old one also when it is lower.
    let lower = world.task("autumn", json!({"concurrency": 1})).await;
    world.import_numbers(&lower, &named("May", 9), numbers(&["1001"])).await;
    world.import_numbers(&lower, &named("June", 5), numbers(&["2001"])).await;
    world.import_numbers(&lower, &named("May", 0), numbers(&["1003"])).await;
    assert_eq!(batches(&world, &lower).await, [batch("May", 0, 2), batch("June", 5, 1)]);
    world.start(&lower).await;
    assert_eq!(called(&world.until_records(&lower, 3).await), ["2001", "1001", "1003"]);
    world.end().await;
}

#[tokio::test]
async fn the_same_name_once_started_is_a_batch_of_its_own_with_a_priority_of_its_own() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let named = |priority: u32| json!({"batch_name": "May", "batch_priority": priority});
    let old = world.import_numbers(&task, &named(1), numbers(&["1001"])).await;
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.post(&format!("tasks/{task}/pause"), json!({})).await;

    // The old batch has been called: each import is now judged against what has not.
    let new = world.import_numbers(&task, &named(7), numbers(&["1002"])).await;
    assert_ne!(new["batch"], old["batch"]);
    assert_eq!(new["result"]["merged"], false);
    assert_eq!(batches(&world, &task).await, [batch("May", 1, 1), batch("May", 7, 1)]);
    let merged = world.import_numbers(&task, &named(8), numbers(&["1003"])).await;
    assert_eq!(merged["batch"], new["batch"], "the youngest of that name has not started");
    assert_eq!(batches(&world, &task).await, [batch("May", 1, 1), batch("May", 8, 2)]);
    world.start(&task).await;
    assert_eq!(called(&world.until_records(&task, 3).await), ["1001", "1002", "1003"]);
    world.end().await;
}

#[tokio::test]
async fn a_name_belongs_to_its_task() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (one, other) =
        (world.task("spring", json!({})).await, world.task("autumn", json!({})).await);
    let named = |priority: u32| json!({"batch_name": "May", "batch_priority": priority});
    let here = world.import_numbers(&one, &named(1), numbers(&["1001"])).await;
    let there = world.import_numbers(&other, &named(2), numbers(&["1001"])).await;
    assert_ne!(here["batch"], there["batch"]);
    assert_eq!(batches(&world, &one).await, [batch("May", 1, 1)]);
    assert_eq!(batches(&world, &other).await, [batch("May", 2, 1)]);
    world.end().await;
}

#[tokio::test]
async fn batches_can_be_raised_cancelled_and_deleted_and_their_records_stay() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"concurrency": 1})).await;
    let ids = [
        world.import(&task, "a", &["13800001001"]).await,
        world.import(&task, "b", &["13800002001", "13800002002"]).await,
        world.import(&task, "c", &["13800003001"]).await,
    ];
    let [a, b, c] = ids.each_ref().map(|import| import["batch"].as_str().expect("a batch"));
    let raised =
        ask(&world.api, "PUT", &format!("batches/{c}/priority"), json!({"priority": 5})).await;
    assert_eq!((raised.told().as_str(), &raised.json()["priority"]), ("200", &json!(5)));
    let cancelled = world.post(&format!("batches/{b}/cancel"), json!({})).await;
    assert_eq!(cancelled["cancelled"], 2);
    world.start(&task).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(
        called(&records),
        ["3001", "1001"],
        "the raised batch first, the cancelled one never"
    );
    assert_eq!(world.get(&format!("batches/{b}")).await["numbers"], json!({"cancelled": 2}));

    assert_eq!(ask(&world.api, "DELETE", &format!("batches/{a}"), Value::Null).await.told(), "204");
    assert_eq!(
        ask(&world.api, "GET", &format!("batches/{a}"), Value::Null).await.told(),
        "404 not_found"
    );
    let numbers = world.get(&format!("tasks/{task}/numbers")).await;
    let left =
        numbers["data"].as_array().expect("numbers").iter().filter(|number| number["batch"] == a);
    assert_eq!(left.count(), 0);
    assert_eq!(called(&world.records(&task).await), ["3001", "1001"], "call records stay");
    world.end().await;
}
