//! Numbers of deleted tasks that are still open: too many for the deletion itself, or on a call then.

use storage::{StoreError, numbers};

use crate::{Environment, faults};

/// Tasks of one look, at most.
const TASKS_MAX: u32 = 20;
/// Some thousands of numbers each, of one task in one look.
const CHUNKS_MAX: u32 = 50;

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let mut found = 0;
    for (enterprise, task) in numbers::open_of_deleted(&env.store, TASKS_MAX).await? {
        let cancelled = numbers::cancel_deleted(&env.store, enterprise, task, CHUNKS_MAX).await;
        if let Some(cancelled) = faults::stays("deleted_task", task, cancelled)? {
            found += cancelled.numbers;
        }
    }
    Ok(found)
}
