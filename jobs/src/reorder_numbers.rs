//! The job that moves a task's numbers to a new call order.

use outbound::ids::TaskId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Move the numbers of a task that was never started to the call order that it has now.
///
/// The task's row tells whether there are any to move; this only wakes a worker to do it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReorderNumbers {
    pub task: TaskId,
    /// The revision of the call order that the job was made for.
    pub revision: i32,
}

impl Job for ReorderNumbers {
    const KIND: &'static str = "reorder";

    fn id(&self) -> String {
        format!("{}:{}", self.task, self.revision)
    }
}
