//! What a conversation is told, and what it wants done.

use std::collections::BTreeMap;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::answered_by::Then;
use super::http::HttpRequest;
use super::transfer::{Person, TransferRequest};
use crate::answerer::Answerer;
use crate::navigation::PublishedSound;
use crate::reply::Reply;
use crate::robot::RobotConfig;
use crate::transcript::{Millis, Speaker};

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
    /// The customer's voice paused; the speech has not ended yet. For the log.
    VoicePaused,
    /// The running speech is likely to be over, and these are its words: whoever asks early may ask now.
    LikelyOver {
        /// All words since the speech started.
        text: String,
    },
    /// Nobody can tell what the customer says any more.
    HearingFailed {
        /// Why.
        why: Failure,
    },
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
    /// A system of the enterprise answered.
    HttpAnswered {
        /// The request's id.
        request: u64,
        /// The HTTP status.
        status: u16,
        /// What it answered.
        body: String,
    },
    /// A system of the enterprise did not answer.
    HttpFailed {
        /// The request's id.
        request: u64,
        /// Why, for the log.
        why: String,
    },
    /// It is known who answered the phone.
    AnsweredBy {
        /// Who.
        who: Answerer,
        /// What becomes of the call.
        then: Then,
    },
    /// A message may begin now.
    MessageDue,
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
        /// A sound that is played instead; the text is its words.
        sound: Option<PublishedSound>,
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
    /// Ask a system of the enterprise.
    Http(HttpRequest),
    /// The answer is no longer wanted.
    CancelHttp {
        /// The request's id.
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
    /// What was said before, oldest first, at most [`HISTORY_LINES_MAX`](super::HISTORY_LINES_MAX) lines; without `text`. What was
    /// cancelled is not in it; what was cut ends with an ellipsis.
    pub history: Vec<(Speaker, String)>,
    /// The call's variables as they are now.
    pub variables: BTreeMap<String, String>,
    /// The robot that is to answer.
    pub robot: Arc<RobotConfig>,
}
