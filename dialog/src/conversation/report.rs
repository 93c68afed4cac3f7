//! What is left of a conversation when the call is over.

use chrono::NaiveDateTime;

use crate::answerer::Answerer;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Conversation, Failure, Input, Millis, Party, Person, Stage};
use crate::transcript::{Entry, Heard, Line};
use crate::turn::heard_part;

/// How the robot took the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RobotResult {
    /// It spoke with the customer.
    Answered,
    /// It was to take the call, and never said a word.
    NotAnswered,
    /// What it thinks or hears with has failed.
    Error,
    /// What it thinks or hears with had no place free.
    Overloaded,
}

/// What a call record keeps of the conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Report {
    /// What was said, in order.
    pub transcript: Vec<Line>,
    /// What was decided, in order.
    pub log: Vec<Entry>,
    /// Utterances of the customer that the robot answered.
    pub turns: u32,
    /// How often the customer stopped the robot and meant it.
    pub interruptions: u32,
    /// Tags that the agent gave, in alphabetical order.
    pub intent_tags: Vec<String>,
    /// What the agent captured.
    pub captures: BTreeMap<String, String>,
    /// Seconds into the robot's opening at which the customer hung up; `None` when it was not then.
    pub opening_hangup_seconds: Option<f32>,
    /// The name of the node in which the call ended; empty when it was never answered.
    pub process_hangup_point: String,
    /// When the first robot took over, milliseconds since answer.
    pub robot_entered_ms: Option<Millis>,
    /// When the last robot was left, milliseconds since answer.
    pub robot_ended_ms: Option<Millis>,
    /// The name of the last robot; empty without one.
    pub robot_name: String,
    /// How the robot took the call; `None` when the call came to no robot.
    pub robot_result: Option<RobotResult>,
    /// The customer was to be transferred to a person.
    pub transferred: bool,
    /// Who took the call, where somebody did.
    pub person: Option<Person>,
    /// When the number is to be called again, milliseconds since answer.
    pub callback_ms: Option<Millis>,
    /// When it is to be called again by the customer's clock, as they said it; then `callback_ms` is none.
    pub callback_local: Option<NaiveDateTime>,
    /// Who answered, where that was found out.
    pub answered_by: Option<Answerer>,
    /// The customer is never to be called again.
    pub suppress: bool,
}

impl Conversation {
    /// The call is over: `by` ended it, unless it is known already.
    #[must_use]
    pub fn finish(mut self, at: Millis, by: Party) -> Report {
        let answered = !matches!(self.stage, Stage::Ringing);
        self.handle(at, Input::HungUp(by));
        for stopping in self.mouth.unreported() {
            let utterance = &stopping.utterance;
            let part = heard_part(&utterance.text, stopping.played_ms);
            self.scribe.robot(
                utterance.start_ms(),
                stopping.played_ms,
                heard(&utterance.text, part),
            );
        }
        let robot_result = self.robot_result();
        let (transcript, log) = self.scribe.into_parts();
        Report {
            transcript,
            log,
            turns: self.tally.turns,
            interruptions: self.tally.interruptions,
            intent_tags: self.tally.tags.into_iter().collect(),
            captures: self.tally.captures,
            opening_hangup_seconds: self.tally.opening_hangup_ms.map(|ms| ms as f32 / 1_000.0),
            process_hangup_point: if answered { self.node } else { String::new() },
            robot_entered_ms: self.tally.robot_entered_ms,
            robot_ended_ms: self.tally.robot_ended_ms,
            robot_name: self.tally.robot_name,
            robot_result,
            transferred: self.tally.transferred,
            person: self.tally.person,
            callback_ms: self.tally.callback_ms,
            callback_local: self.tally.callback_local,
            answered_by: self.tally.answered_by,
            suppress: self.tally.suppress,
        }
    }

    fn robot_result(&self) -> Option<RobotResult> {
        self.tally.robot_entered_ms.map(|_| match () {
            () if self.tally.robot_failed == Some(Failure::Failed) => RobotResult::Error,
            () if self.tally.robot_failed.is_some() => RobotResult::Overloaded,
            () if self.tally.robot_spoke => RobotResult::Answered,
            () => RobotResult::NotAnswered,
        })
    }
}

/// The whole, or only the part of it.
pub(super) fn heard<'a>(whole: &'a str, part: &'a str) -> Heard<'a> {
    if part.len() == whole.len() { Heard::Whole(whole) } else { Heard::Part(part) }
}
