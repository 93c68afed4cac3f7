//! The backend of one worker: apalis on this side, the engine that talks to Redis on the other.
//!
//! The engine is one task of its own, so that leases are renewed and acknowledgements sent whatever
//! the worker's task is busy with. Errors back off inside it: the worker never sees one.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use ::redis::Client;
use apalis_core::backend::finalize::Ephemeral;
use apalis_core::backend::{Backend, BackendConfig};
use apalis_core::task::Task;
use apalis_core::worker::context::WorkerContext;
use futures::FutureExt;
use metrics::{Counter, Histogram, counter, histogram};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::ack::AckLayer;
use super::bell::Bell;
use super::connection;
use super::keys::Keys;
use super::lease::InFlight;
use super::scripts::{Fetched, Wire};
use crate::Job;
use crate::error::QueueError;
use crate::queue::{Subscription, Tracing};

const LEASE_MIN: Duration = Duration::from_millis(100);
const DELIVERIES_MAX: u32 = 999;

/// How long a failed job waits: `first`, then twice as long each time, up to `max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    pub first: Duration,
    pub max: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_secs(1), max: Duration::from_secs(300) }
    }
}

impl Backoff {
    /// The wait after a number of deliveries, which is at least one.
    pub fn after(&self, deliveries: u32) -> Duration {
        let doublings = deliveries.saturating_sub(1).min(31);
        self.first.saturating_mul(1 << doublings).min(self.max)
    }
}

/// What is counted of a queue.
pub(crate) struct Meters {
    pub(crate) started: Counter,
    pub(crate) finished: Counter,
    pub(crate) failed: Counter,
    pub(crate) dead: Counter,
    pub(crate) lost: Counter,
    pub(crate) refused: Counter,
    pub(crate) adopted: Counter,
    pub(crate) ran: Histogram,
    expired: Counter,
    waited: Histogram,
}

impl Meters {
    fn new(queue: &str) -> Self {
        let queue = || queue.to_owned();
        Self {
            started: counter!("jobs_started_total", "queue" => queue()),
            finished: counter!("jobs_finished_total", "queue" => queue()),
            failed: counter!("jobs_failed_total", "queue" => queue()),
            dead: counter!("jobs_dead_total", "queue" => queue()),
            lost: counter!("jobs_leases_lost_total", "queue" => queue()),
            refused: counter!("jobs_acks_refused_total", "queue" => queue()),
            adopted: counter!("jobs_adopted_total", "queue" => queue()),
            ran: histogram!("jobs_run_seconds", "queue" => queue()),
            expired: counter!("jobs_leases_expired_total", "queue" => queue()),
            waited: histogram!("jobs_wait_seconds", "queue" => queue()),
        }
    }

    pub(crate) fn observe(&self, fetched: &Fetched) {
        self.expired.increment(fetched.expired);
    }

    pub(crate) fn waited(&self, now_ms: i64, due_us: i64) {
        self.waited.record(seconds_since(now_ms, due_us));
    }
}

fn seconds_since(now_ms: i64, past_us: i64) -> f64 {
    (now_ms * 1_000 - past_us).max(0) as f64 / 1e6
}

/// Fetched jobs that the worker has not taken yet.
pub(crate) struct Inbox<J> {
    tasks: Mutex<Waiting<J>>,
    hungry: AtomicBool,
    hunger: Notify,
}

struct Waiting<J> {
    tasks: VecDeque<Task<J>>,
    waker: Option<Waker>,
    /// With no more than this many left it is time for the next ones, so that they come before it is out.
    low: usize,
    closed: bool,
}

impl<J> Inbox<J> {
    fn new() -> Self {
        let tasks = Waiting { tasks: VecDeque::new(), waker: None, low: 0, closed: false };
        Self { tasks: Mutex::new(tasks), hungry: AtomicBool::new(false), hunger: Notify::new() }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<J>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The worker takes a job, or asks for some.
    fn poll(&self, cx: &Context<'_>) -> Poll<Task<J>> {
        let mut waiting = self.waiting();
        let task = waiting.tasks.pop_front();
        if task.is_none() {
            waiting.waker = Some(cx.waker().clone());
        }
        let low = waiting.tasks.len() <= waiting.low;
        drop(waiting);
        if low && !self.hungry.swap(true, Ordering::AcqRel) {
            self.hunger.notify_one();
        }
        task.map_or(Poll::Pending, Poll::Ready)
    }

    /// Waits until the worker has asked for jobs since it was last given some.
    pub(crate) async fn asked(&self) {
        while !self.hungry.load(Ordering::Acquire) {
            self.hunger.notified().await;
        }
    }

    pub(crate) fn put(&self, tasks: Vec<Task<J>>) {
        if tasks.is_empty() {
            return;
        }
        self.hungry.store(false, Ordering::Release);
        let mut waiting = self.waiting();
        if waiting.closed {
            return;
        }
        waiting.low = tasks.len() / 2;
        waiting.tasks.extend(tasks);
        let waker = waiting.waker.take();
        drop(waiting);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Drops what is there, and so gives it back.
    pub(crate) fn close(&self) {
        let mut waiting = self.waiting();
        waiting.closed = true;
        let dropped = std::mem::take(&mut waiting.tasks);
        drop(waiting);
        drop(dropped);
    }
}

/// What fetches, renews and settles for one worker.
pub(crate) struct Engine<J> {
    pub(crate) wire: Wire,
    pub(crate) subscription: Subscription,
    pub(crate) backoff: Backoff,
    pub(crate) worker: WorkerContext,
    pub(crate) permits: Arc<Semaphore>,
    pub(crate) inbox: Arc<Inbox<J>>,
    pub(crate) in_flight: InFlight,
    pub(crate) meters: Arc<Meters>,
    pub(crate) closing: CancellationToken,
}

impl<J: Job> Engine<J> {
    /// Runs until it is to close and every delivery is settled.
    async fn run(self, client: Client) {
        let bell = Bell::new(client, self.wire.keys.bell.clone());
        // There are at most two messages to a permit, which bounds them.
        let (tell, told) = mpsc::unbounded_channel();
        tokio::select! {
            _ = async { tokio::join!(self.fetch(bell, tell), self.settle(told)) } => {}
            () = self.keep() => {}
        }
    }
}

/// The backend of one worker over one queue. Made by [`crate::Queues::subscribe`].
#[must_use = "a backend does nothing unless a worker polls it"]
pub struct RedisBackend<J> {
    client: Client,
    keys: Keys,
    subscription: Subscription,
    backoff: Backoff,
    tracing: Option<Tracing>,
    meters: Arc<Meters>,
    inbox: Arc<Inbox<J>>,
    closing: CancellationToken,
    engine: Option<JoinHandle<()>>,
    /// A backend that is dropped without a close still gives back and settles what it can.
    _close: DropGuard,
    _job: PhantomData<fn() -> J>,
}

impl<J> std::fmt::Debug for RedisBackend<J> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisBackend")
            .field("queue", &self.keys.queue)
            .field("subscription", &self.subscription)
            .finish_non_exhaustive()
    }
}

