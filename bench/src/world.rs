//! One measurement's world: a database, a queue prefix and a journal of its own, the API over HTTP, an
//! enterprise with a simulated line, and the workers of one process.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use callwright::client::{Access, Api};
use callwright::commands::check_journal;
use callwright::config::Config;
use callwright::node::Node;
use clock::{Clock, Setting};
use outbound::Time;
use outbound::api_key::{Permission, Role};
use outbound::enterprise::EnterpriseSettings;
use outbound::ids::{EnterpriseId, ImportId, TaskId};
use outbound::import::ImportOptions;
use outbound::phone::Phone;
use serde_json::{Value, json};
use storage::StoreConfig;
use storage::batches::{Landing, LandingRow, land};
use storage::objects::{ObjectsConfig, embedded};
use storage::statistics::Counts;
use telephony::journal::{Entry, read_all};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::{Kind, Running};

use crate::servers::Servers;

/// How long any measurement may take.
const PATIENCE: Duration = Duration::from_secs(1_800);
const LOOK: Duration = Duration::from_millis(20);
/// Rows of one import, at most (the product's own bound).
const IMPORT_ROWS_MAX: u64 = 100_000;

/// What a world is made with.
pub struct Plan {
    /// Calls up at a time of enterprise, trunk and dialer.
    pub concurrency: u32,
    pub calls_per_second: Option<u32>,
    /// The simulated line's model.
    pub simulated: Value,
}

impl Plan {
    /// A line on which nobody answers, each call lasting `call_ms`.
    pub fn unanswered(concurrency: u32, call_ms: u32) -> Self {
        let simulated = json!({
            "setup_ms": [0, 0], "ring_ms": [call_ms, call_ms], "talk_ms": [0, 0],
            "mix": {"no_answer": 1}, "test_numbers": false,
        });
        Self { concurrency, calls_per_second: None, simulated }
    }
}

pub struct World {
    pub api: Api,
    pub node: Node,
    pub config: Config,
    pub enterprise: EnterpriseId,
    navigation: String,
    caller: String,
    stopping: CancellationToken,
    running: Option<Running>,
    objects: Option<embedded::Running>,
    database: (String, String),
    _data: tempfile::TempDir,
}

impl World {
    pub async fn open(servers: &Servers, plan: &Plan) -> Result<Self> {
        let clock = Clock::with(Setting::new(chrono::Utc::now(), chrono::Utc::now(), 1));
        let data = tempfile::Builder::new().prefix("world-").tempdir_in(servers.folder())?;
        let name = format!("bench_{}", Uuid::now_v7().simple());
        let server = servers.postgres.url().to_owned();
        storage::store::create_database(&server, &name).await?;
        let (base, _) = server.rsplit_once('/').context("a server's URL names a database")?;
        let mut config = Config::read(&|name| {
            (name == "CALLWRIGHT_DATA").then(|| data.path().display().to_string())
        })?;
        config.database = Some(StoreConfig::new(format!("{base}/{name}")));
        config.redis = Some(servers.redis.url().to_owned());
        config.queue_prefix = name.clone();
        config.dial_concurrency = usize::try_from(plan.concurrency)?;
        config.drain = Duration::from_secs(5);
        let objects = start_objects(&mut config).await?;
        callwright::commands::migrate(&config).await?;
        let node = Node { clock: clock.clone(), ..Node::connect(&config).await? };
        let stopping = CancellationToken::new();
        let (address, served) = callwright::commands::listen(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            api::router(state(&node)),
            stopping.clone(),
        )
        .await?;
        tokio::spawn(served);
        let url = format!("http://{address}");
        let (enterprise, api) = tenant(&node, &url, "Bench", plan.concurrency).await?;
        let mut world = Self {
            api,
            node,
            config,
            enterprise,
            navigation: String::new(),
            caller: String::new(),
            stopping,
            running: None,
            objects: Some(objects),
            database: (server, name),
            _data: data,
        };
        world.furnish(plan).await?;
        Ok(world)
    }

    async fn furnish(&mut self, plan: &Plan) -> Result<()> {
        let trunk = json!({
            "name": "line", "concurrency": plan.concurrency, "simulated": plan.simulated,
            "calls_per_second": plan.calls_per_second,
        });
        let trunk = made(&self.api, "trunks", trunk).await?;
        let caller = json!({"trunk": trunk, "phone": "+862155500100"});
        self.caller = made(&self.api, "caller_ids", caller).await?;
        let navigation = json!({"name": "word", "start": "word", "nodes": [
            {"name": "word", "kind": "play", "text": "Hello", "next": "end"},
            {"name": "end", "kind": "hangup"},
        ]});
        self.navigation = made(&self.api, "navigations", navigation).await?;
        self.api.post(&format!("navigations/{}/publish", self.navigation), &json!({})).await?;
        Ok(())
    }

