//! `check-journal`: what it says while calls are up, and after a backup was restored.

use std::path::Path;

use callwright::commands::check_journal;
use callwright::node::Node;
use harness::{Line, World};
use serde_json::json;
use storage::store::{create_database, drop_database};
use tokio::process::Command;

fn phones(from: usize, count: usize) -> Vec<String> {
    (from..from + count).map(|n| format!("1381{n:07}")).collect()
}

async fn import(world: &World, task: &str, batch: &str, phones: &[String]) {
    let phones: Vec<&str> = phones.iter().map(String::as_str).collect();
    world.import(task, batch, &phones).await;
}

#[tokio::test]
async fn a_check_of_a_running_system_finds_nothing_wrong_with_calls_that_are_up() {
    let world = World::with("2026-12-01T10:00:00+08:00", 60, Line::Natural).await;
    let task = world.task("busy", json!({"concurrency": 20})).await;
    import(&world, &task, "batch", &phones(3_000, 150)).await;
    world.start(&task).await;
    // Calls begin and end all the while, also between the reading of the database and of the journal.
    let mut seen_up = false;
    loop {
        let progress = world.progress(&task).await;
        seen_up |= progress["live"].as_u64().unwrap_or(0) > 5;
        world.check_journal().await;
        if progress["state"] == "paused" {
            break;
        }
    }
    assert!(seen_up, "calls were up during the checks");
    world.end().await;
}

#[tokio::test]
async fn after_a_restore_the_check_tells_the_stretch_that_the_backup_lacks() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("backed up", json!({})).await;
    import(&world, &task, "before", &phones(3_000, 3)).await;
    world.start(&task).await;
    let known = world.until_records(&task, 3).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let folder = tempfile::tempdir().expect("a folder");
    let backup = folder.path().join("backup");
    let url = world.config.database.as_ref().expect("a database").url.clone();
    run("pg_dump", &["-Fc", "-f"], &backup, &url).await;

    world.set("2026-12-01T11:00:00+08:00");
    import(&world, &task, "after", &phones(4_000, 4)).await;
    world.start(&task).await;
    world.until_records(&task, 7).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    world.stop_workers().await;

    let (server, name) = url.rsplit_once('/').expect("a database's name");
    let server = format!("{server}/postgres");
    drop_database(&server, name).await.expect("dropped");
    create_database(&server, name).await.expect("made");
    run("pg_restore", &["--no-owner", "-d", &url], &backup, "").await;

    let report =
        async || check_journal::report(&world.node.store, &world.config, &world.clock).await;
    let checked = report().await.expect("a report").checked;
    assert_eq!(checked.findings, [], "none of it is a fault");
    let [stretch] = checked.lacking.as_slice() else { panic!("{checked:#?}") };
    assert_eq!((stretch.calls, stretch.noted), (4, false));
    let last = known.iter().map(|record| harness::campaign::time(&record["started_at"])).max();
    assert_eq!(stretch.after, last);
    assert!(stretch.until >= harness::at("2026-12-01T11:00:00+08:00"), "{stretch:?}");
    assert!(!checked.is_clean());

    // The processes start anew, as after any restore. Noted, it stays apart while the numbers of the backup's time are called.
    let store = &world.node.store;
    check_journal::note_restored(store, &world.clock, None).await.expect("noted");
    world.set("2026-12-01T12:00:00+08:00");
    let node = Node::connect(&world.config).await.expect("servers");
    world.node = Node { clock: world.clock.clone(), ..node };
    world.run(&workers::Kind::WORK);
    import(&world, &task, "again", &phones(4_000, 4)).await;
    world.start(&task).await;
    world.until_records(&task, 7).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let checked = check_journal::report(&world.node.store, &world.config, &world.clock)
        .await
        .expect("a report")
        .checked;
    assert_eq!((checked.total(), checked.lacking.len()), (0, 1), "{checked:#?}");
    assert!(checked.lacking[0].noted && checked.is_clean());
    world.end().await;
}

async fn run(program: &str, arguments: &[&str], file: &Path, last: &str) {
    let file = file.display().to_string();
    let mut arguments = [arguments, &[file.as_str()]].concat();
    arguments.extend(Some(last).filter(|last| !last.is_empty()));
    let done = Command::new(program).args(arguments).output().await.expect("it runs");
    assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
}
