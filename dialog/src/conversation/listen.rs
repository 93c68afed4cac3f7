//! Listening: what the customer says, over the robot or in their own turn.

use super::mouth::{Item, Purpose};
use super::{Conversation, Millis, Output, Stage};
use crate::interrupt::{Decision, Heard, Reason, decide, only_fillers};
use crate::transcript::EntryKind;
use crate::turn::{Speech, heard_part};
use crate::variables::render;

/// From the end of speech until its words are there, in milliseconds, at most.
const RECOGNITION_MS_MAX: u32 = 500;

impl Conversation {
    pub(super) fn speech_started(&mut self) {
        if self.speech.is_some() {
            return;
        }
        self.log(EntryKind::SpeechStarted, "");
        self.begin_speech(Speech::starting(self.now));
    }

    fn begin_speech(&mut self, speech: Speech) {
        if let Stage::Agent(agent) = &mut self.stage {
            agent.turn.signs.speech_started(&agent.robot.turn.backchannel, speech.started_at);
        }
        self.speech = Some(speech);
    }

    pub(super) fn speech_partial(&mut self, text: &str) {
        if self.speech.is_none() {
            self.begin_speech(Speech::reckoned(self.now, text));
        }
        let Some(speech) = &mut self.speech else { return };
        speech.heard_at = self.now;
        text.clone_into(&mut speech.words);
        if text.is_empty() || speech.machine || !matches!(self.stage, Stage::Agent(_)) {
            return;
        }
        if self.mouth.is_speaking() {
            let spoken_ms = self.now - speech.started_at;
            if !speech.interrupted && self.decide(text, spoken_ms) == Decision::Valid {
                self.interrupt(text);
            }
        } else if !self.mouth.is_cut() {
            let text = text.to_owned();
            self.goes_on(&text);
        }
    }

    pub(super) fn speech_final(&mut self, text: &str) {
        let speech = self.speech.take().unwrap_or_else(|| Speech::reckoned(self.now, text));
        self.log(EntryKind::AsrResult, text);
        let ended_at = speech.ended_at(self.now, text);
        if !text.is_empty() {
            self.scribe.customer(speech.started_at, ended_at, text);
        }
        let Stage::Agent(agent) = &mut self.stage else { return };
        agent.turn.signs.speech_ended();
        if agent.turn.leaving || speech.machine {
            return;
        }
        if text.is_empty() {
            self.resume();
            self.take_back_early();
            self.speak_answer();
        } else if self.mouth.is_speaking() {
            self.heard_over_robot(text, &speech, ended_at);
        } else if self.mouth.is_cut() && self.is_only_filler(text) {
            self.log(EntryKind::Interruption { valid: false }, Reason::OnlyFillers.word());
            self.resume();
        } else {
            self.mouth.forget_cut();
            self.drop_answer();
            self.take_in(text);
        }
    }

