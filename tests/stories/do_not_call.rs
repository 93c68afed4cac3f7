//! The enterprise's do-not-call list, as its page and the API keep it (SPEC 2).

use std::sync::Arc;
use std::time::Duration;

use harness::campaign::{refusal, rung};
use harness::{Line, World, ask};
use outbound::hours::Hours;
use outbound::phone::Phone;
use serde_json::{Value, json};
use telephony::carrier::{Carrier, CarrierError, Order};
use telephony::gate::LastLook;
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

async fn listed(world: &World, query: &str) -> Vec<Value> {
    world.get(&format!("suppressions{query}")).await["data"].as_array().cloned().expect("entries")
}

#[tokio::test]
async fn a_number_is_on_the_list_once_however_it_is_written() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let phones = ["13800000001", "+86 138-0000-0001", "8613800000001", "13800000002"];
    let added =
        world.post("suppressions", json!({"phone_numbers": phones, "reason": "asked"})).await;
    assert_eq!(added["data"].as_array().map(Vec::len), Some(2), "{added}");
    let first = listed(&world, "?phone=13800000001").await.remove(0);
    assert_eq!((&first["reason"], &first["source"]), (&json!("asked"), &json!("api")));
    assert_eq!(first["expires_at"], Value::Null);

    // Added again: the same entry, with the new reason and expiry.
    let until = "2026-12-02T00:00:00Z";
    let again =
        json!({"phone_numbers": ["13800000001"], "reason": "for a day", "expires_at": until});
    let again = world.post("suppressions", again).await["data"][0].clone();
    assert_eq!((&again["id"], &again["created_at"]), (&first["id"], &first["created_at"]));
    assert_eq!((&again["reason"], &again["expires_at"]), (&json!("for a day"), &json!(until)));
    assert_eq!(listed(&world, "").await.len(), 2);
    let newest: Vec<Value> =
        listed(&world, "").await.iter().map(|row| row["phone"].clone()).collect();
    assert_eq!(newest, ["+8613800000002", "+8613800000001"]);
    world.end().await;
}

#[tokio::test]
async fn what_cant_be_listed_is_refused_whole() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.post("suppressions", json!({"phone_numbers": ["13800000001"]})).await;
    let good = "13800000002";
    for (body, wanted) in [
        (json!({"phone_numbers": []}), "422 /phone_numbers too_few"),
        (json!({"phone_numbers": vec![good; 1_001]}), "422 /phone_numbers too_many"),
        (
            json!({"phone_numbers": [good, "letters", ""]}),
            "422 /phone_numbers/1 invalid_phone /phone_numbers/2 invalid_phone",
        ),
        (json!({"phone_numbers": [good], "reason": "x".repeat(201)}), "422 /reason too_long"),
        (
            json!({"phone_numbers": [good], "expires_at": "2026-12-01T02:00:00Z"}),
            "422 /expires_at in_the_past",
        ),
        (json!({"phone_numbers": [good], "expires_at": "soon"}), "422 /expires_at invalid_value"),
        (json!({"phone_numbers": good}), "422 /phone_numbers invalid_value"),
        (json!({"numbers": [good]}), "422 /numbers unknown_field"),
        (json!({}), "422 /phone_numbers missing_field"),
    ] {
        let answer = world.ask("POST", "suppressions", body).await;
        assert_eq!(refusal(&answer).0, wanted);
    }
    let wrong = ask(&world.api, "GET", "suppressions?phone=letters", Value::Null).await;
    assert_eq!(wrong.told(), "400 malformed_request");
    assert_eq!(listed(&world, "").await.len(), 1, "nothing was added");
    world.end().await;
}

