//! Servers of an earlier run that was killed. They were told to stop when it died, and need a moment for it:
//! a new server on their data would only fail.
//!
//! Whoever waits here holds the folder's lock, so nobody else runs servers on it.

use std::path::Path;
use std::time::Duration;

use anyhow::Result;

/// A PostgreSQL with much to write out takes this long, at most.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Wait until the server whose process id `pid_file` names has let go of the folder `data`.
///
/// The id may have gone to an unrelated process since, after a reboot or in another container. The server
/// would take that for itself and refuse to start, so the file is removed then.
pub async fn wait(name: &str, pid_file: &Path, data: &Path) -> Result<()> {
    let Some(pid) = pid_of(pid_file) else { return Ok(()) };
    let gone = async {
        while works_in(pid, data) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    };
    if works_in(pid, data) {
        tracing::warn!(server = name, pid, "one of an earlier run is still stopping");
    }
    anyhow::ensure!(
        tokio::time::timeout(PATIENCE, gone).await.is_ok(),
        "{name} of an earlier run (process {pid}) still has {} and does not stop; stop it: kill -INT {pid}",
        data.display()
    );
    match std::fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// The first line of the file.
fn pid_of(file: &Path) -> Option<u32> {
    std::fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
}

/// Both servers make their data folder the one that they work in.
fn works_in(pid: u32, data: &Path) -> bool {
    let works_in = std::fs::read_link(format!("/proc/{pid}/cwd"));
    works_in.is_ok_and(|folder| data.canonicalize().is_ok_and(|data| data == folder))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_still_stops_is_waited_for_and_a_foreign_process_is_not() {
        let data = tempfile::tempdir().unwrap();
        let pid_file = data.path().join("postmaster.pid");
        // Process 1 lives, and has nothing to do with the folder.
        std::fs::write(&pid_file, "1\n/elsewhere\n").unwrap();
        wait("PostgreSQL", &pid_file, data.path()).await.unwrap();
        assert!(!pid_file.exists(), "the server would believe that it still runs");

        let mut stopping = tokio::process::Command::new("cat")
            .current_dir(data.path())
            .stdin(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        std::fs::write(&pid_file, stopping.id().unwrap().to_string()).unwrap();
        let waited = wait("PostgreSQL", &pid_file, data.path());
        tokio::pin!(waited);
        assert!(futures::poll!(&mut waited).is_pending());
        drop(stopping.stdin.take());
        stopping.wait().await.unwrap();
        waited.await.unwrap();
        assert!(!pid_file.exists());
    }
}
