//! Scheduled starts and ends, and window edges: the task's row decides whether the step is still to do.

use apalis::prelude::{BoxDynError, Data};
use jobs::{ClockEdge, EndTask, QueueError, StartTask};
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
