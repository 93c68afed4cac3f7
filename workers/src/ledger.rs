//! Begins, turns and finishes of this process, many to a transaction, and the jobs that follow from them.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use futures::FutureExt;
use jobs::{AnalyzeCall, DialAttempt, Queues, Redial, UploadRecording};
use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId};
use storage::attempts::{self, Begun, DialOrder, ToBegin};
use storage::claim::{ClaimedAttempt, Claimer, FollowOn, InLine};
use storage::finish::{self, Finished, FinishedAs};
use storage::{Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::environment::Settings;
use crate::fail_point::{DieAt, FailPoint};
use crate::group::{Group, Unanswered};
use crate::live::{LiveCall, LiveCalls};

/// Attempts in one begin, at most.
const BEGINS_MAX: usize = 100;
/// Attempts in one giving out of turns, at most.
const PACES_MAX: usize = 200;
/// Calls in one finish. Few, where few wait: those that begin together end together, and each waits for
/// all of its group.
const FINISHES: RangeInclusive<usize> = 8..=200;
/// How long a finish waits for whoever claims for the enterprise, at most: a busy claim is through by then,
/// and a stalled one must not hold back records.
const CLAIMS_WAIT: Duration = Duration::from_millis(50);
/// Groups of calls whose jobs are being pushed, at most: half a second of a Redis that hangs.
const PUSHES_MAX: usize = 256;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);

/// Where attempts are begun and finished.
#[derive(Debug, Clone)]
pub struct Ledger {
    begins: Group<ToBegin, Result<Begun, Arc<StoreError>>>,
    paces: Group<AttemptId, Result<Option<Time>, Arc<StoreError>>>,
    finishes: Group<Ending, Ended>,
}

/// A call that ended.
#[derive(Debug)]
pub struct Ending {
    pub finished: Finished,
    /// Whoever asks would carry another call on the slot that this one frees.
    pub go_on: bool,
}

/// What came of it.
#[derive(Debug)]
pub struct Ended {
    pub done: FinishedAs,
    pub next: Option<FollowOnCall>,
    /// The jobs that follow from it, and from others that ended with it.
    pub pushed: Pushed,
}

/// Jobs that are being pushed.
#[derive(Debug, Clone)]
pub struct Pushed(watch::Receiver<()>);

