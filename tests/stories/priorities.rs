//! Guide, step 2, scenario 2: high-priority data goes ahead, by the two switches of the enterprise.

use harness::files::{FIXED, csv};
use harness::{World, eventually};
use serde_json::{Value, json};

/// Rings for eight seconds, so that there is a mid-run to import into.
const SLOW: &str = "0020";

fn number(end: &str, priority: u32) -> Value {
    json!({"phone_number": format!("1380000{end}"), "priority": priority})
}

fn batch(name: &str, priority: u32) -> Value {
    json!({"batch_name": name, "batch_priority": priority})
}

/// A world with the switches so, and a task that calls one number at a time.
async fn switched(priorities: bool, full_cache: bool) -> (World, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let settings = world.get("settings").await;
    assert_eq!(settings["predict_call_priority_strategy_gray"], true, "on for a new enterprise");
    assert_eq!(settings["gray_predict_call_use_full_cache"], true, "on for a new enterprise");
    let switches = json!({
        "predict_call_priority_strategy_gray": priorities,
        "gray_predict_call_use_full_cache": full_cache,
    });
    world.patch("settings", switches).await;
    let task = world.task("spring", json!({"concurrency": 1, "ring_timeout_seconds": 8})).await;
    (world, task)
}

/// The last four digits of what was called, in order.
async fn called(world: &World, task: &str, count: usize) -> Vec<String> {
    let records = world.until_records(task, count).await;
    let phones = records.iter().map(|record| record["customer_number"].as_str().expect("a number"));
    phones.map(|phone| phone[phone.len() - 4..].to_owned()).collect()
}

/// Start the task and wait until its first call is up.
async fn until_up(world: &World, task: &str) {
    world.start(task).await;
    eventually("the first call to be up", || async {
        let numbers = world.get(&format!("tasks/{task}/progress")).await;
        (numbers["live"] == 1).then_some(())
    })
    .await;
}

/// Two batches before the start, then two more while the first call rings: what is called, in order.
async fn with_switches(priorities: bool, full_cache: bool, wanted: &[&str]) {
    let (world, task) = switched(priorities, full_cache).await;
    let old = vec![number(SLOW, 99), number("1001", 0), number("1002", 9)];
    world.import_numbers(&task, &batch("old", 3), old).await;
    world
        .import_numbers(&task, &batch("waiting", 2), vec![number("2001", 0), number("2002", 1)])
        .await;
    until_up(&world, &task).await;
    world
        .import_numbers(&task, &batch("high", 5), vec![number("3001", 0), number("3002", 7)])
        .await;
    world.import_numbers(&task, &batch("highest", 8), vec![number("4001", 0)]).await;
    assert_eq!(world.records(&task).await.len(), 0, "the imports landed in mid-run");
    assert_eq!(called(&world, &task, wanted.len()).await, wanted);
    world.end().await;
}

#[tokio::test]
async fn both_switches_on_a_higher_batch_goes_ahead_at_once() {
    let wanted = [SLOW, "4001", "3002", "3001", "1002", "1001", "2002", "2001"];
    with_switches(true, true, &wanted).await;
}

#[tokio::test]
async fn full_cache_off_a_started_batch_is_finished_first() {
    let wanted = [SLOW, "1002", "1001", "4001", "3002", "3001", "2002", "2001"];
    with_switches(true, false, &wanted).await;
}

#[tokio::test]
async fn priorities_off_all_are_called_as_they_were_imported() {
    let wanted = [SLOW, "1001", "1002", "2001", "2002", "3001", "3002", "4001"];
    with_switches(false, true, &wanted).await;
}

#[tokio::test]
async fn both_switches_off_all_are_called_as_they_were_imported() {
    let wanted = [SLOW, "1001", "1002", "2001", "2002", "3001", "3002", "4001"];
    with_switches(false, false, &wanted).await;
}

