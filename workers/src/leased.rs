//! Long work in the hands of this process: its lease is kept while it goes on, and given back when it fails.

use std::fmt::Display;
use std::future::Future;
use std::time::Duration;

use storage::work::{Going, Lease, LongWork, TRIES_MAX, Try};
use storage::{Store, StoreError};

use crate::environment::Environment;
use crate::turns::Turns;
use crate::work::Failure;

/// Between two reports on the work.
const LOOK: Duration = Duration::from_secs(1);
/// Work that a server's outage broke is given back for as long as this.
const GIVE_BACK: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_millis(500);

/// How far work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reached {
    pub(crate) done: u64,
    pub(crate) total: Option<u64>,
    pub(crate) phase: Phase,
}

/// What a loss of the lease and a cancel mean at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Each ends the work.
    Works,
    /// The transaction that is under way decides whether the lease still holds. A cancel undoes it.
    Lands,
    /// The last write decides whether the lease still holds, and a cancel comes too late.
    Finishes,
}

/// Why work must stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    LeaseLost,
}

impl From<Stop> for StoreError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Cancelled => Self::Cancelled,
            Stop::LeaseLost => Self::LeaseLost,
        }
    }
}

/// Renew the lease, tell how far the work is, and hear a cancel, until the work must stop.
pub(crate) async fn keep<W: LongWork>(
    store: &Store,
    lease: Lease<W>,
    lasts: Duration,
    reached: impl Fn() -> Reached + Send,
) -> Stop {
    loop {
        tokio::time::sleep(LOOK).await;
        let now = reached();
        let going = lease.progress(store, now.done, now.total, lasts).await;
        // The work may have ended a moment ago.
        let phase = reached().phase;
        match going {
            Ok(Going::On) => {}
            Ok(Going::Cancelled) if phase == Phase::Finishes => {}
            Ok(Going::Cancelled) => return Stop::Cancelled,
            Err(StoreError::LeaseLost) if phase != Phase::Works => {}
            Err(StoreError::LeaseLost) => return Stop::LeaseLost,
            Err(error) => {
                tracing::warn!(%error, work = %lease.work, "the lease of an {} is renewed later", W::WORD);
            }
        }
    }
}

/// What becomes of work that failed, and whose failure is not the end of it by itself.
pub(crate) enum Failed {
    /// It is tried again: nothing is left to do here.
    Again(Failure),
    /// It was tried often enough: it ends, for this reason.
    AtLast(String),
}

/// A server was away: the try does not count, and the sweep queues the work again.
pub(crate) async fn server_away<W: LongWork>(
    store: &Store,
    lease: Lease<W>,
    error: StoreError,
) -> Failure {
    give_back(store, lease, Try::NoFault).await;
    error.into()
}

/// The work itself failed. `tries` is how often it was taken.
pub(crate) async fn after_failure<W: LongWork>(
    store: &Store,
    lease: Lease<W>,
    tries: u32,
    error: impl Display,
) -> Failed {
    let told = error.to_string();
    if tries < TRIES_MAX {
        give_back(store, lease, Try::Failed(&told)).await;
        return Failed::Again(Failure::Broken(told));
    }
    tracing::error!(error = told, work = %lease.work, "an {} failed at each try", W::WORD);
    Failed::AtLast(told)
}

/// End the lease now, so that nobody waits for it to run out.
async fn give_back<W: LongWork>(store: &Store, lease: Lease<W>, tried: Try<'_>) {
    let given = async {
        while let Err(error) = lease.give_back(store, tried).await {
            tracing::warn!(%error, work = %lease.work, "an {} is given back later", W::WORD);
            tokio::time::sleep(RETRY).await;
        }
    };
    // Where even this fails, the lease runs out.
    let _ = tokio::time::timeout(GIVE_BACK, given).await;
}

/// Work of one enterprise is done one after another in a process. Do this one in its turn, and give the next that waits
/// to `push`.
pub(crate) async fn in_turn<W, Done, Pushed>(
    env: &Environment,
    turns: &Turns,
    work: W,
    done: impl FnOnce() -> Done,
    push: impl FnOnce(W, i64) -> Pushed,
) -> Result<(), Failure>
where
    W: LongWork,
    Done: Future<Output = Result<(), Failure>>,
    Pushed: Future<Output = Result<(), Failure>>,
{
    let Some(enterprise) = W::enterprise_of(&env.store, work).await? else { return Ok(()) };
    let Some(turn) = turns.take(enterprise).await else { return Ok(()) };
    let done = done().await;
    drop(turn);
    // Those that came meanwhile found that it was not their turn.
    if let Some((next, token)) = W::next_queued(&env.store, enterprise).await? {
        push(next, token).await?;
    }
    done
}
