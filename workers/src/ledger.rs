//! Begins, turns and finishes of this process, many to a transaction, and the jobs that follow from them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use jobs::{AnalyzeCall, Queues, Redial, UploadRecording};
use outbound::Time;
use outbound::ids::AttemptId;
use storage::attempts::{self, Begun};
use storage::finish::{self, Finished, FinishedAs};
use storage::{Store, StoreError};

use crate::environment::Settings;
use crate::fail_point::{DieAt, FailPoint};
use crate::group::{Group, Stopping};

/// Attempts in one begin, at most.
const BEGINS_MAX: usize = 100;
/// Attempts in one giving out of turns, at most.
const PACES_MAX: usize = 200;
/// Calls in one finish, at most.
const FINISHES_MAX: usize = 200;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);

/// Where attempts are begun and finished.
#[derive(Debug, Clone)]
pub struct Ledger {
    begins: Group<(AttemptId, i64), Result<Begun, Arc<StoreError>>>,
    paces: Group<AttemptId, Result<Option<Time>, Arc<StoreError>>>,
    finishes: Group<Finished, FinishedAs>,
}

impl Ledger {
    pub fn start(
        store: Store,
        queues: Queues,
        clock: Clock,
        worker: Arc<str>,
        settings: &Settings,
    ) -> Self {
        let (lease, die_at) = (settings.lease, settings.die_at);
        let begins = {
            let (store, clock) = (store.clone(), clock.clone());
            Group::start(BEGINS_MAX, move |items: Vec<(AttemptId, i64)>| {
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
            Group::start(PACES_MAX, move |items: Vec<AttemptId>| {
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
        let finishes = Group::start(FINISHES_MAX, move |items: Vec<Finished>| {
            let (store, queues, clock) = (store.clone(), queues.clone(), clock.clone());
            async move { write(&store, &queues, &clock, die_at, items).await }
        });
        Self { begins, paces, finishes }
    }

    /// Begin an attempt: the fence before its INVITE.
    pub async fn begin(&self, attempt: AttemptId, token: i64) -> Result<Begun, LedgerError> {
        self.begins.submit((attempt, token)).await?.map_err(LedgerError::Store)
    }

    /// The earliest moment of an attempt's INVITE, with calls per second. One transaction gives out the
    /// turns of all that ask: one by one they would wait in a row for the trunk's lock, late for their
    /// turns when they have them, and ask again.
    pub async fn pace(&self, attempt: AttemptId) -> Result<Option<Time>, LedgerError> {
        self.paces.submit(attempt).await?.map_err(LedgerError::Store)
    }

    /// Finish a call; it comes back when the record is durable.
    pub async fn finish(&self, finished: Finished) -> Result<FinishedAs, LedgerError> {
        Ok(self.finishes.submit(finished).await?)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error(transparent)]
    Stopping(#[from] Stopping),
    #[error(transparent)]
    Store(Arc<StoreError>),
}

/// A record is never given up: while the database is away the calls wait, and when it is back the
/// fence tells whether they are still ours.
async fn write(
    store: &Store,
    queues: &Queues,
    clock: &Clock,
    die_at: DieAt,
    items: Vec<Finished>,
) -> Vec<FinishedAs> {
    let done = loop {
        match finish::finish_many(store, clock.now(), &items).await {
            Ok(done) => break done,
            Err(error) => {
                metrics::counter!("callwright_finish_retries_total").increment(1);
                tracing::warn!(%error, calls = items.len(), "finishing calls is tried again");
                tokio::time::sleep(RETRY).await;
            }
        }
    };
    die_at.pass(FailPoint::Finished);
    push_followers(queues, clock, &items, &done).await;
    die_at.pass(FailPoint::Followed);
    done
}

/// Push what follows from finished calls. What can't be pushed now the sweeps push later.
async fn push_followers(queues: &Queues, clock: &Clock, items: &[Finished], done: &[FinishedAs]) {
    let mut redials = BTreeMap::new();
    let (mut uploads, mut analyses) = (Vec::new(), Vec::new());
    for (item, done) in items.iter().zip(done).filter(|(_, done)| done.written) {
        if let Some(at) = done.due_at() {
            let job = Redial::at(done.task, at);
            redials.insert((job.task, job.due_ms), job);
        }
        if let Some(recording) = &item.recording {
            uploads.push(UploadRecording { attempt: item.attempt, spool: recording.spool.clone() });
        }
        if item.conversation.is_some() {
            let started_at_ms = item.record.started_at.timestamp_millis();
            analyses.push(AnalyzeCall { attempt: item.attempt, started_at_ms });
        }
    }
    let redials: Vec<(Redial, Duration)> = redials
        .into_values()
        .map(|job| {
            let delay = clock.until(job.due());
            (job, delay)
        })
        .collect();
    let pushed = async {
        if !redials.is_empty() {
            queues.push_all_in(&redials).await?;
        }
        if !uploads.is_empty() {
            queues.push_all(&uploads).await?;
        }
        if !analyses.is_empty() {
            queues.push_all(&analyses).await?;
        }
        Ok::<_, jobs::QueueError>(())
    };
    if let Err(error) = pushed.await {
        tracing::warn!(%error, "jobs after calls were not pushed; the sweep will");
    }
}
