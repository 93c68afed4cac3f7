//! Documents that robots answer from: uploaded, found by what customers ask, and kept while a robot names them.

use harness::campaign::refusal;
use harness::{World, ask};
use serde_json::{Value, json};

use crate::command_line::said;

const GARAGE: &str = include_str!("../../examples/knowledge.md");

async fn garage(world: &World) -> String {
    let base = world.made("knowledge", json!({"name": "garage"})).await;
    let document = json!({"name": "About us", "text": GARAGE});
    let added = world.post(&format!("knowledge/{base}/documents"), document).await;
    assert_eq!((&added["passages"], &added["format"]), (&json!(4), &json!("markdown")), "{added}");
    base
}

/// The first lines of the passages.
fn heads(found: &Value) -> Vec<&str> {
    let passages = found["data"].as_array().expect("a list").iter();
    passages
        .map(|one| one["passage"].as_str().and_then(|text| text.lines().next()).expect("a line"))
        .collect()
}

#[tokio::test]
async fn a_document_is_found_by_what_customers_ask_and_no_longer_when_it_is_deleted() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let base = garage(&world).await;
    let path = format!("knowledge/{base}");
    let found = |question: &'static str| {
        let path = format!("{path}/find");
        let world = &world;
        async move { world.post(&path, json!({"question": question})).await }
    };
    assert_eq!(heads(&found("Are you open on a holiday?").await)[0], "Opening hours > Holidays");
    assert_eq!(heads(&found("What is the price of changing a tyre?").await)[0], "Prices");
    assert_eq!(found("Do you sell helicopters?").await["data"], json!([]));
    let find = format!("{path}/find");
    let one = world.post(&find, json!({"question": "open price test", "most": 1}));
    assert_eq!(heads(&one.await).len(), 1);
    let listed = world.get(&format!("{path}/documents")).await;
    let document = format!("{path}/documents/{}", listed["data"][0]["id"].as_str().expect("an id"));
    let read = world.get(&document).await;
    assert_eq!((&read["text"], &read["bytes"]), (&json!(GARAGE), &json!(GARAGE.len())));
    assert_eq!(ask(&world.api, "DELETE", &document, Value::Null).await.status, 204);
    assert_eq!(found("Are you open?").await["data"], json!([]));
    assert_eq!(ask(&world.api, "GET", &document, Value::Null).await.status, 404);
    let done = world.get(&format!("audit?target={base}")).await;
    let done: Vec<&str> = done["data"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|one| one["action"].as_str())
        .collect();
    assert_eq!(done, ["knowledge.document_delete", "knowledge.document_add", "knowledge.create"]);
    world.end().await;
}

#[tokio::test]
async fn a_text_that_is_too_large_or_empty_is_refused_with_the_limit() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let base = garage(&world).await;
    let path = format!("knowledge/{base}/documents");
    for (text, pointer, code) in [
        ("a".repeat(1_000_001), "/text", "too_long"),
        (" \n".to_owned(), "/text", "required"),
        ("# a\nb\n".repeat(5_001), "/text", "passages_max"),
    ] {
        let answer = ask(&world.api, "POST", &path, json!({"name": "more", "text": text})).await;
        let (told, _) = refusal(&(answer.status, answer.json()));
        assert_eq!(told, format!("422 {pointer} {code}"));
    }
    let taken = ask(&world.api, "POST", &path, json!({"name": "About us", "text": "More."})).await;
    assert_eq!(taken.told(), "409 name_taken");
    world.end().await;
}

#[tokio::test]
async fn the_command_line_keeps_files_and_answers_questions() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/knowledge.md");
    let made = said(&world, &["knowledge", "create", "garage"], "").await;
    let base = made.split_whitespace().nth(1).expect("an id").to_owned();
    assert!(made.contains(&format!("next: callwright knowledge add {base} FILE")), "{made}");
    let added = said(&world, &["knowledge", "add", &base, file], "").await;
    assert!(added.contains("“knowledge”"), "{added}");
    let document = added.split_whitespace().nth(1).expect("an id").to_owned();
    let listed = said(&world, &["knowledge", "documents", &base], "").await;
    assert!(listed.contains(&document) && listed.contains("markdown"), "{listed}");
    let shown = said(&world, &["knowledge", "show", &base, &document], "").await;
    assert_eq!(shown.trim_end(), GARAGE.trim_end());
    let found = said(&world, &["knowledge", "find", &base, "When do you open?"], "").await;
    assert!(found.starts_with("knowledge (") && found.contains("opens at nine"), "{found}");
    said(&world, &["knowledge", "remove", &base, &document], "").await;
    let found = said(&world, &["knowledge", "find", &base, "When do you open?"], "").await;
    assert_eq!(found, "nothing\n");
    said(&world, &["knowledge", "rename", &base, "shop"], "").await;
    assert!(said(&world, &["knowledge", "list"], "").await.contains("shop"));
    said(&world, &["knowledge", "delete", &base], "").await;
    world.end().await;
}
