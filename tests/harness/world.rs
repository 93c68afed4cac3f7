//! One world of a test, and what a test does in it.

use std::future::Future;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use api::ApiState;
use api::limits::RateConfig;
use callwright::client::{Access, Api};
use callwright::commands::{check_journal, enterprise};
use callwright::config::Config;
use callwright::node::Node;
use clock::{Clock, Setting};
use outbound::Time;
use outbound::enterprise::EnterpriseSettings;
use serde_json::{Value, json};
use storage::objects::{Objects, ObjectsConfig, embedded};
use storage::{Store, StoreConfig};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use workers::fail_point::{DieAt, FailPoint};
use workers::lines::{SipAddresses, VoicePriority};
use workers::{Kind, Running, Settings};

use crate::gate::Gate;
use crate::sipp::free_udp_port;

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(20);

/// A whole Callwright.
pub struct World {
    pub api: Api,
    pub address: SocketAddr,
    pub key: String,
    pub node: Node,
    pub clock: Clock,
    pub config: Config,
    /// Ids of what every world has.
    pub trunk: String,
    pub caller: String,
    pub navigation: String,
    stopping: CancellationToken,
    running: Option<Running>,
    _objects: embedded::Running,
    database: (String, String),
    _data: tempfile::TempDir,
}

/// What the simulated line of a world does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// No time passes: calls are refused, or answered and hung up, at once.
    Instant,
    /// Calls take the time that calls take.
    Natural,
}

/// A time of the tests, in RFC 3339.
pub fn at(text: &str) -> Time {
    text.parse().expect("a time in RFC 3339")
}

impl World {
    /// A world whose clock stands at `start` and goes on as real time does.
    pub async fn at(start: &str) -> Self {
        Self::with(start, 1, Line::Instant).await
    }

    /// A world whose clock goes `factor` times as fast.
    pub async fn with(start: &str, factor: u32, line: Line) -> Self {
        let clock = Clock::with(Setting::new(chrono::Utc::now(), at(start), factor));
        let data = tempfile::tempdir().expect("a folder");
        let server =
            std::env::var("DATABASE_URL").expect("DATABASE_URL: run with `callwright services --`");
        let redis =
            std::env::var("TEST_REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:63790".into());
        let name = format!("story_{}", Uuid::now_v7().simple());
        storage::store::create_database(&server, &name).await.expect("a database");
        let (base, _) = server.rsplit_once('/').expect("a database in DATABASE_URL");
        let mut config = Config::read(&|name| {
            (name == "CALLWRIGHT_DATA").then(|| data.path().display().to_string())
        })
        .expect("a configuration");
        config.database = Some(StoreConfig::new(format!("{base}/{name}")));
        config.redis = Some(redis);
        config.queue_prefix = name.clone();
        config.lease = Duration::from_secs(4);
        config.drain = Some(Duration::from_secs(1));
        // Where stand-ins of providers are.
        config.speech.private_hosts = vec!["127.0.0.1".to_owned()];
        let objects = start_objects(&mut config).await;
        callwright::commands::migrate(&config).await.expect("a schema");
        let node = Node { clock: clock.clone(), ..Node::connect(&config).await.expect("servers") };
        let settings = EnterpriseSettings::new(chrono_tz::Asia::Shanghai, 1_000);
        let key = enterprise(&node.store, "Story", settings, clock.now()).await.expect("a key");
        let stopping = CancellationToken::new();
        let (address, served) = callwright::commands::listen(
            SocketAddr::from(([127, 0, 0, 1], 0)),
            api::router(state(&node)),
            stopping.clone(),
        )
        .await
        .expect("a port");
        tokio::spawn(served);
        let api = Api::new(Access { url: format!("http://{address}"), key: key.clone() })
            .expect("a client");
        let mut world = Self {
            api,
            address,
            key,
            node,
            clock,
            config,
            trunk: String::new(),
            caller: String::new(),
            navigation: String::new(),
            stopping,
            running: None,
            _objects: objects,
            database: (server, name),
            _data: data,
        };
        world.furnish(line).await;
        world.run(&Kind::WORK);
        world
    }

    /// A trunk with a caller ID, and a navigation that says a word and hangs up.
    async fn furnish(&mut self, line: Line) {
        let simulated = match line {
            Line::Instant => {
                json!({"setup_ms": [0, 0], "ring_ms": [0, 0], "talk_ms": [0, 0], "mix": {"no_answer": 1}})
            }
            Line::Natural => json!({}),
        };
        self.trunk = self
            .made("trunks", json!({"name": "line", "concurrency": 1_000, "simulated": simulated}))
            .await;
        self.caller =
            self.made("caller_ids", json!({"trunk": self.trunk, "phone": "+862155500100"})).await;
        let navigation = json!({"name": "word", "start": "word", "nodes": [
            {"name": "word", "kind": "play", "text": "Hello", "next": "end"},
            {"name": "end", "kind": "hangup"},
        ]});
        self.navigation = self.made("navigations", navigation).await;
        self.post(&format!("navigations/{}/publish", self.navigation), json!({})).await;
    }

