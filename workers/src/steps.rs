//! Scheduled starts and ends, and window edges: the task's row decides whether the step is still to do.

use apalis::prelude::{BoxDynError, Data};
use jobs::{ClockEdge, EndTask, StartTask};
use outbound::Time;
use outbound::ids::TaskId;
use storage::tasks::{self, PlannedStep, Step};

use crate::Environment;

pub async fn start_task(job: StartTask, env: Data<Environment>) -> Result<(), BoxDynError> {
    run(&env, job.task, Step::Start, job.at_ms).await
}

pub async fn end_task(job: EndTask, env: Data<Environment>) -> Result<(), BoxDynError> {
    run(&env, job.task, Step::End, job.at_ms).await
}

pub async fn clock_edge(job: ClockEdge, env: Data<Environment>) -> Result<(), BoxDynError> {
    run(&env, job.task, Step::Edge, job.at_ms).await
}

async fn run(env: &Environment, task: TaskId, step: Step, at_ms: i64) -> Result<(), BoxDynError> {
    let at = Time::from_timestamp_millis(at_ms).ok_or("the job's time can't be read")?;
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
pub async fn push(env: &Environment, planned: &PlannedStep) -> Result<(), jobs::QueueError> {
    let delay = env.clock.until(planned.at);
    let (task, at_ms) = (planned.task, planned.at.timestamp_millis());
    match planned.step {
        Step::Start => env.queues.push_in(&StartTask { task, at_ms }, delay).await,
        Step::End => env.queues.push_in(&EndTask { task, at_ms }, delay).await,
        Step::Edge => env.queues.push_in(&ClockEdge { task, at_ms }, delay).await,
    }
}
