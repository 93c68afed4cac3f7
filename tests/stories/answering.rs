//! Who answered: a person, a mailbox, an assistant, a telephone that screens calls; and what the task does then.

use harness::{Line, World};
use serde_json::{Value, json};

use crate::conversation::{Call, remind};

const MESSAGE: &str = "Hello Ms. Li, we will call you again.";

/// A world, and a task whose robot has little to say and which answers so.
async fn task(answering: Value) -> (World, String) {
    let world = World::with("2026-12-01T10:00:00+08:00", 20, Line::Natural).await;
    let intents = json!([{"name": "there", "keywords": ["on the line"], "reply": "Good morning, Ms. Li. #Hangup#"}]);
    let agent =
        json!({"kind": "scripted", "intents": intents, "fallback": ["Thank you. #Hangup#"]});
    let robot = json!({"name": "caller", "opening": "", "agent": agent});
    let robot = world.made("robots", robot).await;
    let navigation = json!({"name": "caller", "start": "talk", "nodes": [{"name": "talk", "kind": "agent", "robot": robot}]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let more =
        json!({"navigation": navigation, "answering": answering, "redial": {"enabled": false}});
    let task = world.task("calls", more).await;
    (world, task)
}

fn told(call: &Call) -> (&Value, &Value, &Value) {
    (&call.record["answered_by"], &call.record["result"], &call.record["cause"])
}

#[tokio::test]
async fn a_call_that_a_machine_takes_is_ended_and_counts_as_a_call_assistant() {
    let (world, task) = task(json!({"detect": true})).await;
    for (end, who) in [("0030", "machine"), ("0032", "assistant")] {
        let call = remind(&world, &task, end).await;
        let ended = (&json!(who), &json!("call_assistant"), &json!("not_a_person"));
        assert_eq!(told(&call), ended, "{end}: {:?}", call.log);
    }
    world.end().await;
}

#[tokio::test]
async fn a_message_is_left_in_a_mailbox_and_heard_to_its_end() {
    let machine = json!({"action": "leave_message", "text": "Hello {{customerName}}, we will call you again."});
    let (world, task) = task(json!({"detect": true, "machine": machine})).await;
    let call = remind(&world, &task, "0030").await;
    assert_eq!(told(&call).0, "machine", "{:?}", call.log);
    assert_eq!(told(&call).1, "answered");
    assert_eq!(call.said("robot"), [MESSAGE]);
    world.end().await;
}

#[tokio::test]
async fn a_screening_is_told_who_calls_and_the_person_who_comes_is_talked_to() {
    let (world, task) = task(json!({"detect": true})).await;
    let call = remind(&world, &task, "0031").await;
    assert_eq!(told(&call).0, "screening", "{:?}", call.log);
    let said = call.said("robot");
    assert!(said[0].contains("put me through"), "{said:?}");
    assert_eq!(said.last(), Some(&"Good morning, Ms. Li."));
    assert_eq!(call.record["result"], "answered");
    world.end().await;
}

#[tokio::test]
async fn a_person_is_told_of_and_without_detection_nobody_is() {
    let (world, task) = task(json!({"detect": true})).await;
    let call = remind(&world, &task, "0001").await;
    assert_eq!(told(&call).1, "answered", "{:?}", call.log);
    assert!(
        ["person", "unknown"].contains(&told(&call).0.as_str().expect("a word")),
        "{:?}",
        call.log
    );
    world.end().await;
    let (world, task) = self::task(json!({})).await;
    let call = remind(&world, &task, "0030").await;
    assert_eq!(told(&call).0, &Value::Null, "{}", call.record);
    world.end().await;
}
