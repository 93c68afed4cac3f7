//! Where a contract is tested: a prefix of its own on a Redis, workers, and what they tell.

use std::io;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, WorkerBuilder};
use jobs::{Backoff, Delivery, Job, QueueStats, Queues, Subscription};
use redis::{AsyncCommands, SortedSetAddOptions};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// Nothing here takes this long unless it is broken.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// How often what tells nothing by itself is looked at.
const LOOK: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub n: u64,
}

impl Job for Note {
    const KIND: &'static str = "note";

    fn id(&self) -> String {
        format!("n{}", self.n)
    }
}

pub fn notes(numbers: std::ops::Range<u64>) -> Vec<Note> {
    numbers.map(|n| Note { n }).collect()
}

pub fn subscription(concurrency: usize) -> Subscription {
    Subscription { concurrency, lease: Duration::from_secs(10), deliveries_max: 5 }
}

pub fn random() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}

/// A connection that waits for each answer, also when its process was stopped meanwhile: by default
/// the client gives up after 500 ms.
pub async fn patient(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).unwrap();
    let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
    client.get_multiplexed_async_connection_with_config(&config).await.unwrap()
}

pub struct Place {
    pub url: String,
    pub prefix: String,
    pub queues: Queues,
}

impl Place {
    pub async fn new() -> Self {
        let url = std::env::var("TEST_REDIS_URL");
        Self::at(&url.unwrap_or_else(|_| "redis://127.0.0.1:63790".into())).await
    }

    pub async fn at(url: &str) -> Self {
        let prefix = format!("contract-{}", random());
        let queues = Queues::connect(url, &prefix).await.unwrap();
        Self { url: url.to_owned(), prefix, queues }
    }

    pub fn key(&self, what: &str) -> String {
        format!("{{{}:note}}:{what}", self.prefix)
    }

    pub async fn redis(&self) -> redis::aio::MultiplexedConnection {
        patient(&self.url).await
    }

    pub async fn stats(&self) -> QueueStats {
        self.queues.stats("note".into()).await.unwrap()
    }

    /// `ready delayed in_flight dead`
    pub async fn counts(&self) -> String {
        let QueueStats { ready, delayed, in_flight, dead, .. } = self.stats().await;
        format!("{ready} {delayed} {in_flight} {dead}")
    }

    pub async fn until_counts(&self, counts: &str) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let now = self.counts().await;
            if now == counts {
                return;
            }
            assert!(Instant::now() < deadline, "`{counts}` is awaited, it is `{now}`");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub async fn keys(&self) -> Vec<String> {
        redis::cmd("KEYS")
            .arg(format!("{{{}:*", self.prefix))
            .query_async(&mut self.redis().await)
            .await
            .unwrap()
    }

