//! The built-in agent: its whole wit is in `dialog::script`, so it needs no network and never fails.

use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use dialog::conversation::AgentRequest;
use dialog::reply::Reply;
use dialog::robot::AgentConfig;
use dialog::script;

use crate::{Agent, AgentError};

/// Answers from the robot's script, after the business time that the script takes to think.
#[derive(Debug, Clone)]
pub struct ScriptedAgent {
    clock: Clock,
}

impl ScriptedAgent {
    pub fn new(clock: Clock) -> Self {
        Self { clock }
    }
}

#[async_trait]
impl Agent for ScriptedAgent {
    async fn reply(&self, request: &AgentRequest) -> Result<Reply, AgentError> {
        let AgentConfig::Scripted(script) = &request.robot.agent;
        let thinks = Duration::from_millis(script.thinks_ms.into());
        if !thinks.is_zero() {
            tokio::time::sleep(self.clock.real(thinks)).await;
        }
        Ok(script::reply(script, &request.text, &request.variables))
    }
}