    /// Start workers of these kinds.
    pub fn run(&mut self, kinds: &[Kind]) {
        let stopping = CancellationToken::new();
        let mut env = self.node.environment(&self.config, None, stopping).expect("an environment");
        env.settings =
            Settings { sweep_every: Duration::from_millis(50), reader: program(), ..env.settings };
        self.running = Some(Running::start(env, kinds).expect("a thread"));
    }

    /// Start the workers anew, with an address for SIP on loopback.
    pub async fn open_sip(&mut self) {
        self.stop_workers().await;
        self.config.sip = Some(SipAddresses {
            listen: SocketAddr::from(([127, 0, 0, 1], free_udp_port())),
            external: None,
            voice_ports: 30_000..=49_999,
            voice_priority: VoicePriority::Normal,
        });
        self.run(&Kind::WORK);
    }

    /// Start the workers anew, to fail at this point, once.
    pub async fn fail_at(&mut self, point: FailPoint) {
        self.stop_workers().await;
        self.config.die_at = DieAt::at(point);
        self.run(&Kind::WORK);
    }

    /// Start the workers anew with a gate before their Redis; the API keeps its own way to it.
    pub async fn put_gate_before_redis(&mut self, kinds: &[Kind]) -> Gate {
        self.stop_workers().await;
        let url = self.config.redis.clone().expect("a Redis");
        let (_, place) = url.rsplit_once(['@', '/']).expect("a place in the URL of Redis");
        let gate = Gate::before(place.parse().expect("an address")).await.expect("a gate");
        self.config.redis = Some(url.replace(place, &gate.address.to_string()));
        let node = Node::connect(&self.config).await.expect("servers");
        self.node = Node { clock: self.clock.clone(), ..node };
        self.run(kinds);
        gate
    }

    /// Stop the workers, as a shutdown does.
    pub async fn stop_workers(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop(std::future::pending()).await;
        }
    }

    /// POST, and what came of it; a problem fails the test.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        match self.api.post(path, &body).await {
            Ok(value) => value,
            Err(error) => panic!("POST {path}: {error:#}"),
        }
    }

    /// The id of what a POST made.
    pub async fn made(&self, path: &str, body: Value) -> String {
        let made = self.post(path, body).await;
        made["id"].as_str().unwrap_or_else(|| panic!("no id in {made}")).to_owned()
    }

    pub async fn get(&self, path: &str) -> Value {
        match self.api.get(path).await {
            Ok(value) => value,
            Err(error) => panic!("GET {path}: {error:#}"),
        }
    }

    pub async fn patch(&self, path: &str, patch: Value) -> Value {
        match self.api.patch(path, &patch).await {
            Ok(value) => value,
            Err(error) => panic!("PATCH {path}: {error:#}"),
        }
    }

    /// The status and the body of a request that may be refused.
    pub async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let method = method.parse().expect("a method");
        let mut request = self.api.request(method, path);
        if !body.is_null() {
            request = request.json(&body);
        }
        let reply = request.send().await.expect("an answer");
        let status = reply.status().as_u16();
        let bytes = reply.bytes().await.expect("a body");
        (status, serde_json::from_slice(&bytes).unwrap_or_default())
    }

    /// A task's configuration with the world's navigation and caller ID, over it `more`.
    pub fn task_config(&self, name: &str, more: Value) -> Value {
        let mut config = json!({
            "name": name,
            "concurrency": 10,
            "navigation": self.navigation,
            "caller_ids": [self.caller],
            "recording": false,
        });
        if let (Some(config), Value::Object(more)) = (config.as_object_mut(), more) {
            config.extend(more);
        }
        config
    }

    /// A task; gives its id.
    pub async fn task(&self, name: &str, more: Value) -> String {
        self.made("tasks", self.task_config(name, more)).await
    }

    /// Import phone numbers into a batch and wait until they have landed.
    pub async fn import(&self, task: &str, batch: &str, phones: &[&str]) -> Value {
        let numbers: Vec<Value> =
            phones.iter().map(|phone| json!({"phone_number": phone})).collect();
        self.import_numbers(task, &json!({"batch_name": batch}), numbers).await
    }

    /// Import number objects with options and wait until they have landed.
    pub async fn import_numbers(&self, task: &str, options: &Value, numbers: Vec<Value>) -> Value {
        let import = self.begin_import(task, options, numbers).await;
        let path = format!("imports/{}", import["id"].as_str().expect("an id"));
        let import = eventually("the import to end", || async {
            let import = self.get(&path).await;
            matches!(import["status"].as_str(), Some("done" | "failed" | "cancelled"))
                .then_some(import)
        })
        .await;
        assert_eq!(import["status"], "done", "{import}");
        import
    }

    /// Ask for an import.
    pub async fn begin_import(&self, task: &str, options: &Value, numbers: Vec<Value>) -> Value {
        let query: Vec<(String, String)> = options
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.clone(), text)
            })
            .collect();
        let request = self
            .api
            .request("POST".parse().expect("a method"), &format!("tasks/{task}/imports"))
            .query(&query)
            .json(&json!({"numbers": numbers}));
        match callwright::client::body(request).await {
            Ok(import) => import,
            Err(error) => panic!("import: {error:#}"),
        }
    }

    pub async fn start(&self, task: &str) -> Value {
        self.post(&format!("tasks/{task}/start"), json!({})).await
    }

    /// The state of a task: `paused no_pending_numbers`.
    pub async fn state(&self, task: &str) -> String {
        let task = self.get(&format!("tasks/{task}")).await;
        let reason = task["pause_reason"].as_str().map(|reason| format!(" {reason}"));
        format!("{}{}", task["state"].as_str().unwrap_or_default(), reason.unwrap_or_default())
    }

    pub async fn until_state(&self, task: &str, wanted: &str) {
        let seen = eventually_seen(|| async {
            let state = self.state(task).await;
            (state == wanted, state)
        })
        .await;
        assert_eq!(seen, wanted, "the state of the task");
    }

    /// Call records of a task, oldest first.
    pub async fn records(&self, task: &str) -> Vec<Value> {
        let mut records =
            self.api.list("records", &[("task", task)], 100_000).await.expect("records");
        records.reverse();
        records
    }

    /// Wait until a task has that many call records, and give them, oldest first.
    pub async fn until_records(&self, task: &str, count: usize) -> Vec<Value> {
        eventually(&format!("{count} call records"), || async {
            let records = self.records(task).await;
            (records.len() >= count).then_some(records)
        })
        .await
    }

    /// Set the clock.
    pub fn set(&self, time: &str) {
        self.clock.set(at(time));
    }

    /// Damage a row, or mend it, past every crate that could refuse it.
    ///
    /// Gives what the statement says.
    pub async fn sql(&self, statement: &str) -> String {
        let database = self.config.database.as_ref().expect("a database");
        let done = tokio::process::Command::new("psql")
            .args([&database.url, "-X", "-q", "-t", "-v", "ON_ERROR_STOP=1", "-c", statement])
            .output()
            .await
            .expect("psql runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8_lossy(&done.stdout).into_owned()
    }

    /// Nothing that the journal and the database say breaks a rule.
    pub async fn check_journal(&self) {
        let report = check_journal::report(&self.node.store, &self.config, &self.clock)
            .await
            .expect("a report");
        assert!(report.checked.is_clean(), "{:#?}", report.checked);
    }

    /// Stop everything, check the journal and drop the database. Every story ends with it.
    pub async fn end(mut self) {
        self.stop_workers().await;
        self.check_journal().await;
        self.stopping.cancel();
        self.node.store.close().await;
        let (server, name) = &self.database;
        storage::store::drop_database(server, name).await.expect("the database is dropped");
    }
}

