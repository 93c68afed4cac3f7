//! `callwright up`: everything on this machine, under one supervisor.

mod demo;

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use chrono_tz::Tz;
use clock::Setting;
use storage::StoreConfig;
use storage::objects::{ObjectsConfig, embedded};
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use super::serve::{asked_to_stop, listen, presence};
use super::{migrate, probes, say};
use crate::config::{ClockSource, Config};
use crate::data_folder;
use crate::node::Node;
use crate::supervise::{FolderLock, Postgres, Redis, Rights, addresses, secret, write_private};

const ZONE: Tz = chrono_tz::Asia::Shanghai;
/// Whoever presses Ctrl-C sits before it: calls of a laptop get no hours.
const DRAIN: Duration = Duration::from_secs(20);
const BUCKET: &str = "callwright";

/// Run everything on this machine: servers, API, workers, and a demo campaign the first time.
#[derive(Debug, clap::Args)]
pub struct Up {
    /// End when the campaign has ended well: its files downloaded and read, its journal checked
    #[arg(long)]
    until_done: bool,
    /// Business time runs this much faster on the simulated line, 1 to 1,000; decided the first time
    #[arg(long, default_value_t = 30)]
    speed: u32,
    /// Start without the demo enterprise and its campaign
    #[arg(long, conflicts_with = "until_done")]
    bare: bool,
}

/// The child servers that run.
struct Servers {
    postgres: Option<Postgres>,
    redis: Option<Redis>,
    objects: Option<embedded::Running>,
}

impl Up {
    pub async fn run(self, mut config: Config) -> Result<ExitCode> {
        data_folder::make(&config.data)?;
        let mut lock = FolderLock::take(&config.data, "up").await?;
        let _temporary = data_folder::open(&config)?;
        config.drain.get_or_insert(DRAIN);
        self.set_clock(&mut config)?;
        let servers = Servers::start(&mut config).await?;
        let stopping = CancellationToken::new();
        let worked = tokio::select! {
            worked = self.work(&config, &mut lock, stopping.clone()) => worked,
            ended = servers.ended() => Err(anyhow::anyhow!("{ended} ended by itself")),
        };
        stopping.cancel();
        servers.stop().await?;
        worked
    }

    /// The demo's business time begins at ten in the morning and runs fast. It is written down, so that
    /// the next start goes on with it.
    fn set_clock(&self, config: &mut Config) -> Result<()> {
        let chosen = std::env::var_os("CALLWRIGHT_CLOCK").is_some()
            || std::env::var_os("CALLWRIGHT_CLOCK_FILE").is_some();
        if chosen || self.bare {
            return Ok(());
        }
        let path = config.data.join("clock");
        if !path.exists() {
            let now = Utc::now();
            let morning = now.with_timezone(&ZONE).date_naive().and_hms_opt(10, 0, 0);
            let morning = morning.context("ten in the morning is a time")?;
            let business = outbound::schedule::instant(morning, ZONE);
            write_private(&path, &Setting::new(now, business, self.speed).to_string())?;
        }
        let text = std::fs::read_to_string(&path)?;
        let setting = text.parse().with_context(|| {
            format!("{} can't be read; without it business time begins anew", path.display())
        })?;
        config.clock = ClockSource::Setting(setting);
        Ok(())
    }

