//! The phones that are called: sipp processes, on other cores than the dialer.

use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::servers::{Servers, cpu_seconds};

/// Which cores who runs on. Without a second core nothing is held, and the figures are of a shared one.
pub(super) struct Pinned {
    others: Option<String>,
}

impl Pinned {
    pub(super) fn take(servers: &Servers) -> Result<Self> {
        // Once this process is held to one core, it sees no others.
        static CORES: OnceLock<usize> = OnceLock::new();
        let seen = std::thread::available_parallelism()?.get();
        let cores = *CORES.get_or_init(|| seen);
        if cores < 2 {
            eprintln!("sip: one core only: phones, database and dialer share it");
            return Ok(Self { others: None });
        }
        let others = format!("1-{}", cores - 1);
        for pid in [servers.postgres.child().pid(), servers.redis.child().pid()] {
            hold(pid, &others)?;
        }
        hold(i32::try_from(std::process::id())?, "0")?;
        Ok(Self { others: Some(others) })
    }

    fn phones(&self, program: &str) -> Command {
        match &self.others {
            Some(cores) => {
                let mut command = Command::new("taskset");
                command.args(["-c", cores, program]);
                command
            }
            None => Command::new(program),
        }
    }
}

/// Hold all threads of a process, and those that it will start, to some cores.
fn hold(pid: i32, cores: &str) -> Result<()> {
    let mut taskset = Command::new("taskset");
    taskset.args(["-a", "-p", "-c", cores]).arg(pid.to_string()).stdout(Stdio::null());
    let held = taskset.status().context("taskset (util-linux)")?;
    ensure!(held.success(), "taskset: {held}");
    Ok(())
}

/// A sipp process that answers every call, and sends back what it hears.
pub(super) struct Phones {
    child: Child,
    pub(super) port: u16,
    _folder: tempfile::TempDir,
}

impl Phones {
    pub(super) async fn play(pinned: &Pinned) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let scenario = include_str!("../../../../telephony/tests/sipp/answers.xml");
        std::fs::write(folder.path().join("phones.xml"), scenario)?;
        let port = free_port()?;
        let child = pinned
            .phones("sipp")
            .current_dir(folder.path())
            .args(["-sf", "phones.xml", "-i", "127.0.0.1", "-p", &port.to_string()])
            .args(["-mp", &free_port()?.to_string(), "-cp", &free_port()?.to_string()])
            .args(["-rtp_echo", "-nostdin", "-timeout", "1200", "-l", "5000"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("sipp; `scripts/setup tests` installs it")?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::net::UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            ensure!(Instant::now() < deadline, "sipp does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(Self { child, port, _folder: folder })
    }

    pub(super) fn cpu(&self) -> Result<f64> {
        cpu_seconds(i32::try_from(self.child.id())?, false)
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(super) fn free_port() -> Result<u16> {
    Ok(std::net::UdpSocket::bind(("127.0.0.1", 0))?.local_addr()?.port())
}
