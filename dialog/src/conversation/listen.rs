//! Listening: what the customer says, over the robot or in their own turn, and what the agent answers.

use std::sync::Arc;

use super::mouth::{Item, Purpose};
use super::{AgentRequest, AgentStep, Conversation, Failure, Millis, Output, Stage, StepKind};
use crate::interrupt::{Decision, Heard, Reason, decide, only_fillers};
use crate::reply::Reply;
use crate::transcript::{EntryKind, Speaker};
use crate::turn::{Asking, Speech, heard_part};
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
        if text.is_empty() || !matches!(self.stage, Stage::Agent(_)) {
            return;
        }
        if self.mouth.is_speaking() {
            let spoken_ms = self.now - speech.started_at;
            if !speech.interrupted && self.decide(text, spoken_ms) == Decision::Valid {
                self.interrupt(text);
            }
        } else {
            self.take_back("the customer goes on speaking");
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
        if text.is_empty() {
            self.resume();
            self.use_kept_reply();
        } else if self.mouth.is_speaking() {
            self.heard_over_robot(text, &speech, ended_at);
        } else if self.mouth.is_cut() && self.is_only_filler(text) {
            self.log(EntryKind::Interruption { valid: false }, Reason::OnlyFillers.word());
            self.resume();
        } else {
            self.mouth.forget_cut();
            self.take_in(text);
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
                let part = heard_part(&stopped.utterance.text, stopped.played_ms);
                self.remember(Speaker::Robot, part);
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

    /// Cancels the request under way, where pieces of a sentence belong together.
    fn take_back(&mut self, why: &str) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        if let Some(asking) = agent.turn.take_back() {
            self.cancel(&asking, why);
        }
    }

    /// The answer is no longer wanted, whether it has come or not.
    pub(super) fn cancel(&mut self, asking: &Asking, why: &str) {
        self.log(EntryKind::AgentCancel, format!("{}: {why}", asking.id));
        if asking.reply.is_none() {
            self.out.push(Output::CancelAsk { id: asking.id });
        }
    }

    /// Asks the agent, if there is something to ask and it is its turn.
    pub(super) fn ask(&mut self) {
        if self.mouth.is_speaking() || self.mouth.is_cut() || self.speech.is_some() {
            return;
        }
        let Stage::Agent(agent) = &mut self.stage else { return };
        if agent.turn.asking.is_some() {
            return;
        }
        let Some(text) = agent.turn.said.question() else { return };
        self.requests += 1;
        let id = self.requests;
        let asking = Asking::new(id, text.clone(), self.now);
        agent.turn.asking = Some(asking);
        let request = AgentRequest {
            id,
            text: text.clone(),
            history: self.history.iter().cloned().collect(),
            variables: self.variables.clone(),
            robot: Arc::clone(&agent.robot),
        };
        self.log(EntryKind::AgentRequest, text);
        self.out.push(Output::Ask(request));
    }

    /// The request under way, if it is this one and its answer is not whole.
    fn pending(&mut self, request: u64) -> Option<&mut Asking> {
        let Stage::Agent(agent) = &mut self.stage else { return None };
        let asking = agent.turn.asking.as_mut()?;
        (asking.id == request && asking.reply.is_none()).then_some(asking)
    }

    pub(super) fn agent_says(&mut self, request: u64, text: &str) {
        if let Some(asking) = self.pending(request) {
            asking.said.push_str(text);
        }
    }

    pub(super) fn agent_did(&mut self, request: u64, step: &AgentStep) {
        if self.pending(request).is_some() {
            let kind = match step.kind {
                StepKind::ToolCall => EntryKind::ToolCall,
                StepKind::ToolResult => EntryKind::ToolResult,
                StepKind::Knowledge => EntryKind::Knowledge,
                StepKind::ProviderFailed => EntryKind::ProviderFailed,
            };
            self.log(kind, &step.detail);
        }
    }

    pub(super) fn agent_replied(&mut self, request: u64, mut reply: Reply) {
        let speaking = self.speech.is_some();
        let asking = match &mut self.stage {
            Stage::Agent(agent) => {
                let keeps_back = speaking && agent.turn.keeps_back();
                let asking = agent.turn.asking.as_mut();
                let asking = asking.filter(|asking| asking.id == request && asking.reply.is_none());
                asking.map(|asking| (asking, keeps_back))
            }
            _ => None,
        };
        let Some((asking, keeps_back)) = asking else {
            return self.log(EntryKind::AgentCancel, format!("{request}: came too late"));
        };
        reply.text.insert_str(0, &std::mem::take(&mut asking.said));
        let text = reply.text.clone();
        asking.reply = Some(reply);
        self.log(EntryKind::AgentReply, text);
        if !keeps_back {
            self.use_kept_reply();
        }
    }

    /// The reply that is there is the one to say.
    fn use_kept_reply(&mut self) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        let turn = &mut agent.turn;
        let Some(asking) = turn.asking.take_if(|asking| asking.reply.is_some()) else { return };
        turn.said.answered();
        turn.failures = 0;
        self.tally.turns += 1;
        self.remember(Speaker::Customer, &asking.text);
        let Reply { text, tags, captures } = asking.reply.unwrap_or_default();
        tags.into_iter().for_each(|tag| self.tag(tag));
        for (name, value) in captures {
            if !name.starts_with('_') {
                self.log(EntryKind::Command, format!("set {name}={value}"));
            }
            self.capture(name, &value);
        }
        self.perform(&text, Purpose::Reply);
    }

    pub(super) fn agent_failed(&mut self, request: u64, why: Failure) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        let turn = &mut agent.turn;
        let pending = |asking: &mut Asking| asking.id == request && asking.reply.is_none();
        if turn.asking.take_if(pending).is_none() {
            return;
        }
        turn.failures += 1;
        // Once is asked again, by itself: what was said still waits for its answer. Who is full now is so in a moment, too.
        let give_up = turn.failures > 1 || why == Failure::Overloaded;
        self.log(EntryKind::AgentFailed, request.to_string());
        if give_up {
            self.give_up_agent();
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
        self.mouth.push(Item::Say { text, purpose: Purpose::Sign });
    }
}
