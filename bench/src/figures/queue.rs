//! `queue`: no-op jobs a second and idle latency of the queue itself; beside it on the same Redis the
//! backend that apalis has for Redis itself, and BullMQ where `BENCH_BULLMQ` names a folder with its package
//! (`npm install bullmq ioredis`). All with the same concurrency, and with one thread, as Node has: Redis needs a
//! core to itself.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use apalis::prelude::{BoxDynError, Data, MemoryStorage, TaskSink, WorkerBuilder};
use apalis_redis::RedisStorage;
use jobs::{Job, Queues, Subscription};
use serde::{Deserialize, Serialize};
use telephony::journal::real_us;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::figure::{Run, quantile};
use crate::servers::Servers;
use crate::size;

const JOBS: u64 = 100_000;
/// Jobs of `apalis-redis`: its fetch moves all that are due in one Lua call, and fails for good from
/// some 8,000 on (`too many results to unpack`).
const APALIS_REDIS_JOBS: u64 = 5_000;
/// Jobs that it is given at a time.
const PUSH_MAX: usize = 500;
const CONCURRENCY: usize = 1_000;
const IDLE_JOBS: u64 = 300;
/// An idle worker of `apalis-redis` looks at its queue at each heartbeat: 30 s unless said.
const HEARTBEAT: Duration = Duration::from_millis(100);
const HEARTBEATS: u64 = 100;
/// Between two jobs of the idle measurement.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Noop {
    n: u64,
    pushed_us: i64,
}

impl Job for Noop {
    const KIND: &'static str = "noop";

    fn id(&self) -> String {
        self.n.to_string()
    }
}

#[derive(Clone)]
struct Seen {
    done: Arc<AtomicU64>,
    waits: mpsc::UnboundedSender<f64>,
}

async fn noop(job: Noop, seen: Data<Seen>) -> Result<(), BoxDynError> {
    seen.done.fetch_add(1, Ordering::Relaxed);
    // Nobody listens any more when the measurement is over.
    let _ = seen.waits.send((real_us() - job.pushed_us) as f64 / 1e3);
    Ok(())
}

/// What a worker runs until.
async fn cancelled(stopping: CancellationToken) -> Result<(), std::io::Error> {
    stopping.cancelled().await;
    Ok(())
}

pub async fn run(servers: &Servers) -> Result<Run> {
    let one = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    tokio::task::block_in_place(move || one.block_on(measure(servers)))
}

