//! Work: a kind of job that a process does, and the worker that does it.
//!
//! A new kind of job is a file with its [`Work`], and a line in [`crate::runner`].

use std::time::Duration;

use apalis::prelude::{BoxDynError, Data, WorkerBuilder};
use jobs::{Delivery, Job, Subscription};
use tokio::task::JoinSet;

use crate::environment::{Environment, Settings};
use crate::group::Unanswered;
use crate::ledger::LedgerError;

/// Between the end of a worker that should not have ended and the start of its successor.
const RESTART: Duration = Duration::from_millis(500);

/// A kind of job, and how a process does it.
pub trait Work: Job {
    /// Jobs that a process has at a time.
    const CONCURRENCY: usize;
    /// Deliveries, the lost and failed ones counted, after which a job is dead.
    const DELIVERIES_MAX: u32;

    /// The same as [`Self::CONCURRENCY`], where it is a setting of the process.
    fn concurrency(_: &Settings) -> usize {
        Self::CONCURRENCY
    }

    /// The queue that this process takes jobs from.
    fn queue_of(_: &Environment) -> String {
        Self::KIND.into()
    }

    /// Do the job. It may have been done before, wholly or in part: the row that it names decides.
    ///
    /// When the job's lease is lost, this future is dropped.
    fn run(
        self,
        env: Environment,
        delivery: Delivery,
    ) -> impl Future<Output = Result<(), Failure>> + Send;
}

/// Why a job is delivered again later: broken infrastructure. No outcome of a call is ever one.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("the process is stopping")]
    Stopping,
    #[error(transparent)]
    Store(#[from] storage::StoreError),
    #[error(transparent)]
    Queue(#[from] jobs::QueueError),
    #[error(transparent)]
    Carrier(#[from] telephony::carrier::CarrierError),
    #[error("{0}")]
    Shared(std::sync::Arc<storage::StoreError>),
    #[error("a file of this machine: {0}")]
    Disk(#[from] std::io::Error),
    #[error("{0}")]
    Broken(String),
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Unanswered(Unanswered::Stopping) => Self::Stopping,
            LedgerError::Unanswered(Unanswered::Panicked) => Self::Broken(error.to_string()),
            LedgerError::Store(error) => Self::Shared(error),
        }
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Broken(error.to_string())
    }
}

async fn handle<W: Work>(
    job: W,
    env: Data<Environment>,
    delivery: Delivery,
) -> Result<(), BoxDynError> {
    Ok(job.run(env.0, delivery).await?)
}

/// Keep an apalis worker of one kind of job alive until the process stops, then let it drain.
pub(crate) fn keep<W: Work>(all: &mut JoinSet<()>, env: &Environment) {
    let env = env.clone();
    let queue = W::queue_of(&env);
    let subscription = Subscription {
        concurrency: W::concurrency(&env.settings),
        // As long as an attempt's: a job in the hands of a dead worker holds its slot no longer.
        lease: env.settings.lease,
        deliveries_max: W::DELIVERIES_MAX,
    };
    all.spawn(async move {
        while !env.stopping.is_cancelled() {
            let stopping = env.stopping.clone();
            let ended = WorkerBuilder::new(format!("{queue} of {}", env.worker))
                .backend(env.queues.subscribe::<W>(&queue, subscription))
                .data(env.clone())
                .build(handle::<W>)
                .run_until(async move {
                    stopping.cancelled().await;
                    Ok::<(), std::io::Error>(())
                })
                .await;
            if let Err(error) = ended
                && !env.stopping.is_cancelled()
            {
                metrics::counter!("callwright_worker_restarts_total", "queue" => queue.clone())
                    .increment(1);
                tracing::error!(%error, queue, "the worker ended and is started again");
                tokio::time::sleep(RESTART).await;
            }
        }
    });
}
