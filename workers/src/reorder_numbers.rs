//! A task's numbers move to a new call order, before its first start.

use apalis::prelude::{BoxDynError, Data};
use jobs::ReorderNumbers;
use storage::tasks;

use crate::Environment;

pub async fn reorder_numbers(
    job: ReorderNumbers,
    env: Data<Environment>,
) -> Result<(), BoxDynError> {
    let moved = tasks::reorder(&env.store, job.task).await?;
    if moved > 0 {
        tracing::info!(task = %job.task, moved, "numbers moved to the new call order");
    }
    Ok(())
}
