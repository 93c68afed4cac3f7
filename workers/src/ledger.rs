//! Begins, paces and finishes of this process, many in one transaction.

use std::future::Future;
use std::ops::RangeInclusive;
use std::sync::Arc;

use clock::Clock;
use jobs::{Delivery, Queues};
use outbound::Time;
use outbound::ids::AttemptId;
use storage::attempts::{self, Begun, DialOrder, ToBegin};
use storage::claim::Claimer;
use storage::finish::{Finished, FinishedAs};
use storage::{Store, StoreError};
use tokio::sync::watch;

use crate::environment::Settings;
use crate::faults;
use crate::finishes::Writer;
use crate::group::{Group, Unanswered};
use crate::live::{LiveCall, LiveCalls};

/// Attempts in one begin, at most.
const BEGINS_MAX: usize = 100;
/// Attempts whose INVITEs are planned in one transaction, at most.
const PACES_MAX: usize = 200;
/// Calls in one finish: few when few wait. Calls that begin together end together, and each waits until its whole group
/// is written.
const FINISHES: RangeInclusive<usize> = 8..=200;

/// Where attempts are begun and finished.
#[derive(Debug, Clone)]
pub struct Ledger {
    begins: Group<ToBegin, Result<Begun, Arc<StoreError>>>,
    paces: Group<AttemptId, Result<Option<Time>, Arc<StoreError>>>,
    finishes: Group<EndedCall, FinishedCall>,
}

/// A call that ended.
#[derive(Debug)]
pub struct EndedCall {
    pub finished: Finished,
    /// The delivery that goes on with another call on the slot that this one frees, if it may.
    pub goes_on: Option<Delivery>,
}

/// A call that is written down.
#[derive(Debug)]
pub struct FinishedCall {
    pub done: FinishedAs,
    pub next: Option<FollowOnCall>,
    /// The jobs that follow from it, and from the other calls of its group.
    pub pushed: Pushed,
}

/// Jobs that are being pushed.
#[derive(Debug, Clone)]
pub struct Pushed(watch::Receiver<()>);

impl Pushed {
    /// The jobs are pushed when the sender of this channel is dropped.
    pub fn when_dropped(pushing: watch::Receiver<()>) -> Self {
        Self(pushing)
    }

    /// Wait until they are pushed, or left to the sweeps.
    pub async fn wait(mut self) {
        // The channel carries nothing: it closes when they are pushed.
        while self.0.changed().await.is_ok() {}
    }
}

/// A call that was begun on a freed slot, and is in the table of live calls already.
#[derive(Debug)]
pub struct FollowOnCall {
    pub order: DialOrder,
    pub live: LiveCall,
}

impl Ledger {
    pub fn start(
        store: Store,
        queues: Queues,
        clock: Clock,
        worker: Arc<str>,
        live: LiveCalls,
        settings: &Settings,
    ) -> Self {
        let lease = settings.lease;
        let begins = {
            let (store, clock, worker) = (store.clone(), clock.clone(), worker.clone());
            Group::start(BEGINS_MAX..=BEGINS_MAX, move |items: Vec<ToBegin>| {
                let (store, clock, worker) = (store.clone(), clock.clone(), worker.clone());
                together_or_alone(
                    "begin",
                    items,
                    |item| item.attempt,
                    move |items| {
                        let (store, clock, worker) = (store.clone(), clock.clone(), worker.clone());
                        async move {
                            attempts::begin_many(&store, &worker, lease, clock.now(), &items).await
                        }
                    },
                )
            })
        };
        let paces = {
            let (store, clock) = (store.clone(), clock.clone());
            Group::start(PACES_MAX..=PACES_MAX, move |items: Vec<AttemptId>| {
                let (store, clock) = (store.clone(), clock.clone());
                together_or_alone(
                    "pace",
                    items,
                    |item| *item,
                    move |items| {
                        let (store, clock) = (store.clone(), clock.clone());
                        async move { attempts::pace_many(&store, clock.now(), &items).await }
                    },
                )
            })
        };
        let writer = Arc::new(Writer::new(store, queues, clock, worker, live, settings));
        // Groups are written one after another, so nobody ever waits for this lock.
        let claimer = Arc::new(tokio::sync::Mutex::new(Claimer::new()));
        let finishes = Group::start(FINISHES, move |items: Vec<EndedCall>| {
            let (writer, claimer) = (writer.clone(), claimer.clone());
            async move { writer.write(&mut *claimer.lock().await, items).await }
        });
        Self { begins, paces, finishes }
    }

    /// Begin an attempt: the fence before its INVITE.
    pub async fn begin(&self, attempt: ToBegin) -> Result<Begun, LedgerError> {
        self.begins.submit(attempt).await?.map_err(LedgerError::Store)
    }

    /// Plan the INVITE of an attempt that has calls per second; gives the earliest moment. One transaction plans for all
    /// attempts that ask. One by one they would wait for the trunk's lock, be too late for their moments, and ask
    /// again.
    pub async fn pace(&self, attempt: AttemptId) -> Result<Option<Time>, LedgerError> {
        self.paces.submit(attempt).await?.map_err(LedgerError::Store)
    }

    /// Finish a call. It returns when the record is durable, perhaps with a call that follows on.
    pub async fn finish(&self, ending: EndedCall) -> Result<FinishedCall, LedgerError> {
        Ok(self.finishes.submit(ending).await?)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Unanswered(#[from] Unanswered),
    #[error(transparent)]
    Store(Arc<StoreError>),
}

/// Do something for several attempts in one transaction. When that fails for one of them, do it for each by itself: a
/// damaged row must not cost others their calls.
async fn together_or_alone<Item, Out, Acted>(
    what: &'static str,
    items: Vec<Item>,
    attempt: impl Fn(&Item) -> AttemptId,
    act: impl Fn(Vec<Item>) -> Acted,
) -> Vec<Result<Out, Arc<StoreError>>>
where
    Item: Copy,
    Acted: Future<Output = Result<Vec<Out>, StoreError>>,
{
    let error = match act(items.clone()).await {
        Ok(done) => return done.into_iter().map(Ok).collect(),
        Err(error) => Arc::new(error),
    };
    if error.is_passing() {
        return items.iter().map(|_| Err(error.clone())).collect();
    }
    let mut all = Vec::with_capacity(items.len());
    for item in items {
        all.push(match act(vec![item]).await {
            Ok(mut done) => done.pop().ok_or_else(|| error.clone()),
            Err(error) => {
                faults::tell_of(what, attempt(&item), &error);
                Err(Arc::new(error))
            }
        });
    }
    all
}
