//! The job that looks at a finished call's conversation.

use outbound::ids::AttemptId;
use serde::{Deserialize, Serialize};

use crate::Job;

/// Analyze the conversation of a finished call and write the findings to its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyzeCall {
    pub attempt: AttemptId,
    /// When the call started: business time, ms since 1970. Records are partitioned by it.
    pub started_at_ms: i64,
}

impl Job for AnalyzeCall {
    const KIND: &'static str = "analyze";

    fn id(&self) -> String {
        self.attempt.to_string()
    }
}