impl<J: Job> RedisBackend<J> {
    pub(crate) fn new(
        client: Client,
        keys: Keys,
        subscription: Subscription,
        tracing: Option<Tracing>,
    ) -> Self {
        let closing = CancellationToken::new();
        Self {
            meters: Arc::new(Meters::new(&keys.queue)),
            client,
            keys,
            subscription: Subscription {
                concurrency: subscription.concurrency.clamp(1, Semaphore::MAX_PERMITS),
                lease: subscription.lease.max(LEASE_MIN),
                deliveries_max: subscription.deliveries_max.clamp(1, DELIVERIES_MAX),
            },
            backoff: Backoff::default(),
            tracing,
            inbox: Arc::new(Inbox::new()),
            closing: closing.clone(),
            engine: None,
            _close: closing.drop_guard(),
            _job: PhantomData,
        }
    }

    /// Lets failed jobs wait otherwise than by the default of 1 s, doubled up to 5 minutes.
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    fn start(&mut self, worker: &WorkerContext) -> Result<&mut JoinHandle<()>, QueueError> {
        let engine = match self.engine.take() {
            Some(engine) => engine,
            None => {
                let wire =
                    Wire { connection: connection(self.client.clone())?, keys: self.keys.clone() };
                let engine = Engine {
                    wire,
                    subscription: self.subscription,
                    backoff: self.backoff,
                    worker: worker.clone(),
                    permits: Arc::new(Semaphore::new(self.subscription.concurrency)),
                    inbox: self.inbox.clone(),
                    in_flight: InFlight::default(),
                    meters: self.meters.clone(),
                    closing: self.closing.clone(),
                };
                tokio::spawn(engine.run(self.client.clone()))
            }
        };
        Ok(self.engine.insert(engine))
    }
}

impl<J: Job> Backend for RedisBackend<J> {
    type Task = Task<J>;
    type Error = QueueError;

    fn poll_ready(
        &mut self,
        _: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Result<(), QueueError>> {
        Poll::Ready(self.start(worker).map(|_| ()))
    }

    fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
        worker: &WorkerContext,
    ) -> Poll<Option<Result<Task<J>, QueueError>>> {
        if let Poll::Ready(task) = self.inbox.poll(cx) {
            return Poll::Ready(Some(Ok(task)));
        }
        match self.start(worker) {
            // The engine ends only after a close; a worker that asks then is done.
            Ok(engine) if engine.is_finished() => Poll::Ready(None),
            Ok(_) => Poll::Pending,
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }

    fn poll_close(
        &mut self,
        cx: &mut Context<'_>,
        _: &WorkerContext,
    ) -> Poll<Result<(), QueueError>> {
        self.closing.cancel();
        match &mut self.engine {
            Some(engine) if !engine.is_finished() => engine.poll_unpin(cx).map(|ended| {
                if let Err(error) = ended {
                    tracing::error!(queue = %self.keys.queue, %error, "a queue's engine broke");
                }
                Ok(())
            }),
            _ => Poll::Ready(Ok(())),
        }
    }
}

impl<J: Job> BackendConfig for RedisBackend<J> {
    type Args = J;
    type Id = String;
    type Kind = Ephemeral;
    type Config = Subscription;
    type Layer = AckLayer;

    fn config(&self) -> &Subscription {
        &self.subscription
    }

    fn middleware(&mut self, _: &mut WorkerContext) -> AckLayer {
        AckLayer {
            queue: self.keys.queue.as_str().into(),
            meters: self.meters.clone(),
            tracing: self.tracing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_of_a_failed_job_doubles_up_to_its_bound() {
        let backoff = Backoff { first: Duration::from_secs(1), max: Duration::from_secs(60) };
        for (deliveries, seconds) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (999, 60)] {
            assert_eq!(backoff.after(deliveries).as_secs(), seconds, "{deliveries}");
        }
    }
}
