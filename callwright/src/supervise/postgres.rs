//! A private PostgreSQL: its own cluster in the data folder, passwords, a port of the loopback.
//!
//! The program works as the role `callwright`, which owns its database and has no other right. The superuser
//! `postgres` is for the set-up at each start alone.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;
use nix::sys::sysinfo::sysinfo;
use tokio::process::Command;

use super::{
    Child, ServerUser, find_program, free_port, orphan, secret, server_folder, set_up,
    write_private,
};

pub use super::set_up::Rights;

/// The oldest server that will do: the schema uses `NULLS NOT DISTINCT`.
const VERSION_MIN: u32 = 15;
/// The file with the password of the program's role, in the data folder.
const SECRET: &str = "postgres.secret";
const START_PATIENCE: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_millis(50);
/// PostgreSQL's own default, which every machine that runs the rest can spare.
const SHARED_BUFFERS_MB_MIN: u64 = 128;
/// More made a campaign of some hundred thousand numbers hardly faster (bench/RESULTS.md).
const SHARED_BUFFERS_MB_MAX: u64 = 1_024;

/// A running PostgreSQL.
#[derive(Debug)]
pub struct Postgres {
    child: Child,
    url: String,
    folder: PathBuf,
    data: PathBuf,
    port: u16,
    user: Option<ServerUser>,
}

