//! Who works, who is missing, and what a stopping process leaves behind.

use std::time::Duration;

use api::limits::RateConfig;
use harness::{World, eventually};
use serde_json::{Value, json};
use storage::objects::{Objects, ObjectsConfig};
use telephony::journal::Event;
use tokio_util::sync::CancellationToken;
use workers::Kind;

fn codes(why: &Value) -> Vec<String> {
    let reasons = why.as_array().expect("reasons").iter();
    reasons.map(|reason| reason["code"].as_str().expect("a code").to_owned()).collect()
}

#[tokio::test]
async fn a_task_whose_dialers_or_dispatchers_are_gone_says_so_until_they_are_back() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("waits", json!({})).await;
    world.import(&task, "one", &["+8613800000003"]).await;
    world.stop_workers().await;
    world.run(&[Kind::Sweep, Kind::Step]);
    world.start(&task).await;
    until_why(&world, &task, &["no_dialer"]).await;
    world.stop_workers().await;
    world.run(&[Kind::Dial, Kind::Redial]);
    until_why(&world, &task, &["no_dispatcher"]).await;
    world.stop_workers().await;
    until_why(&world, &task, &["no_dispatcher", "no_dialer"]).await;

    world.run(&Kind::WORK);
    world.until_records(&task, 1).await;
    until_why(&world, &task, &[]).await;
    world.end().await;
}

/// Wait until exactly these processes are told as missing.
async fn until_why(world: &World, task: &str, missing: &[&str]) {
    eventually(&format!("`why` with {missing:?}"), || async {
        let why = codes(&world.get(&format!("tasks/{task}/progress")).await["why"]);
        let told: Vec<&str> =
            why.iter().map(String::as_str).filter(|code| code.starts_with("no_d")).collect();
        (told == missing).then_some(())
    })
    .await;
}

#[tokio::test]
async fn an_import_and_an_export_say_that_no_courier_runs_and_go_on_with_the_next_one() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("waits", json!({})).await;
    world.stop_workers().await;
    world.run(&[Kind::Sweep, Kind::Step, Kind::Dial, Kind::Redial]);
    let numbers = vec![json!({"phone_number": "+8613800000003"})];
    let import = world.begin_import(&task, &json!({"batch_name": "late"}), numbers).await;
    let import = format!("imports/{}", import["id"].as_str().expect("an id"));
    let export = world.made("exports", json!({"content": "call_records", "format": "csv"})).await;
    let export = format!("exports/{export}");
    for path in [&import, &export] {
        assert_eq!(codes(&world.get(path).await["why"]), ["no_courier"], "{path}");
    }
    for list in [format!("tasks/{task}/imports"), "exports".to_owned()] {
        assert_eq!(codes(&world.get(&list).await["data"][0]["why"]), ["no_courier"], "{list}");
    }
    world.stop_workers().await;
    world.run(&Kind::WORK);
    for path in [&import, &export] {
        let over = world.until_over(path).await;
        assert_eq!((&over["status"], codes(&over["why"]).len()), (&json!("done"), 0), "{over}");
    }
    world.end().await;
}

#[tokio::test]
async fn the_list_of_workers_shows_what_each_does_and_one_that_ended_in_order_is_not_in_it() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let list = eventually("a worker", || async {
        let list = world.get("workers").await["data"].clone();
        (!list.as_array().expect("a list").is_empty()).then_some(list)
    })
    .await;
    let words: Vec<&str> = Kind::WORK.iter().map(|kind| kind.word()).collect();
    assert_eq!((&list[0]["state"], &list[0]["kinds"]), (&json!("at_work"), &json!(words)));
    assert_eq!((&list[0]["calls_up"], &list[0]["calls_max"]), (&json!(0), &json!(500)));
    assert_eq!(list[0]["version"], env!("CARGO_PKG_VERSION"));
    let viewer = world.key("viewer", &[]).await;
    let refused = harness::ask(&viewer, "GET", "workers", Value::Null).await;
    assert_eq!(refused.told(), "403 role_required");
    world.stop_workers().await;
    assert_eq!(world.get("workers").await["data"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_customer_who_is_cut_off_by_a_stopping_dialer_is_called_again() {
    let mut world = World::with("2026-12-01T10:00:00+08:00", 1, harness::Line::Natural).await;
    let quick = json!({"setup_ms": [0, 0], "ring_ms": [0, 0]});
    let trunk = json!({"name": "quick", "concurrency": 5, "simulated": quick});
    let trunk = world.made("trunks", trunk).await;
    let caller = json!({"trunk": trunk, "phone": "+862155500177"});
    let caller = world.made("caller_ids", caller).await;
    let navigation = world
        .made(
            "navigations",
            json!({"name": "long", "start": "talk", "nodes": [
                {"name": "talk", "kind": "play", "text": "word ".repeat(190), "next": "end"},
                {"name": "end", "kind": "hangup"}]}),
        )
        .await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world
        .task(
            "cut",
            json!({"navigation": navigation, "caller_ids": [caller],
                "redial": {"enabled": true, "retry_seconds": [600]}}),
        )
        .await;
    world.import(&task, "one", &["+8613800000021"]).await;
    world.start(&task).await;
    eventually("an answered call", || async {
        let entries = telephony::journal::read_all(&world.config.journal).expect("a journal");
        entries.iter().any(|entry| entry.event == Event::Answer).then_some(())
    })
    .await;

    world.stop_workers().await;
    let records = world.records(&task).await;
    let told = ["result", "cause"].map(|field| records[0][field].as_str().unwrap_or_default());
    assert_eq!(told, ["call_failed", "worker_stopping"], "{:#}", records[0]);
    assert!(records[0]["answered_at"].is_string(), "it was answered: {:#}", records[0]);
    let progress = world.get(&format!("tasks/{task}/progress")).await;
    assert_eq!((&progress["answered"], &progress["numbers"]["waiting"]), (&json!(0), &json!(1)));
    assert_eq!(progress["waiting"][0]["reason"], "redial");
    world.end().await;
}

#[tokio::test]
async fn ready_asks_the_object_store_too() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let url = format!("http://{}/ready", world.address);
    let answer = harness::Answer::to(reqwest::Client::new().get(&url)).await;
    assert_eq!(answer.status, 200, "{}", answer.json());
    assert_eq!(answer.json(), json!({"database": "up", "queue": "up", "objects": "up"}));

    // A second API whose object store is at a port that nobody listens on.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = taken.local_addr().expect("an address");
    drop(taken);
    let config = world.config.objects.clone().expect("an object store");
    let objects = Objects::new(&ObjectsConfig { endpoint: format!("http://{nobody}"), ..config });
    let state = api::ApiState::new(
        world.node.store.clone(),
        objects,
        world.node.queues.clone(),
        world.clock.clone(),
        RateConfig::default(),
    );
    let stopping = CancellationToken::new();
    let anywhere = "127.0.0.1:0".parse().expect("an address");
    let (address, served) =
        callwright::commands::listen(anywhere, api::router(state), stopping.clone())
            .await
            .expect("a port");
    tokio::spawn(served);
    let request = reqwest::Client::new()
        .get(format!("http://{address}/ready"))
        .timeout(Duration::from_secs(10));
    let answer = harness::Answer::to(request).await;
    assert_eq!(answer.status, 503, "{}", answer.json());
    assert_eq!(answer.json(), json!({"database": "up", "queue": "up", "objects": "down"}));
    stopping.cancel();
    world.end().await;
}
