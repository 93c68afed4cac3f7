//! Redials that fell due: their numbers become pending again, and the dispatcher is told.

use std::collections::BTreeMap;
use std::time::Duration;

use clock::Clock;
use jobs::{Delivery, QueueError, Queues, Redial};
use outbound::Time;
use outbound::ids::TaskId;
use storage::{StoreError, numbers};

use crate::fail_point::FailPoint;
use crate::work::{Failure, Work};
use crate::{Environment, faults};

/// Numbers of a task that are promoted at a time.
const PROMOTE_MAX: u32 = 5_000;
/// How long a job leaves its task to whoever promotes it, before it looks whether anything is left.
const BUSY: Duration = Duration::from_millis(100);

impl Work for Redial {
    const CONCURRENCY: usize = 4;
    const DELIVERIES_MAX: u32 = 100;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        if promote(&env, Some(self.task)).await? > 0 {
            env.settings.die_at.pass(FailPoint::Promoted);
        }
        Ok(())
    }
}

/// Push a job for each time at which numbers of a task come back. Numbers of a task that are due about the same time share
/// a job.
pub(crate) async fn plan(
    queues: &Queues,
    clock: &Clock,
    times: impl IntoIterator<Item = (TaskId, Time)>,
) -> Result<(), QueueError> {
    let jobs = times.into_iter().map(|(task, at)| Redial::at(task, at));
    let jobs: BTreeMap<_, _> = jobs.map(|job| ((job.task, job.due_ms), job)).collect();
    let delayed = jobs.into_values().map(|job| {
        let delay = clock.until(job.due());
        (job, delay)
    });
    queues.push_all_in(&delayed.collect::<Vec<_>>()).await
}

/// Promote everything that is due, of one task or of all in turn; tells how many numbers moved.
pub async fn promote(env: &Environment, task: Option<TaskId>) -> Result<u64, StoreError> {
    let mut moved = 0;
    loop {
        let promoted = numbers::promote_due(&env.store, task, env.clock.now(), PROMOTE_MAX).await?;
        moved += u64::from(promoted.numbers);
        for (task, error) in &promoted.failed {
            faults::tell_of("redial", task, error);
        }
        match task {
            Some(_) if promoted.busy => tokio::time::sleep(BUSY).await,
            _ if promoted.more => {}
            _ => return Ok(moved),
        }
    }
}
