//! What a task does when no person answers: an answering machine, a call assistant, or a telephone that screens calls.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{FILLED_PATTERN, Fault, Verdict, text, verdict};

/// Characters of what is said to whoever answered.
pub const MESSAGE_CHARS_MAX: usize = 1_000;
/// What a screening is told where the task says nothing else.
const SCREENED: &str = "Hello. This is a call for the owner of this number. Please put me through.";

/// Who answers is told by the first seconds of the call, and what then becomes of it. The conversation is not held up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Answering {
    /// Whether it is told at all. Off: every call goes on as with a person, and `answered_by` of its record is blank.
    pub detect: bool,
    /// An answering machine or a mailbox.
    pub machine: Action,
    /// A call assistant that takes the call for its owner.
    pub assistant: Action,
    /// A telephone that asks who calls before it rings through.
    pub screening: Action,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            detect: false,
            machine: Action::HangUp,
            assistant: Action::HangUp,
            screening: Action::Answer { text: SCREENED.to_owned() },
        }
    }
}

/// What becomes of the call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "action", rename_all = "snake_case")]
#[schemars(rename = "AnsweringAction")]
pub enum Action {
    /// The navigation goes on as with a person.
    GoOn,
    /// The call ends, and its result is `call_assistant`, which a redial can choose.
    HangUp,
    /// The text is said after the beep; then the call ends.
    LeaveMessage {
        /// Variables in double braces.
        #[schemars(length(min = 1, max = MESSAGE_CHARS_MAX), regex(pattern = FILLED_PATTERN))]
        text: String,
    },
    /// The text is said at once; then the navigation goes on, as a person may come to the telephone.
    Answer {
        /// Variables in double braces.
        #[schemars(length(min = 1, max = MESSAGE_CHARS_MAX), regex(pattern = FILLED_PATTERN))]
        text: String,
    },
}

impl Action {
    /// What is said to whoever answered.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::GoOn | Self::HangUp => None,
            Self::LeaveMessage { text } | Self::Answer { text } => Some(text),
        }
    }
}

impl Answering {
    /// Everything that is wrong with it.
    pub fn check(&self) -> Verdict {
        let actions = [
            ("/machine/text", &self.machine),
            ("/assistant/text", &self.assistant),
            ("/screening/text", &self.screening),
        ];
        let fault = |(pointer, action): (&str, &Action)| -> Option<Fault> {
            text(pointer, action.text()?, 1, MESSAGE_CHARS_MAX)
        };
        verdict(actions.into_iter().filter_map(fault).collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nothing_is_detected_unless_the_task_says_so() {
        let unset: Answering = serde_json::from_value(json!({})).unwrap();
        assert_eq!(unset, Answering::default());
        assert!(!unset.detect);
        assert_eq!((&unset.machine, &unset.assistant), (&Action::HangUp, &Action::HangUp));
        assert_eq!(unset.screening.text(), Some(SCREENED));
        assert_eq!(unset.check(), Ok(()));
    }

    #[test]
    fn each_of_the_three_has_its_action_and_what_it_says_is_bounded() {
        let message =
            |length: usize| json!({"action": "leave_message", "text": "x".repeat(length)});
        for (change, wrong) in [
            (json!({"machine": message(1_000)}), ""),
            (json!({"machine": message(1_001)}), "/machine/text"),
            (json!({"assistant": {"action": "answer", "text": " "}}), "/assistant/text"),
            (json!({"screening": message(0)}), "/screening/text"),
            (json!({"screening": {"action": "go_on"}}), ""),
            // A merge patch from a message to `hang_up` leaves the text there.
            (json!({"machine": {"action": "hang_up", "text": ""}}), ""),
        ] {
            let answering: Answering = serde_json::from_value(change.clone()).unwrap();
            let faults = answering.check().err().unwrap_or_default();
            let pointers: Vec<_> = faults.into_iter().map(|fault| fault.pointer).collect();
            assert_eq!(pointers.join(", "), wrong, "{change}");
        }
        for unknown in [
            json!({"machine": {"action": "shout"}}),
            json!({"machine": {"action": "leave_message"}}),
            json!({"fax": {"action": "hang_up"}}),
        ] {
            assert!(serde_json::from_value::<Answering>(unknown.clone()).is_err(), "{unknown}");
        }
    }
}
