//! `callwright up` as processes: it starts whatever an earlier run left, and a second one is told who has the folder.

use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// PostgreSQL, Redis and the schema on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

fn up(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_callwright"));
    command.args(["up", "--speed", "1000"]).env("CALLWRIGHT_DATA", data).env("PORT", "0");
    for name in
        ["DATABASE_URL", "REDIS_URL", "S3_ENDPOINT", "CALLWRIGHT_LISTEN", "CALLWRIGHT_CLOCK"]
    {
        command.env_remove(name);
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// A run of `up`, and what it says.
struct Up {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Up {
    fn start(data: &Path) -> Self {
        let mut child = up(data).stderr(Stdio::inherit()).spawn().expect("it starts");
        let said = BufReader::new(child.stdout.take().expect("its output")).lines();
        Self { child, said }
    }

    /// Wait for a line that starts so.
    async fn until(&mut self, start: &str) -> String {
        let line = async {
            while let Some(line) = self.said.next_line().await.expect("its output") {
                if line.starts_with(start) {
                    return line;
                }
            }
            panic!("`up` ended before it said `{start}`");
        };
        let waited = tokio::time::timeout(PATIENCE, line).await;
        waited.unwrap_or_else(|_| panic!("`up` does not say `{start}`"))
    }

    /// kill -9, in the middle of whatever it does.
    async fn kill(mut self) {
        self.child.kill().await.expect("killed");
    }

    /// Ask it to stop, as Ctrl-C does; it stops its servers.
    async fn stop(mut self) {
        let pid = i32::try_from(self.child.id().expect("it runs")).expect("a process id");
        let asked = nix::sys::signal::kill(
            nix::unistd::Pid::from_raw(pid),
            nix::sys::signal::Signal::SIGTERM,
        );
        asked.expect("asked");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.expect("it ends").expect("its status").success());
    }
}

async fn second(data: &Path) -> Output {
    let ended = tokio::time::timeout(PATIENCE, up(data).output()).await;
    ended.expect("it ends by itself").expect("it runs")
}

#[tokio::test]
async fn up_starts_again_whatever_an_earlier_run_left_and_a_second_is_told_of_the_first() {
    let folder = tempfile::Builder::new().prefix("up-").tempdir_in("/tmp").expect("a folder");
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o711))
        .expect("open to the servers' user");
    let data = folder.path();
    let client = data.join("client.json");

    let mut first = Up::start(data);
    let api = first.until("API").await;
    let address =
        api.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    let refused = second(data).await;
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    for part in ["already running: `callwright up`", &format!("http://{address}")] {
        assert!(said.contains(part), "{part} is not in: {said}");
    }
    first.until("key").await;
    first.kill().await;

    // Killed between the enterprise and the file with its key, or somebody deleted the file.
    std::fs::remove_file(&client).expect("the key was kept");
    let mut again = Up::start(data);
    again.until("task").await;
    let kept = std::fs::read(&client).expect("a new key is kept");
    again.kill().await;

    // A file that was cut short, and a key that opens nothing.
    for damage in
        [&kept[..kept.len() / 2], br#"{"url": "http://127.0.0.1:1", "key": "cw_nothing"}"#]
    {
        std::fs::write(&client, damage).expect("damaged");
        let mut again = Up::start(data);
        again.until("task").await;
        again.stop().await;
    }
}
