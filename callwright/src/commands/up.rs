//! `callwright up`: everything on this machine, under one supervisor.

use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::Utc;
use chrono_tz::Tz;
use clock::Setting;
use outbound::enterprise::EnterpriseSettings;
use serde_json::{Value, json};
use storage::StoreConfig;
use storage::objects::{ObjectsConfig, embedded};
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use super::seed::{self, PEOPLE, demo_task};
use super::serve::{asked_to_stop, listen, presence};
use super::{check_journal, migrate, probes, transfers};
use crate::client::live::{Live, Over};
use crate::client::{Access, Api};
use crate::config::{ClockSource, Config};
use crate::node::{self, Node};
use crate::supervise::{Postgres, Redis, addresses, secret, write_private};

const DEMO: &str = "Test drive reminders";
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
        node::make_folder(&config.data)?;
        config.drain.get_or_insert(DRAIN);
        self.set_clock(&mut config)?;
        let servers = Servers::start(&mut config).await?;
        let stopping = CancellationToken::new();
        let worked = tokio::select! {
            worked = self.work(&config, stopping.clone()) => worked,
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
            std::fs::write(&path, Setting::new(now, business, self.speed).to_string())?;
        }
        let text = std::fs::read_to_string(&path)?;
        let setting = text.parse().with_context(|| format!("{} can't be read", path.display()))?;
        config.clock = ClockSource::Setting(setting);
        Ok(())
    }

    /// API, workers and the campaign, until asked to stop or done.
    async fn work(&self, config: &Config, stopping: CancellationToken) -> Result<ExitCode> {
        migrate::run(config).await?;
        let node = Node::connect(config).await?;
        let metrics = probes::serve(config, &node, stopping.clone()).await?;
        let router = api::router(node.api());
        let (address, served) = listen(config.listen, router, stopping.clone()).await?;
        let presence = presence(&node, metrics, stopping.clone());
        let env = node.environment(config, Some(metrics), stopping.clone())?;
        let drain = env.settings.drain;
        let running = Running::start(env, &Kind::WORK);
        println!("API      http://{address}/v1   (documentation: http://{address}/docs)");
        println!("data     {}", config.data.display());
        let work = async {
            if self.bare {
                std::future::pending::<()>().await;
            }
            let ended = self.campaign(config, &node, address).await;
            match (self.until_done, ended) {
                (true, ended) => ended,
                (false, Err(error)) => Err(error),
                (false, Ok(_)) => {
                    println!("\nserving until Ctrl-C");
                    std::future::pending().await
                }
            }
        };
        let ended = tokio::select! {
            ended = work => ended,
            ended = served => ended.map(|()| ExitCode::FAILURE),
            () = asked_to_stop() => {
                println!(
                    "stopping: calls that are up may finish for {} s; Ctrl-C again hangs up",
                    drain.as_secs()
                );
                Ok(ExitCode::SUCCESS)
            }
        };
        running.stop(asked_to_stop()).await;
        presence.leave().await;
        node.store.close().await;
        ended
    }

    /// The demo campaign, from wherever it stands, to its end.
    async fn campaign(
        &self,
        config: &Config,
        node: &Node,
        address: SocketAddr,
    ) -> Result<ExitCode> {
        let api = Api::new(access(config, node, address).await?)?;
        println!("key      {}", config.data.join("client.json").display());
        let task = started_task(config, &api).await?;
        println!("task     {task} “{DEMO}”\n");
        if Live::default().watch(&api, &task).await? == Over::Stopped {
            println!("\nthe task was stopped by hand");
            return Ok(ExitCode::FAILURE);
        }
        let exports = exports(&api, &task).await?;
        println!();
        for (what, export) in &exports {
            println!("{what:<11}{}", transfers::link(&api, export).await?);
        }
        println!("(links work for five minutes; `callwright exports download` makes new ones)");
        if !self.until_done {
            return Ok(ExitCode::SUCCESS);
        }
        let folder = config.data.join("downloads");
        node::make_folder(&folder)?;
        let progress = api.get(&format!("tasks/{task}/progress")).await?;
        let calls = progress["calls"].as_u64().unwrap_or(0);
        for (what, export) in &exports {
            let file = folder.join(match what.as_str() {
                "Recordings" => "recordings.zip".to_owned(),
                kind => format!("call-records.{}", kind.to_lowercase()),
            });
            transfers::download(&transfers::link(&api, export).await?, &file).await?;
            let rows = super::opened::rows(&file)?;
            println!("opened   {} ({rows} rows)", file.display());
            anyhow::ensure!(
                what == "Recordings" || rows == calls,
                "{calls} calls were made, the file has {rows}"
            );
        }
        check_journal::until_clean(config, node).await
    }
}

