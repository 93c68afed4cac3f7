//! The workers of a process: apalis workers a queue, sweeps, signs of life, and a clean stop.

use std::time::Duration;

use apalis::prelude::WorkerBuilder;
use jobs::{
    AnalyzeCall, ClockEdge, DialAttempt, EndTask, ImportBatch, Job, Redial, ReorderNumbers,
    RunExport, StartTask, Subscription, UploadRecording,
};
use outbound::fleet::Kind;
use outbound::outcome::cause;
use tokio::task::JoinSet;

use crate::apart::apart;
use crate::environment::Environment;
use crate::group::Unanswered;
use crate::ledger::LedgerError;
use crate::live::Notice;
use crate::presence::Presence;
use crate::unending::unending;
use crate::{
    analyze_call, dial_attempt, fleet, import_batch, leases, redial, reorder_numbers, run_export,
    steps, sweep, upload_recording,
};

/// Between the end of a worker that should not have ended and the start of its successor.
const RESTART: Duration = Duration::from_millis(500);
/// How long hung-up calls may take to be written down.
const LAST_WORDS: Duration = Duration::from_secs(15);

/// Why a job is delivered again later. No outcome of a call is ever one.
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

/// The work of a process, until it is stopped.
pub struct Running {
    work: JoinSet<()>,
    presence: Presence,
    env: Environment,
}

/// Keep an apalis worker of one queue alive until the process stops, then let it drain.
macro_rules! keep {
    ($work:expr, $env:expr, $job:ty, $queue:expr, $concurrency:expr, $deliveries:expr, $handler:expr) => {{
        let (env, queue): (Environment, String) = ($env.clone(), $queue);
        let subscription = Subscription {
            concurrency: $concurrency,
            // As long as an attempt's: a job in the hands of a dead worker holds its slot no longer.
            lease: env.settings.lease,
            deliveries_max: $deliveries,
        };
        $work.spawn(async move {
            while !env.stopping.is_cancelled() {
                let stopping = env.stopping.clone();
                let ended = WorkerBuilder::new(format!("{queue} of {}", env.worker))
                    .backend(env.queues.subscribe::<$job>(&queue, subscription.clone()))
                    .data(env.clone())
                    .build($handler)
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
    }};
}

impl Running {
    /// Start the work of these kinds.
    pub fn start(env: Environment, kinds: &[Kind]) -> std::io::Result<Self> {
        let mut work = JoinSet::new();
        let presence = announce(&env, kinds);
        for kind in kinds {
            match kind {
                // The API is served by whoever starts it.
                Kind::Serve => {}
                Kind::Sweep => {
                    work.spawn(sweep::run(env.clone()));
                    let (store, queues) = (env.store.clone(), env.queues.clone());
                    work.spawn(fleet::tell(store, queues, env.stopping.clone()));
                }
                Kind::Step => {
                    keep!(work, env, StartTask, StartTask::KIND.into(), 8, 100, steps::start_task);
                    keep!(work, env, EndTask, EndTask::KIND.into(), 8, 100, steps::end_task);
                    keep!(work, env, ClockEdge, ClockEdge::KIND.into(), 8, 100, steps::clock_edge);
                    keep!(
                        work,
                        env,
                        ReorderNumbers,
                        ReorderNumbers::KIND.into(),
                        2,
                        100,
                        reorder_numbers::reorder_numbers
                    );
                }
                Kind::Dial => {
                    let concurrency = env.settings.dial_concurrency;
                    keep!(
                        work,
                        env,
                        DialAttempt,
                        DialAttempt::KIND.into(),
                        concurrency,
                        100,
                        dial_attempt::dial_attempt
                    );
                    let renewals =
                        apart("renewals", unending("renewals", env.clone(), leases::renew))?;
                    work.spawn(async move {
                        if renewals.await.is_err() {
                            tracing::error!("the thread that renews leases ended");
                        }
                    });
                    work.spawn(unending("hang_up", env.clone(), leases::hang_up));
                }
                Kind::Redial => {
                    keep!(work, env, Redial, Redial::KIND.into(), 4, 100, redial::redial);
                }
                Kind::Import => {
                    keep!(
                        work,
                        env,
                        ImportBatch,
                        ImportBatch::KIND.into(),
                        2,
                        5,
                        import_batch::import_batch
                    );
                }
                Kind::Export => {
                    keep!(
                        work,
                        env,
                        RunExport,
                        RunExport::KIND.into(),
                        2,
                        5,
                        run_export::run_export
                    );
                }
                Kind::Upload => {
                    work.spawn(sweep::keep_spool(env.clone()));
                    let queue = UploadRecording::queue_of(env.spool.id());
                    keep!(
                        work,
                        env,
                        UploadRecording,
                        queue,
                        4,
                        100,
                        upload_recording::upload_recording
                    );
                }
                Kind::Analyze => {
                    keep!(
                        work,
                        env,
                        AnalyzeCall,
                        AnalyzeCall::KIND.into(),
                        4,
                        20,
                        analyze_call::analyze_call
                    );
                }
            }
        }
        Ok(Self { work, presence, env })
    }

    /// Take nothing new, let calls finish for the drain time or until `at_once` resolves, hang up what is
    /// left, and end.
    pub async fn stop(mut self, at_once: impl Future<Output = ()>) {
        self.env.stopping.cancel();
        let quiet = async {
            while let Some(ended) = self.work.join_next().await {
                if let Err(error) = ended {
                    tracing::error!(%error, "a part of the work ended badly");
                }
            }
            self.env.live.quiet().await;
        };
        let live = self.env.live.clone();
        tokio::pin!(quiet);
        let drained = tokio::select! {
            () = &mut quiet => true,
            () = tokio::time::sleep(self.env.settings.drain) => false,
            () = at_once => false,
        };
        if !drained {
            tracing::warn!(
                calls = live.len(),
                "calls are hung up; their numbers go the redial way"
            );
            live.tell_all(Notice::HangUp(cause::WORKER_STOPPING));
            if tokio::time::timeout(LAST_WORDS, quiet).await.is_err() {
                tracing::warn!(
                    calls = live.len(),
                    "some calls were not finished; their leases will end"
                );
            }
        }
        self.presence.leave().await;
    }
}

/// Give signs of life for a process that does these kinds of work.
fn announce(env: &Environment, kinds: &[Kind]) -> Presence {
    let (live, settings) = (env.live.clone(), &env.settings);
    let calls_max = if kinds.contains(&Kind::Dial) { settings.dial_concurrency } else { 0 };
    Presence::start(
        env.store.clone(),
        env.worker.to_string(),
        kinds.to_vec(),
        settings.metrics,
        env.stopping.clone(),
        move || (live.len(), calls_max),
    )
}
