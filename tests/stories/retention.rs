//! What is kept no longer than its time: files of imports and exports, recordings, spool files.

use std::time::{Duration, SystemTime};

use harness::{World, ask, eventually};
use outbound::ids::AttemptId;
use serde_json::{Value, json};
use tokio::process::Command;

/// More than the sweep takes in one batch.
const MANY: usize = 2_500;

#[tokio::test]
async fn everything_past_its_time_goes_in_one_look_however_much_there_is() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("kept", json!({})).await;
    let csv = "Phone Number,Priority,Caller ID,Backup Numbers\n13800000001,,,\nletters,,,\n";
    let csv = csv.as_bytes().to_vec();
    let import = world.imported(&task, "people.csv", csv, &json!({"batch_name": "b"})).await;
    assert_eq!((&import["status"], &import["errors"]), (&json!("done"), &json!(true)), "{import}");
    let errors = format!("imports/{}/errors", text(&import["id"]));
    assert_eq!(ask(&world.api, "GET", &errors, Value::Null).await.status, 200);
    world.start(&task).await;
    world.until_records(&task, 1).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let export = world.exported(json!({"task": task, "content": "call_records"})).await;
    world.stop_workers().await;

    // A run of the export that lost its lease left a file.
    let enterprise = sql(&world, "select id from enterprise").await;
    let id = uuid::Uuid::parse_str(&enterprise).expect("an id");
    let (enterprise, of) = (id.into(), text(&export["id"]).parse().expect("an id"));
    let superseded = storage::objects::keys::export_file(enterprise, of, 99, "xlsx");
    world.node.objects.put(&superseded, "text/plain", "half").await.expect("put");
    let prefix = storage::objects::keys::export_prefix(enterprise, of);
    assert_eq!(below(&world, &prefix).await, 2);
    // Recordings of a year ago, whose objects are gone already, as after a sweep that was killed.
    sql(
        &world,
        &format!(
            "insert into recording (attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, duration_ms)
             select gen_random_uuid(), enterprise_id, id, '2025-06-01', 'ready', 'x', 'recordings/old/' || n, 1
               from task, generate_series(1, {MANY}) n"
        ),
    )
    .await;
    // The spool: one that nobody waits for, one that is being written, one that waits for its upload.
    let [lost, young, waits] =
        [clock::new_id::<AttemptId>(), clock::new_id::<AttemptId>(), clock::new_id::<AttemptId>()];
    sql(
        &world,
        &format!(
            "insert into recording (attempt_id, enterprise_id, task_id, started_at, state, spool, object_key, duration_ms)
             select '{}', enterprise_id, id, '2026-12-01', 'pending', 'elsewhere', 'recordings/waits', 1 from task",
            waits.uuid()
        ),
    )
    .await;
    let spool = |attempt: AttemptId| world.config.spool.join(format!("{attempt}.wav"));
    let (lost, young, waits) = (spool(lost), spool(young), spool(waits));
    for (path, age) in [(&lost, 90_000), (&young, 0), (&waits, 90_000)] {
        let file = std::fs::File::create(path).expect("a file");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its age");
    }

    // 29 days later the import's files are still there, the export's and the recordings' time is over.
    world.set("2026-12-30T09:00:00+08:00");
    world.run(&workers::Kind::WORK);
    eventually("old recordings to be gone", || async {
        let left =
            sql(&world, "select count(*) from recording where started_at < '2026-01-01'").await;
        (left == "0").then_some(())
    })
    .await;
    eventually("the export's files to be gone", || async {
        (below(&world, &prefix).await == 0).then_some(())
    })
    .await;
    eventually("the spool to be clean", || async { (!lost.exists()).then_some(()) }).await;
    assert!(young.exists() && waits.exists(), "they are still needed");
    let now = world.get(&format!("exports/{}", text(&export["id"]))).await;
    assert_eq!(now["status"], "expired");
    assert_eq!(ask(&world.api, "GET", &errors, Value::Null).await.status, 200);

    // An enterprise may keep them for less.
    world.stop_workers().await;
    world.patch("settings", json!({"import_file_retention_days": 20})).await;
    world.run(&workers::Kind::WORK);
    eventually("the import's files to be gone", || async {
        (below(&world, "imports/").await == 0).then_some(())
    })
    .await;
    assert_eq!(ask(&world.api, "GET", &errors, Value::Null).await.told(), "410 file_gone");
    sql(&world, "delete from recording where spool = 'elsewhere'").await;
    world.end().await;
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

async fn below(world: &World, prefix: &str) -> usize {
    world.node.objects.list(prefix, None, 100).await.expect("a list").objects.len()
}

/// What a statement gives, as text.
async fn sql(world: &World, statement: &str) -> String {
    let database = world.config.database.as_ref().expect("a database");
    let done = Command::new("psql")
        .args([database.url.as_str(), "-qAt", "-v", "ON_ERROR_STOP=1", "-c", statement])
        .output()
        .await
        .expect("psql runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}
