//! The job that makes a task's due redials pending again.

use outbound::Time;
use outbound::ids::TaskId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// How finely due times are told apart, ms: numbers of a task that are due within it share a job.
pub const REDIAL_GRID_MS: i64 = 100;

/// Promote the numbers of a task whose redial is due at `due_ms` or before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redial {
    pub task: TaskId,
    /// Business time, ms since 1970, on the grid of [`REDIAL_GRID_MS`].
    pub due_ms: i64,
}

impl Redial {
    /// The wake-up for a number due at `due`: rounded up to the grid, so that it is never early.
    pub fn at(task: TaskId, due: Time) -> Self {
        let micros = due.timestamp_micros();
        let grid = REDIAL_GRID_MS * 1_000;
        let steps = micros.div_euclid(grid) + i64::from(micros.rem_euclid(grid) > 0);
        Self { task, due_ms: steps * REDIAL_GRID_MS }
    }

    /// When it is due, in business time.
    pub fn due(&self) -> Time {
        Time::from_timestamp_millis(self.due_ms).unwrap_or(Time::MAX_UTC)
    }
}

impl Job for Redial {
    const KIND: &'static str = "redial";

    fn id(&self) -> String {
        format!("{}:{}", self.task, self.due_ms)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    #[test]
    fn redials_of_a_task_due_in_the_same_tenth_of_a_second_share_a_job_that_is_never_early() {
        let task = clock::new_id::<TaskId>();
        for (due_micros, due_ms) in
            [(0, 0), (1, 100), (99_999, 100), (100_000, 100), (100_001, 200)]
        {
            let due = DateTime::from_timestamp_micros(1_700_000_000_000_000 + due_micros);
            let redial = Redial::at(task, due.expect("a time of our days"));
            assert_eq!(redial.due_ms, 1_700_000_000_000 + due_ms, "{due_micros}");
        }
    }
}
