//! Who decides the robot's words.

use async_trait::async_trait;
use dialog::conversation::AgentRequest;

/// Thinks for a robot.
#[async_trait]
pub trait Agent: Send + Sync {
    /// The agent's text for what was heard, commands and actions in it. Dropping the future cancels the
    /// request. Context comes with each request, so that calls can't mix.
    async fn reply(&self, request: &AgentRequest) -> Result<String, AgentError>;
}

/// Why there is no text. The conversation goes on with its own apology.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("the agent did not answer in time")]
    TimedOut,
    #[error("the agent failed: {0}")]
    Failed(String),
}
