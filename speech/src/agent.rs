//! Who decides the robot's words.

use async_trait::async_trait;
use dialog::conversation::AgentRequest;
use dialog::reply::Reply;

/// Thinks for a robot.
#[async_trait]
pub trait Agent: Send + Sync {
    /// The agent's answer to what was heard: text with commands and actions in it, and what it captured
    /// beside it. Dropping the future cancels the request. Context comes with each request, so that calls
    /// can't mix.
    async fn reply(&self, request: &AgentRequest) -> Result<Reply, AgentError>;
}

/// Why there is no text. The conversation goes on with its own apology.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error("the agent did not answer in time")]
    TimedOut,
    #[error("the agent failed: {0}")]
    Failed(String),
}
