//! Finishes of this process: written, with the calls that follow on, and the jobs that follow from them.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use clock::Clock;
use futures::FutureExt;
use jobs::{AnalyzeCall, Delivery, DialAttempt, Queues, UploadRecording};
use outbound::Time;
use outbound::ids::{EnterpriseId, TaskId};
use storage::attempts::DialOrder;
use storage::claim::{Claimed, ClaimedAttempt, Claimer, FollowOn, LockWait};
use storage::finish::{self, Finished, FinishedAs};
use storage::{Store, StoreError};
use tokio::sync::{Semaphore, watch};

use crate::environment::Settings;
use crate::fail_point::{DieAt, FailPoint};
use crate::ledger::{EndedCall, FinishedCall, FollowOnCall, Pushed};
use crate::live::LiveCalls;
use crate::{faults, redial};

/// How long a finish waits for somebody else's claim for the enterprise, at most. A claim is over by then, and one that
/// hangs must not hold back records.
const CLAIMS_WAIT: Duration = Duration::from_millis(50);
/// Groups of calls whose jobs are being pushed at a time, at most. That is as many as end in half a second while Redis
/// hangs.
const PUSHES_MAX: usize = 256;
/// Between two tries while the database is away.
const RETRY: Duration = Duration::from_millis(200);

/// The calls that were finished, those that follow on, and the attempts that were claimed only.
type Written = (Vec<FinishedAs>, Vec<Option<FollowOnCall>>, Claimed);

/// What finishes are written with.
pub struct Writer {
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
    pub fn new(
        store: Store,
        queues: Queues,
        clock: Clock,
        worker: Arc<str>,
        live: LiveCalls,
        settings: &Settings,
    ) -> Self {
        let (lease, die_at) = (settings.lease, settings.die_at.clone());
        let pushes = Arc::new(Semaphore::new(PUSHES_MAX));
        Self { store, queues, clock, worker, lease, die_at, live, pushes }
    }

    /// While the database is away, the calls wait; when it is back, the fence tells whether they are still ours. What
    /// fails for another reason must not hold up the others: when the claim fails, the dispatchers fill the slots,
    /// and when one call can't be written, that call alone is lost.
    pub async fn write(&self, claimer: &mut Claimer, items: Vec<EndedCall>) -> Vec<FinishedCall> {
        let (items, go_on): (Vec<_>, Vec<_>) =
            items.into_iter().map(|ending| (ending.finished, ending.goes_on)).unzip();
        let written = match self.write_and_follow_on(claimer, &items, &go_on).await {
            Some(written) => written,
            None => (self.write_only(&items).await, Vec::new(), Claimed::default()),
        };
        let (done, next, claimed) = written;
        self.die_at.pass(FailPoint::Finished);
        let pushed = self.push(claimed, Followers::of(&items, &done));
        let next = next.into_iter().chain(std::iter::repeat_with(|| None));
        let ended = done.into_iter().zip(next);
        ended.map(|(done, next)| FinishedCall { done, next, pushed: pushed.clone() }).collect()
    }

    /// Push jobs while the next group is written: a call that follows on must not wait for Redis. When too many
    /// groups wait for a Redis that hangs, their jobs are left to the sweeps.
    fn push(&self, claimed: Claimed, followers: Followers) -> Pushed {
        let (pushing, pushed) = watch::channel(());
        let Ok(permit) = self.pushes.clone().try_acquire_owned() else {
            tracing::warn!("jobs after calls are left to the sweeps: too many are being pushed");
            return Pushed::when_dropped(pushed);
        };
        let (queues, clock, die_at) =
            (self.queues.clone(), self.clock.clone(), self.die_at.clone());
        tokio::spawn(async move {
            let _permit = permit;
            push_claimed(&queues, &clock, &die_at, &claimed).await;
            followers.push(&queues, &clock).await;
            die_at.pass(FailPoint::Followed);
            drop(pushing);
        });
        Pushed::when_dropped(pushed)
    }

    /// Write them in one transaction with the calls that follow on. `None`: it failed, or no call may follow on.
    async fn write_and_follow_on(
        &self,
        claimer: &mut Claimer,
        items: &[Finished],
        go_on: &[Option<Delivery>],
    ) -> Option<Written> {
        let (enterprise, at_most) = most_freed(items, go_on)?;
        let follow_on = FollowOn {
            claimer,
            enterprise,
            at_most,
            worker: &self.worker,
            lease: self.lease,
            lock_wait: LockWait { at_most: CLAIMS_WAIT, now: &|| self.clock.now() },
            random_seed: rand::random(),
        };
        match caught(self.try_follow_on(items, go_on, follow_on)).await {
            Ok(written) => return Some(written),
            Err(error) if error.is_passing() => {
                tracing::warn!(%error, calls = items.len(), "calls are finished, and none follows on");
            }
            Err(error) => faults::tell_of("follow_on", enterprise, error),
        }
        // After a panic the claimer may be half changed. Start with a new one.
        *claimer = Claimer::new();
        metrics::counter!("callwright_finish_retries_total").increment(1);
        None
    }