async fn measure(servers: &Servers) -> Result<Run> {
    let jobs = size("BENCH_JOBS", JOBS);
    let mut run = Run::default();
    let prefix = format!("bench_{}", uuid::Uuid::now_v7().simple());
    let queues = Queues::connect(servers.redis.url(), &prefix).await?;
    let all: Vec<Noop> = (0..jobs).map(|n| Noop { n, pushed_us: real_us() }).collect();
    let from = Instant::now();
    queues.push_all(&all).await?;
    let pushed = from.elapsed().as_secs_f64();

    let (waits, mut waited) = mpsc::unbounded_channel();
    let seen = Seen { done: Arc::default(), waits };
    let stopping = CancellationToken::new();
    let from = Instant::now();
    let worker = tokio::spawn({
        let (queues, seen, stopping) = (queues.clone(), seen.clone(), stopping.clone());
        async move {
            let subscription = Subscription { concurrency: CONCURRENCY, ..Subscription::default() };
            WorkerBuilder::new("bench")
                .backend(queues.subscribe::<Noop>(Noop::KIND, subscription))
                .data(seen)
                .build(noop)
                .run_until(cancelled(stopping))
                .await
        }
    });
    // Done is done when nothing is left: acknowledged, not only run.
    while queues.stats(Noop::KIND.into()).await?.in_flight > 0
        || seen.done.load(Ordering::Relaxed) < jobs
    {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let took = from.elapsed().as_secs_f64();
    ensure!(seen.done.load(Ordering::Relaxed) == jobs, "a job ran twice");
    while waited.try_recv().is_ok() {}

    let mut idle = Vec::new();
    for n in 0..IDLE_JOBS {
        tokio::time::sleep(PAUSE).await;
        queues.push(&Noop { n: jobs + n, pushed_us: real_us() }).await?;
        idle.push(waited.recv().await.context("the worker ended")?);
    }
    stopping.cancel();
    worker.await??;
    run.put("queue.push", jobs as f64 / pushed, "jobs/s");
    run.put("queue", jobs as f64 / took, "jobs/s");
    run.put("queue.idle.p50", quantile(&mut idle, 0.5), "ms");
    run.put("queue.idle.p99", quantile(&mut idle, 0.99), "ms");
    from_memory(jobs, &mut run).await?;
    apalis_redis(servers, &mut run).await?;
    match std::env::var_os("BENCH_BULLMQ") {
        Some(folder) => bullmq(servers, folder.into(), &mut run).await?,
        None => {
            eprintln!("queue: BullMQ is left out; BENCH_BULLMQ names a folder with its package")
        }
    }
    Ok(run)
}

/// The same jobs out of memory, without Redis and without acknowledgements: what a worker of apalis can
/// run at the most, whatever it takes them from.
async fn from_memory(jobs: u64, run: &mut Run) -> Result<()> {
    let mut storage = MemoryStorage::new();
    storage.push_bulk((0..jobs).map(|n| Noop { n, pushed_us: real_us() }).collect()).await?;
    let (waits, mut waited) = mpsc::unbounded_channel();
    let seen = Seen { done: Arc::default(), waits };
    let stopping = CancellationToken::new();
    let from = Instant::now();
    let worker = tokio::spawn({
        let stopping = stopping.clone();
        async move {
            let worker = WorkerBuilder::new("memory").backend(storage).data(seen).build(noop);
            worker.run_until(cancelled(stopping)).await
        }
    });
    for _ in 0..jobs {
        waited.recv().await.context("the worker ended")?;
    }
    run.put("queue.memory", jobs as f64 / from.elapsed().as_secs_f64(), "jobs/s");
    stopping.cancel();
    worker.await??;
    Ok(())
}

/// The same with `apalis-redis`, fetching as many at a time as it may run. A job counts as done when it
/// ran, not only when that was told to Redis: where the two differ, it is favoured.
async fn apalis_redis(servers: &Servers, run: &mut Run) -> Result<()> {
    let jobs = size("BENCH_JOBS", JOBS).min(APALIS_REDIS_JOBS);
    let connection = apalis_redis::connect(servers.redis.url()).await?;
    let config = apalis_redis::Config::default()
        .queue(format!("bench_{}", uuid::Uuid::now_v7().simple()))
        .batch_size(CONCURRENCY)
        .heartbeat_interval(HEARTBEAT);
    let mut storage = RedisStorage::<Noop, _>::new(connection).with_config(config);
    let from = Instant::now();
    for first in (0..jobs).step_by(PUSH_MAX) {
        let some = first..jobs.min(first + PUSH_MAX as u64);
        let some = some.map(|n| Noop { n, pushed_us: real_us() }).collect();
        storage.push_bulk(some).await?;
    }
    run.put("queue.apalis_redis.push", jobs as f64 / from.elapsed().as_secs_f64(), "jobs/s");

    let (waits, mut waited) = mpsc::unbounded_channel();
    let seen = Seen { done: Arc::default(), waits };
    let stopping = CancellationToken::new();
    let from = Instant::now();
    let worker = tokio::spawn({
        let (storage, seen, stopping) = (storage.clone(), seen, stopping.clone());
        async move {
            let worker = WorkerBuilder::new("peer").backend(storage).data(seen).build(noop);
            worker.run_until(cancelled(stopping)).await
        }
    });
    for _ in 0..jobs {
        waited.recv().await.context("the worker ended")?;
    }
    run.put("queue.apalis_redis", jobs as f64 / from.elapsed().as_secs_f64(), "jobs/s");
    let mut idle = Vec::new();
    for n in 0..HEARTBEATS {
        tokio::time::sleep(PAUSE).await;
        storage.push(Noop { n: jobs + n, pushed_us: real_us() }).await?;
        idle.push(waited.recv().await.context("the worker ended")?);
    }
    stopping.cancel();
    worker.await??;
    run.put("queue.apalis_redis.idle.p50", quantile(&mut idle, 0.5), "ms");
    run.put("queue.apalis_redis.idle.p99", quantile(&mut idle, 0.99), "ms");
    Ok(())
}

/// The same with BullMQ: a script that prints `name value unit`, as this does.
async fn bullmq(servers: &Servers, folder: PathBuf, run: &mut Run) -> Result<()> {
    const SCRIPT: &str = include_str!("bullmq.mjs");
    let script = folder.join("callwright-bench.mjs");
    std::fs::write(&script, SCRIPT)?;
    let ended = tokio::process::Command::new("node")
        .arg(&script)
        .env("REDIS_URL", servers.redis.url())
        .env("JOBS", size("BENCH_JOBS", JOBS).to_string())
        .env("CONCURRENCY", CONCURRENCY.to_string())
        .env("IDLE_JOBS", IDLE_JOBS.to_string())
        .output()
        .await?;
    ensure!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    for line in String::from_utf8_lossy(&ended.stdout).lines() {
        let mut words = line.split_whitespace();
        let (name, value) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let unit = if name.contains("idle") { "ms" } else { "jobs/s" };
        run.put(format!("queue.bullmq{name}"), value.parse()?, unit);
    }
    Ok(())
}
