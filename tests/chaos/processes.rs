//! The processes of an installation: the real binary, started, killed, stopped and started again. Each
//! is ended by the id that its start gave.

use std::fs::{self, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result};
use harness::sipp::free_udp_port;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use workers::fail_point::{FAILED, FailPoint};

/// How long a process may take to end in order.
const STOP: Duration = Duration::from_secs(60);

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Web,
    Dispatcher,
    Dialer,
    Courier,
}

impl Role {
    const ALL: [(Self, usize); 4] =
        [(Self::Web, 1), (Self::Dispatcher, 2), (Self::Dialer, 3), (Self::Courier, 1)];

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Web => &["serve"],
            Self::Dispatcher => &["work", "sweep", "step"],
            Self::Dialer => &["work", "dial", "redial"],
            Self::Courier => &["work", "import", "export", "upload", "analyze"],
        }
    }

    /// What its log says once it has started.
    fn at_work(self) -> &'static str {
        match self {
            Self::Web => r#""message":"the API is served""#,
            Self::Dispatcher | Self::Dialer | Self::Courier => r#""message":"working""#,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Dispatcher => "dispatcher",
            Self::Dialer => "dialer",
            Self::Courier => "courier",
        }
    }
}

/// One process.
struct Process {
    role: Role,
    /// Until it is started again after a kill, none.
    child: Option<Child>,
    /// Where in its log its last start begins.
    log_from: usize,
    /// Where it is to die.
    armed: Option<FailPoint>,
    /// It has SIGSTOP.
    stopped: bool,
}

/// All processes of a run.
pub struct Fleet {
    binary: PathBuf,
    environment: Vec<(String, String)>,
    /// Where the dialer at each place is reached by SIP: the same after each start.
    sip_ports: Vec<u16>,
    logs: PathBuf,
    processes: Vec<Process>,
    /// Fail points at which a process has died, or failed.
    pub died_at: Vec<FailPoint>,
    /// Processes that ended by themselves after they had started.
    pub broken: Vec<String>,
}

impl Fleet {
    /// Start every process with this environment.
    pub fn start(binary: &Path, environment: Vec<(String, String)>, folder: &Path) -> Result<Self> {
        let logs = folder.join("logs");
        fs::create_dir_all(&logs)?;
        let binary = binary.to_owned();
        let mut fleet = Self {
            binary,
            environment,
            sip_ports: Vec::new(),
            logs,
            processes: Vec::new(),
            died_at: Vec::new(),
            broken: Vec::new(),
        };
        for (role, count) in Role::ALL {
            for _ in 0..count {
                let place = fleet.processes.len();
                fleet.sip_ports.push(free_udp_port());
                let child = Some(fleet.spawn(role, place, None)?);
                let process = Process { role, child, log_from: 0, armed: None, stopped: false };
                fleet.processes.push(process);
            }
        }
        Ok(fleet)
    }