impl Postgres {
    /// Start it on `folder`, made when it is new. fsync is on.
    pub async fn start(folder: &Path, rights: Rights) -> Result<Self> {
        let user = ServerUser::find()?;
        let data = folder.join("postgres");
        let version = version(&data)?;
        let bin = programs(version)?;
        let kept = folder.join(set_up::SUPERUSER_SECRET);
        anyhow::ensure!(
            version.is_none() || kept.exists(),
            "{} is missing: without it nobody gets into the database of this folder",
            kept.display()
        );
        if version.is_none() {
            // Under another name until it is whole: who is killed meanwhile leaves no half of a cluster.
            let fresh = folder.join("postgres.new");
            if fresh.exists() {
                std::fs::remove_dir_all(&fresh)?;
            }
            server_folder(&fresh, user)?;
            let superuser = secret(folder, set_up::SUPERUSER_SECRET)?;
            initialise(&bin, folder, &fresh, &superuser, user).await?;
            std::fs::rename(&fresh, &data)
                .with_context(|| format!("{} can't be made", data.display()))?;
        }
        orphan::wait("PostgreSQL", &data.join("postmaster.pid"), &data).await?;
        let port = free_port()?;
        let child = spawn(&bin, folder, &data, port, user).await?;
        let password = secret(folder, SECRET)?;
        let url = format!("postgres://callwright:{password}@127.0.0.1:{port}/callwright");
        let postgres = Self { child, url, folder: folder.to_owned(), data, port, user };
        postgres.ready(&bin).await?;
        set_up::run(&bin, folder, port, &password, rights).await?;
        Ok(postgres)
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn child(&self) -> &Child {
        &self.child
    }

    pub async fn stop(self) -> Result<()> {
        self.child.stop().await
    }

    /// Stop it as a crash would and start it again on the same port.
    pub async fn restart(self) -> Result<Self> {
        self.restart_after(Duration::ZERO).await
    }

    /// [`Self::restart`], with a time in which it is away.
    pub async fn restart_after(self, away: Duration) -> Result<Self> {
        let Self { child, url, folder, data, port, user } = self;
        child.stop().await?;
        tokio::time::sleep(away).await;
        let bin = programs(version(&data)?)?;
        let child = spawn(&bin, &folder, &data, port, user).await?;
        let postgres = Self { child, url, folder, data, port, user };
        postgres.ready(&bin).await?;
        Ok(postgres)
    }

    async fn ready(&self, bin: &Path) -> Result<()> {
        let wait = async {
            loop {
                if !self.child.is_up() {
                    bail!("PostgreSQL ended while it started; see {}", log(&self.folder).display());
                }
                let answer = Command::new(bin.join("pg_isready"))
                    .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                    .status()
                    .await?;
                if answer.success() {
                    return Ok(());
                }
                tokio::time::sleep(CHECK_EVERY).await;
            }
        };
        tokio::time::timeout(START_PATIENCE, wait)
            .await
            .context("PostgreSQL did not start in time")?
    }
}

fn log(folder: &Path) -> PathBuf {
    folder.join("postgres.log")
}

async fn initialise(
    bin: &Path,
    folder: &Path,
    data: &Path,
    password: &str,
    user: Option<ServerUser>,
) -> Result<()> {
    // initdb runs as the server's user and must be able to read the password once.
    let word = data.with_extension("password");
    write_private(&word, password)?;
    if let Some(user) = user {
        nix::unistd::chown(&word, Some(user.uid), Some(user.gid))?;
    }
    let arguments = [
        "-D".into(),
        data.display().to_string(),
        "-U".into(),
        set_up::SUPERUSER.into(),
        "-E".into(),
        "UTF8".into(),
        "--locale=C.UTF-8".into(),
        "--auth=scram-sha-256".into(),
        format!("--pwfile={}", word.display()),
    ];
    let log = log(folder);
    let child =
        Child::start("initdb", &bin.join("initdb"), &arguments, &log, user, Signal::SIGTERM)
            .await?;
    let status = child.ended().await;
    std::fs::remove_file(&word)?;
    anyhow::ensure!(
        status.is_some_and(|status| status.success()),
        "initdb failed; see {}",
        log.display()
    );
    Ok(())
}

async fn spawn(
    bin: &Path,
    folder: &Path,
    data: &Path,
    port: u16,
    user: Option<ServerUser>,
) -> Result<Child> {
    let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
    for setting in [
        format!("port={port}"),
        "listen_addresses=127.0.0.1".into(),
        "unix_socket_directories=".into(),
        "max_connections=200".into(),
        format!("shared_buffers={}MB", shared_buffers_mb(sysinfo()?.ram_total())),
        "max_wal_size=4GB".into(),
        "fsync=on".into(),
        "synchronous_commit=on".into(),
        // Values are phone numbers and what people said. Whoever sent a statement is told why it failed, and logs it
        // without its values; this log would quote them.
        "log_min_messages=log".into(),
        "log_error_verbosity=terse".into(),
        "log_parameter_max_length=0".into(),
        "log_parameter_max_length_on_error=0".into(),
        "log_min_error_statement=panic".into(),
        "log_statement=none".into(),
        "log_min_duration_statement=-1".into(),
    ] {
        arguments.extend(["-c".into(), setting]);
    }
    // SIGINT is PostgreSQL's fast shutdown: it rolls back and leaves a clean cluster.
    Child::start("postgres", &bin.join("postgres"), &arguments, &log(folder), user, Signal::SIGINT)
        .await
}

/// A sixteenth of the machine's memory, within bounds: everything else of Callwright is on it, too. With
/// too little, dialling evicts pages that it needs again, and writes them out while commits wait for the disk.
fn shared_buffers_mb(memory_bytes: u64) -> u64 {
    (memory_bytes / (16 << 20)).clamp(SHARED_BUFFERS_MB_MIN, SHARED_BUFFERS_MB_MAX)
}

/// The version that a cluster was made by; none: there is no cluster yet.
fn version(data: &Path) -> Result<Option<u32>> {
    let file = data.join("PG_VERSION");
    match std::fs::read_to_string(&file) {
        Ok(text) => {
            let version = text.trim().parse();
            Ok(Some(version.with_context(|| format!("{} can't be read", file.display()))?))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let empty =
                std::fs::read_dir(data).map_or(true, |mut entries| entries.next().is_none());
            anyhow::ensure!(
                empty,
                "{} has files, but is no PostgreSQL cluster (it has no PG_VERSION); move it away",
                data.display()
            );
            Ok(None)
        }
        Err(error) => Err(error).with_context(|| format!("{} can't be read", file.display())),
    }
}

/// The folder of the PostgreSQL of a version on this machine; of the newest where none is wanted.
fn programs(wanted: Option<u32>) -> Result<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter_map(|path| Some((version(&path)?, path.join("bin"))))
        .filter(|(version, bin)| *version >= VERSION_MIN && bin.join("postgres").is_file())
        .collect();
    found.retain(|(version, _)| wanted.is_none_or(|wanted| *version == wanted));
    found.sort();
    if let Some((_, bin)) = found.pop() {
        return Ok(bin);
    }
    find_program("postgres", &[])
        .and_then(|program| Some(program.canonicalize().ok()?.parent()?.to_owned()))
        .with_context(|| match wanted {
            Some(version) => format!(
                "the database of this folder was made by PostgreSQL {version}, which is not installed"
            ),
            None => {
                format!("PostgreSQL {VERSION_MIN} or newer is not installed; `make setup` installs it")
            }
        })
}
