//! Timed steps that no job carried out: late, once, never skipped, never twice.

use storage::{StoreError, tasks};

use crate::{Environment, faults, steps};

const STEPS_MAX: u32 = 500;

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let mut found = 0;
    for planned in tasks::due_steps(&env.store, env.clock.now(), STEPS_MAX).await? {
        let taken = steps::take(&env, planned).await;
        if faults::stays("step", planned.task, taken)? == Some(true) {
            found += 1;
        }
    }
    Ok(found)
}
