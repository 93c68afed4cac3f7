//! A private Redis: append-only file synced every second, a password, a port of the loopback.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::signal::Signal;

use super::{
    Child, ServerUser, find_program, free_port, orphan, secret, server_folder, write_private,
};

const START_PATIENCE: Duration = Duration::from_secs(60);
const CHECK_EVERY: Duration = Duration::from_millis(50);

/// A running Redis.
#[derive(Debug)]
pub struct Redis {
    child: Child,
    url: String,
    folder: PathBuf,
    port: u16,
}

impl Redis {
    /// Start it on `folder`, made when it is new.
    pub async fn start(folder: &Path) -> Result<Self> {
        Self::start_on(folder, free_port()?).await
    }

    async fn start_on(folder: &Path, port: u16) -> Result<Self> {
        let program = find_program("redis-server", &[])
            .context("Redis is not installed; `make setup` installs it")?;
        let user = ServerUser::find()?;
        let data = folder.join("redis");
        server_folder(&data, user)?;
        let pid_file = data.join("redis.pid");
        orphan::wait("Redis", &pid_file, &data).await?;
        let password = secret(folder, "redis.secret")?;
        let config = data.join("redis.conf");
        write_private(
            &config,
            &format!(
                "bind 127.0.0.1\nport {port}\ndir {}\npidfile {}\nappendonly yes\n\
                 appendfsync everysec\nsave \"\"\nmaxmemory-policy noeviction\n\
                 requirepass {password}\n",
                data.display(),
                pid_file.display()
            ),
        )?;
        if let Some(user) = user {
            nix::unistd::chown(&config, Some(user.uid), Some(user.gid))?;
        }
        let log = folder.join("redis.log");
        let arguments = [config.display().to_string()];
        let child =
            Child::start("redis", &program, &arguments, &log, user, Signal::SIGTERM).await?;
        // `default` is said aloud: the redis-cli of Redis 7.0 takes a URL without a user amiss.
        let url = format!("redis://default:{password}@127.0.0.1:{port}");
        let redis = Self { child, url, folder: folder.to_owned(), port };
        redis.ready().await?;
        Ok(redis)
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

    /// Stop it and start it again on the same port and data.
    pub async fn restart(self) -> Result<Self> {
        let Self { child, folder, port, .. } = self;
        child.stop().await?;
        Self::start_on(&folder, port).await
    }

    /// It listens only once its append-only file is loaded enough to answer; jobs' own connection
    /// waits out the rest.
    async fn ready(&self) -> Result<()> {
        let wait = async {
            loop {
                if !self.child.is_up() {
                    bail!("Redis ended while it started; see {}/redis.log", self.folder.display());
                }
                if tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
                    return Ok(());
                }
                tokio::time::sleep(CHECK_EVERY).await;
            }
        };
        tokio::time::timeout(START_PATIENCE, wait).await.context("Redis did not start in time")?
    }
}
