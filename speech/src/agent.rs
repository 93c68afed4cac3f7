//! Who decides the robot's words.

use async_trait::async_trait;
use dialog::conversation::{AgentRequest, AgentStep};
use dialog::reply::Reply;
use tokio::sync::mpsc;

use crate::failure::SpeechError;

/// Parts of an answer that wait to be spoken.
const PARTS_MAX: usize = 64;

/// Thinks for a robot, for many calls at a time.
#[async_trait]
pub trait Agent: Send + Sync {
    /// The agent's answer to what was heard. What it says while it is still thinking goes into `saying`, in order; the
    /// reply has what comes after that, and what was captured. Dropping the future cancels the request. Context comes
    /// with each request, so that calls can't mix.
    async fn reply(&self, request: &AgentRequest, saying: &Saying) -> Result<Reply, SpeechError>;
}

/// What an agent says and does before its answer is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The next words, with commands in them.
    Text(String),
    /// Something for the interaction log.
    Step(AgentStep),
}

/// Where an agent puts the parts of its answer.
#[derive(Debug, Clone)]
pub struct Saying(mpsc::Sender<Part>);

impl Saying {
    /// The two ends.
    pub fn new() -> (Self, mpsc::Receiver<Part>) {
        let (sender, receiver) = mpsc::channel(PARTS_MAX);
        (Self(sender), receiver)
    }

    /// Say this. Nobody may listen any more; then the request is about to be dropped.
    pub async fn say(&self, text: impl Into<String>) {
        let _ = self.0.send(Part::Text(text.into())).await;
    }

    /// Write this into the log.
    pub async fn did(&self, step: AgentStep) {
        let _ = self.0.send(Part::Step(step)).await;
    }
}
