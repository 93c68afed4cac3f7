//! Guide, step 3, scenarios 3 and 4: signs of listening, and sentences that come in pieces. One customer,
//! whose silences are real, and robots that differ in one setting.

use harness::{Line, World};
use serde_json::{Value, json};

use crate::conversation::{Call, remind};

/// The guide's question, as its customer asks it.
const PIECES: [&str; 3] =
    ["I want to ask…", "uh… about you…", "what is the current interest rate?"];
const ASKED_BACK: [&str; 2] =
    ["Hello, what would you like to ask?", "Could you please say it more completely?"];
const ANSWER: &str = "Our interest rate is three percent. Goodbye.";

/// A world, and a task whose robot thinks a second over each answer and takes turns so.
async fn bank(turn: Value) -> (World, String) {
    let world = World::with("2026-12-01T10:00:00+08:00", 5, Line::Natural).await;
    let intents = json!([
        {"name": "rate", "keywords": ["interest rate"], "reply": ANSWER},
        {"name": "unclear", "keywords": ["about you"], "reply": ASKED_BACK[1]},
        {"name": "question", "keywords": ["want to ask"], "reply": ASKED_BACK[0]},
        {"name": "curious", "keywords": ["tell me more"], "reply": "With pleasure, at our branch. #Hangup#"},
    ]);
    let agent = json!({"kind": "scripted", "intents": intents, "fallback": ["Pardon?"], "thinks_ms": 1_000});
    let robot = json!({"name": "bank", "opening": "Good morning, how can I help you?", "agent": agent, "turn": turn});
    let robot = world.made("robots", robot).await;
    let navigation = json!({"name": "bank", "start": "talk", "nodes": [{"name": "talk", "kind": "agent", "robot": robot}]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("bank", json!({"navigation": navigation})).await;
    (world, task)
}

/// What was logged of this kind.
fn logged<'a>(call: &'a Call, kind: &str) -> Vec<&'a str> {
    let entries = call.log.iter().filter(|entry| entry["kind"] == kind);
    entries.map(|entry| entry["detail"].as_str().unwrap_or_default()).collect()
}

/// The line of the transcript with these words.
fn line<'a>(call: &'a Call, text: &str) -> &'a Value {
    let found = call.transcript.iter().find(|line| line["text"] == text);
    found.unwrap_or_else(|| panic!("{text} in {:?}", call.transcript))
}

#[tokio::test]
async fn without_accumulation_a_question_in_pieces_is_interrupted_twice() {
    let (world, task) = bank(json!({"accumulation": false, "end_of_speech_ms": 500})).await;
    let call = remind(&world, &task, "0029").await;
    assert_eq!(call.said("customer")[..3], PIECES);
    assert_eq!(call.said("robot")[1..], [ASKED_BACK[0], ASKED_BACK[1], ANSWER]);
    assert_eq!(call.record["turns"], 3, "{}", call.record);
    assert_eq!(logged(&call, "agent_request")[..3], PIECES);
    // Nothing was taken back; what the customer said in going is another matter.
    let cancelled = logged(&call, "agent_cancel");
    assert!(
        cancelled.iter().all(|cancelled| !cancelled.starts_with(['1', '2', '3'])),
        "{cancelled:?}"
    );
    // The robot spoke twice before the question was whole.
    let whole_ms = line(&call, PIECES[2])["end_ms"].as_u64().expect("a time");
    for asked_back in ASKED_BACK {
        let start_ms = line(&call, asked_back)["start_ms"].as_u64().expect("a time");
        assert!(
            start_ms < whole_ms,
            "{asked_back} at {start_ms}, the question ended at {whole_ms}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn with_accumulation_the_same_question_is_answered_once() {
    let (world, task) = bank(json!({"accumulation": true, "end_of_speech_ms": 500})).await;
    let call = remind(&world, &task, "0029").await;
    assert_eq!(call.said("customer")[..3], PIECES);
    assert_eq!(call.said("robot")[1..], [ANSWER], "only the last request is answered");
    assert_eq!((&call.record["turns"], &call.record["interruptions"]), (&json!(1), &json!(0)));
    let whole = "I want to ask uh… about you what is the current interest rate?";
    assert_eq!(logged(&call, "agent_request")[2], whole);
    assert_eq!(logged(&call, "accumulated").last(), Some(&whole));
    let cancelled = logged(&call, "agent_cancel");
    assert!(cancelled[0].starts_with("1:") && cancelled[1].starts_with("2:"), "{cancelled:?}");
    world.end().await;
}

#[tokio::test]
async fn a_longer_silence_hears_a_hesitating_customer_as_one() {
    // The guide's figure for industrial halls; the customer pauses as long.
    let (world, task) = bank(json!({"accumulation": false, "end_of_speech_ms": 1_200})).await;
    let call = remind(&world, &task, "0029").await;
    let whole = PIECES.join(" ");
    assert_eq!(logged(&call, "asr_result")[0], whole);
    assert_eq!(logged(&call, "agent_request")[0], whole);
    assert_eq!(call.said("robot")[1..], [ANSWER]);
    assert_eq!(call.record["turns"], 1, "{}", call.record);
    world.end().await;
}

#[tokio::test]
async fn signs_of_listening_come_while_the_customer_speaks_at_length() {
    let listens =
        json!({"enabled": true, "after_ms": 3_500, "phrases": ["Mm-hmm", "I'm listening"]});
    let (world, task) = bank(json!({"backchannel": listens})).await;
    let call = remind(&world, &task, "0021").await;
    let signs = logged(&call, "backchannel");
    assert_eq!(signs[..2], ["Mm-hmm", "I'm listening"], "{:?}", call.log);
    assert!(call.said("robot").contains(&"Mm-hmm"), "it is heard: {:?}", call.said("robot"));
    // They are no turns and interrupt nobody: one question, once the customer has stopped, one answer.
    let kinds: Vec<&str> = call.log.iter().filter_map(|entry| entry["kind"].as_str()).collect();
    let first = |kind: &str| kinds.iter().position(|found| *found == kind);
    assert!(first("backchannel") < first("asr_result"), "{kinds:?}");
    assert_eq!(call.logged("agent_request"), 1);
    assert!(logged(&call, "agent_request")[0].ends_with("so tell me more about it please."));
    assert_eq!((&call.record["turns"], &call.record["interruptions"]), (&json!(1), &json!(0)));
    assert_eq!(call.said("robot").last(), Some(&"With pleasure, at our branch."));
    world.end().await;
}

#[tokio::test]
async fn without_backchannel_the_robot_keeps_still_while_the_customer_speaks() {
    let (world, task) = bank(json!({})).await;
    let call = remind(&world, &task, "0021").await;
    assert_eq!(call.logged("backchannel"), 0);
    assert_eq!(
        call.said("robot"),
        ["Good morning, how can I help you?", "With pleasure, at our branch."]
    );
    world.end().await;
}
