//! One call's conversation: what the line hears goes in with its time, what to do comes out.
//!
//! [`Conversation`] walks the published navigation and, inside an agent node, takes turns with the customer.
//! It promises: every request to the agent is answered at most once, and what was cancelled is never spoken;
//! after [`Output::HangUp`], or once either side hung up, nothing is played any more; while it waits there is
//! always a [`Conversation::deadline`]; only the agent's and the configuration's own text can hold a command,
//! never the customer's words nor a variable's value.

mod listen;
mod mouth;
mod nodes;
mod report;
mod speak;
#[cfg(test)]
mod tests;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::navigation::Published;
use crate::reply::Reply;
use crate::robot::{END_OF_SPEECH_MS, RobotConfig};
use crate::transcript::{EntryKind, Scribe, Speaker, bounded};
use crate::turn::{Speech, Turn};

pub use crate::transcript::Millis;
use mouth::Mouth;
pub use report::{Report, RobotResult};
pub use transfer::{Person, TransferRequest};
use transfer::{QueueMessage, TransferStage};

/// Nodes visited in a row without waiting for anything; then the call is ended as going round in circles.
pub const NODES_IN_A_ROW_MAX: u32 = 100;
/// Lines of the conversation that the agent is given.
pub const HISTORY_LINES_MAX: usize = 200;
/// How long the agent may think, in milliseconds, before the request counts as failed.
pub const AGENT_WAIT_MS_MAX: Millis = 15_000;
/// How long one speech of the customer may go on without a word from the recogniser, in milliseconds.
pub const SPEECH_WAIT_MS_MAX: Millis = 30_000;
/// How long a reply is kept back for a sound that may become speech, in milliseconds.
pub const NOISE_WAIT_MS_MAX: Millis = 3_000;
/// Different tags kept of one call.
pub const TAGS_MAX: usize = 50;

/// Which side ended the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// The person who was called.
    Customer,
    /// This system.
    System,
}

/// What the line, the recogniser or the agent reports.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The customer answered. The first input; everything before it is ignored.
    Answered,
    /// The customer began to speak.
    SpeechStarted,
    /// The words of the running speech so far.
    SpeechPartial {
        /// All words since the speech started.
        text: String,
    },
    /// The speech ended, and these are its words; empty when it was only noise.
    SpeechFinal {
        /// All words of the speech.
        text: String,
    },
    /// The line began to play.
    PlaybackStarted {
        /// The number that [`Output::Play`] gave.
        utterance: u64,
    },
    /// The line played to the end.
    PlaybackFinished {
        /// The number that [`Output::Play`] gave.
        utterance: u64,
    },
    /// The line stopped playing, as [`Output::Stop`] asked.
    PlaybackStopped {
        /// The number that [`Output::Play`] gave.
        utterance: u64,
        /// How long it was played, in milliseconds.
        played_ms: Millis,
    },
    /// The customer pressed a key.
    Digit(char),
    /// The agent has begun its answer, and goes on thinking.
    AgentSays {
        /// The request's id.
        request: u64,
        /// The next words and commands, which may end anywhere.
        text: String,
    },
    /// The agent did something on its way to the answer.
    AgentDid {
        /// The request's id.
        request: u64,
        /// What, for the log.
        step: AgentStep,
    },
    /// The agent's answer is whole.
    AgentReply {
        /// The request's id.
        request: u64,
        /// The words and commands that [`Input::AgentSays`] has not told yet, and what it captured.
        reply: Reply,
    },
    /// The agent could not answer.
    AgentFailed {
        /// The request's id.
        request: u64,
        /// Why.
        why: Failure,
    },
    /// The phone of somebody whom the customer is transferred to rings.
    TransferRinging {
        /// The transfer's id.
        transfer: u64,
        /// The employee number; empty where a fixed number is called.
        who: String,
    },
    /// Somebody is on the line with the customer.
    TransferConnected {
        /// The transfer's id.
        transfer: u64,
        /// Who it is.
        person: Person,
    },
    /// Nobody took the call.
    TransferFailed {
        /// The transfer's id.
        transfer: u64,
        /// Why, for the log.
        why: String,
    },
    /// The deadline has passed.
    Tick,
    /// The call is over.
    HungUp(Party),
}

