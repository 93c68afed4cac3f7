//! A few characters of a pattern may stand for millions of states.

use futures::future::join_all;
use harness::{World, ask};
use serde_json::{Value, json};

fn robot(name: &str, intents: usize, patterns: &[&str]) -> Value {
    let intents: Vec<Value> = (0..intents)
        .map(|n| json!({"name": format!("intent {n}"), "patterns": patterns, "reply": "Fine."}))
        .collect();
    let agent = json!({"kind": "scripted", "intents": intents, "fallback": ["Pardon?"]});
    json!({"name": name, "agent": agent})
}

#[tokio::test]
async fn scripts_that_would_take_gigabytes_to_compile_are_refused_by_name_before_anything_is_compiled()
 {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let operator = world.key("operator", &[]).await;
    let heavy = robot("heavy", 50, &[r"\w{40}0"; 50]);
    let answers = join_all((0..8).map(|_| ask(&operator, "POST", "robots", heavy.clone()))).await;
    for answer in answers {
        assert_eq!(answer.told(), "422 invalid_input");
        let problem = answer.json();
        let fault = &problem["errors"][0];
        assert_eq!(fault["pointer"], "/agent/intents", "{problem}");
        assert!(fault["detail"].as_str().unwrap_or_default().contains("500"), "{problem}");
    }
    // Few patterns, but as large.
    let large = robot("large", 1, &[r"((\w{99}){99}){99}"]);
    let answer = ask(&operator, "POST", "robots", large).await;
    assert_eq!(answer.told(), "422 invalid_input");
    assert_eq!(answer.json()["errors"][0]["pointer"], "/agent/intents/0/patterns/0");
    // What people write is taken.
    let right =
        robot("right", 20, &[r"(?i)\bat (?P<time>\d+ ?[ap]m)\b", r"my name is (?P<name>\w+)"]);
    assert_eq!(ask(&operator, "POST", "robots", right).await.status, 201);
    world.end().await;
}