#[tokio::test]
async fn an_entry_is_taken_off_once_and_holds_for_its_enterprise_only() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let added = world.post("suppressions", json!({"phone_numbers": ["13800000002"]})).await;
    let path = format!("suppressions/{}", added["data"][0]["id"].as_str().expect("an id"));
    let stranger = world.stranger().await;
    stranger.post("suppressions", &json!({"phone_numbers": ["13800000003"]})).await.expect("added");

    // The other enterprise's entry stops nobody here; one's own does.
    let task = world.task("both", json!({})).await;
    let import = world.import_auto(&task, "May", &["13800000002", "13800000003"]).await;
    assert_eq!(import["result"]["suppressed"], 1);
    assert_eq!(rung(&world.until_records(&task, 1).await, 4), "0003");

    let viewer = world.key("viewer", &[]).await;
    assert_eq!(viewer.get(&path).await.expect("an entry")["phone"], "138****0002");
    assert_eq!(ask(&viewer, "DELETE", &path, Value::Null).await.told(), "403 role_required");
    assert_eq!(ask(&world.api, "DELETE", &path, Value::Null).await.told(), "204");
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&world.api, method, &path, Value::Null).await.told(), "404 not_found");
    }
    world.import_auto(&task, "June", &["13800000002"]).await;
    world.until_records(&task, 2).await;
    world.end().await;
}

#[tokio::test]
async fn a_number_that_is_listed_while_its_call_is_up_ends_with_that_call() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"enabled": true, "retry_seconds": [600]});
    let task = world.task("ringing", json!({"redial": redial, "ring_timeout_seconds": 5})).await;
    let chain =
        |phone: &str, backup: &str| json!({"phone_number": phone, "backup_numbers": [backup]});
    let numbers = vec![chain("13800000020", "13900020002"), chain("13900030020", "13900040002")];
    world.import_numbers(&task, &json!({"batch_name": "May", "start": "auto"}), numbers).await;
    world.until_begun(&task, 2).await;
    // The phone of the first number, and the backup of the second.
    let phones = json!({"phone_numbers": ["13800000020", "13900040002"]});
    world.post("suppressions", phones).await;
    world.until_number_states(&task, "suppressed waiting").await;
    let records = world.until_records(&task, 2).await;
    assert_eq!(records.len(), 2, "both calls went on, and no backup was called");
    world.set("2026-12-01T10:11:00+08:00");
    let records = world.until_records(&task, 3).await;
    assert_eq!(rung(&records[2..], 6), "030020");
    world.until_number_states(&task, "suppressed unconnected").await;
    assert_eq!(world.records(&task).await.len(), 3);
    world.end().await;
}

#[tokio::test]
async fn a_number_that_is_listed_while_its_call_waits_for_a_worker_is_not_dialled() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("queued", json!({})).await;
    world.import(&task, "May", &["13800000002", "13800000003"]).await;
    world.stop_workers().await;
    world.start(&task).await;
    world.run(&[Kind::Sweep]);
    world.until_live(&task, 2).await;
    world.stop_workers().await;
    world.post("suppressions", json!({"phone_numbers": ["13800000002"]})).await;
    assert_eq!(world.progress(&task).await["live"], 1, "its slot is free at once");
    world.run(&Kind::WORK);
    world.until_number_states(&task, "suppressed unconnected").await;
    assert_eq!(rung(&world.records(&task).await, 4), "0003");
    world.end().await;
}

#[tokio::test]
async fn a_number_that_waits_is_suppressed_as_it_is_listed() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let redial = json!({"enabled": true, "retry_seconds": [600]});
    let task = world.task("waits", json!({"redial": redial})).await;
    world.import_auto(&task, "May", &["13800000003"]).await;
    world.until_waiting(&task, "redial").await;
    let later = world.task("later", json!({})).await;
    world.import(&later, "June", &["13800000003", "13800000002"]).await;
    world.post("suppressions", json!({"phone_numbers": ["13800000003"]})).await;
    // Neither has to come up for that: one waits for ten minutes, the other for a start.
    assert_eq!(world.number_states(&task).await, "suppressed");
    assert_eq!(world.number_states(&later).await, "suppressed pending");
    world.until_state(&task, "paused no_pending_numbers").await;
    world.end().await;
}

