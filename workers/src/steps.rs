//! Scheduled starts and ends, and window edges: the task's row decides whether the step is still to do.

use jobs::{ClockEdge, Delivery, EndTask, QueueError, StartTask};
use outbound::Time;
use outbound::ids::TaskId;
use storage::tasks::{self, PlannedStep, Step};

use crate::Environment;
use crate::work::{Failure, Work};

impl Work for StartTask {
    const CONCURRENCY: usize = 8;
    const DELIVERIES_MAX: u32 = 100;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        run(&env, self.task, Step::Start, self.at_ms).await
    }
}

impl Work for EndTask {
    const CONCURRENCY: usize = 8;
    const DELIVERIES_MAX: u32 = 100;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        run(&env, self.task, Step::End, self.at_ms).await
    }
}

impl Work for ClockEdge {
    const CONCURRENCY: usize = 8;
    const DELIVERIES_MAX: u32 = 100;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        run(&env, self.task, Step::Edge, self.at_ms).await
    }
}

async fn run(env: &Environment, task: TaskId, step: Step, at_ms: i64) -> Result<(), Failure> {
    let unreadable = || Failure::Broken("the job's time can't be read".into());
    let at = Time::from_timestamp_millis(at_ms).ok_or_else(unreadable)?;
    take(env, PlannedStep { task, step, at }).await?;
    Ok(())
}

/// Take a step if it is due and not yet taken, and queue what is planned next. Tells whether it was
/// taken now.
pub async fn take(env: &Environment, planned: PlannedStep) -> Result<bool, storage::StoreError> {
    let stepped = tasks::run_step(&env.store, planned, env.clock.now()).await?;
    for next in &stepped.next {
        if let Err(error) = push(env, next).await {
            tracing::warn!(%error, task = %next.task, "a timed step was not queued; the sweep takes it");
        }
    }
    Ok(stepped.taken)
}

/// Queue a planned step for its time.
pub async fn push(env: &Environment, planned: &PlannedStep) -> Result<(), QueueError> {
    push_all(env, std::slice::from_ref(planned)).await
}

/// Queue planned steps, each for its time. A step that has its job already keeps it.
pub async fn push_all(env: &Environment, planned: &[PlannedStep]) -> Result<(), QueueError> {
    let (mut starts, mut ends, mut edges) = (Vec::new(), Vec::new(), Vec::new());
    for PlannedStep { task, step, at } in planned {
        let (task, at_ms, delay) = (*task, at.timestamp_millis(), env.clock.until(*at));
        match step {
            Step::Start => starts.push((StartTask { task, at_ms }, delay)),
            Step::End => ends.push((EndTask { task, at_ms }, delay)),
            Step::Edge => edges.push((ClockEdge { task, at_ms }, delay)),
        }
    }
    env.queues.push_all_in(&starts).await?;
    env.queues.push_all_in(&ends).await?;
    env.queues.push_all_in(&edges).await
}
