//! One child process: started by a thread that lives as long as it does, so that the kernel's
//! parent-death signal means the death of this process.

use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{oneshot, watch};

use super::ServerUser;

/// How long a child may take to stop before it is killed.
const STOP_PATIENCE: Duration = Duration::from_secs(20);

/// A running child.
#[derive(Debug)]
pub struct Child {
    name: &'static str,
    pid: Pid,
    stop_with: Signal,
    exited: watch::Receiver<Option<ExitStatus>>,
}

impl Child {
    /// Start `program` with its output in `log`. It gets `stop_with` when this process dies.
    pub async fn start(
        name: &'static str,
        program: &Path,
        arguments: &[String],
        log: &Path,
        user: Option<ServerUser>,
        stop_with: Signal,
    ) -> Result<Self> {
        // setpriv, of Debian's essential util-linux, sets the signal and the user before it becomes
        // the program: what a pre_exec closure would do, without unsafe code.
        let mut command = Command::new("setpriv");
        let signal = stop_with.as_str().trim_start_matches("SIG");
        command.args(["--pdeathsig", signal]);
        if let Some(user) = user {
            command.args(["--reuid", &user.uid.to_string(), "--regid", &user.gid.to_string()]);
            command.arg("--clear-groups");
        }
        let output = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(log)
            .with_context(|| format!("{} can't be written", log.display()))?;
        command
            .arg(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir("/");
        // A group of its own: Ctrl-C at the terminal reaches this process, which then stops the
        // children in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);

        let (started, start) = oneshot::channel();
        let (exit, exited) = watch::channel(None);
        std::thread::Builder::new().name(format!("{name} child")).spawn(move || {
            match command.spawn() {
                Ok(mut child) => {
                    // Nobody waits for the start any more: the child is stopped by the exit below.
                    let _ = started.send(Ok(child.id()));
                    if let Ok(status) = child.wait() {
                        exit.send_replace(Some(status));
                    }
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        })?;
        let pid = start
            .await
            .context("the thread that starts a child ended")?
            .with_context(|| format!("{name} ({}) can't be started", program.display()))?;
        let pid = Pid::from_raw(i32::try_from(pid)?);
        tracing::info!(child = name, pid = pid.as_raw(), "started");
        Ok(Self { name, pid, stop_with, exited })
    }

    pub fn pid(&self) -> i32 {
        self.pid.as_raw()
    }

    /// It is running.
    pub fn is_up(&self) -> bool {
        self.exited.borrow().is_none()
    }

    /// Resolves when it has ended.
    pub async fn ended(&self) -> Option<ExitStatus> {
        let mut exited = self.exited.clone();
        let status = exited.wait_for(Option::is_some).await.ok()?;
        *status
    }

    /// Ask it to stop, wait, and kill it when it does not.
    pub async fn stop(self) -> Result<()> {
        if !self.is_up() {
            return Ok(());
        }
        kill(self.pid, self.stop_with)
            .with_context(|| format!("{} can't be stopped", self.name))?;
        if tokio::time::timeout(STOP_PATIENCE, self.ended()).await.is_err() {
            tracing::warn!(child = self.name, "did not stop in time and is killed");
            kill(self.pid, Signal::SIGKILL)?;
            self.ended().await;
        }
        Ok(())
    }
}
