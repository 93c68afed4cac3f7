//! A call that no person answered, and what becomes of it.

use serde::{Deserialize, Serialize};

use super::mouth::{Item, Purpose};
use super::{Conversation, Millis, Stage};
use crate::answerer::Answerer;
use crate::transcript::EntryKind;
use crate::variables::render;

/// How long a message waits to be told that it may begin, in milliseconds. Then it begins.
const MESSAGE_WAIT_MS_MAX: Millis = 40_000;

/// What becomes of a call once it is known who answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It goes on as it is; whoever carries it may hang up.
    GoOn,
    /// This is said at once, and the call goes on where it was.
    Answer(String),
    /// The robot falls silent; this is said when the message may begin, and then the call ends.
    LeaveMessage(String),
}

/// A message that waits for its beginning.
#[derive(Debug)]
pub(super) struct MessageStage {
    text: String,
    begins_by: Millis,
}

impl Conversation {
    pub(super) fn answered_by(&mut self, who: Answerer, then: Then) {
        self.log(EntryKind::AnsweredBy, who.word());
        self.tally.answered_by = Some(who);
        match then {
            Then::GoOn => {}
            Then::Answer(text) => {
                // What was said so far, and what is being said, is no person's question.
                if let Some(speech) = &mut self.speech {
                    speech.machine = true;
                }
                if let Stage::Agent(agent) = &mut self.stage {
                    agent.turn.said.answered();
                    if let Some(asking) = agent.turn.asking.take() {
                        self.cancel(&asking, "no person asked");
                    }
                }
                self.stop_playing();
                self.say(&text);
            }
            Then::LeaveMessage(text) => {
                self.close_agent();
                self.close_transfer();
                self.close_http();
                self.stop_playing();
                let begins_by = self.now + MESSAGE_WAIT_MS_MAX;
                self.stage = Stage::Message(MessageStage { text, begins_by });
            }
        }
    }

    /// The beep was heard, or the greeting seems to be over.
    pub(super) fn message_begins(&mut self) {
        let Stage::Message(MessageStage { text, .. }) = &mut self.stage else { return };
        let text = std::mem::take(text);
        self.stage = Stage::Playing { next: None };
        self.say(&text);
    }

    pub(super) fn message_due_at(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Message(message) => Some(message.begins_by),
            _ => None,
        }
    }

    fn say(&mut self, text: &str) {
        let text = render(text, &self.variables).trim().to_owned();
        self.mouth.push(Item::Say { text, sound: None, purpose: Purpose::Announcement });
    }
}