/// Why a robot can't think, hear or speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// Every provider failed, or took too long.
    Failed,
    /// Every provider has all of its places taken.
    Overloaded,
}

/// Something that an agent did on its way to an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStep {
    /// What it did.
    pub kind: StepKind,
    /// With what, and what came of it.
    pub detail: String,
}

/// What an agent may do on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// It called a tool.
    ToolCall,
    /// The tool has answered, or failed.
    ToolResult,
    /// It looked something up, and this was used.
    Knowledge,
    /// A provider failed, and the next one is asked.
    ProviderFailed,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Speak this text; utterances are played one at a time, in this order.
    Play {
        /// Counts up from 1.
        utterance: u64,
        /// What to say; no commands and no variables any more.
        text: String,
    },
    /// Stop playing at once, or do not begin.
    Stop {
        /// The number that [`Output::Play`] gave.
        utterance: u64,
    },
    /// Ask the agent.
    Ask(AgentRequest),
    /// The answer is no longer wanted.
    CancelAsk {
        /// The request's id.
        id: u64,
    },
    /// Send these keys to the line.
    SendDigits(String),
    /// Look for a person, ring them, and join them with the customer.
    Transfer(TransferRequest),
    /// The person is wanted no longer.
    CancelTransfer {
        /// The transfer's id.
        id: u64,
    },
    /// The customer is never to be called again.
    Suppress,
    /// End the call. Nothing follows it.
    HangUp,
}

/// One question to the agent.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentRequest {
    /// Counts up from 1 within the call; the reply names it.
    pub id: u64,
    /// What the customer said; with accumulation the whole of it.
    pub text: String,
    /// What was said before, oldest first, at most [`HISTORY_LINES_MAX`] lines; without `text`. What was
    /// cancelled is not in it.
    pub history: Vec<(Speaker, String)>,
    /// The call's variables as they are now.
    pub variables: BTreeMap<String, String>,
    /// The robot that is to answer.
    pub robot: Arc<RobotConfig>,
}

/// Where the conversation is.
#[derive(Debug)]
enum Stage {
    /// Before the customer answered.
    Ringing,
    /// A text is played; then `next`.
    Playing { next: Option<String> },
    /// A robot talks.
    Agent(Box<AgentStage>),
    /// A key is awaited.
    Menu(MenuStage),
    /// A person is looked for, or has taken the call.
    Transfer(TransferStage),
    /// The call has ended, or is being ended.
    Over,
}

/// A robot at work.
#[derive(Debug)]
struct AgentStage {
    robot: Arc<RobotConfig>,
    edges: BTreeMap<String, String>,
    next: Option<String>,
    turn: Turn,
}

/// A menu that awaits a key.
#[derive(Debug)]
struct MenuStage {
    /// When the prompt ended; the timeout runs from there.
    silent_since: Option<Millis>,
    /// How often it has been asked again.
    asked_again: u32,
}

/// One call's conversation. See the module's promises.
#[derive(Debug)]
pub struct Conversation {
    content: Arc<Published>,
    robots: BTreeMap<String, Arc<RobotConfig>>,
    variables: BTreeMap<String, String>,
    stage: Stage,
    node: String,
    mouth: Mouth,
    speech: Option<Speech>,
    scribe: Scribe,
    history: VecDeque<(Speaker, String)>,
    requests: u64,
    transfers: u64,
    queue_message: Option<QueueMessage>,
    out: Vec<Output>,
    now: Millis,
    /// Nodes entered since the last event.
    visited: u32,
    /// When the opening of the present robot began to play.
    opening_started_at: Option<Millis>,
    tally: Tally,
}

