//! Takes jobs from the queue: never more than there are free permits, and only when the worker asks.

use std::time::Duration;

use apalis_core::task::Task;
use apalis_core::task::builder::TaskBuilder;
use apalis_core::task::task_id::TaskId;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::UnboundedSender;

use super::ack::{Delivery, Outcome, Ticket, Told};
use super::backend::Engine;
use super::bell::Bell;
use super::envelope;
use super::scripts::{Ask, FETCH_MAX, Fetched, IDLE_POLL, Leased};

/// Waits between fetches while Redis can't be reached.
const RETRY_FIRST: Duration = Duration::from_millis(20);
const RETRY_MAX: Duration = Duration::from_secs(1);
/// How often a paused worker looks whether it may go on.
const PAUSED_LOOK: Duration = Duration::from_millis(100);

/// What to do before the next fetch.
enum Next {
    AtOnce,
    /// Nothing is ready: at the bell, or after this long.
    Idle(Duration),
}

impl<J: crate::Job> Engine<J> {
    /// Fetches until the worker is to stop; gives back then what the worker has not started.
    ///
    /// It stops only where it waits: a fetch that has been sent is waited for, or its jobs would
    /// hang until their leases expire.
    pub(crate) async fn fetch(&self, mut bell: Bell, tell: UnboundedSender<Told>) {
        let mut next = Next::AtOnce;
        let mut wait = RETRY_FIRST;
        while let Some(permit) = self.open(self.free(&mut bell)).await {
            if let Next::Idle(nap) = next {
                let rest = async {
                    tokio::select! {
                        () = bell.rings() => {}
                        () = tokio::time::sleep(nap) => {}
                    }
                };
                if self.open(rest).await.is_none() {
                    break;
                }
            }
            if self.worker.is_shutting_down() {
                break;
            }
            if self.worker.is_paused() {
                self.open(tokio::time::sleep(PAUSED_LOOK)).await;
                next = Next::AtOnce;
                continue;
            }
            match self.take(self.more(permit), &tell).await {
                Ok(after) => {
                    next = after;
                    wait = RETRY_FIRST;
                }
                Err(error) => {
                    tracing::warn!(queue = %self.wire.keys.queue, %error, "jobs can't be fetched");
                    self.open(tokio::time::sleep(wait)).await;
                    wait = (wait * 2).min(RETRY_MAX);
                    next = Next::AtOnce;
                }
            }
        }
        self.inbox.close();
    }

    /// Waits for something while the worker goes on; none when it is to stop.
    async fn open<T>(&self, waiting: impl Future<Output = T>) -> Option<T> {
        self.closing.run_until_cancelled(waiting).await
    }

    /// Waits until the worker asks for jobs and there is a permit. A bell that rings for a worker
    /// that has its hands full is passed on.
    async fn free(&self, bell: &mut Bell) -> OwnedSemaphorePermit {
        let asked = async {
            self.inbox.asked().await;
            match self.permits.clone().acquire_owned().await {
                Ok(permit) => permit,
                // The semaphore is never closed.
                Err(_) => std::future::pending().await,
            }
        };
        tokio::pin!(asked);
        loop {
            tokio::select! {
                biased;
                permit = &mut asked => return permit,
                () = bell.rings_late() => {
                    if let Err(error) = self.wire.ring().await {
                        tracing::debug!(%error, "the bell can't be passed on");
                    }
                }
            }
        }
    }

    fn more(&self, mut permit: OwnedSemaphorePermit) -> OwnedSemaphorePermit {
        let more = self.permits.available_permits().min(FETCH_MAX - 1);
        let more = u32::try_from(more).unwrap_or(0);
        if let Ok(more) = self.permits.clone().try_acquire_many_owned(more) {
            permit.merge(more);
        }
        permit
    }

    async fn take(
        &self,
        mut permits: OwnedSemaphorePermit,
        tell: &UnboundedSender<Told>,
    ) -> ::redis::RedisResult<Next> {
        let ask = Ask {
            limit: permits.num_permits(),
            lease: self.subscription.lease,
            deliveries_max: self.subscription.deliveries_max,
        };
        let fetched = self.wire.fetch(&ask).await?;
        self.meters.observe(&fetched);
        self.bury(fetched.buried);
        let next = next(&fetched);
        if !fetched.jobs.is_empty() {
            self.meters.waited(fetched.now_ms, fetched.place_us);
        }
        let mut tasks = Vec::with_capacity(fetched.jobs.len());
        for (leased, payload) in fetched.jobs {
            let Some(permit) = permits.split(1) else { break };
            tasks.extend(self.deliver(leased, &payload, permit, tell));
        }
        self.inbox.put(tasks);
        Ok(next)
    }

    /// The delivery as a task for the worker; none if it can't be read.
    fn deliver(
        &self,
        leased: Leased,
        payload: &[u8],
        permit: OwnedSemaphorePermit,
        tell: &UnboundedSender<Told>,
    ) -> Option<Task<J>> {
        let lease_lost = self.in_flight.enter(&leased);
        let (id, deliveries) = (leased.id.clone(), leased.deliveries);
        let ticket = Ticket::new(leased, permit, tell.clone());
        let opened = match envelope::open::<J>(payload) {
            Ok(opened) => opened,
            Err(reason) => {
                tracing::error!(queue = %self.wire.keys.queue, %id, reason, "a job can't be read");
                ticket.settle(Outcome::Unreadable { reason });
                return None;
            }
        };
        let delivery = Delivery {
            id: id.clone(),
            deliveries,
            trace: opened.trace,
            lease_lost,
            ticket: ticket.clone(),
            queue: self.wire.keys.queue.as_str().into(),
        };
        let task = TaskBuilder::new(opened.job)
            .task_id(TaskId::from_string(id.to_string()))
            .attempt(usize::try_from(deliveries).unwrap_or(1) - 1)
            .data(delivery)
            .data(ticket);
        Some(task.build())
    }
}

fn next(fetched: &Fetched) -> Next {
    let due_in_ms = match fetched.again_ms {
        due_ms if due_ms < 0 => i64::MAX,
        due_ms => due_ms - fetched.now_ms,
    };
    if fetched.ready > 0 || due_in_ms <= 0 {
        return Next::AtOnce;
    }
    let due_in = Duration::from_millis(u64::try_from(due_in_ms).unwrap_or(0));
    Next::Idle(due_in.min(IDLE_POLL))
}
