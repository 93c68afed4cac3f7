//! The queues as those see them who push and who look after them.

use std::fmt;
use std::time::Duration;

use ::redis::aio::ConnectionManager;
use ::redis::{AsyncCommands, Client, IntoConnectionInfo, RedisError, RedisResult};
use chrono::DateTime;
use futures::{StreamExt, TryStreamExt};
use outbound::Time;

use crate::Job;
use crate::error::QueueError;
use crate::reach::reach;
use crate::redis::backend::RedisBackend;
use crate::redis::keys::Keys;
use crate::redis::scripts::{Entry, PUSH_MAX, Wire};
use crate::redis::{connection, envelope};

/// Scripts of one bulk push that are under way at a time.
const PUSHES_AHEAD: usize = 4;
/// Waits before a push is tried again on a new connection.
const RETRY_WAITS_MS: [u64; 4] = [20, 100, 300, 1_000];

/// How a worker takes jobs from a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscription {
    /// Jobs that this worker has at a time, from the fetch to the acknowledgement.
    pub concurrency: usize,
    /// How long after its worker's last sign of life a job goes to another. Renewed three times in
    /// that time while the handler runs. At least 100 ms.
    pub lease: Duration,
    /// Deliveries, the lost and failed ones counted, after which a job is dead. 1 to 999.
    pub deliveries_max: u32,
}

impl Default for Subscription {
    fn default() -> Self {
        Self { concurrency: 100, lease: Duration::from_secs(15), deliveries_max: 20 }
    }
}

/// What there is in a queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueStats {
    pub name: String,
    pub ready: u64,
    pub delayed: u64,
    pub in_flight: u64,
    pub dead: u64,
    /// How long the job that waits longest has been due; zero when none is.
    pub oldest_due_age: Duration,
}

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadJob {
    pub id: String,
    /// The job in its envelope, JSON unless it is damaged.
    pub payload: String,
    pub deliveries: u32,
    pub reason: String,
    /// When it died, by the clock of Redis.
    pub at: Time,
}

/// How the trace of who pushes a job goes on in who runs it.
#[derive(Clone, Copy)]
pub struct Tracing {
    /// The trace context at the place of the push, in the form of a W3C `traceparent`.
    pub current: fn() -> Option<String>,
    /// Makes a job's span a child of such a context.
    pub adopt: fn(&tracing::Span, &str),
}

/// All queues of an installation. Clones share one connection.
#[derive(Clone)]
pub struct Queues {
    client: Client,
    connection: ConnectionManager,
    prefix: String,
    tracing: Option<Tracing>,
}