    /// A task; over its configuration `more`.
    pub async fn task(&self, name: &str, more: Value) -> Result<TaskId> {
        let mut config = json!({
            "name": name, "concurrency": 1_000, "navigation": self.navigation,
            "caller_ids": [self.caller], "recording": false, "redial": {"enabled": false},
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        Ok(made(&self.api, "tasks", config).await?.parse()?)
    }

    /// Land numbers `from` to `from + count`, in batches as large as the product allows. It is the
    /// landing of an import without its file.
    pub async fn land(&self, task: TaskId, from: u64, count: u64) -> Result<()> {
        let mut first = from;
        while first < from + count {
            let last = (first + IMPORT_ROWS_MAX).min(from + count);
            self.land_batch(
                task,
                json!({"batch_name": format!("from {first}"), "format": "json"}),
                first..last,
            )
            .await?;
            first = last;
        }
        Ok(())
    }

    /// Land one batch of numbers with these options.
    pub async fn land_batch(
        &self,
        task: TaskId,
        options: Value,
        numbers: std::ops::Range<u64>,
    ) -> Result<()> {
        let rows: Vec<LandingRow> = numbers.map(row).collect();
        let options: ImportOptions = serde_json::from_value(options)?;
        let (store, now) = (&self.node.store, self.node.clock.now());
        let new = storage::imports::NewImport {
            id: ImportId::new(),
            enterprise: self.enterprise,
            task,
            options: &options,
            object_key: "imports/none",
            actor: "bench",
        };
        let import = new.id;
        storage::imports::create(store, new, now).await?;
        let taken = storage::imports::take(store, import, 0, Duration::from_secs(600)).await?;
        let landing = Landing {
            import,
            token: taken.context("the import was taken by another")?.token,
            enterprise: self.enterprise,
            task,
            options: &options,
            rows: &rows,
            invalid: 0,
            error_key: None,
            actor: "bench",
        };
        let landed = land(store, landing, now).await?;
        ensure!(landed.result.imported == rows.len() as u64, "not all rows landed");
        Ok(())
    }

    pub async fn start(&self, task: TaskId) -> Result<()> {
        self.api.post(&format!("tasks/{task}/start"), &json!({})).await?;
        Ok(())
    }

    /// Start the workers of the process.
    pub fn run(&mut self) -> Result<()> {
        let env = self.node.environment(&self.config, CancellationToken::new())?;
        self.running = Some(Running::start(env, &Kind::ALL));
        Ok(())
    }

    pub async fn stop_workers(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    pub async fn counts(&self, task: TaskId) -> Result<Counts> {
        Ok(storage::statistics::of_task(&self.node.store, self.enterprise, task).await?)
    }

    /// Wait until a task has that many call records.
    pub async fn until_calls(&self, task: TaskId, calls: u64) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while self.counts(task).await?.calls.total() < calls {
            ensure!(Instant::now() < deadline, "waited too long for {calls} calls");
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// What the line did, in order.
    pub fn journal(&self) -> Result<Vec<Entry>> {
        Ok(read_all(&self.config.journal)?)
    }

    /// Stop the workers and see that what was measured was also right.
    pub async fn check(&mut self) -> Result<()> {
        self.stop_workers().await;
        let report =
            check_journal::report(&self.node.store, &self.config, &self.node.clock).await?;
        let first: Vec<_> = report.findings.iter().take(5).collect();
        ensure!(first.is_empty(), "{} findings: {first:#?}", report.findings.len());
        Ok(())
    }

    pub async fn close(mut self) -> Result<()> {
        self.stop_workers().await;
        self.stopping.cancel();
        self.node.store.close().await;
        if let Some(objects) = self.objects.take() {
            objects.shutdown().await;
        }
        let (server, name) = &self.database;
        Ok(storage::store::drop_database(server, name).await?)
    }
}

/// The `n`th customer.
pub fn phone(n: u64) -> Phone {
    Phone::from_digits(8_613_000_000_000 + n)
}

fn row(n: u64) -> LandingRow {
    LandingRow {
        phone: phone(n),
        priority: 0,
        caller_id: None,
        backups: Vec::new(),
        variables: std::collections::BTreeMap::new(),
        province: String::new(),
        city: String::new(),
        time_zone: None,
    }
}

/// An enterprise and who works for it.
async fn tenant(
    node: &Node,
    url: &str,
    name: &str,
    concurrency: u32,
) -> Result<(EnterpriseId, Api)> {
    let now: Time = node.clock.now();
    let settings = EnterpriseSettings::new(chrono_tz::Asia::Shanghai, concurrency);
    let made = storage::enterprises::create(&node.store, name, settings, now).await?;
    let key = storage::keys::create(
        &node.store,
        made.id,
        "administrator",
        Role::Admin,
        &Permission::ALL,
        now,
    )
    .await?;
    Ok((made.id, Api::new(Access { url: url.to_owned(), key: key.secret })?))
}

async fn made(api: &Api, path: &str, body: Value) -> Result<String> {
    let made = api.post(path, &body).await?;
    Ok(made["id"].as_str().with_context(|| format!("no id in {made}"))?.to_owned())
}

fn state(node: &Node) -> api::ApiState {
    let rate = api::limits::RateConfig { requests: 1_000_000, ..Default::default() };
    api::ApiState::new(
        node.store.clone(),
        node.objects.clone(),
        node.queues.clone(),
        node.clock.clone(),
        None,
        rate,
    )
}

async fn start_objects(config: &mut Config) -> Result<embedded::Running> {
    let (access_key, secret_key) = ("bench".to_owned(), Uuid::now_v7().simple().to_string());
    let keys = embedded::KeyPair { access_key: access_key.clone(), secret_key: secret_key.clone() };
    let anywhere = SocketAddr::from(([127, 0, 0, 1], 0));
    let running = embedded::start(&config.data.join("objects"), anywhere, keys).await?;
    config.objects = Some(ObjectsConfig {
        endpoint: format!("http://{}", running.addr),
        region: "us-east-1".into(),
        bucket: "bench".into(),
        access_key,
        secret_key,
        public_endpoint: None,
    });
    Ok(running)
}
