//! Who answered the phone, listened for beside the conversation, and what the task does then.

use dialog::answerer::{Answerer, AnswererDetector, DetectionSettings, Finding, LineEvent};
use dialog::conversation::{Input, Millis, Then};
use outbound::answering::{Action, Answering};

/// Listens to one call.
pub struct Detection {
    detector: AnswererDetector,
    answering: Answering,
    /// A message is to be left.
    leaves_message: bool,
}

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub enum Consequence {
    /// Tell the conversation.
    Tell(Input),
    /// Hang up, as no person answered.
    HangUp,
}

impl Detection {
    /// From the answer on; none where the task does not want it.
    pub fn of(answering: &Answering) -> Option<Self> {
        answering.detect.then(|| Self {
            detector: AnswererDetector::new(DetectionSettings::default()),
            answering: answering.clone(),
            leaves_message: false,
        })
    }

    /// When [`Detection::hear`] is due with a tick, unless something is heard before.
    pub fn deadline(&self) -> Option<Millis> {
        self.detector.deadline()
    }

    pub fn hear(&mut self, at: Millis, input: &Input) -> Vec<Consequence> {
        let findings = match input {
            Input::SpeechStarted => self.detector.judge(at, LineEvent::SpeechStarted),
            Input::SpeechPartial { text } => self.detector.judge(at, LineEvent::Partial(text)),
            Input::VoicePaused => self.detector.judge(at, LineEvent::SpeechStopped),
            Input::PlaybackStarted { .. } => self.detector.judge(at, LineEvent::RobotSpeaks),
            Input::SpeechFinal { text } => {
                let mut findings = self.detector.judge(at, LineEvent::Final(text));
                findings.extend(self.detector.judge(at, LineEvent::SpeechStopped));
                findings
            }
            _ => self.detector.judge(at, LineEvent::Due),
        };
        findings.into_iter().flat_map(|finding| self.follow(finding)).collect()
    }

    fn follow(&mut self, finding: Finding) -> Vec<Consequence> {
        let who = match finding {
            Finding::Verdict { answerer, .. } => answerer,
            Finding::Corrected { to, .. } => to,
            Finding::LeaveMessage { .. } if self.leaves_message => {
                return vec![Consequence::Tell(Input::MessageDue)];
            }
            Finding::LeaveMessage { .. } => return Vec::new(),
        };
        let action = match who {
            Answerer::Machine => &self.answering.machine,
            Answerer::Assistant => &self.answering.assistant,
            Answerer::Screening => &self.answering.screening,
            Answerer::Person | Answerer::Unknown => &Action::GoOn,
        };
        let tell = |then| Consequence::Tell(Input::AnsweredBy { who, then });
        match action.clone() {
            Action::GoOn => vec![tell(Then::GoOn)],
            Action::HangUp => vec![tell(Then::GoOn), Consequence::HangUp],
            Action::Answer { text } => vec![tell(Then::Answer(text))],
            Action::LeaveMessage { text } => {
                self.leaves_message = true;
                let mut told = vec![tell(Then::LeaveMessage(text))];
                if who != Answerer::Machine {
                    // Only machines beep.
                    told.push(Consequence::Tell(Input::MessageDue));
                }
                told
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GREETING: &str =
        "you have reached the voicemail of please leave a message after the tone";

    fn heard(answering: Answering, text: &str) -> Vec<Consequence> {
        let mut detection = Detection::of(&answering).expect("it is wanted");
        let mut told = detection.hear(500, &Input::SpeechStarted);
        told.extend(detection.hear(4_000, &Input::SpeechFinal { text: text.into() }));
        while let Some(due) = detection.deadline() {
            told.extend(detection.hear(due, &Input::Tick));
        }
        told
    }

    fn detecting() -> Answering {
        Answering { detect: true, ..Answering::default() }
    }

    fn found(who: Answerer, then: Then) -> Consequence {
        Consequence::Tell(Input::AnsweredBy { who, then })
    }

    #[test]
    fn nothing_is_listened_for_unless_the_task_wants_it() {
        assert!(Detection::of(&Answering::default()).is_none());
    }

    #[test]
    fn a_person_is_told_of_and_the_call_goes_on() {
        assert_eq!(heard(detecting(), "hello?"), [found(Answerer::Person, Then::GoOn)]);
    }

    #[test]
    fn a_machine_is_hung_up_on_or_left_a_message_as_the_task_says() {
        let hung_up = [found(Answerer::Machine, Then::GoOn), Consequence::HangUp];
        assert_eq!(heard(detecting(), GREETING), hung_up);
        let text = "Call us back.".to_owned();
        let leave =
            Answering { machine: Action::LeaveMessage { text: text.clone() }, ..detecting() };
        let left = [
            found(Answerer::Machine, Then::LeaveMessage(text)),
            Consequence::Tell(Input::MessageDue),
        ];
        assert_eq!(heard(leave, GREETING), left);
    }

    #[test]
    fn a_screening_is_told_who_calls() {
        let told = heard(detecting(), "please state your name and why you are calling");
        let [Consequence::Tell(Input::AnsweredBy { who: Answerer::Screening, then })] = &told[..]
        else {
            panic!("{told:?}");
        };
        assert!(matches!(then, Then::Answer(text) if !text.is_empty()));
    }
}