impl Pushed {
    /// Wait until they are, or are left to the sweeps.
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
        let (lease, die_at) = (settings.lease, settings.die_at.clone());
        let begins = {
            let (store, clock, worker) = (store.clone(), clock.clone(), worker.clone());
            Group::start(BEGINS_MAX..=BEGINS_MAX, move |items: Vec<ToBegin>| {
                let (store, clock, worker) = (store.clone(), clock.clone(), worker.clone());
                async move {
                    let begun =
                        attempts::begin_many(&store, &worker, lease, clock.now(), &items).await;
                    match begun {
                        Ok(begun) => begun.into_iter().map(Ok).collect(),
                        Err(error) => {
                            let error = Arc::new(error);
                            items.iter().map(|_| Err(error.clone())).collect()
                        }
                    }
                }
            })
        };
        let paces = {
            let (store, clock) = (store.clone(), clock.clone());
            Group::start(PACES_MAX..=PACES_MAX, move |items: Vec<AttemptId>| {
                let (store, clock) = (store.clone(), clock.clone());
                async move {
                    match attempts::pace_many(&store, clock.now(), &items).await {
                        Ok(turns) => turns.into_iter().map(Ok).collect(),
                        Err(error) => {
                            let error = Arc::new(error);
                            items.iter().map(|_| Err(error.clone())).collect()
                        }
                    }
                }
            })
        };
        let pushes = Arc::new(Semaphore::new(PUSHES_MAX));
        let writer = Arc::new(Writer { store, queues, clock, worker, lease, die_at, live, pushes });
        // One group is written at a time: nobody waits for it.
        let claimer = Arc::new(tokio::sync::Mutex::new(Claimer::new()));
        let finishes = Group::start(FINISHES, move |items: Vec<Ending>| {
            let (writer, claimer) = (writer.clone(), claimer.clone());
            async move { writer.write(&mut *claimer.lock().await, items).await }
        });
        Self { begins, paces, finishes }
    }

    /// Begin an attempt: the fence before its INVITE.
    pub async fn begin(&self, attempt: ToBegin) -> Result<Begun, LedgerError> {
        self.begins.submit(attempt).await?.map_err(LedgerError::Store)
    }

    /// The earliest moment of an attempt's INVITE, with calls per second. One transaction gives out the
    /// turns of all that ask: one by one they would wait in a row for the trunk's lock, late for their
    /// turns when they have them, and ask again.
    pub async fn pace(&self, attempt: AttemptId) -> Result<Option<Time>, LedgerError> {
        self.paces.submit(attempt).await?.map_err(LedgerError::Store)
    }

    /// Finish a call; it comes back when the record is durable, perhaps with a call to go on with.
    pub async fn finish(&self, ending: Ending) -> Result<Ended, LedgerError> {
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

/// What was finished, what follows on, and what was claimed only.
type Written = (Vec<FinishedAs>, Vec<FollowOnCall>, Vec<ClaimedAttempt>);

/// What finishes are written with.
struct Writer {
    store: Store,
    queues: Queues,
    clock: Clock,
    worker: Arc<str>,
    lease: Duration,
    die_at: DieAt,
    live: LiveCalls,
    pushes: Arc<Semaphore>,
}

impl Writer {
    /// A record is never given up: while the database is away the calls wait, and when it is back the
    /// fence tells whether they are still ours.
    async fn write(&self, claimer: &mut Claimer, items: Vec<Ending>) -> Vec<Ended> {
        let (items, go_on): (Vec<_>, Vec<_>) =
            items.into_iter().map(|ending| (ending.finished, ending.go_on)).unzip();
        let (done, next, claimed) = loop {
            // Others would wait for ever behind a panic, and these would be lost.
            let tried = AssertUnwindSafe(self.try_write(claimer, &items, &go_on)).catch_unwind();
            let error = match tried.await {
                Ok(Ok(written)) => break written,
                Ok(Err(error)) => error.to_string(),
                Err(_) => {
                    *claimer = Claimer::new();
                    "it panicked".to_owned()
                }
            };
            metrics::counter!("callwright_finish_retries_total").increment(1);
            tracing::warn!(error, calls = items.len(), "finishing calls is tried again");
            tokio::time::sleep(RETRY).await;
        };
        self.die_at.pass(FailPoint::Finished);
        let pushed = self.push(claimed, Followers::of(&self.clock, &items, &done));
        let mut next = next.into_iter();
        let ended = done.into_iter().zip(go_on).map(|(done, go_on)| Ended {
            done,
            next: if go_on { next.next() } else { None },
            pushed: pushed.clone(),
        });
        ended.collect()
    }

    /// Beside whatever comes next: a call that follows on must not wait for Redis. Nor are jobs gathered
    /// without bound while it hangs: the sweeps push them later.
    fn push(&self, claimed: Vec<ClaimedAttempt>, followers: Followers) -> Pushed {
        let (pushing, pushed) = watch::channel(());
        let Ok(permit) = self.pushes.clone().try_acquire_owned() else {
            tracing::warn!("jobs after calls are left to the sweeps: too many are being pushed");
            return Pushed(pushed);
        };
        let (queues, die_at) = (self.queues.clone(), self.die_at.clone());
        tokio::spawn(async move {
            let _permit = permit;
            if !claimed.is_empty() {
                push_claimed(&queues, &die_at, &claimed).await;
            }
            followers.push(&queues).await;
            die_at.pass(FailPoint::Followed);
            drop(pushing);
        });
        Pushed(pushed)
    }

    async fn try_write(
        &self,
        claimer: &mut Claimer,
        items: &[Finished],
        go_on: &[bool],
    ) -> Result<Written, StoreError> {
        let now = self.clock.now();
        let Some((enterprise, at_most)) = most_freed(items, go_on) else {
            let done = finish::finish_many(&self.store, now, items).await?;
            return Ok((done, Vec::new(), Vec::new()));
        };
        let follow_on = FollowOn {
            claimer,
            enterprise,
            at_most,
            worker: &self.worker,
            lease: self.lease,
            in_line: InLine { at_most: CLAIMS_WAIT, now: &|| self.clock.now() },
            random_seed: rand::random(),
        };
        let finishing = finish::finish_and_follow_on(&self.store, now, items, follow_on).await?;
        let next = finishing.orders().iter().filter_map(|order| {
            let live = self.live.enter(order.attempt)?;
            Some(FollowOnCall { order: order.clone(), live })
        });
        let next: Vec<_> = next.collect();
        let claimed = finishing.claimed().map_or_else(Vec::new, |claimed| claimed.attempts.clone());
        self.die_at.pass(FailPoint::FinishPanics);
        let done = finishing.commit(&self.store).await?;
        metrics::counter!("callwright_claimed_total")
            .increment((next.len() + claimed.len()) as u64);
        metrics::counter!("callwright_follow_on_calls_total").increment(next.len() as u64);
        Ok((done, next, claimed))
    }
}

/// The enterprise of which most slots are freed by who would go on, and how many. The others' are the
/// dispatchers' to fill.
fn most_freed(items: &[Finished], go_on: &[bool]) -> Option<(EnterpriseId, u32)> {
    let mut freed: BTreeMap<EnterpriseId, u32> = BTreeMap::new();
    for (item, _) in items.iter().zip(go_on).filter(|(_, go_on)| **go_on) {
        *freed.entry(item.record.enterprise).or_default() += 1;
    }
    freed.into_iter().max_by_key(|(_, freed)| *freed)
}

/// Jobs that follow from finished calls.
#[derive(Default)]
struct Followers {
    redials: Vec<(Redial, Duration)>,
    uploads: Vec<UploadRecording>,
    analyses: Vec<AnalyzeCall>,
}

impl Followers {
    fn of(clock: &Clock, items: &[Finished], done: &[FinishedAs]) -> Self {
        let mut redials = BTreeMap::new();
        let mut followers = Self::default();
        for (item, done) in items.iter().zip(done).filter(|(_, done)| done.written) {
            if let Some(at) = done.due_at() {
                let job = Redial::at(done.task, at);
                redials.insert((job.task, job.due_ms), job);
            }
            if let Some(recording) = &item.recording {
                let spool = recording.spool.clone();
                followers.uploads.push(UploadRecording { attempt: item.attempt, spool });
            }
            if item.conversation.is_some() {
                let started_at_ms = item.record.started_at.timestamp_millis();
                followers.analyses.push(AnalyzeCall { attempt: item.attempt, started_at_ms });
            }
        }
        let delayed = redials.into_values().map(|job| {
            let delay = clock.until(job.due());
            (job, delay)
        });
        followers.redials = delayed.collect();
        followers
    }

    /// What can't be pushed now the sweeps push later.
    async fn push(self, queues: &Queues) {
        let pushed = async {
            if !self.redials.is_empty() {
                queues.push_all_in(&self.redials).await?;
            }
            if !self.uploads.is_empty() {
                queues.push_all(&self.uploads).await?;
            }
            if !self.analyses.is_empty() {
                queues.push_all(&self.analyses).await?;
            }
            Ok::<_, jobs::QueueError>(())
        };
        if let Err(error) = pushed.await {
            tracing::warn!(%error, "jobs after calls were not pushed; the sweep will");
        }
    }
}

/// Push the jobs of attempts that were claimed.
pub(crate) async fn push_claimed(queues: &Queues, die_at: &DieAt, claimed: &[ClaimedAttempt]) {
    die_at.pass(FailPoint::Claimed);
    let job =
        |claimed: &ClaimedAttempt| DialAttempt { attempt: claimed.attempt, token: claimed.token };
    let jobs: Vec<DialAttempt> = claimed.iter().map(job).collect();
    if let Err(error) = queues.push_all(&jobs).await {
        // The attempts stand; the sweep pushes them when Redis is back.
        tracing::warn!(%error, attempts = jobs.len(), "attempts were not pushed");
    }
    die_at.pass(FailPoint::Pushed);
}
