//! A task's numbers move to a new call order, before its first start.

use jobs::{Delivery, ReorderNumbers};
use storage::tasks;

use crate::Environment;
use crate::work::{Failure, Work};

impl Work for ReorderNumbers {
    const CONCURRENCY: usize = 2;
    const DELIVERIES_MAX: u32 = 100;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        let moved = tasks::reorder(&env.store, self.task).await?;
        if moved > 0 {
            tracing::info!(task = %self.task, moved, "numbers moved to the new call order");
        }
        Ok(())
    }
}
