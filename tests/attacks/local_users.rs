//! Another user of the same machine, who looks at what lies on its disk.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use harness::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::Command;

/// Servers, and the first calls of the demo campaign, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(200);
const LOOK: Duration = Duration::from_millis(200);
/// What comes to lie below the data folder, and what it is.
const PARTS: [(&str, &str); 7] = [
    ("objects/buckets/callwright/", "imports and recordings"),
    ("postgres/base/", "tables"),
    ("redis/appendonlydir/", "the queue"),
    ("journal/", "a journal"),
    ("spool/", "the spool"),
    ("servers.json", "passwords"),
    ("redis.log", "a log"),
];
const PHONE: &str = "+8613899999999";

/// Everything below a folder with its mode, but what is gone meanwhile.
fn below(folder: &Path, found: &mut Vec<(PathBuf, u32)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(data) = std::fs::symlink_metadata(&path) else { continue };
        if data.is_dir() {
            below(&path, found);
        }
        found.push((path, data.mode() & 0o777));
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
    command.args(["-c", "umask 000; exec \"$0\" up"]).arg(program());
    for name in
        ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "CALLWRIGHT_LISTEN", "CALLWRIGHT_CLOCK"]
    {
        command.env_remove(name);
    }
    command.env("CALLWRIGHT_DATA", &data).env("PORT", "0");
    command.env("TMPDIR", folder.path().join("nowhere"));
    command.stdout(Stdio::null()).kill_on_drop(true);
    let mut up = command.spawn().expect("it starts");
    let until = Instant::now() + PATIENCE;
    let mut modest = false;
    let found = loop {
        let mut found = Vec::new();
        below(&data, &mut found);
        let names: Vec<_> = found.iter().map(|(path, _)| path.display().to_string()).collect();
        let missing: Vec<_> = PARTS
            .iter()
            .filter(|(part, _)| !names.iter().any(|name| name.contains(part)))
            .collect();
        if !modest && data.join("servers.json").exists() {
            role_is_modest(&data).await;
            modest = true;
        }
        let told = |name: &String| std::fs::read_to_string(name).unwrap_or_default();
        let mut objects =
            names.iter().filter(|name| name.contains("/buckets/") && name.ends_with(".json"));
        let recorded = objects.any(|name| told(name).contains("recordings/"));
        if missing.is_empty() && recorded {
            break found;
        }
        assert!(Instant::now() < until, "these should be there: {missing:?}");
        assert!(up.try_wait().expect("its status").is_none(), "it ended by itself");
        tokio::time::sleep(LOOK).await;
    };
    let open: Vec<_> = found.iter().filter(|(_, mode)| mode & 0o077 != 0).collect();
    assert!(open.is_empty(), "others may read these: {open:#?}");
    let mode = std::fs::metadata(&data).expect("it is there").mode() & 0o777;
    let right = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    assert_eq!(mode, right, "the data folder: {mode:o}");
    let id = up.id().and_then(|id| i32::try_from(id).ok()).expect("it runs");
    kill(Pid::from_raw(id), Signal::SIGINT).expect("it is asked to stop");
    let ended = tokio::time::timeout(PATIENCE, up.wait()).await.expect("it ends");
    assert!(ended.expect("its status").success());
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
