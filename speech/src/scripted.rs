//! The built-in agent: its whole wit is in `dialog::script`, so it needs no network.
//!
//! The first call of a script compiles its patterns, on a thread for such work and one script at a time: the
//! threads that carry calls must not stand still for it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use clock::Clock;
use dialog::conversation::AgentRequest;
use dialog::reply::Reply;
use dialog::robot::AgentConfig;
use dialog::script;
use tokio::sync::Semaphore;

use crate::{Agent, Saying, SpeechError};

/// Answers from the robot's script, after the business time that the script takes to think.
#[derive(Debug, Clone)]
pub struct ScriptedAgent {
    clock: Clock,
    /// One script is compiled at a time.
    compiling: Arc<Semaphore>,
}

impl ScriptedAgent {
    pub fn new(clock: Clock) -> Self {
        Self { clock, compiling: Arc::new(Semaphore::new(1)) }
    }
}

#[async_trait]
impl Agent for ScriptedAgent {
    async fn reply(&self, request: &AgentRequest, _: &Saying) -> Result<Reply, SpeechError> {
        let AgentConfig::Scripted(script) = &request.robot.agent else {
            return Err(SpeechError::Failed("the robot has no script".to_owned()));
        };
        if !script.prepared.is_done() {
            let robot = Arc::clone(&request.robot);
            let _turn = self.compiling.acquire().await;
            let compiled = tokio::task::spawn_blocking(move || {
                if let Some(script) = robot.agent.script() {
                    script.prepare();
                }
            });
            compiled.await.map_err(SpeechError::failed)?;
        }
        let thinks = Duration::from_millis(script.thinks_ms.into());
        if !thinks.is_zero() {
            tokio::time::sleep(self.clock.real(thinks)).await;
        }
        Ok(script::reply(script, &request.text, &request.variables))
    }
}
