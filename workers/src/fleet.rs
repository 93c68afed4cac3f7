//! What a process that lives tells of those that may not: who works on what, and how long jobs have waited.
//! A dialer that is gone can't say that nobody dials, so each API process and each dispatcher says it.

use std::collections::BTreeSet;

use jobs::{
    AnalyzeCall, ClockEdge, DialAttempt, EndTask, ImportBatch, Job, Queues, Redial, ReorderNumbers,
    RunExport, StartTask,
};
use outbound::fleet::{Kind, SIGN_OF_LIFE_EVERY};
use storage::{Store, workers};
use tokio_util::sync::CancellationToken;

/// Queues that are told of also while nothing is in them. Those of uploads have a name for each spool folder.
pub(crate) const QUEUES: [&str; 9] = [
    AnalyzeCall::KIND,
    ClockEdge::KIND,
    DialAttempt::KIND,
    EndTask::KIND,
    ImportBatch::KIND,
    Redial::KIND,
    ReorderNumbers::KIND,
    RunExport::KIND,
    StartTask::KIND,
];

/// Keep the gauges true until the process stops.
pub async fn tell(store: Store, queues: Queues, stopping: CancellationToken) {
    let mut names: BTreeSet<String> = QUEUES.map(str::to_owned).into();
    while !stopping.is_cancelled() {
        if let Err(error) = tell_workers(&store).await {
            tracing::warn!(%error, "the processes at work can't be told");
        }
        if let Err(error) = tell_queues(&queues, &mut names).await {
            tracing::warn!(%error, "the queues can't be told");
        }
        tokio::select! {
            () = tokio::time::sleep(SIGN_OF_LIFE_EVERY) => {}
            () = stopping.cancelled() => {}
        }
    }
}

async fn tell_workers(store: &Store) -> Result<(), storage::StoreError> {
    let fleet = workers::fleet(store).await?;
    for kind in Kind::ALL {
        metrics::gauge!("callwright_workers", "kind" => kind.word())
            .set(f64::from(fleet.at_work(*kind)));
    }
    Ok(())
}

/// `names` are the queues that were told before: one that is empty now is told as empty.
async fn tell_queues(
    queues: &Queues,
    names: &mut BTreeSet<String>,
) -> Result<(), jobs::QueueError> {
    let found = queues.queues().await?;
    names.extend(found.iter().map(|queue| queue.name.clone()));
    for name in names.iter() {
        let queue = found.iter().find(|queue| queue.name == *name);
        let tell = |metric: &'static str, value: f64| {
            metrics::gauge!(metric, "queue" => name.clone()).set(value);
        };
        let count = |of: fn(&jobs::QueueStats) -> u64| queue.map_or(0.0, |queue| of(queue) as f64);
        tell("jobs_ready", count(|queue| queue.ready));
        tell("jobs_delayed", count(|queue| queue.delayed));
        tell("jobs_in_flight", count(|queue| queue.in_flight));
        let age = queue.map_or(0.0, |queue| queue.oldest_due_age.as_secs_f64());
        tell("jobs_oldest_due_age_seconds", age);
    }
    Ok(())
}