impl fmt::Debug for Queues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queues").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl Queues {
    /// Connects, or says at once what is wrong. Installations with different prefixes may share a Redis.
    pub async fn connect(url: &str, prefix: &str) -> Result<Self, QueueError> {
        let address = url.into_connection_info().map_err(QueueError::Address)?;
        // Many small commands share a connection: none may wait for the answer to another.
        let quick = address.tcp_settings().clone().set_nodelay(true);
        let client = Client::open(address.set_tcp_settings(quick)).map_err(QueueError::Address)?;
        reach(&client).await?;
        let connection = connection(client.clone())?;
        let queues = Self { client, connection, prefix: prefix.to_owned(), tracing: None };
        queues.ping().await?;
        Ok(queues)
    }

    /// Sends the trace context along with every job from now on.
    #[must_use]
    pub fn with_tracing(mut self, tracing: Tracing) -> Self {
        self.tracing = Some(tracing);
        self
    }

    /// Whether Redis answers.
    pub async fn ping(&self) -> Result<(), QueueError> {
        let ping = || {
            let mut connection = self.connection.clone();
            async move { connection.ping::<()>().await }
        };
        Ok(retried(ping).await?)
    }

    /// Queues a job. Nothing happens if one of its id is queued, delayed or in flight.
    pub async fn push<J: Job>(&self, job: &J) -> Result<(), QueueError> {
        self.push_in(job, Duration::ZERO).await
    }

    /// Queues many jobs, in this order within each queue.
    pub async fn push_all<J: Job>(&self, jobs: &[J]) -> Result<(), QueueError> {
        self.push_each(jobs.iter().map(|job| (job, Duration::ZERO))).await
    }

    /// Queues a job that is due after `delay` by the clock of Redis, and is never delivered earlier.
    pub async fn push_in<J: Job>(&self, job: &J, delay: Duration) -> Result<(), QueueError> {
        self.push_each(std::iter::once((job, delay))).await
    }

    /// Queues many jobs, each due after its delay.
    pub async fn push_all_in<J: Job>(&self, jobs: &[(J, Duration)]) -> Result<(), QueueError> {
        self.push_each(jobs.iter().map(|(job, delay)| (job, *delay))).await
    }

    async fn push_each<'a, J: Job>(
        &self,
        jobs: impl Iterator<Item = (&'a J, Duration)>,
    ) -> Result<(), QueueError> {
        let trace = self.tracing.and_then(|tracing| (tracing.current)());
        let mut batches: Vec<(String, Vec<Entry>)> = Vec::new();
        for (job, delay) in jobs {
            let queue = job.queue();
            let entry =
                Entry { id: job.id(), payload: envelope::seal(job, trace.as_deref())?, delay };
            // From the end: a batch that is full stays before the one that goes on with its queue.
            match batches.iter_mut().rev().take(64).find(|(name, _)| *name == queue) {
                Some((_, batch)) if batch.len() < PUSH_MAX => batch.push(entry),
                _ => batches.push((queue, vec![entry])),
            }
        }
        futures::stream::iter(
            batches.into_iter().map(|(queue, batch)| self.push_batch(queue, batch)),
        )
        .buffered(PUSHES_AHEAD)
        .try_for_each(|()| std::future::ready(Ok(())))
        .await
    }

    async fn push_batch(&self, queue: String, batch: Vec<Entry>) -> Result<(), QueueError> {
        let wire = self.wire(&queue);
        // Safe to send twice: an id is queued once, and a job may be delivered twice anyway.
        let new = retried(|| wire.push(&batch)).await?;
        metrics::counter!("jobs_pushed_total", "queue" => queue).increment(new);
        Ok(())
    }

    /// Deletes a job that waits, ready or delayed; whether there was one. A job in flight is not
    /// touched: its handler asks the row that it names.
    pub async fn cancel(&self, queue: &str, id: &str) -> Result<bool, QueueError> {
        let wire = self.wire(queue);
        Ok(retried(|| wire.cancel(id)).await?)
    }

    /// A backend that takes the jobs of a queue, for one worker.
    pub fn subscribe<J: Job>(&self, queue: &str, subscription: Subscription) -> RedisBackend<J> {
        let keys = Keys::new(&self.prefix, queue);
        RedisBackend::new(self.client.clone(), keys, subscription, self.tracing)
    }

    /// All queues that hold anything, by name.
    pub async fn queues(&self) -> Result<Vec<QueueStats>, QueueError> {
        let mut connection = self.connection.clone();
        let mut names = std::collections::BTreeSet::new();
        let mut cursor = 0_u64;
        // There are at most ten keys to a queue, so this walk is short.
        loop {
            let (next, found): (u64, Vec<String>) = ::redis::cmd("SCAN")
                .arg(cursor)
                .arg("MATCH")
                .arg(Keys::pattern(&self.prefix))
                .arg("COUNT")
                .arg(1_000)
                .query_async(&mut connection)
                .await?;
            let owned = |key: &String| Keys::queue_of(&self.prefix, key).map(str::to_owned);
            names.extend(found.iter().filter_map(owned));
            cursor = next;
            if cursor == 0 {
                break;
            }
        }
        futures::stream::iter(names.into_iter().map(|name| self.stats(name)))
            .buffered(PUSHES_AHEAD)
            .try_collect()
            .await
    }

    /// What there is in one queue.
    pub async fn stats(&self, name: String) -> Result<QueueStats, QueueError> {
        let keys = Keys::new(&self.prefix, &name);
        let mut ask = ::redis::pipe();
        ask.atomic().zcard(&keys.ready).zcard(&keys.delayed).zcard(&keys.dead).hlen(&keys.jobs);
        ask.zrange_withscores(&keys.ready, 0, 0).zrange_withscores(&keys.delayed, 0, 0);
        ask.cmd("TIME");
        let (ready, delayed, dead, jobs, first_ready, first_delayed, now): Looked =
            ask.query_async(&mut self.connection.clone()).await?;
        // A job that waits nowhere is in flight.
        let in_flight = jobs.saturating_sub(ready + delayed);
        // Delayed jobs are made ready by whoever fetches. While nobody does, they are due all the same.
        let first_delayed_us = first_delayed.first().map(|(_, due_ms)| due_ms * 1_000.0);
        let due_us = first_ready.first().map(|(_, due_us)| *due_us).into_iter();
        let oldest_us = due_us.chain(first_delayed_us).fold(f64::INFINITY, f64::min);
        let now_us = now.0 as f64 * 1e6 + now.1 as f64;
        let oldest_due_age = Duration::try_from_secs_f64((now_us - oldest_us) / 1e6);
        let oldest_due_age = oldest_due_age.unwrap_or(Duration::ZERO);
        Ok(QueueStats { name, ready, delayed, in_flight, dead, oldest_due_age })
    }

    /// The dead letters of a queue, the newest first.
    pub async fn dead(&self, queue: &str, limit: usize) -> Result<Vec<DeadJob>, QueueError> {
        let keys = Keys::new(&self.prefix, queue);
        let mut connection = self.connection.clone();
        let last = isize::try_from(limit).unwrap_or(isize::MAX) - 1;
        if last < 0 {
            return Ok(Vec::new());
        }
        let ids: Vec<(String, f64)> = connection.zrevrange_withscores(&keys.dead, 0, last).await?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut ask = ::redis::cmd("HMGET");
        ask.arg(&keys.graves);
        for (id, _) in &ids {
            ask.arg(id);
        }
        let graves: Vec<Option<Vec<u8>>> = ask.query_async(&mut connection).await?;
        let dead = ids.into_iter().zip(graves);
        Ok(dead.filter_map(|((id, at), grave)| Some(dead_job(id, at, &grave?))).collect())
    }

    /// Makes a dead letter ready again; whether there was one.
    pub async fn requeue(&self, queue: &str, id: &str) -> Result<bool, QueueError> {
        let wire = self.wire(queue);
        Ok(retried(|| wire.requeue(id)).await?)
    }

    /// Drops a dead letter for good; whether there was one.
    pub async fn drop_dead(&self, queue: &str, id: &str) -> Result<bool, QueueError> {
        let wire = self.wire(queue);
        Ok(retried(|| wire.drop_dead(id)).await?)
    }

    fn wire(&self, queue: &str) -> Wire {
        Wire { connection: self.connection.clone(), keys: Keys::new(&self.prefix, queue) }
    }
}