/// The customer has asked; the call may be lost before it ends.
#[tokio::test]
async fn who_asks_on_a_call_is_listed_at_once() {
    let world = World::with("2026-12-01T10:00:00+08:00", 1, Line::Natural).await;
    let opening =
        format!("Forgive me. {} #DoNotCall#", "I am so sorry to have called you. ".repeat(9));
    let agent = json!({"kind": "scripted", "fallback": ["Yes."],
        "intents": [{"name": "no", "keywords": ["no"], "reply": "Good bye. #Hangup#"}]});
    let robot = json!({"name": "sorry", "opening": opening, "agent": agent});
    let robot = world.made("robots", robot).await;
    let nodes = json!([{"name": "talk", "kind": "agent", "robot": robot}]);
    let navigation = json!({"name": "sorry", "start": "talk", "nodes": nodes});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("sorry", json!({"navigation": navigation})).await;
    world.import_auto(&task, "May", &["13800000001"]).await;
    let entry =
        harness::eventually("an entry", || async { listed(&world, "").await.first().cloned() })
            .await;
    assert_eq!(entry["source"], "robot", "{entry}");
    assert_eq!(world.progress(&task).await["live"], 1, "the robot speaks on");
    // Somebody else has its attempt by now, and writes nothing of what was said.
    world.sql("update attempt set token = token + 1, worker = 'other'").await;
    world.until_records(&task, 1).await;
    assert_eq!(listed(&world, "").await.len(), 1);
    world.end().await;
}

/// A call that was begun just now.
async fn begun_call(world: &World, task: &str) -> Order {
    let enterprise = world.sql("select id from enterprise").await;
    let enterprise: uuid::Uuid = enterprise.trim().parse().expect("a UUID");
    let line = world.sql("select config from trunk").await;
    let begun_at = std::time::Instant::now();
    Order {
        attempt: clock::new_id(),
        token: 1,
        enterprise: enterprise.into(),
        task: serde_json::from_value(json!(task)).expect("an id"),
        trunk: serde_json::from_value(json!(world.trunk)).expect("an id"),
        line: serde_json::from_str(&line).map(Arc::new).expect("a trunk"),
        transfer_of: None,
        callee: Phone::from_digits(8_613_800_000_002),
        caller: Phone::from_digits(862_155_500_100),
        round: 0,
        chain_index: 0,
        ring_timeout: Duration::from_secs(45),
        max_call: Duration::from_secs(60),
        recording: None,
        begun_at,
        invite_by: begun_at + Duration::from_secs(60),
        hours: Arc::new(Hours::always(chrono_tz::UTC)),
    }
}

#[tokio::test]
async fn a_phone_that_is_listed_or_a_task_that_is_paused_after_the_begin_of_its_call_is_not_rung() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("about to leave", json!({})).await;
    world.import(&task, "May", &["13800000001"]).await;
    world.start(&task).await;
    world.stop_workers().await;
    let env = world.node.environment(&world.config, None, CancellationToken::new());
    let env = env.expect("an environment");
    let dialer = Running::start(env.clone(), &[Kind::Dial]).expect("a thread");
    let decided = env.lines.decided();
    let mut order = begun_call(&world, &task).await;
    let call = |order: &Order| env.lines.originate(order.clone());
    // The begin has read the database; only then is the phone listed, and the task paused.
    let (listed, phone, begun) = (order.enterprise, order.callee, order.begun_at);
    world.post("suppressions", json!({"phone_numbers": ["13800000002"]})).await;
    harness::eventually("the dialer to hear of it", || async {
        decided.listed_since(listed, phone, begun).then_some(())
    })
    .await;
    assert!(matches!(call(&order).await.map(drop), Err(CarrierError::Late)));
    order.callee = Phone::from_digits(8_613_800_000_001);
    world.post(&format!("tasks/{task}/pause"), json!({})).await;
    harness::eventually("the dialer to hear of it", || async {
        decided.stopped_since(order.task, begun).then_some(())
    })
    .await;
    assert!(matches!(call(&order).await.map(drop), Err(CarrierError::Late)));
    dialer.stop(std::future::ready(())).await;
    world.end().await;
}
