//! The examples of the documents, sent to a running server as a reader would send them.

use std::collections::BTreeMap;
use std::path::Path;

use harness::{Answer, World, ask};
use serde_json::Value;

/// A fenced block: `json POST /v1/periods`, and what stands in it.
struct Example {
    place: String,
    request: String,
    body: String,
}

/// The JSON blocks of a document, from top to bottom.
fn examples(path: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(path).expect("a document");
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(request) = line.strip_prefix("```json") else { continue };
        let inside = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
        found.push(Example {
            place: format!("{}:{}", path.display(), number + 1),
            request: request.trim().to_owned(),
            body: inside.collect::<Vec<_>>().join("\n"),
        });
    }
    found
}

/// The same text with every `task_…` replaced by the newest id of that kind.
fn filled(text: &str, ids: &BTreeMap<String, String>, place: &str) -> String {
    let mut parts = text.split("_…");
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let from = filled.rfind(|c: char| !c.is_ascii_lowercase()).map_or(0, |at| at + 1);
        let kind = filled.split_off(from);
        let id = ids.get(&kind).unwrap_or_else(|| panic!("{place} names a {kind} of no answer"));
        filled.push_str(id);
        filled.push_str(part);
    }
    filled
}

/// Send an edit as the document says: a merge patch against what was read.
async fn patch(world: &World, path: &str, body: &Value) -> Answer {
    let read = ask(&world.api, "GET", path, Value::Null).await;
    let request = world
        .api
        .request("PATCH".parse().expect("a method"), path)
        .header("If-Match", read.header("etag"))
        .header("Content-Type", "application/merge-patch+json")
        .body(body.to_string());
    Answer::to(request).await
}

#[tokio::test]
async fn every_json_example_of_the_documents_is_accepted_by_a_running_server() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
    let mut sent = BTreeMap::new();
    for name in [
        "guide.md",
        "examples.md",
        "providers.md",
        "configuration.md",
        "fields.md",
        "operations/install.md",
    ] {
        let mut ids = BTreeMap::new();
        for Example { place, request, body } in examples(&docs.join(name)) {
            let (method, path) =
                request.split_once(' ').unwrap_or_else(|| panic!("{place} names no request"));
            let path = filled(path, &ids, &place);
            let body = filled(&body, &ids, &place);
            let body: Value = serde_json::from_str(&body)
                .unwrap_or_else(|error| panic!("{place} is no JSON: {error}"));
            let answer = match method {
                "PATCH" => patch(&world, &path, &body).await,
                _ => ask(&world.api, method, &path, body).await,
            };
            let told = answer.json();
            assert!(answer.status < 300, "{place}: {request}: {told}");
            if let Some(id) = told["id"].as_str()
                && let Some((kind, _)) = id.split_once('_')
            {
                ids.insert(kind.to_owned(), id.to_owned());
            }
            *sent.entry(name).or_insert(0) += 1;
        }
    }
    assert!(sent.get("examples.md") > Some(&10), "{sent:?}");
    world.end().await;
}
