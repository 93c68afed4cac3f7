//! One measurement's world: a database, a queue prefix and a journal of its own, the API over HTTP, an
//! enterprise with a simulated line, and the workers of one process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use callwright::commands::check_journal;
use callwright::config::Config;
use callwright::node::Node;
use clock::{Clock, Setting};
use outbound::ids::TaskId;
use storage::StoreConfig;
use storage::objects::{ObjectsConfig, embedded};
use storage::rows::{PAGE_MAX, Page};
use telephony::journal::{Entry, read_all};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::lines::Lines;
use workers::{Kind, Running};

use crate::servers::Servers;
use crate::tenant::{Plan, Tenant};

/// How long uploads may take after the last call.
const UPLOADS_WITHIN: Duration = Duration::from_secs(120);

/// A whole Callwright.
pub struct World {
    pub tenant: Tenant,
    pub node: Node,
    pub config: Config,
    /// Of the API.
    url: String,
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
        // Room for more than the line takes, as a dialer should have.
        config.dial_concurrency = usize::try_from(plan.concurrency + plan.concurrency / 4)?;
        config.drain = Some(Duration::from_secs(5));
        let objects = start_objects(&mut config).await?;
        callwright::node::store(&config).await?.migrate().await?;
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
        let tenant = Tenant::open(&node, &url, "Bench", plan).await?;
        Ok(Self {
            tenant,
            node,
            config,
            url,
            stopping,
            running: None,
            objects: Some(objects),
            database: (server, name),
            _data: data,
        })
    }

    /// One more enterprise.
    pub async fn tenant(&self, name: &str, plan: &Plan) -> Result<Tenant> {
        Tenant::open(&self.node, &self.url, name, plan).await
    }

    /// Start the workers of the process.
    pub fn run(&mut self) -> Result<()> {
        self.run_only(&Kind::WORK)
    }

    /// Start those of these kinds.
    pub fn run_only(&mut self, kinds: &[Kind]) -> Result<()> {
        let env = self.node.environment(&self.config, None, CancellationToken::new())?;
        self.running = Some(Running::start(env, kinds)?);
        Ok(())
    }

    /// Start all workers. Gives their lines, for a look at the voice.
    pub fn run_with_lines(&mut self) -> Result<Arc<Lines>> {
        let env = self.node.environment(&self.config, None, CancellationToken::new())?;
        let lines = Arc::clone(&env.lines);
        self.running = Some(Running::start(env, &Kind::WORK)?);
        Ok(lines)
    }

    /// Wait until no recording waits for its upload.
    pub async fn until_uploaded(&self) -> Result<()> {
        let deadline = Instant::now() + UPLOADS_WITHIN;
        while storage::recordings::pending_count(&self.node.store).await? > 0 {
            ensure!(Instant::now() < deadline, "recordings still wait for their upload");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(())
    }

    /// Recordings of a task that are there.
    pub async fn recordings_ready(&self, task: TaskId) -> Result<u64> {
        let (store, enterprise) = (&self.node.store, self.tenant.enterprise);
        let mut page = Page::first(PAGE_MAX);
        let mut ready = 0;
        loop {
            let listed = storage::recordings::of_task(store, enterprise, task, page).await?;
            ready += listed.rows.iter().filter(|it| it.state == "ready").count() as u64;
            match listed.next {
                Some(after) => page.after = Some(after),
                None => return Ok(ready),
            }
        }
    }

    /// Clear away what died.
    pub async fn vacuum(&self) -> Result<()> {
        let url = self.config.database.as_ref().context("a world has a database")?.url.as_str();
        let ended = tokio::process::Command::new("vacuumdb")
            .args(["--quiet", "--analyze", "--dbname", url])
            .status()
            .await?;
        ensure!(ended.success(), "vacuumdb: {ended}");
        Ok(())
    }

    pub async fn stop_workers(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(std::future::pending()).await;
        }
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
        let (checked, total) = (&report.checked, report.checked.total());
        let first: Vec<_> = checked.findings.iter().take(5).collect();
        ensure!(checked.is_clean(), "{total} findings: {first:#?}, lacking: {:?}", checked.lacking);
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

/// The API without limits of its rate.
pub fn state(node: &Node) -> api::ApiState {
    let rate = api::limits::RateConfig { requests: 1_000_000, ..Default::default() };
    api::ApiState::new(
        node.store.clone(),
        node.objects.clone(),
        node.queues.clone(),
        node.clock.clone(),
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