/// What the report counts.
#[derive(Debug, Default)]
struct Tally {
    turns: u32,
    interruptions: u32,
    tags: BTreeSet<String>,
    captures: BTreeMap<String, String>,
    opening_hangup_ms: Option<Millis>,
    robot_entered_ms: Option<Millis>,
    robot_ended_ms: Option<Millis>,
    robot_name: String,
    robot_spoke: bool,
    robot_failed: bool,
    transferred: bool,
    person: Option<Person>,
    callback_ms: Option<Millis>,
    suppress: bool,
}

impl Conversation {
    /// A conversation over what was published, before the customer has answered.
    #[must_use]
    pub fn new(content: Arc<Published>, variables: BTreeMap<String, String>) -> Self {
        let robots = content
            .robots
            .iter()
            .map(|(id, robot)| (id.clone(), Arc::new(robot.clone())))
            .collect();
        Self {
            node: content.navigation.start.clone(),
            content,
            robots,
            variables,
            stage: Stage::Ringing,
            mouth: Mouth::default(),
            speech: None,
            scribe: Scribe::default(),
            history: VecDeque::new(),
            requests: 0,
            transfers: 0,
            queue_message: None,
            out: Vec::new(),
            now: 0,
            visited: 0,
            opening_started_at: None,
            tally: Tally::default(),
        }
    }

    /// Takes in one event and says what is to be done, in order.
    ///
    /// `at` never runs backwards; an earlier time counts as the latest one seen. Events about utterances or
    /// requests that are no longer wanted change nothing but the log.
    pub fn handle(&mut self, at: Millis, input: Input) -> Vec<Output> {
        self.now = self.now.max(at);
        self.visited = 0;
        match input {
            Input::PlaybackStarted { utterance } => self.playback_started(utterance),
            Input::PlaybackFinished { utterance } => self.playback_finished(utterance),
            Input::PlaybackStopped { utterance, played_ms } => {
                self.playback_stopped(utterance, played_ms);
            }
            Input::HungUp(party) => self.hung_up(party),
            _ if matches!(self.stage, Stage::Over) => {}
            Input::Answered => self.answered(),
            _ if matches!(self.stage, Stage::Ringing) => {}
            Input::SpeechStarted => self.speech_started(),
            Input::SpeechPartial { text } => self.speech_partial(bounded(text.trim())),
            Input::SpeechFinal { text } => self.speech_final(bounded(text.trim())),
            Input::Digit(digit) => self.digit(digit),
            Input::AgentSays { request, text } => self.agent_says(request, &text),
            Input::AgentDid { request, step } => self.agent_did(request, &step),
            Input::AgentReply { request, reply } => self.agent_replied(request, reply),
            Input::AgentFailed { request, why } => self.agent_failed(request, why),
            Input::TransferRinging { transfer, who } => self.transfer_rings(transfer, &who),
            Input::TransferConnected { transfer, person } => {
                self.transfer_connected(transfer, person);
            }
            Input::TransferFailed { transfer, why } => self.transfer_failed(transfer, &why),
            Input::Tick => {}
        }
        self.tick();
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Tick`] is due, unless something else comes first; always set from the answer until the
    /// call is over.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Ringing | Stage::Over => None,
            _ => Some(self.due()),
        }
    }

    /// The silence that ends the customer's speech here, in milliseconds: whoever listens goes by it.
    #[must_use]
    pub fn end_of_speech_ms(&self) -> Millis {
        match &self.stage {
            Stage::Agent(agent) => agent.robot.turn.end_of_speech_ms.into(),
            _ => END_OF_SPEECH_MS.into(),
        }
    }

    /// The node in which the conversation is, or ended.
    #[must_use]
    pub fn node(&self) -> &str {
        &self.node
    }

    fn log(&mut self, kind: EntryKind, detail: impl AsRef<str>) {
        self.scribe.log(self.now, kind, detail);
    }

    fn remember(&mut self, speaker: Speaker, text: &str) {
        if text.is_empty() {
            return;
        }
        if self.history.len() == HISTORY_LINES_MAX {
            self.history.pop_front();
        }
        self.history.push_back((speaker, bounded(text).to_owned()));
    }
}
