//! Work that fails again and again ends as failed, says why, and stops nothing else; what takes long goes on where
//! it was.

use std::collections::BTreeSet;

use harness::files::read_zip;
use harness::{World, eventually};
use serde_json::{Value, json};

/// A world in which so many calls were answered and recorded, and all is done that follows.
async fn recorded(calls: usize) -> (World, String, Vec<Value>) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("recorded", json!({"recording": true})).await;
    let number = |n: usize| json!({"phone_number": format!("138{n:04}0001")});
    let numbers: Vec<Value> = (0..calls).map(number).collect();
    world.import_numbers(&task, &json!({"batch_name": "all", "start": "auto"}), numbers).await;
    world.until_records(&task, calls).await;
    let records = eventually("all recordings to be uploaded", || async {
        let records = world.records(&task).await;
        records.iter().all(|record| record["recording_state"] == "ready").then_some(records)
    })
    .await;
    (world, task, records)
}

fn id(record: &Value) -> &str {
    record["id"].as_str().expect("an id")
}

#[tokio::test]
async fn a_recording_that_cannot_be_read_fails_after_three_tries_and_says_so() {
    let (world, _, records) = recorded(1).await;
    let broken = id(&records[0]);
    let file = world.spool().join(format!("{broken}.wav"));
    // It can be found and opened, but not read.
    std::fs::create_dir(&file).expect("a folder in its place");
    world
        .sql(
            "update recording set state = 'pending', tries = 0;
             update call_record set recording_state = 'pending'",
        )
        .await;
    eventually("the upload to be given up", || async {
        let record = world.get(&format!("records/{broken}")).await;
        (record["recording_state"] == "failed").then_some(())
    })
    .await;
    let (status, problem) =
        world.ask("GET", &format!("records/{broken}/recording"), Value::Null).await;
    assert_eq!((status, problem["code"].as_str()), (409, Some("recording_not_ready")));
    let detail = problem["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("tried 3 times") && detail.contains("directory"), "{detail}");
    assert!(file.exists(), "what is left of it stays");
    world.end().await;
}

#[tokio::test]
async fn a_conversation_that_cannot_be_analysed_is_given_up_after_three_tries_and_says_so() {
    let (world, _, records) = recorded(1).await;
    let path = format!("records/{}/conversation", id(&records[0]));
    eventually("the first analysis", || async {
        (world.get(&path).await["analyzed"] == true).then_some(())
    })
    .await;
    world.sql("update conversation set analyzed = false, tries = 0, transcript = '[7]'").await;
    let conversation = eventually("the analysis to be given up", || async {
        let conversation = world.get(&path).await;
        conversation["analysis_problem"].is_string().then_some(conversation)
    })
    .await;
    let problem = conversation["analysis_problem"].as_str().unwrap_or_default();
    assert!(problem.contains("tried 3 times") && problem.contains("transcript"), "{problem}");
    assert_eq!(conversation["analyzed"], false);
    world.sql("update conversation set analyzed = true, transcript = '[]'").await;
    world.end().await;
}

/// Bytes that do not pack.
fn noise(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut content = Vec::with_capacity(bytes);
    while content.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        content.extend_from_slice(&state.to_le_bytes());
    }
    content
}

#[tokio::test]
async fn a_zip_of_recordings_goes_on_where_its_worker_lost_it() {
    // Five of them are more than a stretch.
    const BYTES: usize = 7 << 20;
    let (world, task, records) = recorded(10).await;
    for (n, record) in records.iter().enumerate() {
        let prefix = "recordings/";
        let page = world.objects().list(prefix, None, 100).await.expect("a list");
        let of = page.objects.iter().find(|object| object.key.contains(id(record)));
        let key = &of.expect("its recording").key;
        world.objects().put(key, "audio/wav", noise(n as u64 + 1, BYTES)).await.expect("put");
    }
    let options = json!({"task": task, "content": "recordings", "format": "zip"});
    let export = world.post("exports", options).await;
    let path = format!("exports/{}", id(&export));
    // As when the lease ends: another takes it, and the first can write nothing any more.
    world
        .sql(
            "do $$ begin
                 for look in 1..9000 loop
                     update export set status = 'queued', token = token + 1, lease_until = null
                      where status = 'running' and token = 1 and checkpoint is not null;
                     exit when found;
                     commit;
                     perform pg_sleep(0.01);
                 end loop;
             end $$",
        )
        .await;
    let export = eventually("the export to be over", || async {
        let export = world.get(&path).await;
        (export["status"] != "queued" && export["status"] != "running").then_some(export)
    })
    .await;
    assert_eq!(export["status"], "done", "{export}");
    world
        .sql("do $$ begin assert (select token = 3 from export), 'it was taken twice'; end $$")
        .await;
    let entries = read_zip(&world.download(&format!("{path}/download")).await);
    let named: BTreeSet<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((entries.len(), named.len()), (10, 10), "each once: {named:?}");
    for (n, record) in records.iter().enumerate() {
        let (_, content) =
            entries.iter().find(|(name, _)| name.contains(id(record))).expect("its recording");
        assert!(*content == noise(n as u64 + 1, BYTES), "recording {n} is another");
    }
    // The file has the name of the first run: what that one sent up was not sent again.
    let left = world.objects().list("exports/", None, 10).await.expect("a list").objects;
    let keys: Vec<&str> = left.iter().map(|object| object.key.as_str()).collect();
    assert!(keys.len() == 1 && keys[0].ends_with("/1.zip"), "{keys:?}");
    world.end().await;
}