/// The demo enterprise and a key to it; made the first time, kept in the data folder.
async fn access(config: &Config, node: &Node, address: SocketAddr) -> Result<Access> {
    let path = config.data.join("client.json");
    let url = format!("http://{address}");
    let key = match std::fs::read(&path) {
        Ok(kept) => serde_json::from_slice::<Access>(&kept)?.key,
        Err(_) => {
            let settings = EnterpriseSettings::new(ZONE, 100);
            seed::enterprise(&node.store, "Demo", settings, node.clock.now()).await?
        }
    };
    let access = Access { url, key };
    write_private(&path, &serde_json::to_string_pretty(&access)?)?;
    Ok(access)
}

/// The demo task with its numbers imported, started if it has not been.
async fn started_task(config: &Config, api: &Api) -> Result<String> {
    let tasks = api.list("tasks", &[], usize::MAX).await?;
    let known = tasks.iter().find(|task| task["name"] == DEMO);
    let task = match known.and_then(|task| task["id"].as_str()) {
        Some(task) => task.to_owned(),
        None => demo_task(api, DEMO).await?,
    };
    let progress = api.get(&format!("tasks/{task}/progress")).await?;
    if progress["total"] == 0 {
        let file = config.data.join("reminders.xlsx");
        std::fs::write(&file, PEOPLE)?;
        let options = json!({"batch_name": "reminders", "dedupe": "import"});
        let import = transfers::import(api, &task, &file, &options).await?;
        anyhow::ensure!(
            import["status"] == "done",
            "the import did not land: {}",
            import["problem"]
        );
        println!("imported {} of {} rows", import["result"]["imported"], import["result"]["rows"]);
    }
    if progress["state"] == "initial" {
        api.post(&format!("tasks/{task}/start"), &json!({})).await?;
    }
    Ok(task)
}

/// The exports of the task: those there are, or new ones.
async fn exports(api: &Api, task: &str) -> Result<Vec<(String, String)>> {
    let there = api.list("exports", &[], 1_000).await?;
    let mut exports = Vec::new();
    for (what, content, format) in [
        ("XLSX", "call_records", "xlsx"),
        ("CSV", "call_records", "csv"),
        ("Recordings", "recordings", "zip"),
    ] {
        let same = |export: &&Value| {
            let options = &export["options"];
            export["status"] == "done"
                && export["ready"] == true
                && options["task"] == task
                && options["content"] == content
                && options["format"] == format
        };
        let export = match there.iter().find(same) {
            Some(export) => export.clone(),
            None => {
                let asked = json!({"task": task, "content": content, "format": format});
                transfers::finished(api, "exports", api.post("exports", &asked).await?).await?
            }
        };
        anyhow::ensure!(export["status"] == "done", "the export failed: {}", export["problem"]);
        let id = export["id"].as_str().context("the export has no id")?;
        exports.push((what.to_owned(), id.to_owned()));
    }
    Ok(exports)
}

impl Servers {
    /// Start what the configuration does not name, and name it.
    async fn start(config: &mut Config) -> Result<Self> {
        let mut servers = Self { postgres: None, redis: None, objects: None };
        if config.database.is_none() {
            let postgres = Postgres::start(&config.data).await?;
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