    /// What was asked early has turned out not to be said.
    fn take_back_early(&mut self) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        if let Some(asking) = agent.turn.asking.take_if(|asking| asking.early) {
            self.cancel(&asking, "nothing was said");
        }
    }

    /// Speech that ended while the robot is still speaking.
    fn heard_over_robot(&mut self, text: &str, speech: &Speech, ended_at: Millis) {
        let playing_since = self.mouth.current().map(|current| current.start_ms());
        // The robot spoke into what the customer was saying, not the other way about.
        let was_first = playing_since.is_none_or(|since| speech.started_at < since);
        match self.decide(text, ended_at.saturating_sub(speech.started_at)) {
            Decision::Valid => {
                self.interrupt(text);
                self.mouth.forget_cut();
                self.drop_answer();
                self.take_in(text);
            }
            // It does not stop the robot, but it was said: it is answered when the robot is done.
            Decision::Ignored(reason)
                if (was_first || reason == Reason::Disabled) && !self.is_only_filler(text) =>
            {
                self.log(EntryKind::Interruption { valid: false }, reason.word());
                self.take_in(text);
            }
            Decision::Ignored(reason) => {
                self.log(EntryKind::Interruption { valid: false }, reason.word());
            }
        }
    }

    /// Nothing more was heard of a speech: what is known of it is all there is.
    pub(super) fn speech_lost(&mut self) {
        if let Some(speech) = &self.speech {
            let words = speech.words.clone();
            self.speech_final(&words);
        }
    }

    fn decide(&self, text: &str, spoken_ms: Millis) -> Decision {
        let Stage::Agent(agent) = &self.stage else { return Decision::Ignored(Reason::Disabled) };
        if agent.turn.leaving {
            return Decision::Ignored(Reason::Disabled);
        }
        let played_ms = self.mouth.played_ms(self.now);
        decide(&agent.robot.turn.interruption, Heard { text, spoken_ms, played_ms })
    }

    /// Words that stop nobody, and are on no list that says they do.
    fn is_only_filler(&self, text: &str) -> bool {
        let Stage::Agent(agent) = &self.stage else { return false };
        let settings = &agent.robot.turn.interruption;
        let heard = Heard { text, spoken_ms: Millis::MAX, played_ms: Millis::MAX };
        only_fillers(settings, text) && decide(settings, heard) != Decision::Valid
    }

    /// Stops the robot at once and listens.
    fn interrupt(&mut self, text: &str) {
        self.log(EntryKind::Interruption { valid: true }, text);
        self.tally.interruptions += 1;
        if let Some(speech) = &mut self.speech {
            speech.interrupted = true;
        }
        if let Some(stopped) = self.mouth.interrupt(self.now) {
            self.out.push(Output::Stop { utterance: stopped.utterance.id });
            // The agent has to know now how far it came; the line tells the exact moment later.
            if stopped.utterance.purpose != Purpose::Sign {
                let whole = &stopped.utterance.text;
                self.remember_heard(whole, heard_part(whole, stopped.played_ms));
            }
        }
    }

    /// When an interruption that brought no words counts as none.
    pub(super) fn resume_due_at(&self) -> Option<Millis> {
        let Stage::Agent(agent) = &self.stage else { return None };
        let heard_at = self.speech.as_ref().map_or(0, |speech| speech.heard_at);
        let turn = &agent.robot.turn;
        // Words are known for good only after the silence that ends them.
        let ending_ms = turn.end_of_speech_ms + RECOGNITION_MS_MAX;
        let wait_ms = Millis::from(turn.false_interruption_resume_ms.max(ending_ms));
        self.mouth.is_cut().then_some(heard_at + wait_ms)
    }

    /// The interruption was nothing: goes on where the robot was stopped.
    pub(super) fn resume(&mut self) {
        if !self.mouth.is_cut() {
            return;
        }
        self.log(EntryKind::Resume, "");
        self.tally.interruptions = self.tally.interruptions.saturating_sub(1);
        if let Some(speech) = &mut self.speech {
            speech.interrupted = false;
            // Only what is heard from now on is speech over what is played from now on.
            speech.started_at = self.now;
        }
        self.mouth.resume();
    }

    /// The customer said this in their turn.
    fn take_in(&mut self, text: &str) {
        if self.confirms_early(text) {
            return self.speak_answer();
        }
        self.take_back("the customer went on");
        let Stage::Agent(agent) = &mut self.stage else { return };
        agent.turn.silences = 0;
        agent.turn.silent_since = None;
        agent.turn.said.push(text);
        let whole = agent.turn.said.question().filter(|_| agent.turn.said.len() > 1);
        if let Some(whole) = whole.filter(|_| agent.turn.keeps_back()) {
            self.log(EntryKind::Accumulated, whole);
        }
    }

    /// Shows that the robot is listening, when it is time and the line is free.
    pub(super) fn sign_if_due(&mut self) {
        let free = self.mouth.current().is_none() && !self.mouth.is_speaking();
        let Stage::Agent(agent) = &mut self.stage else { return };
        let settings = &agent.robot.turn.backchannel;
        if !free {
            return agent.turn.signs.skip(settings, self.now);
        }
        let Some(phrase) = agent.turn.signs.take(settings, self.now) else { return };
        let text = render(phrase, &self.variables);
        self.log(EntryKind::Backchannel, &text);
        self.mouth.push(Item::Say { text, sound: None, purpose: Purpose::Sign });
    }
}
