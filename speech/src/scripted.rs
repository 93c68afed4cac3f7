//! The built-in agent: its whole wit is in `dialog::script`, so it needs no network and never fails.

use async_trait::async_trait;
use dialog::conversation::AgentRequest;
use dialog::robot::AgentConfig;
use dialog::script;

use crate::{Agent, AgentError};

/// Answers from the robot's script.
#[derive(Debug, Clone, Copy, Default)]
pub struct ScriptedAgent;

#[async_trait]
impl Agent for ScriptedAgent {
    async fn reply(&self, request: &AgentRequest) -> Result<String, AgentError> {
        let AgentConfig::Scripted(script) = &request.robot.agent;
        Ok(script::reply(script, &request.text, &request.variables))
    }
}
