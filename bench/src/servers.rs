//! A PostgreSQL with fsync and a Redis with AOF everysec of the bench's own, in a temporary folder that
//! is gone with the run.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use callwright::supervise::{Postgres, Redis, Rights};

/// What all measurements run on.
pub struct Servers {
    pub postgres: Postgres,
    pub redis: Redis,
    folder: tempfile::TempDir,
}

impl Servers {
    pub async fn start() -> Result<Self> {
        // The servers' own user must be able to pass the folder, whoever owns it.
        let folder = tempfile::Builder::new().prefix("callwright-bench-").tempdir_in("/tmp")?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711))?;
        let postgres = Postgres::start(folder.path(), Rights::MakeDatabases).await?;
        let redis = Redis::start(folder.path()).await?;
        Ok(Self { postgres, redis, folder })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// CPU seconds that PostgreSQL with its backends, Redis and this process have used so far.
    pub fn cpu(&self) -> Result<Cpu> {
        Ok(Cpu {
            postgres: cpu_seconds(self.postgres.child().pid(), true)?,
            redis: cpu_seconds(self.redis.child().pid(), false)?,
            callwright: cpu_seconds(i32::try_from(std::process::id())?, false)?,
        })
    }

    pub async fn stop(self) -> Result<()> {
        self.redis.stop().await?;
        self.postgres.stop().await
    }
}

/// CPU seconds by process.
#[derive(Debug, Clone, Copy)]
pub struct Cpu {
    pub postgres: f64,
    pub redis: f64,
    pub callwright: f64,
}

impl Cpu {
    /// What was used since `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            postgres: self.postgres - before.postgres,
            redis: self.redis - before.redis,
            callwright: self.callwright - before.callwright,
        }
    }

    pub fn total(self) -> f64 {
        self.postgres + self.redis + self.callwright
    }
}

/// Clock ticks a second in `/proc`, the same on every Linux of the last twenty years.
const TICKS: f64 = 100.0;

/// User and system time of a process; of PostgreSQL with its backends, those that have ended too.
pub fn cpu_seconds(pid: i32, with_children: bool) -> Result<f64> {
    let mut ticks = ticks_of(pid, with_children)?;
    if with_children {
        for entry in std::fs::read_dir("/proc")? {
            let name = entry?.file_name();
            let Some(child) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else {
                continue;
            };
            // A process may end while it is looked at: then its parent has its time.
            if parent_of(child) == Some(pid) {
                ticks += ticks_of(child, false).unwrap_or(0.0);
            }
        }
    }
    Ok(ticks / TICKS)
}

/// Resident memory of this process.
pub fn memory_kilobytes() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|rest| rest.split_whitespace().next());
    Ok(kilobytes.context("no VmRSS in /proc/self/status")?.parse()?)
}

/// The time that threads of this process whose names begin so have run. The clock ticks of `/proc/self/stat` miss short
/// bursts; the scheduler's own count does not.
pub fn run_nanoseconds(threads: &str) -> Result<f64> {
    let mut sum = 0.0;
    for thread in std::fs::read_dir("/proc/self/task")? {
        let folder = thread?.path();
        if std::fs::read_to_string(folder.join("comm"))?.starts_with(threads) {
            let schedstat = std::fs::read_to_string(folder.join("schedstat"))?;
            let ran = schedstat.split_whitespace().next().context("an empty schedstat")?;
            sum += ran.parse::<f64>()?;
        }
    }
    Ok(sum)
}

/// The fields of `/proc/pid/stat` after the name, which may hold anything.
fn stat(pid: i32) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let after = text.rsplit_once(')').map_or(text.as_str(), |(_, after)| after);
    Ok(after.split_whitespace().map(str::to_owned).collect())
}

fn parent_of(pid: i32) -> Option<i32> {
    stat(pid).ok()?.get(1)?.parse().ok()
}

/// utime and stime, fields 14 and 15 of the line; of children waited for, 16 and 17.
fn ticks_of(pid: i32, with_children: bool) -> Result<f64> {
    let fields = stat(pid)?;
    let wanted = if with_children { 11..15 } else { 11..13 };
    let ticks = fields.get(wanted).unwrap_or_default().iter();
    Ok(ticks.filter_map(|field| field.parse::<f64>().ok()).sum())
}
