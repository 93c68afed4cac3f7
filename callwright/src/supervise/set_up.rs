//! The roles of a private PostgreSQL: a superuser for this set-up alone, and the program's own, which owns its
//! database. Whoever gets in as the program can neither read the server's files nor run commands on the machine.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::secret;

/// Who made the cluster.
pub(super) const SUPERUSER: &str = "postgres";
/// The file with the superuser's password, in the data folder.
pub(super) const SUPERUSER_SECRET: &str = "postgres.superuser.secret";

/// What the program's role may do beside owning its database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    OwnDatabase,
    /// For tests: each makes a database of its own.
    MakeDatabases,
}

impl Rights {
    const fn words(self) -> &'static str {
        match self {
            Self::OwnDatabase => "nocreatedb",
            Self::MakeDatabases => "createdb",
        }
    }
}

/// Make the role and its database, or give the role the rights that it should have.
pub(super) async fn run(
    bin: &Path,
    folder: &Path,
    port: u16,
    password: &str,
    rights: Rights,
) -> Result<()> {
    let superuser = secret(folder, SUPERUSER_SECRET)?;
    let words = [("ROLE_PASSWORD", password), ("ROLE_RIGHTS", rights.words())];
    psql(bin, port, (SUPERUSER, &superuser), &words, include_str!("set_up.sql")).await
}

/// Run a script. Passwords go by the environment and standard input: everybody sees a command line.
async fn psql(
    bin: &Path,
    port: u16,
    (user, password): (&str, &str),
    words: &[(&str, &str)],
    script: &str,
) -> Result<()> {
    let mut psql = Command::new(bin.join("psql"))
        .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-p", &port.to_string()])
        .args(["-U", user, "-d", "postgres", "-f", "-"])
        .env("PGPASSWORD", password)
        .envs(words.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("psql can't be started")?;
    if let Some(mut input) = psql.stdin.take() {
        // One that ended early says why by its output.
        let _ = input.write_all(script.as_bytes()).await;
    }
    let ended = psql.wait_with_output().await?;
    anyhow::ensure!(
        ended.status.success(),
        "the database's roles can't be set up: {}",
        String::from_utf8_lossy(&ended.stderr).trim()
    );
    Ok(())
}
