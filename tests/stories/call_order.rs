//! Step 1, scenario 4: “Adjust Call Order to Improve Execution Efficiency”.

use harness::World;
use harness::campaign::{rung, time};
use serde_json::{Value, json};

/// One call at a time, so that the order of the records is the order of the calls.
fn one_by_one(first: &str, redial: &str, uncalled: &str) -> Value {
    json!({
        "concurrency": 1,
        "redial": {"enabled": true, "retry_seconds": [60, 60, 60, 60]},
        "call_order": {"first": first, "redial": redial, "uncalled": uncalled},
    })
}

/// Numbers by their last four digits, each with a priority. `area` sets tasks of one world apart.
fn numbers(area: u32, lasts: &[(u32, u32)]) -> Vec<Value> {
    let number = |(last, priority): &(u32, u32)| json!({"phone_number": format!("139{area:04}{last:04}"), "priority": priority});
    lasts.iter().map(number).collect()
}

async fn import(world: &World, task: &str, batch: &str, priority: u32, numbers: Vec<Value>) {
    let options = json!({"batch_name": batch, "batch_priority": priority});
    world.import_numbers(task, &options, numbers).await;
}

/// Call everything that is pending, then set the clock to when all redials are due; the task is
/// paused by hand meanwhile, so that they stand ready for its start.
async fn one_round(world: &World, task: &str) {
    world.start(task).await;
    world.until_state(task, "paused no_pending_numbers").await;
    world.pause(task).await;
    world.clock.set(world.clock.now() + chrono::TimeDelta::seconds(90));
    harness::eventually("the redials to be pending", || async {
        let progress = world.progress(task).await;
        (progress["numbers"]["waiting"] == 0).then_some(())
    })
    .await;
}

/// A task with numbers that wait for rounds 2 and 1, two of each, and two that were never called.
async fn three_kinds(world: &World, name: &str, area: u32, config: Value) -> String {
    let task = world.task(name, config).await;
    // Nobody answers 90xx: the first digit behind it tells the pending round, the last the import order.
    import(world, &task, "oldest", 0, numbers(area, &[(9021, 0), (9022, 5)])).await;
    one_round(world, &task).await;
    import(world, &task, "older", 9, numbers(area, &[(9011, 0), (9012, 0)])).await;
    // The first redials of the oldest and the first calls of the older.
    one_round(world, &task).await;
    import(world, &task, "new", 0, numbers(area, &[(9001, 0), (9002, 0)])).await;
    task
}

#[tokio::test]
async fn redials_and_uncalled_numbers_go_as_they_were_dragged() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (area, (first, redial, wanted)) in (1..).zip([
        // The same pending round: by batch priority and number priority.
        ("redial", "descending", "9022 9021 9011 9012 9001 9002"),
        ("redial", "ascending", "9011 9012 9022 9021 9001 9002"),
        ("uncalled", "descending", "9001 9002 9022 9021 9011 9012"),
        ("uncalled", "ascending", "9001 9002 9011 9012 9022 9021"),
    ]) {
        let config = one_by_one(first, redial, "sequential");
        let name = format!("{first} first, {redial}");
        let task = three_kinds(&world, &name, area, config).await;
        let before = world.records(&task).await.len();
        world.start(&task).await;
        let records = world.until_records(&task, before + 6).await;
        assert_eq!(rung(&records[before..], 4), wanted, "{name}");
        world.post(&format!("tasks/{task}/end"), json!({})).await;
    }
    world.end().await;
}

#[tokio::test]
async fn redials_of_the_same_pending_round_go_by_batch_priority_then_number_priority() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("same round", one_by_one("redial", "descending", "sequential")).await;
    import(&world, &task, "low", 1, numbers(1, &[(9011, 0), (9012, 70)])).await;
    import(&world, &task, "high", 8, numbers(1, &[(9021, 0), (9022, 7), (9023, 0)])).await;
    one_round(&world, &task).await;
    world.start(&task).await;
    let records = world.until_records(&task, 10).await;
    let wanted = "9022 9021 9023 9012 9011";
    assert_eq!(rung(&records, 4), format!("{wanted} {wanted}"));
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn a_change_takes_effect_only_for_newly_imported_data() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("changed", one_by_one("redial", "descending", "sequential")).await;
    import(&world, &task, "old", 0, numbers(1, &[(9021, 0)])).await;
    one_round(&world, &task).await;
    import(&world, &task, "older", 0, numbers(1, &[(9011, 0)])).await;
    one_round(&world, &task).await;
    import(&world, &task, "last of the old", 0, numbers(1, &[(9001, 0), (9002, 0)])).await;

    // Dragged: uncalled numbers first. The old ones keep redials first and descending rounds.
    let order = json!({"first": "uncalled", "redial": "ascending", "uncalled": "sequential"});
    world.patch(&format!("tasks/{task}"), json!({"call_order": order})).await;
    let before = world.records(&task).await.len();
    import(&world, &task, "new", 0, numbers(1, &[(9003, 0), (9004, 0)])).await;
    world.start(&task).await;
    let records = world.until_records(&task, before + 6).await;
    let order = rung(&records[before..], 4);
    let place = |last: &str| order.split(' ').position(|other| other == last).expect("a call");
    // The old among themselves, as ever; the new uncalled ahead of the old uncalled.
    assert!(place("9021") < place("9011"), "{order}");
    assert!(place("9011") < place("9001") && place("9001") < place("9002"), "{order}");
    assert!(place("9003") < place("9004") && place("9004") < place("9001"), "{order}");
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn uncalled_numbers_go_in_sequence_by_batch_number_priority_and_import_order() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = json!({"concurrency": 1});
    let task = world.task("sequential", config).await;
    import(&world, &task, "first", 0, numbers(1, &[(9001, 0), (9002, 0), (9003, 9)])).await;
    import(&world, &task, "second", 5, numbers(1, &[(9004, 0), (9005, 1)])).await;
    import(&world, &task, "third", 0, numbers(1, &[(9006, 0), (9007, 0)])).await;
    world.start(&task).await;
    let records = world.until_records(&task, 7).await;
    assert_eq!(rung(&records, 4), "9005 9004 9003 9001 9002 9006 9007");
    world.end().await;
}

