//! Another user of the same machine, who looks at what lies on its disk.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use harness::program;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Servers, and the demo campaign to its end, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(400);
const PHONE: &str = "+8613899999999";

/// Everything below a folder.
fn below(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        let kind = std::fs::symlink_metadata(&path).expect("it is there").file_type();
        if kind.is_dir() {
            below(&path, found);
        }
        found.push(path);
    }
}

async fn psql(database: &str, script: &str) -> String {
    let done = Command::new("psql")
        .args(["-X", "-q", "-t", "-A", "-d", database, "-c", script])
        .output()
        .await
        .expect("psql runs");
    String::from_utf8_lossy(&done.stdout).trim().to_owned()
}

#[tokio::test]
async fn nobody_else_on_the_machine_can_read_a_file_and_the_role_of_the_database_is_no_superuser() {
    let folder = tempfile::Builder::new().prefix("local-").tempdir_in("/tmp").expect("a folder");
    // The servers' own user must be able to pass what lies above the data folder.
    let open = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder.path(), open).expect("open");
    let data = folder.path().join("data");
    // A careless umask, and a folder for temporary files that is not there: nothing may want it.
    let mut command = Command::new("sh");
    command.args(["-c", "umask 000; exec \"$0\" up --until-done --speed 500"]).arg(program());
    for name in
        ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "CALLWRIGHT_LISTEN", "CALLWRIGHT_CLOCK"]
    {
        command.env_remove(name);
    }
    command.env("CALLWRIGHT_DATA", &data).env("PORT", "0");
    command.env("TMPDIR", folder.path().join("nowhere"));
    command.stdout(Stdio::piped()).kill_on_drop(true);
    let mut up = command.spawn().expect("it starts");
    let mut said = BufReader::new(up.stdout.take().expect("its output")).lines();
    let run = async {
        while let Some(line) = said.next_line().await.expect("its output") {
            if line.starts_with("task ") {
                role_is_modest(&data).await;
            }
        }
        up.wait().await.expect("its status")
    };
    let ended = tokio::time::timeout(PATIENCE, run).await.expect("it ends by itself");
    assert!(ended.success(), "{ended}");

    let mut found = Vec::new();
    below(&data, &mut found);
    for (part, what) in [
        ("downloads/recordings.zip", "a downloaded file"),
        ("objects/buckets/callwright/", "exports, imports and recordings"),
        ("postgres/base/", "tables"),
        ("redis/appendonlydir/", "the queue"),
        ("journal/", "a journal"),
        ("spool/", "the spool"),
        ("servers.json", "passwords"),
        ("redis.log", "a log"),
    ] {
        let there = found.iter().any(|path| path.display().to_string().contains(part));
        assert!(there, "{what} should be there: {part}");
    }
    let open: Vec<_> = found
        .iter()
        .filter(|path| std::fs::symlink_metadata(path).expect("it is there").mode() & 0o077 != 0)
        .collect();
    assert!(open.is_empty(), "others may read these: {open:#?}");
    let mode = std::fs::metadata(&data).expect("it is there").mode() & 0o777;
    let right = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(mode, right, "the data folder: {mode:o}");
    let tmp = data.join("tmp");
    assert_eq!(std::fs::read_dir(&tmp).expect("a folder").count(), 0, "temporary files stayed");

    let log = std::fs::read_to_string(data.join("postgres.log")).expect("a log");
    assert!(log.contains("ready to accept connections"), "it is the log: {log}");
    assert!(!log.contains(PHONE) && !log.contains("insert into kept"), "values: {log}");
}

/// The role that the program works as owns its database, and that is all; what goes wrong for it leaves
/// no values in the log.
async fn role_is_modest(data: &Path) {
    let kept = std::fs::read(data.join("servers.json")).expect("addresses");
    let kept: Value = serde_json::from_slice(&kept).expect("JSON");
    let database = kept["database"].as_str().expect("a database");
    let rights = "select rolsuper, rolcreaterole, rolcreatedb, rolreplication, rolbypassrls,
                         pg_get_userbyid(datdba) = current_user, not has_parameter_privilege('log_statement', 'set')
                    from pg_roles, pg_database where rolname = current_user and datname = current_database()";
    assert_eq!(psql(database, rights).await, "f|f|f|f|f|t|t");
    assert_eq!(psql(database, "copy (select 1) to program 'true'").await, "");
    let twice = format!(
        "create temp table kept (phone text unique); insert into kept values ('{PHONE}'), ('{PHONE}')"
    );
    psql(database, &twice).await;
}