    fn spawn(&self, role: Role, place: usize, die_at: Option<FailPoint>) -> Result<Child> {
        let log = OpenOptions::new().create(true).append(true).open(self.log(role, place))?;
        // setpriv becomes the program, which then dies with this process, whatever ends it.
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.binary)
            .args(role.arguments())
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .envs(
                (role == Role::Dialer).then(|| {
                    ("CALLWRIGHT_SIP_LISTEN", format!("127.0.0.1:{}", self.sip_ports[place]))
                }),
            )
            .envs(die_at.map(|point| ("CALLWRIGHT_DIE_AT", point.word())))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("{} can't be started", self.binary.display()))
    }

    fn log(&self, role: Role, place: usize) -> PathBuf {
        self.logs.join(format!("{}-{place}.log", role.word()))
    }

    /// Whether a process has worked since its last start.
    fn has_worked(&self, place: usize) -> Result<bool> {
        self.has_said(place, self.processes[place].role.at_work())
    }

    /// Whether it stands in a process's log since its last start.
    fn has_said(&self, place: usize, what: &str) -> Result<bool> {
        let Process { role, log_from, .. } = self.processes[place];
        let log = fs::read(self.log(role, place))?;
        Ok(String::from_utf8_lossy(&log[log_from..]).contains(what))
    }

    /// The places of the processes of a role.
    pub fn places(&self, role: Role) -> Vec<usize> {
        (0..self.processes.len()).filter(|place| self.processes[*place].role == role).collect()
    }

    /// kill -9. It stays down until [`Self::revive`].
    pub async fn kill(&mut self, place: usize) -> Result<()> {
        let process = &mut self.processes[place];
        let Some(mut child) = process.child.take() else { return Ok(()) };
        child.start_kill()?;
        child.wait().await?;
        process.stopped = false;
        Ok(())
    }

    /// Start what was killed.
    pub fn revive(&mut self, place: usize) -> Result<()> {
        if self.processes[place].child.is_some() {
            return Ok(());
        }
        let Process { role, armed, .. } = self.processes[place];
        let log_from = usize::try_from(fs::metadata(self.log(role, place))?.len())?;
        let child = self.spawn(role, place, armed)?;
        self.processes[place].child = Some(child);
        self.processes[place].log_from = log_from;
        Ok(())
    }

    /// Put a process that dies at this point in the place of one.
    pub async fn arm(&mut self, place: usize, point: FailPoint) -> Result<()> {
        self.kill(place).await?;
        self.processes[place].armed = Some(point);
        self.revive(place)
    }

    /// The places of a role where no death is prepared.
    pub fn unarmed(&self, role: Role) -> Vec<usize> {
        let places = self.places(role).into_iter();
        places.filter(|place| self.processes[*place].armed.is_none()).collect()
    }

    /// Fail points that wait for their process to pass them.
    pub fn armed(&self) -> impl Iterator<Item = FailPoint> {
        self.processes.iter().filter_map(|process| process.armed)
    }

    /// SIGSTOP: it holds still with all it has, as a machine does that is overloaded or suspended.
    pub fn hold(&mut self, place: usize) -> Result<()> {
        self.signal(place, Signal::SIGSTOP)?;
        self.processes[place].stopped = true;
        Ok(())
    }

    /// SIGCONT.
    pub fn release(&mut self, place: usize) -> Result<()> {
        if self.processes[place].stopped {
            self.signal(place, Signal::SIGCONT)?;
            self.processes[place].stopped = false;
        }
        Ok(())
    }

    fn signal(&self, place: usize, signal: Signal) -> Result<()> {
        let id = self.processes[place].child.as_ref().and_then(Child::id);
        if let Some(id) = id {
            kill(Pid::from_raw(i32::try_from(id)?), signal)?;
        }
        Ok(())
    }

    /// As a process manager does: start again what ended by itself, which one may when a server that it
    /// needs at its start is away. One that had worked and ended is told; by its log, as one that is held
    /// while it starts may take long to fail.
    pub fn tend(&mut self) -> Result<()> {
        for place in 0..self.processes.len() {
            // It fails there and goes on; where it dies, its status tells.
            if let Some(point) = self.processes[place].armed.filter(|point| !point.is_death())
                && self.has_said(place, FAILED)?
            {
                self.processes[place].armed = None;
                self.died_at.push(point);
            }
            let process = &mut self.processes[place];
            let Some(child) = &mut process.child else { continue };
            let Some(status) = child.try_wait()? else { continue };
            if status.signal() == Some(Signal::SIGABRT as i32)
                && let Some(point) = process.armed.take()
            {
                self.died_at.push(point);
            } else if self.has_worked(place)? {
                let role = self.processes[place].role.word();
                self.broken.push(format!("{role}-{place} ended by itself: {status}"));
            }
            self.processes[place].child = None;
            self.revive(place)?;
        }
        Ok(())
    }

    /// Undo everything: nothing is held, everything runs.
    pub fn all_up(&mut self) -> Result<()> {
        for place in 0..self.processes.len() {
            self.release(place)?;
            self.revive(place)?;
        }
        Ok(())
    }

    /// Ask all to end, and wait.
    pub async fn stop(&mut self) -> Result<()> {
        for place in 0..self.processes.len() {
            self.release(place)?;
            self.signal(place, Signal::SIGTERM)?;
        }
        for (place, process) in self.processes.iter_mut().enumerate() {
            let Some(mut child) = process.child.take() else { continue };
            if tokio::time::timeout(STOP, child.wait()).await.is_err() {
                let what = format!("{}-{place} does not end when it is asked", process.role.word());
                self.broken.push(what);
                child.start_kill()?;
                child.wait().await?;
            }
        }
        Ok(())
    }
}