    pub async fn until_no_keys(&self) {
        let deadline = Instant::now() + DEADLINE;
        loop {
            let keys = self.keys().await;
            if keys.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "keys are left: {keys:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Until Redis holds this many clients back, on a server of the test's own.
    pub async fn blocked_clients(&self, clients: u32) {
        let awaited = format!("blocked_clients:{clients}\r");
        let mut redis = self.redis().await;
        let deadline = Instant::now() + DEADLINE;
        loop {
            let mut info = redis::cmd("INFO");
            let info: String = info.arg("clients").query_async(&mut redis).await.unwrap();
            if info.contains(&awaited) {
                return;
            }
            assert!(Instant::now() < deadline, "{awaited} is awaited of {info}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Lets the lease of what is in flight be over, as if its workers had not been heard of.
    pub async fn expire(&self) {
        let mut redis = self.redis().await;
        let batches: Vec<String> = redis.zrange(self.key("leased"), 0, -1).await.unwrap();
        for batch in batches {
            let late = SortedSetAddOptions::update_only(None);
            let _: () = redis.zadd_options(self.key("leased"), batch, 1, &late).await.unwrap();
        }
    }

    pub fn work(&self, subscription: Subscription, acts: Acts) -> Worker {
        Worker::start(&self.queues, subscription, acts)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What a failed test leaves; a server that is gone has nothing left.
        let Ok(client) = redis::Client::open(self.url.as_str()) else { return };
        let Ok(mut redis) = client.get_connection() else { return };
        let keys: Vec<String> = redis::cmd("KEYS")
            .arg(format!("{{{}:*", self.prefix))
            .query(&mut redis)
            .unwrap_or_default();
        for key in keys {
            let _ = redis::cmd("UNLINK").arg(key).query::<()>(&mut redis);
        }
    }
}

/// What the handler of a worker does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Acts {
    /// Ends at once.
    Returns,
    /// Ends when [`Worker::let_go`] says so.
    Waits,
    Fails,
    Panics,
    /// Takes this many ms.
    Takes(u64),
    /// Goes on with the job of a number that is higher by [`FOLLOWS_BY`], and ends when [`Worker::let_go`] says so.
    Follows,
    /// The same, and fails then.
    FollowsAndFails,
    /// The same as `Follows`, but goes on only when it is let go once.
    FollowsLater,
}

pub const FOLLOWS_BY: u64 = 1_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    Started {
        n: u64,
        deliveries: u32,
    },
    Ended(u64),
    /// The handler's future was dropped.
    Dropped(u64),
}

#[derive(Clone)]
struct Scene {
    acts: Acts,
    tell: UnboundedSender<(Told, Instant)>,
    go: Arc<Semaphore>,
}

struct Bystander {
    n: u64,
    tell: UnboundedSender<(Told, Instant)>,
    ended: bool,
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let told = if self.ended { Told::Ended(self.n) } else { Told::Dropped(self.n) };
        let _ = self.tell.send((told, Instant::now()));
    }
}

async fn handle(note: Note, scene: Data<Scene>, delivery: Delivery) -> Result<(), BoxDynError> {
    let started = Told::Started { n: note.n, deliveries: delivery.deliveries };
    let _ = scene.tell.send((started, Instant::now()));
    let mut bystander = Bystander { n: note.n, tell: scene.tell.clone(), ended: false };
    match scene.acts {
        Acts::Returns => {}
        Acts::Waits => scene.go.acquire().await?.forget(),
        Acts::Fails => return Err("the sky fell".into()),
        Acts::Panics => panic!("the floor gave way"),
        Acts::Takes(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        // The job that was gone on with, delivered again.
        _ if note.n >= FOLLOWS_BY => {}
        Acts::Follows | Acts::FollowsAndFails | Acts::FollowsLater => {
            if scene.acts == Acts::FollowsLater {
                scene.go.acquire().await?.forget();
            }
            delivery.adopt(&Note { n: note.n + FOLLOWS_BY })?;
            scene.go.acquire().await?.forget();
            if scene.acts == Acts::FollowsAndFails {
                return Err("the second job failed".into());
            }
        }
    }
    bystander.ended = true;
    Ok(())
}

pub struct Worker {
    told: UnboundedReceiver<(Told, Instant)>,
    go: Arc<Semaphore>,
    stop: CancellationToken,
    kill: Arc<Notify>,
    running: JoinHandle<()>,
}

impl Worker {
    pub fn start(queues: &Queues, subscription: Subscription, acts: Acts) -> Self {
        let backoff = Backoff { first: Duration::from_millis(40), max: Duration::from_millis(320) };
        let backend = queues.subscribe::<Note>("note", subscription).backoff(backoff);
        let (tell, told) = unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        let scene = Scene { acts, tell, go: go.clone() };
        let (stop, kill) = (CancellationToken::new(), Arc::new(Notify::new()));
        let worker = WorkerBuilder::new(random()).backend(backend).data(scene).build(handle);
        let (stopped, killed) = (stop.clone(), kill.clone());
        let running = tokio::spawn(async move {
            let stopped = async move {
                stopped.cancelled().await;
                Ok::<(), io::Error>(())
            };
            tokio::select! {
                ended = worker.run_until(stopped) => ended.expect("no error reaches the worker"),
                () = killed.notified() => {}
            }
        });
        Self { told, go, stop, kill, running }
    }

    pub async fn tells(&mut self) -> (Told, Instant) {
        timeout(DEADLINE, self.told.recv()).await.expect("it tells something").expect("it runs")
    }

    /// The next job that is started: its number and its deliveries.
    pub async fn starts(&mut self) -> (u64, u32) {
        loop {
            if let (Told::Started { n, deliveries }, _) = self.tells().await {
                return (n, deliveries);
            }
        }
    }

    pub async fn until(&mut self, awaited: Told) {
        while self.tells().await.0 != awaited {}
    }

    pub fn told_so_far(&mut self) -> Vec<Told> {
        std::iter::from_fn(|| self.told.try_recv().ok()).map(|(told, _)| told).collect()
    }

    pub fn let_go(&self, jobs: usize) {
        self.go.add_permits(jobs);
    }

    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Stops gracefully, and tells what was not asked for yet.
    pub async fn stop(mut self) -> Vec<Told> {
        self.stop.cancel();
        timeout(DEADLINE, &mut self.running).await.expect("it drains").expect("it ends well");
        self.told_so_far()
    }

    /// Drops the worker in the middle of what it does.
    pub async fn kill(self) {
        self.kill.notify_one();
        timeout(DEADLINE, self.running).await.expect("it is dropped").expect("it ends well");
    }
}

/// A Redis of a test's own.
pub struct Server {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
    durable: bool,
}

impl Server {
    pub async fn start() -> Self {
        Self::start_as(false).await
    }

    /// One that keeps its data over a restart.
    pub async fn start_durable() -> Self {
        Self::start_as(true).await
    }

    async fn start_as(durable: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let child = Self::spawn(&dir, port, durable);
        let server = Self { dir, port, child, durable };
        server.ready().await;
        server
    }

    fn spawn(dir: &tempfile::TempDir, port: u16, durable: bool) -> Child {
        Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""])
            .args(["--appendonly", if durable { "yes" } else { "no" }])
            .args(["--appendfsync", "always", "--daemonize", "no"])
            .arg("--dir")
            .arg(dir.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is installed")
    }

    async fn ready(&self) {
        let deadline = Instant::now() + DEADLINE;
        while Queues::connect(&self.url(), "probe").await.is_err() {
            assert!(Instant::now() < deadline, "the Redis of the test does not answer");
            tokio::time::sleep(LOOK).await;
        }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Kills it and starts it again on its data and port.
    pub async fn restart(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.child = Self::spawn(&self.dir, self.port, self.durable);
        self.ready().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