#[tokio::test]
async fn uncalled_numbers_go_at_random_but_those_with_a_priority() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = json!({"concurrency": 1, "call_order": {"uncalled": "random"}});
    let mut seen = Vec::new();
    for (area, name) in [(1, "one"), (2, "another")] {
        let task = world.task(name, config.clone()).await;
        let plain: Vec<(u32, u32)> = (9001..=9015).map(|last| (last, 0)).collect();
        import(&world, &task, "plain", 0, numbers(area, &plain)).await;
        // Batch priority does not count.
        import(&world, &task, "high", 9, numbers(area, &[(9016, 0), (9017, 3), (9018, 0)])).await;
        import(&world, &task, "low", 0, numbers(area, &[(9019, 8), (9020, 3)])).await;
        world.start(&task).await;
        let records = world.until_records(&task, 20).await;
        let order = rung(&records, 4);
        assert!(order.starts_with("9019 9017 9020 "), "{order}");
        let rest: Vec<String> = order.split(' ').skip(3).map(str::to_owned).collect();
        assert!(!rest.is_sorted(), "{order}");
        seen.push(rest);
    }
    assert_ne!(seen[0], seen[1], "each task by its own chance");
    // By its batch's priority 9016 and 9018 would be the first of the rest in both.
    let ahead = |rest: &Vec<String>| rest[..2].iter().all(|last| last == "9016" || last == "9018");
    assert!(!seen.iter().all(ahead), "{seen:?}");
    world.end().await;
}

#[tokio::test]
async fn a_redial_that_falls_due_goes_ahead_of_uncalled_numbers_in_mid_run() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (_, caller) =
        world.line("slow", "+862155500200", json!({"setup_ms": [1_000, 1_000]}), json!({})).await;
    let mut config = one_by_one("redial", "descending", "sequential");
    config["caller_ids"] = json!([caller]);
    let task = world.task("mid-run", config).await;
    import(&world, &task, "first", 0, numbers(1, &[(9001, 0)])).await;
    world.start(&task).await;
    world.until_state(&task, "paused no_pending_numbers").await;

    let many: Vec<(u32, u32)> = (9101..=9130).map(|last| (last, 0)).collect();
    import(&world, &task, "many", 0, numbers(1, &many)).await;
    world.start(&task).await;
    world.until_records(&task, 3).await;
    let first = time(&world.records(&task).await[0]["started_at"]);
    let due = first + chrono::TimeDelta::seconds(60);
    world.clock.set(due);
    let number = harness::eventually("the redial", || async {
        let records = world.records(&task).await;
        records
            .iter()
            .skip(1)
            .position(|record| record["round"] == 1)
            .map(|place| records[place + 1].clone())
    })
    .await;
    assert_eq!(rung(std::slice::from_ref(&number), 4), "9001");
    // At most the one call that was up was ahead of it.
    let records = world.records(&task).await;
    let ahead = records.iter().filter(|record| {
        let started = time(&record["started_at"]);
        started > due && started < time(&number["started_at"])
    });
    assert!(ahead.count() <= 1, "{}", rung(&records, 4));
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}

#[tokio::test]
async fn a_change_before_the_first_start_holds_for_the_numbers_that_are_there_too() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let mut config = one_by_one("redial", "descending", "random");
    config["redial"]["enabled"] = json!(false);
    let task = world.task("by mistake", config).await;
    let many: Vec<(u32, u32)> = (1..=40).map(|last| (9000 + last, 0)).collect();
    import(&world, &task, "low", 0, numbers(1, &many)).await;
    import(&world, &task, "high", 9, numbers(2, &[(9001, 0), (9002, 5)])).await;
    let order = json!({"first": "uncalled", "redial": "ascending", "uncalled": "sequential"});
    world.patch(&format!("tasks/{task}"), json!({"call_order": order})).await;
    world.start(&task).await;
    let records = world.until_records(&task, 42).await;
    let mut wanted = vec!["00029002".to_owned(), "00029001".to_owned()];
    wanted.extend((1..=40).map(|last| format!("0001{}", 9000 + last)));
    assert_eq!(rung(&records, 8), wanted.join(" "));

    // After the start it holds for later imports alone: the one that is there stays first.
    world.pause(&task).await;
    import(&world, &task, "there", 9, numbers(3, &[(9001, 0), (9002, 0)])).await;
    world.patch(&format!("tasks/{task}"), json!({"call_order": {"uncalled": "random"}})).await;
    import(&world, &task, "after", 0, numbers(4, &[(9001, 0)])).await;
    world.start(&task).await;
    let records = world.until_records(&task, 45).await;
    let later = rung(&records[42..], 8);
    let place = |phone: &str| later.split(' ').position(|other| other == phone);
    assert!(place("00039001") < place("00039002"), "{later}");
    world.post(&format!("tasks/{task}/end"), json!({})).await;
    world.end().await;
}
