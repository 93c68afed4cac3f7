//! A delivery, from the fetch to how it ended.
//!
//! Each delivery holds a ticket: a permit, and the way to say how it ended, once. Whoever drops a
//! ticket unspoken gives the job back.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use apalis_core::error::BoxDynError;
use apalis_core::task::Task;
use apalis_core::task::data::MissingDataError;
use apalis_core::task::from_request::FromRequest;
use futures::future::BoxFuture;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tower::{Layer, Service};
use tracing::Instrument;

use super::backend::Meters;
use super::envelope;
use super::scripts::Leased;
use super::seat::Seat;
use crate::Job;
use crate::error::QueueError;
use crate::queue::Tracing;

/// The longest reason kept with a dead letter, bytes.
const REASON_MAX: usize = 500;

/// What a handler may know of its delivery; a handler takes it as an argument.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub id: Arc<str>,
    /// How often the job was delivered by now, this time included: 1 the first time.
    pub deliveries: u32,
    /// The trace of who pushed it, as a W3C `traceparent`.
    pub trace: Option<String>,
    /// Cancelled when another worker has the job. The handler's future is dropped then; what the
    /// handler has spawned may watch this.
    pub lease_lost: CancellationToken,
    pub(crate) ticket: Ticket,
    pub(crate) queue: Arc<str>,
}

impl Delivery {
    /// Go on with another job of the same queue: the delivery's job is done, and `job` is in flight in its place, under the
    /// same lease. What ends the handler is then the end of `job`. Returns at once; Redis is told a little later.
    ///
    /// Nothing happens when the delivery is over.
    pub fn adopt<J: Job>(&self, job: &J) -> Result<(), QueueError> {
        if job.queue() != *self.queue {
            let other = job.queue();
            return Err(QueueError::Unwritable(format!("a job of {other} in {}", self.queue)));
        }
        let payload = envelope::seal(job, self.trace.as_deref())?;
        self.ticket.adopt(job.id().into(), payload);
        Ok(())
    }
}

impl<J: Sync> FromRequest<Task<J>> for Delivery {
    type Error = MissingDataError;

    async fn from_request(task: &Task<J>) -> Result<Self, Self::Error> {
        task.data().get_checked().cloned()
    }
}

/// How a delivery ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Done,
    /// The handler failed: again later.
    Failed {
        reason: String,
    },
    /// It can't be read: never again.
    Unreadable {
        reason: String,
    },
    /// Nobody said how it ended: given back.
    Abandoned {
        started: bool,
    },
    /// Another delivery has the job.
    Lost,
}

/// News of a delivery for Redis. A delivery has at most one of each kind on its way, so permits bound the channel.
pub(crate) enum Told {
    /// Another job follows in the seat.
    Adopted(Arc<Seat>),
    Ended(Settled),
}

/// The end of a delivery, on its way to Redis. The permit is held until it is there.
pub(crate) struct Settled {
    pub(crate) seat: Arc<Seat>,
    pub(crate) outcome: Outcome,
    pub(crate) _permit: OwnedSemaphorePermit,
}

struct Stub {
    seat: Arc<Seat>,
    started: bool,
    permit: OwnedSemaphorePermit,
    tell: UnboundedSender<Told>,
}

impl Stub {
    fn settle(self, outcome: Outcome) {
        let Self { seat, permit, tell, .. } = self;
        // Without a receiver the drain was given up, and the lease will expire.
        let _ = tell.send(Told::Ended(Settled { seat, outcome, _permit: permit }));
    }
}

struct Open(Mutex<Option<Stub>>);

impl Open {
    fn stub(&self) -> MutexGuard<'_, Option<Stub>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<Stub> {
        self.stub().take()
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(stub) = self.take() {
            let started = stub.started;
            stub.settle(Outcome::Abandoned { started });
        }
    }
}

/// The right to say how a delivery ended. Rides in the task's extensions.
#[derive(Clone)]
pub(crate) struct Ticket(Arc<Open>);

impl Ticket {
    pub(crate) fn new(
        leased: Leased,
        permit: OwnedSemaphorePermit,
        tell: UnboundedSender<Told>,
    ) -> Self {
        let stub = Stub { seat: Seat::new(leased), started: false, permit, tell };
        Self(Arc::new(Open(Mutex::new(Some(stub)))))
    }

    fn adopt(&self, id: Arc<str>, payload: Vec<u8>) {
        let stub = self.0.stub();
        if let Some(stub) = stub.as_ref()
            && stub.seat.adopt(id, payload)
        {
            // Without a receiver the drain was given up, and the lease will expire.
            let _ = stub.tell.send(Told::Adopted(stub.seat.clone()));
        }
    }

    pub(crate) fn settle(&self, outcome: Outcome) {
        if let Some(stub) = self.0.take() {
            stub.settle(outcome);
        }
    }