/// How many are ready, delayed, dead, and there at all; the first ready with its time in µs, the first
/// delayed with its time in ms; the time of Redis in seconds and µs.
type Looked = (u64, u64, u64, u64, Vec<(String, f64)>, Vec<(String, f64)>, (u64, u64));

fn dead_job(id: String, at_us: f64, grave: &[u8]) -> DeadJob {
    let grave = String::from_utf8_lossy(grave);
    let mut parts = grave.splitn(3, '\n');
    let mut part = || parts.next().unwrap_or_default();
    let (deliveries, reason, payload) = (part(), part(), part());
    DeadJob {
        id,
        payload: payload.to_owned(),
        deliveries: deliveries.parse().unwrap_or(0),
        reason: reason.to_owned(),
        // Microseconds of our days are exact in an f64.
        at: DateTime::from_timestamp_micros(at_us as i64).unwrap_or_default(),
    }
}

/// Tries again what failed for the want of a connection, a few times; for what may be done twice.
async fn retried<T, F: Future<Output = RedisResult<T>>>(
    mut work: impl FnMut() -> F,
) -> RedisResult<T> {
    for wait_ms in RETRY_WAITS_MS {
        match work().await {
            Err(error) if passes(&error) => {
                tokio::time::sleep(Duration::from_millis(wait_ms)).await;
            }
            done => return done,
        }
    }
    work().await
}

fn passes(error: &RedisError) -> bool {
    !error.is_timeout()
        && (error.is_io_error()
            || error.is_connection_dropped()
            || error.is_connection_refusal()
            || error.code() == Some("LOADING"))
}
