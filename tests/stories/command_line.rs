//! The command line as a person types it: what it prints, what it saves, and its exit codes.

use std::io::Write;
use std::process::{Output, Stdio};

use harness::{World, ask, eventually};
use serde_json::{Value, json};
use tokio::process::Command;

/// Run `callwright` against a world, with this on its standard input.
async fn typed(world: &World, arguments: &[&str], input: &str) -> Output {
    let test = std::env::current_exe().expect("this test");
    let binary =
        test.parent().and_then(std::path::Path::parent).expect("a folder").join("callwright");
    assert!(binary.exists(), "build it first: cargo build -p callwright");
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(input.as_bytes()).expect("input");
    std::io::Seek::rewind(&mut file).expect("input");
    Command::new(binary)
        .args(arguments)
        .env("CALLWRIGHT_URL", format!("http://{}", world.address))
        .env("CALLWRIGHT_API_KEY", &world.key)
        .env("CALLWRIGHT_DATA", &world.config.data)
        .stdin(Stdio::from(file))
        .output()
        .await
        .expect("the command runs")
}

/// What it prints, when it ends well.
pub async fn said(world: &World, arguments: &[&str], input: &str) -> String {
    let output = typed(world, arguments, input).await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn a_creation_tells_what_to_type_next_and_watching_it_says_that_it_never_started() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let config = world.task_config("Spring", json!({})).to_string();
    let made = said(&world, &["tasks", "create", "-"], &config).await;
    let first = made.lines().next().expect("a line");
    let task = first.split_whitespace().nth(1).expect("an id").to_owned();
    assert_eq!(first, format!("created {task}  “Spring”"));
    assert!(
        made.ends_with(&format!("next: callwright import FILE --task {task} --start\n")),
        "{made}"
    );
    assert!(made.lines().count() <= 4, "not forty fields: {made}");
    let json = said(&world, &["tasks", "show", &task, "--json"], "").await;
    let json: Value = serde_json::from_str(&json).expect("JSON");
    assert!(json["created_at"].as_str().is_some_and(|at| at.ends_with('Z')), "programs read UTC");

    let watched = typed(&world, &["tasks", "watch", &task], "").await;
    let out = String::from_utf8_lossy(&watched.stdout).into_owned();
    assert_eq!(watched.status.code(), Some(3), "{out}");
    assert!(out.contains("it was never started"), "{out}");
    assert!(out.contains(&format!("next: callwright tasks start {task}")), "{out}");

    let list = said(&world, &["tasks", "events", &task], "").await;
    assert!(!list.contains("T02:00"), "{list}");
    let audit = said(&world, &["audit", "list"], "").await;
    assert!(audit.contains("2026-12-01 10:0") && audit.contains("+08:00"), "{audit}");
    world.end().await;
}

#[tokio::test]
async fn a_recording_and_a_link_to_an_export_are_a_command_away() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({"recording": true})).await;
    world.import_auto(&task, "May", &["13800000001"]).await;
    let record = eventually("the recording to be uploaded", || async {
        let records = world.records(&task).await;
        records.first().filter(|record| record["recording_state"] == "ready").cloned()
    })
    .await;
    let id = record["id"].as_str().expect("an id");
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("call.wav");
    let path = file.to_str().expect("a path");
    said(&world, &["recordings", "download", id, path], "").await;
    assert_eq!(hound::WavReader::open(&file).expect("a WAV").spec().channels, 2);
    let audit = world.get(&format!("audit?action=recording.listen&target={id}")).await;
    assert_eq!(audit["data"].as_array().map(Vec::len), Some(1), "it is audited");
    // Who may not listen can't save it either.
    let deaf = world.key("admin", &["export"]).await;
    let refused = ask(&deaf, "GET", &format!("records/{id}/recording"), Value::Null).await;
    assert_eq!(refused.told(), "403 permission_required");

    let export =
        world.exported(json!({"task": task, "content": "call_records", "format": "csv"})).await;
    let link = said(&world, &["exports", "link", export["id"].as_str().expect("an id")], "").await;
    let answer = reqwest::get(link.trim()).await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 200, "without any key");
    let wrong = typed(&world, &["exports", "link", "exp_01h455vb4pex5vsknk084sn02q"], "").await;
    assert_eq!(wrong.status.code(), Some(1));
    world.end().await;
}
