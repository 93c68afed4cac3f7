//! The servers of a run, and what can be done to them.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use callwright::commands::start_objects;
use callwright::supervise::{Postgres, Redis, Rights};
use harness::gate::Gate;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use storage::objects::{ObjectsConfig, embedded};

/// How long a server may take to die of a signal.
const DEATH: Duration = Duration::from_secs(20);
/// How long Redis may read its files after a start.
const LOADING: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(20);

/// PostgreSQL, Redis and the object store of a run, in a folder of their own.
pub struct Servers {
    pub folder: PathBuf,
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    pub gate: Gate,
    pub s3: ObjectsConfig,
    objects: embedded::Running,
}

/// How a server ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// It is asked to, and ends in order.
    Asked,
    /// As in a crash: what it had not written is gone.
    Sudden,
}

impl Servers {
    /// Start them in a folder that is theirs.
    pub async fn start() -> Result<Self> {
        let folder =
            tempfile::Builder::new().prefix("callwright-chaos-").tempdir_in("/tmp")?.keep();
        // The servers' own user must be able to pass.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o711))?;
        let postgres = Postgres::start(&folder, Rights::OwnDatabase).await?;
        let redis = Redis::start(&folder).await?;
        let (objects, mut s3) = start_objects(&folder).await?;
        let gate = Gate::before(objects.addr).await?;
        s3.endpoint = format!("http://{}", gate.address);
        Ok(Self { folder, postgres: Some(postgres), redis: Some(redis), gate, s3, objects })
    }

    pub fn postgres_url(&self) -> String {
        self.postgres.as_ref().map(|postgres| postgres.url().to_owned()).unwrap_or_default()
    }

    pub fn redis_url(&self) -> String {
        self.redis.as_ref().map(|redis| redis.url().to_owned()).unwrap_or_default()
    }

    /// End PostgreSQL, by a fast shutdown or an immediate one, and start it again.
    pub async fn restart_postgres(&mut self, death: Death) -> Result<()> {
        let postgres = self.postgres.take().context("PostgreSQL is gone")?;
        if death == Death::Sudden {
            // SIGQUIT is PostgreSQL's immediate shutdown: it recovers from its log at the next start.
            end(postgres.child(), Signal::SIGQUIT).await?;
        }
        self.postgres = Some(postgres.restart().await?);
        Ok(())
    }

    /// End PostgreSQL in order, and start it again when it has been away for so long.
    pub async fn absent_postgres(&mut self, away: Duration) -> Result<()> {
        let postgres = self.postgres.take().context("PostgreSQL is gone")?;
        self.postgres = Some(postgres.restart_after(away).await?);
        Ok(())
    }

    pub async fn restart_redis(&mut self, death: Death) -> Result<()> {
        let redis = self.redis.take().context("Redis is gone")?;
        if death == Death::Sudden {
            end(redis.child(), Signal::SIGKILL).await?;
        }
        self.redis = Some(redis.restart().await?);
        Ok(())
    }

    /// Empty Redis. While it reads its files after a start, it refuses that.
    pub async fn flush_redis(&self) -> Result<()> {
        let client = redis::Client::open(self.redis_url())?;
        let mut connection = client.get_multiplexed_async_connection().await?;
        let flushed = async {
            loop {
                match redis::cmd("FLUSHALL").query_async(&mut connection).await {
                    Err(error) if error.code() == Some("LOADING") => {
                        tokio::time::sleep(LOOK).await;
                    }
                    done => return done,
                }
            }
        };
        let () = tokio::time::timeout(LOADING, flushed).await.context("Redis reads on")??;
        Ok(())
    }

    /// Put what Redis has on its disk at this moment aside.
    pub async fn keep_redis(&self) -> Result<()> {
        let kept = self.kept();
        if kept.exists() {
            std::fs::remove_dir_all(&kept)?;
        }
        copy(&self.redis_files(), &kept).await
    }

    /// Bring Redis back to what was put aside; false when nothing was.
    pub async fn roll_back_redis(&mut self) -> Result<bool> {
        let (kept, files) = (self.kept(), self.redis_files());
        if !kept.exists() {
            return Ok(false);
        }
        let redis = self.redis.take().context("Redis is gone")?;
        end(redis.child(), Signal::SIGKILL).await?;
        std::fs::remove_dir_all(&files)?;
        copy(&kept, &files).await?;
        self.redis = Some(redis.restart().await?);
        Ok(true)
    }

    fn redis_files(&self) -> PathBuf {
        self.folder.join("redis/appendonlydir")
    }

    fn kept(&self) -> PathBuf {
        self.folder.join("redis-kept")
    }

    pub async fn stop(self) -> Result<()> {
        drop(self.gate);
        self.objects.shutdown().await;
        if let Some(redis) = self.redis {
            redis.stop().await?;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        Ok(())
    }
}

/// Copy a folder with its owners. Redis rewrites files of it now and then: a copy that fails is made again.
async fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = tokio::process::Command::new("cp").arg("-a").arg(from).arg(to).output().await?;
    ensure!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
    Ok(())
}

async fn end(child: &callwright::supervise::Child, signal: Signal) -> Result<()> {
    kill(Pid::from_raw(child.pid()), signal)?;
    tokio::time::timeout(DEATH, child.ended()).await.context("a server does not die")?;
    Ok(())
}
