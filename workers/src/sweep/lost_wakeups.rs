//! Delayed jobs that Redis no longer has: steps that are planned and numbers that wait are given theirs
//! again, before they are due. Ids are derived, so a job that is still there stays the only one.
//!
//! `clock_edges` and `due_redials` take what is due in any case; this makes the queues show again what
//! is to come, and wakes workers at the time itself instead of at the next look.

use std::time::Duration;

use jobs::{QueueError, REDIAL_GRID_MS};
use storage::StoreError;
use storage::tasks::{self, TaskPage, WaitingTimes};

use crate::{Environment, redial, steps};

/// Tasks of a page.
const TASKS_MAX: u32 = 500;
/// The earliest redials of each task: enough for ten seconds in which numbers fall due in every tenth.
const REDIALS_MAX: u32 = 100;
const TIMES: WaitingTimes = WaitingTimes { grid_ms: REDIAL_GRID_MS, times_max: REDIALS_MAX };

/// The pause between looks: twice a minute, so that all is there again within one.
pub fn pause(sweep_every: Duration) -> Duration {
    sweep_every * 30
}

/// Finds nothing: what it pushes was hardly ever lost, and Redis keeps what it has.
pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let mut after = None;
    loop {
        let page = TaskPage { after, tasks_max: TASKS_MAX };
        let planned = tasks::planned_steps(&env.store, page).await?;
        let Some(last) = planned.last() else { break };
        after = Some(last.task);
        if let Err(error) = steps::push_all(&env, &planned).await {
            return Ok(not_pushed(&error));
        }
    }
    after = None;
    loop {
        let page = TaskPage { after, tasks_max: TASKS_MAX };
        let times = tasks::waiting_times(&env.store, TIMES, page).await?;
        let Some((last, _)) = times.last() else { break };
        after = Some(*last);
        if let Err(error) = redial::plan(&env.queues, &env.clock, times).await {
            return Ok(not_pushed(&error));
        }
    }
    Ok(0)
}

fn not_pushed(error: &QueueError) -> u64 {
    tracing::warn!(%error, "delayed jobs were not pushed again; the next look does it");
    0
}