    async fn try_follow_on(
        &self,
        items: &[Finished],
        go_on: &[Option<Delivery>],
        follow_on: FollowOn<'_>,
    ) -> Result<Written, StoreError> {
        let now = self.clock.now();
        let finishing = finish::finish_and_follow_on(&self.store, now, items, follow_on).await?;
        let mut orders = finishing.orders().iter();
        let mut next = Vec::with_capacity(items.len());
        for delivery in go_on {
            next.push(match delivery {
                Some(delivery) => orders.next().and_then(|order| self.go_on_with(order, delivery)),
                None => None,
            });
        }
        let claimed = finishing.claimed().cloned().unwrap_or_default();
        self.die_at.pass(FailPoint::FinishPanics);
        let done = finishing.commit(&self.store).await?;
        let followed = next.iter().flatten().count();
        metrics::counter!("callwright_claimed_total")
            .increment((followed + claimed.attempts.len()) as u64);
        metrics::counter!("callwright_follow_on_calls_total").increment(followed as u64);
        Ok((done, next, claimed))
    }

    /// Enter a call that is about to be committed in the table of live calls, and give it its job, in place of the one
    /// whose call has ended. Redis hears of it while the transaction commits. When the commit fails, the job names an
    /// attempt that does not exist, and ends with its handler.
    fn go_on_with(&self, order: &DialOrder, delivery: &Delivery) -> Option<FollowOnCall> {
        let live = self.live.enter(order.attempt)?;
        let job = DialAttempt { attempt: order.attempt, token: order.token };
        if let Err(error) = delivery.adopt(&job) {
            // The attempt has its lease in the database all the same.
            tracing::error!(%error, attempt = %order.attempt, "a call that follows on has no job");
        }
        Some(FollowOnCall { order: order.clone(), live })
    }

    /// Write them together; when that fails, each by itself, so that a damaged one holds up no other.
    async fn write_only(&self, items: &[Finished]) -> Vec<FinishedAs> {
        if let Ok(done) = self.insist(items).await {
            return done;
        }
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let done = self.insist(std::slice::from_ref(item)).await;
            all.push(match done.map(|mut done| done.pop()) {
                Ok(Some(done)) => done,
                Ok(None) => give_up(item, "there was no answer"),
                Err(error) => give_up(item, error),
            });
        }
        all
    }

    /// Write, and try again while a server is away. An error that comes back has another reason.
    async fn insist(&self, items: &[Finished]) -> Result<Vec<FinishedAs>, StoreError> {
        loop {
            let done = caught(finish::finish_many(&self.store, self.clock.now(), items)).await;
            let Err(error) = done else { return done };
            metrics::counter!("callwright_finish_retries_total").increment(1);
            tracing::warn!(%error, calls = items.len(), "finishing calls is tried again");
            if !error.is_passing() {
                return Err(error);
            }
            tokio::time::sleep(RETRY).await;
        }
    }
}

/// Tell of a call that can't be written. Its attempt keeps the slot until its lease ends. Then the sweep tries to record
/// it as lost.
fn give_up(item: &Finished, error: impl Display) -> FinishedAs {
    faults::tell_of("finish", item.attempt, error);
    FinishedAs { attempt: item.attempt, written: false, task: item.record.task, next: None }
}

/// Turn a panic into an error. The panic hook has logged where it was.
async fn caught<T>(done: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
    let done = AssertUnwindSafe(done).catch_unwind().await;
    done.unwrap_or_else(|_| Err(StoreError::Damaged("it panicked".into())))
}

/// The enterprise that gets the follow-on calls of this group, and how many: the one of which most slots are freed. The
/// dispatchers fill the slots of the others.
fn most_freed(items: &[Finished], go_on: &[Option<Delivery>]) -> Option<(EnterpriseId, u32)> {
    let mut freed: BTreeMap<EnterpriseId, u32> = BTreeMap::new();
    for (item, _) in items.iter().zip(go_on).filter(|(_, go_on)| go_on.is_some()) {
        *freed.entry(item.record.enterprise).or_default() += 1;
    }
    freed.into_iter().max_by_key(|(_, freed)| *freed)
}

/// Jobs that follow from finished calls.
#[derive(Default)]
struct Followers {
    /// When numbers are dialled again, with their tasks.
    redials: Vec<(TaskId, Time)>,
    uploads: Vec<UploadRecording>,
    analyses: Vec<AnalyzeCall>,
}

impl Followers {
    fn of(items: &[Finished], done: &[FinishedAs]) -> Self {
        let mut followers = Self::default();
        for (item, done) in items.iter().zip(done).filter(|(_, done)| done.written) {
            if let Some(at) = done.due_at() {
                followers.redials.push((done.task, at));
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
        followers
    }

    /// Jobs that can't be pushed now are pushed by the sweeps later.
    async fn push(self, queues: &Queues, clock: &Clock) {
        let pushed = async {
            redial::plan(queues, clock, self.redials).await?;
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

/// Push the jobs of attempts that were claimed, and of numbers that the claim put off.
pub(crate) async fn push_claimed(
    queues: &Queues,
    clock: &Clock,
    die_at: &DieAt,
    claimed: &Claimed,
) {
    if !claimed.attempts.is_empty() {
        die_at.pass(FailPoint::Claimed);
        let job = |claimed: &ClaimedAttempt| DialAttempt {
            attempt: claimed.attempt,
            token: claimed.token,
        };
        let jobs: Vec<DialAttempt> = claimed.attempts.iter().map(job).collect();
        if let Err(error) = queues.push_all(&jobs).await {
            // The attempts are in the database. The sweep pushes their jobs when Redis is back.
            tracing::warn!(%error, attempts = jobs.len(), "attempts were not pushed");
        }
        die_at.pass(FailPoint::Pushed);
    }
    if let Err(error) = redial::plan(queues, clock, claimed.waits.iter().copied()).await {
        tracing::warn!(%error, "waits have no jobs; the sweep makes up for it");
    }
}