#[tokio::test]
async fn full_cache_off_a_batch_that_has_not_started_gives_way_to_a_higher_one() {
    let (world, task) = switched(true, false).await;
    world.import_numbers(&task, &batch("old", 0), vec![number("1001", 9), number("1002", 0)]).await;
    world
        .import_numbers(&task, &batch("high", 5), vec![number("3001", 0), number("3002", 0)])
        .await;
    world.start(&task).await;
    assert_eq!(called(&world, &task, 4).await, ["3001", "3002", "1001", "1002"]);
    world.end().await;
}

#[tokio::test]
async fn a_switch_turned_in_mid_run_counts_from_the_next_call_on() {
    let (world, task) = switched(false, true).await;
    let old = vec![number(SLOW, 0), number("1001", 0), number("1002", 9)];
    world.import_numbers(&task, &batch("old", 0), old).await;
    world.import_numbers(&task, &batch("high", 5), vec![number("3001", 0)]).await;
    until_up(&world, &task).await;
    world.patch("settings", json!({"predict_call_priority_strategy_gray": true})).await;
    assert_eq!(world.records(&task).await.len(), 0, "in mid-run");
    assert_eq!(called(&world, &task, 4).await, [SLOW, "3001", "1002", "1001"]);
    world.end().await;
}

#[tokio::test]
async fn inside_a_batch_the_higher_number_goes_first_and_then_the_order_of_the_file() {
    let (world, task) = switched(true, true).await;
    let numbers = [("1001", 0), ("1002", 5), ("1003", 999_999), ("1004", 5), ("1005", 0)];
    let numbers = numbers.map(|(end, priority)| number(end, priority)).to_vec();
    world.import_numbers(&task, &batch("May", 0), numbers).await;
    world.start(&task).await;
    assert_eq!(called(&world, &task, 5).await, ["1003", "1002", "1004", "1001", "1005"]);
    world.end().await;
}

#[tokio::test]
async fn an_import_from_the_console_has_priority_0_and_orders_only_within_itself() {
    let (world, task) = switched(true, true).await;
    let low = vec![number(SLOW, 0), number("1001", 0)];
    world.import_numbers(&task, &batch("by the API", 1), low).await;
    until_up(&world, &task).await;
    // As the console sends it: a file and a name; nothing in it can lift the batch.
    let row = |end: &str, priority: u32| vec![json!(format!("1380000{end}")), json!(priority)];
    let file = csv(&[FIXED.map(Value::from).to_vec(), row("2001", 0), row("2002", 999_999)]);
    let import =
        world.imported(&task, "console.csv", file, &json!({"batch_name": "console"})).await;
    let batch = world.get(&format!("batches/{}", import["batch"].as_str().expect("a batch"))).await;
    assert_eq!(batch["priority"], 0);
    assert_eq!(called(&world, &task, 4).await, [SLOW, "1001", "2002", "2001"]);
    world.end().await;
}

#[tokio::test]
async fn in_random_order_numbers_with_a_priority_go_first_and_batches_do_not_count() {
    let (world, _) = switched(true, true).await;
    let more = json!({"concurrency": 1, "call_order": {"uncalled": "random"}});
    let task = world.task("random", more).await;
    let plain: Vec<Value> = (1100..1130).map(|end| number(&end.to_string(), 0)).collect();
    world.import_numbers(&task, &batch("plain", 9), plain).await;
    world
        .import_numbers(&task, &batch("some", 0), vec![number("2001", 3), number("2002", 4)])
        .await;
    world.start(&task).await;
    let order = called(&world, &task, 32).await;
    assert_eq!(order[..2], ["2002", "2001"]);
    let mut rest = order[2..].to_vec();
    rest.sort_unstable();
    let sorted: Vec<String> = (1100..1130).map(|end| end.to_string()).collect();
    assert_eq!(rest, sorted, "each once");
    assert_ne!(order[2..], sorted, "in no order that the file had");
    world.end().await;
}