    /// API, workers and the campaign, until asked to stop or done.
    async fn work(
        &self,
        config: &Config,
        lock: &mut FolderLock,
        stopping: CancellationToken,
    ) -> Result<ExitCode> {
        // It asks all servers, and names every one that can't be used. Migrations would name PostgreSQL alone.
        let node = Node::connect(config).await?;
        migrate::run(config).await?;
        let metrics = probes::serve(config, &node, stopping.clone()).await?;
        let state = node.api(config);
        let requests = state.requests.clone();
        let (address, served) = listen(config.listen, api::router(state), stopping.clone()).await?;
        let mut served = std::pin::pin!(served);
        lock.listens_at(address)?;
        let presence = presence(&node, metrics, stopping.clone());
        let env = node.environment(config, Some(metrics), stopping.clone())?;
        let drain = env.settings.drain;
        let running = Running::start(env, &Kind::WORK)?;
        say(&format!("API      http://{address}/v1   (documentation: http://{address}/docs)"))?;
        say(&format!("data     {}", config.data.display()))?;
        let work = async {
            if self.bare {
                std::future::pending::<()>().await;
            }
            let ended = demo::campaign(config, &node, address, self.until_done).await;
            if self.until_done {
                return ended;
            }
            // What became of the demo is no reason to stop: the API and other tasks go on.
            if let Err(error) = ended {
                eprintln!("\nthe demo campaign can't go on: {error:#}");
            }
            say("\nserving until Ctrl-C")?;
            std::future::pending().await
        };
        let ended = tokio::select! {
            ended = work => ended,
            ended = &mut served => {
                running.stop(asked_to_stop()).await;
                presence.leave().await;
                node.store.close().await;
                return ended.map(|()| ExitCode::FAILURE);
            }
            () = asked_to_stop() => {
                let drain = drain.as_secs();
                say(&format!("stopping: calls that are up may finish for {drain} s; Ctrl-C again hangs up"))
                    .map(|()| ExitCode::SUCCESS)
            }
        };
        stopping.cancel();
        let answered = super::serve::finish(served, &requests, super::serve::ANSWERS_WITHIN);
        tokio::join!(answered, running.stop(asked_to_stop()));
        presence.leave().await;
        node.store.close().await;
        ended
    }
}

impl Servers {
    /// Start what the configuration does not name, and name it.
    async fn start(config: &mut Config) -> Result<Self> {
        let mut servers = Self { postgres: None, redis: None, objects: None };
        if config.database.is_none() {
            let postgres = Postgres::start(&config.data, Rights::OwnDatabase).await?;
            config.database = Some(StoreConfig::new(postgres.url()));
            servers.postgres = Some(postgres);
        }
        if config.redis.is_none() {
            let redis = Redis::start(&config.data).await?;
            config.redis = Some(redis.url().to_owned());
            servers.redis = Some(redis);
        }
        let database = servers.postgres.as_ref().map(Postgres::url);
        let redis = servers.redis.as_ref().map(Redis::url);
        addresses::leave(&config.data, database, redis)?;
        if config.objects.is_none() {
            let (objects, reached) = start_objects(&config.data).await?;
            config.objects = Some(reached);
            servers.objects = Some(objects);
        }
        Ok(servers)
    }

    /// Resolves with the name of a server that ended by itself.
    async fn ended(&self) -> &'static str {
        let postgres = async {
            match &self.postgres {
                Some(postgres) => postgres.child().ended().await,
                None => std::future::pending().await,
            }
        };
        let redis = async {
            match &self.redis {
                Some(redis) => redis.child().ended().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = postgres => "PostgreSQL",
            _ = redis => "Redis",
        }
    }

    async fn stop(self) -> Result<()> {
        if let Some(objects) = self.objects {
            objects.shutdown().await;
        }
        if let Some(redis) = self.redis {
            redis.stop().await?;
        }
        if let Some(postgres) = self.postgres {
            postgres.stop().await?;
        }
        Ok(())
    }
}

/// Start the embedded object store on the folder `data`; gives it and how to reach it.
pub async fn start_objects(data: &Path) -> Result<(embedded::Running, ObjectsConfig)> {
    let (access_key, secret_key) = ("callwright".to_owned(), secret(data, "s3.secret")?);
    let keys = embedded::KeyPair { access_key: access_key.clone(), secret_key: secret_key.clone() };
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let running = embedded::start(&data.join("objects"), anywhere, keys).await?;
    let reached = ObjectsConfig {
        endpoint: format!("http://{}", running.addr),
        region: "us-east-1".into(),
        bucket: BUCKET.into(),
        access_key,
        secret_key,
        public_endpoint: None,
    };
    Ok((running, reached))
}
