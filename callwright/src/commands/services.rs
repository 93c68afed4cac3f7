//! `callwright services`: a private PostgreSQL, Redis and object store, for as long as a command runs.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use nix::sys::stat::Mode;
use tokio::process::Command;

use crate::commands::up::start_objects;
use crate::data_folder;
use crate::supervise::{FolderLock, Postgres, Redis, Rights};

/// Run a command with `DATABASE_URL`, `REDIS_URL` and `S3_*` of servers that exist for it alone.
#[derive(Debug, clap::Args)]
pub struct Services {
    /// Folder of the servers' data; left out: a temporary one, gone with the command
    #[arg(long)]
    data: Option<PathBuf>,
    /// The command and its arguments
    #[arg(trailing_var_arg = true, required = true)]
    command: Vec<String>,
}

impl Services {
    /// Gives the exit code of the command. `umask` is its own.
    pub async fn run(self, umask: Mode) -> Result<ExitCode> {
        let temporary = match self.data {
            Some(_) => None,
            // The servers' own user must reach it, also where temporary folders are private.
            None => Some(tempfile::Builder::new().prefix("callwright-").tempdir_in("/tmp")?),
        };
        let data = self
            .data
            .or_else(|| temporary.as_ref().map(|folder| folder.path().to_owned()))
            .context("there is no folder for the servers")?;
        let data = std::path::absolute(&data)?;
        data_folder::make(&data)?;
        let _lock = FolderLock::take(&data, "services").await?;
        // Each test makes a database of its own.
        let postgres = Postgres::start(&data, Rights::MakeDatabases).await?;
        let redis = Redis::start(&data).await?;
        let (objects, s3) = start_objects(&data).await?;
        let (program, arguments) =
            self.command.split_first().context("there is no command to run")?;
        // The command makes files as its user is used to: only ours are for their owner alone.
        let status = Command::new("sh")
            .args(["-c", "umask \"$1\" && shift && exec \"$@\"", "sh"])
            .arg(format!("{:o}", umask.bits()))
            .arg(program)
            .args(arguments)
            .env("DATABASE_URL", postgres.url())
            .env("REDIS_URL", redis.url())
            .env("TEST_REDIS_URL", redis.url())
            .env("S3_ENDPOINT", &s3.endpoint)
            .env("S3_BUCKET", &s3.bucket)
            .env("S3_ACCESS_KEY", &s3.access_key)
            .env("S3_SECRET_KEY", &s3.secret_key)
            .status()
            .await
            .with_context(|| format!("`{program}` can't be run"));
        objects.shutdown().await;
        redis.stop().await?;
        postgres.stop().await?;
        let code = status?.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
        Ok(ExitCode::from(code))
    }
}
