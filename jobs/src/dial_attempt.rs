//! The job that dials one attempt.

use outbound::ids::AttemptId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Dial one phone number once.
///
/// The attempt row is the truth; this job only wakes a worker for it. A lost job is pushed again
/// under the next token, so the two never shadow each other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialAttempt {
    pub attempt: AttemptId,
    /// The fencing token of the attempt row that this wake-up is for.
    pub token: i64,
}

impl Job for DialAttempt {
    const KIND: &'static str = "dial";

    fn id(&self) -> String {
        format!("{}:{}", self.attempt, self.token)
    }
}