fn state(node: &Node) -> ApiState {
    let rate = RateConfig { requests: 1_000_000, ..RateConfig::default() };
    ApiState::new(
        node.store.clone(),
        node.objects.clone(),
        node.queues.clone(),
        node.clock.clone(),
        rate,
    )
}

async fn start_objects(config: &mut Config) -> embedded::Running {
    let (access_key, secret_key) = ("story".to_owned(), Uuid::now_v7().simple().to_string());
    let keys = embedded::KeyPair { access_key: access_key.clone(), secret_key: secret_key.clone() };
    let folder = config.data.join("objects");
    let running = embedded::start(&folder, SocketAddr::from(([127, 0, 0, 1], 0)), keys)
        .await
        .expect("an object store");
    config.objects = Some(ObjectsConfig {
        endpoint: format!("http://{}", running.addr),
        region: "us-east-1".into(),
        bucket: "story".into(),
        access_key,
        secret_key,
        public_endpoint: None,
    });
    running
}

/// Look until there is something, and give it.
pub async fn eventually<Look, Looked, Found>(what: &str, look: Look) -> Found
where
    Look: Fn() -> Looked,
    Looked: Future<Output = Option<Found>>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited too long for {what}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Look until it is as it should be or patience ends, and give what was seen last.
async fn eventually_seen<Look, Looked, Seen>(look: Look) -> Seen
where
    Look: Fn() -> Looked,
    Looked: Future<Output = (bool, Seen)>,
{
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let (right, seen) = look().await;
        if right || tokio::time::Instant::now() > deadline {
            return seen;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What the stores of a world are, for tests that look past the API.
impl World {
    pub fn store(&self) -> &Store {
        &self.node.store
    }

    pub fn objects(&self) -> &Objects {
        &self.node.objects
    }

    /// Where recordings wait for their upload.
    pub fn spool(&self) -> &Path {
        &self.config.spool
    }
}

/// The program beside the tests, which reads imported files for the workers of a world.
pub fn program() -> std::path::PathBuf {
    let tests = std::env::current_exe().expect("the path of this program");
    let folder = tests.ancestors().nth(2).expect("the folder of what is built");
    let program = folder.join("callwright");
    assert!(program.exists(), "build {} first: cargo build -p callwright", program.display());
    program
}
