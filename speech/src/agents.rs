//! Who thinks for a robot: its script, or a language model with tools and knowledge.
//!
//! [`Agents`] is the one agent that calls ask. What a language model needs is given by others: [`Providers`](crate::providers::Providers) knows what
//! people configured, [`Toolbox`](crate::tools::Toolbox) calls systems of the enterprise, [`Library`] finds passages in its
//! documents. All three belong to one enterprise, so a call gets an `Agents` of its enterprise.

mod answer;
mod calls;
mod harmless;
mod library;
mod llm;
mod message;
pub mod openai;
mod prompt;
mod sse;
mod step;

use async_trait::async_trait;
use dialog::conversation::AgentRequest;
use dialog::reply::Reply;
use dialog::robot::AgentConfig;

use crate::agent::{Agent, Saying};
use crate::failure::SpeechError;
use crate::scripted::ScriptedAgent;

pub use calls::{CALLS_MAX, RESULT_CHARS_MAX};
pub use library::{Excerpt, Library};
pub use llm::{LlmAgent, ROUNDS_MAX};
pub use message::{Function, Message, ToolCall};

/// Goes to the script or to the model, as the robot's configuration says. Clones are cheap.
#[derive(Clone)]
pub struct Agents {
    scripted: ScriptedAgent,
    llm: LlmAgent,
}

impl Agents {
    pub fn new(scripted: ScriptedAgent, llm: LlmAgent) -> Self {
        Self { scripted, llm }
    }
}

#[async_trait]
impl Agent for Agents {
    async fn reply(&self, request: &AgentRequest, saying: &Saying) -> Result<Reply, SpeechError> {
        match &request.robot.agent {
            AgentConfig::Scripted(_) => self.scripted.reply(request, saying).await,
            AgentConfig::Llm(_) => self.llm.reply(request, saying).await,
        }
    }
}