    /// From here on the delivery counts, and dropping the guard gives the job back.
    fn start(self) -> Running {
        if let Some(stub) = self.0.stub().as_mut() {
            stub.started = true;
        }
        Running(self)
    }
}

impl std::fmt::Debug for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}

struct Running(Ticket);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.settle(Outcome::Abandoned { started: true });
    }
}

/// Runs each handler as a task of its own, and settles its delivery by how it ends.
#[derive(Clone)]
pub struct AckLayer {
    pub(crate) queue: Arc<str>,
    pub(crate) meters: Arc<Meters>,
    pub(crate) tracing: Option<Tracing>,
}

impl<S> Layer<S> for AckLayer {
    type Service = AckService<S>;

    fn layer(&self, inner: S) -> AckService<S> {
        AckService { inner, layer: self.clone() }
    }
}

/// See [`AckLayer`].
#[derive(Clone)]
pub struct AckService<S> {
    inner: S,
    layer: AckLayer,
}

/// The handler's worker lost the lease of its job, so the handler was cancelled.
#[derive(Debug, thiserror::Error)]
#[error("the lease of the job was lost")]
struct LeaseLost;

/// The handler panicked; the process goes on.
#[derive(Debug, thiserror::Error)]
#[error("the handler panicked: {0}")]
struct Panicked(String);

impl<S, J> Service<Task<J>> for AckService<S>
where
    S: Service<Task<J>>,
    S::Future: Send + 'static,
    S::Response: Send + 'static,
    S::Error: Into<BoxDynError> + 'static,
{
    type Response = S::Response;
    type Error = BoxDynError;
    type Future = BoxFuture<'static, Result<S::Response, BoxDynError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxDynError>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, task: Task<J>) -> Self::Future {
        let riding = task.data().get::<Ticket>().cloned();
        let delivery = task.data().get::<Delivery>().cloned();
        // A handler that is not async can panic as it is called.
        let called = std::panic::catch_unwind(AssertUnwindSafe(|| self.inner.call(task)));
        let layer = self.layer.clone();
        let (Some(ticket), Some(delivery)) = (riding, delivery) else {
            return Box::pin(std::future::ready(Err("not a job of this queue".into())));
        };
        let span = layer.span(&delivery);
        layer.meters.started.increment(1);
        let began = Instant::now();
        Box::pin(async move {
            let ticket = ticket.start();
            let ran = match called {
                Ok(handler) => run(handler, &delivery, span).await,
                Err(panic) => Err(Box::new(Panicked(words(&*panic))).into()),
            };
            layer.meters.ran.record(began.elapsed());
            ticket.0.settle(layer.outcome(&delivery, &ran));
            ran
        })
    }
}

/// The handler as a task: dropped when the lease is lost or when this future is dropped.
async fn run<F, T, E>(
    handler: F,
    delivery: &Delivery,
    span: tracing::Span,
) -> Result<T, BoxDynError>
where
    F: Future<Output = Result<T, E>> + Send + 'static,
    T: Send + 'static,
    E: Into<BoxDynError>,
{
    let handler = async move { handler.await.map_err(Into::into) };
    let running = AbortOnDropHandle::new(tokio::spawn(handler.instrument(span)));
    tokio::select! {
        biased;
        ran = running => match ran {
            Ok(ran) => ran,
            Err(error) if error.is_panic() => {
                Err(Box::new(Panicked(words(&*error.into_panic()))))
            }
            Err(_) => Err("the handler was cancelled".into()),
        },
        () = delivery.lease_lost.cancelled() => Err(Box::new(LeaseLost)),
    }
}

impl AckLayer {
    fn span(&self, delivery: &Delivery) -> tracing::Span {
        let span = tracing::info_span!(
            "job", queue = %self.queue, id = %delivery.id, deliveries = delivery.deliveries
        );
        if let (Some(tracing), Some(trace)) = (self.tracing, &delivery.trace) {
            (tracing.adopt)(&span, trace);
        }
        span
    }

    fn outcome<T>(&self, delivery: &Delivery, ran: &Result<T, BoxDynError>) -> Outcome {
        let (queue, id) = (&*self.queue, &*delivery.id);
        match ran {
            Ok(_) => Outcome::Done,
            Err(error) if error.is::<LeaseLost>() => {
                tracing::warn!(queue, id, "the lease of a job was lost, its handler was cancelled");
                Outcome::Lost
            }
            Err(error) => {
                let deliveries = delivery.deliveries;
                tracing::warn!(queue, id, deliveries, %error, "a job failed");
                self.meters.failed.increment(1);
                Outcome::Failed { reason: shortened(error.to_string()) }
            }
        }
    }
}

fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").to_owned()
}

fn shortened(mut text: String) -> String {
    if text.len() > REASON_MAX {
        text.truncate(text.floor_char_boundary(REASON_MAX));
    }
    text
}
