//! One call's conversation: what the line hears goes in with its time, what to do comes out.
//!
//! [`Conversation`] walks the published navigation and, inside an agent node, takes turns with the customer.
//! It promises: every request to the agent is answered at most once, and what was cancelled is never spoken;
//! after [`Output::HangUp`], or once either side hung up, nothing is played any more; while it waits there is
//! always a [`Conversation::deadline`]; only the agent's and the configuration's own text can hold a command,
//! never the customer's words nor a variable's value.

mod answer;
mod answered_by;
mod event;
mod http;
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

use chrono::NaiveDateTime;

use crate::answerer::Answerer;
use crate::navigation::Published;
use crate::robot::{END_OF_SPEECH_MS, RobotConfig};
use crate::transcript::{EntryKind, Scribe, Speaker, bounded};
use crate::turn::{Speech, Turn};

pub use crate::transcript::Millis;
use answered_by::MessageStage;
pub use answered_by::Then;
pub use event::{AgentRequest, AgentStep, Failure, Input, Output, Party, StepKind};
pub use http::HttpRequest;
use http::HttpStage;
use mouth::Mouth;
pub use report::{Report, RobotResult};
pub use transfer::{Person, TransferRequest};
use transfer::{QueueMessage, TransferStage};

/// Nodes visited in a row without waiting for anything; then the call is ended as going round in circles.
pub const NODES_IN_A_ROW_MAX: u32 = 100;
/// Lines of the conversation that the agent is given.
pub const HISTORY_LINES_MAX: usize = 200;
/// How long one speech of the customer may go on without a word from the recogniser, in milliseconds.
pub const SPEECH_WAIT_MS_MAX: Millis = 30_000;
/// How long a reply is kept back for a sound that may become speech, in milliseconds.
pub const NOISE_WAIT_MS_MAX: Millis = 3_000;
/// Different tags kept of one call.
pub const TAGS_MAX: usize = 50;

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
    /// A system of the enterprise is asked.
    Http(HttpStage),
    /// No person answered, and a message waits for its beginning.
    Message(MessageStage),
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
    /// Whose voice is heard.
    speaker: Option<String>,
    variables: BTreeMap<String, String>,
    stage: Stage,
    node: String,
    mouth: Mouth,
    speech: Option<Speech>,
    scribe: Scribe,
    history: VecDeque<(Speaker, String)>,
    requests: u64,
    transfers: u64,
    http_requests: u64,
    queue_message: Option<QueueMessage>,
    out: Vec<Output>,
    now: Millis,
    /// Nodes entered since the last event.
    visited: u32,
    /// When the opening of the present robot began to play.
    opening_started_at: Option<Millis>,
    /// The customer's local time at the answer; none: nobody knows.
    local_time: Option<NaiveDateTime>,
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
    robot_failed: Option<Failure>,
    transferred: bool,
    person: Option<Person>,
    callback_ms: Option<Millis>,
    /// When to call again, by the customer's clock, as it was said.
    callback_local: Option<NaiveDateTime>,
    answered_by: Option<Answerer>,
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
        let speaker = content.navigation.robots().next().map(String::from);
        Self {
            node: content.navigation.start.clone(),
            content,
            robots,
            speaker,
            variables,
            stage: Stage::Ringing,
            mouth: Mouth::default(),
            speech: None,
            scribe: Scribe::default(),
            history: VecDeque::new(),
            requests: 0,
            transfers: 0,
            http_requests: 0,
            queue_message: None,
            out: Vec::new(),
            now: 0,
            visited: 0,
            opening_started_at: None,
            local_time: None,
            tally: Tally::default(),
        }
    }

    /// The customer's clock at the answer: what `{callback …}` goes by.
    #[must_use]
    pub fn with_local_time(mut self, at_answer: NaiveDateTime) -> Self {
        self.local_time = Some(at_answer);
        self
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
            Input::VoicePaused => self.log(EntryKind::VoicePaused, ""),
            Input::LikelyOver { text } => self.likely_over(bounded(text.trim())),
            Input::HearingFailed { why } => self.hearing_failed(why),
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
            Input::HttpAnswered { request, status, body } => {
                self.http_answered(request, status, &body);
            }
            Input::HttpFailed { request, why } => self.http_failed(request, &why),
            Input::AnsweredBy { who, then } => self.answered_by(who, then),
            Input::MessageDue => self.message_begins(),
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

    /// The robot that listens and thinks here; none in a node without one.
    #[must_use]
    pub fn robot(&self) -> Option<&Arc<RobotConfig>> {
        match &self.stage {
            Stage::Agent(agent) => Some(&agent.robot),
            _ => None,
        }
    }

    /// The robot whose voice is heard here: the latest one, and before that the first of the navigation.
    #[must_use]
    pub fn speaker(&self) -> Option<&Arc<RobotConfig>> {
        self.robots.get(self.speaker.as_deref()?)
    }

    /// Whether a robot waits for the customer to say something, and for nothing else.
    #[must_use]
    pub fn awaits_customer(&self) -> bool {
        matches!(&self.stage, Stage::Agent(agent) if agent.turn.silent_since.is_some())
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

    /// What was heard of a robot's text, so that the agent knows where it was cut.
    fn remember_heard(&mut self, whole: &str, part: &str) {
        if part.is_empty() || part.len() == whole.len() {
            self.remember(Speaker::Robot, part);
        } else {
            self.remember(Speaker::Robot, &format!("{part}…"));
        }
    }
}
