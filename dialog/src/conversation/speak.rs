//! Saying things: what the agent or the configuration wrote becomes playback, keys and moves, in order; and
//! what the deadlines bring.

use std::sync::Arc;

use super::mouth::{Item, Next, Purpose, Stopping};
use super::nodes::{ERROR_EDGE, NO_INPUT_EDGE};
use super::report::heard;
use super::{
    Conversation, Failure, Millis, NOISE_WAIT_MS_MAX, Output, SPEECH_WAIT_MS_MAX, Stage, TAGS_MAX,
};
use crate::callback;
use crate::command::{Action, Piece, parse};
use crate::navigation::NodeKind;
use crate::transcript::{EntryKind, bounded};
use crate::turn::{Asking, Silence, heard_part};
use crate::variables::render;

/// A deadline is set even where nothing is due, so that a lost event can't hang a call.
const IDLE_LOOK_MS: Millis = 60_000;
/// Captured values kept of one call.
const CAPTURES_MAX: usize = 200;

impl Conversation {
    /// Does what the agent or the configuration wrote. Commands are taken out first, then variables put in, so
    /// that a value is never obeyed.
    pub(super) fn perform(&mut self, written: &str, purpose: Purpose) {
        for piece in parse(bounded(written)) {
            match piece {
                Piece::Say(text) => {
                    let text = render(&text, &self.variables).trim().to_owned();
                    if text.chars().any(char::is_alphanumeric) {
                        self.mouth.push(Item::Say { text, sound: None, purpose });
                    }
                }
                Piece::Leave(name) => return self.leaves(name),
                Piece::Act(action) => self.act(action),
                Piece::Unknown(what) => self.unknown(&what),
            }
        }
    }

    pub(super) fn act(&mut self, action: Action) {
        match action {
            Action::Press(digits) => self.mouth.answer(Item::Press(digits)),
            Action::Wait { ms } => self.mouth.answer(Item::Wait { ms }),
            Action::Tag(tag) => self.tag(tag),
            Action::Set { name, value } => {
                let value = render(&value, &self.variables);
                self.capture(name, &value);
            }
            Action::Callback(words) => self.call_back(&words),
        }
    }

    /// Has the number called again when the customer said. What can't be understood is in the log, and nothing is done.
    fn call_back(&mut self, words: &str) {
        let words = render(words, &self.variables);
        let since = i64::try_from(self.now).unwrap_or(0);
        let now = self.local_time.map(|at| at + chrono::TimeDelta::milliseconds(since));
        let Some(wish) = now.and_then(|now| callback::wish(&words, now)) else {
            return self
                .log(EntryKind::Command, format!("callback {words}: no time was understood"));
        };
        self.log(EntryKind::Callback, format!("at {}", wish.earliest.format("%Y-%m-%d %H:%M")));
        self.tally.callback_local = Some(wish.earliest);
        self.tally.callback_ms = None;
    }

    pub(super) fn tag(&mut self, tag: String) {
        self.log(EntryKind::Command, format!("tag {tag}"));
        self.variables.insert("intent".into(), tag.clone());
        if self.tally.tags.len() < TAGS_MAX {
            self.tally.tags.insert(tag);
        }
    }

    pub(super) fn capture(&mut self, name: String, value: &str) {
        let Some(value) = self.kept(&name, value) else {
            return self.log(EntryKind::Command, format!("not kept, as it does not fit: {name}"));
        };
        let value = value.as_str();
        self.set_variable(&name, value);
        let captures = &mut self.tally.captures;
        let room = captures.len() < CAPTURES_MAX || captures.contains_key(&name);
        if room && !name.starts_with('_') {
            captures.insert(name, bounded(value).to_owned());
        }
    }

    /// The value as what is to be found out has to be; none where it is not.
    fn kept(&self, name: &str, value: &str) -> Option<String> {
        let agent = match &self.stage {
            Stage::Agent(agent) => agent.robot.agent.llm(),
            _ => None,
        };
        let capture = agent.and_then(|agent| agent.captures.iter().find(|c| c.name == name));
        capture.map_or_else(|| Some(value.to_owned()), |capture| capture.kind.kept(value))
    }

    pub(super) fn set_variable(&mut self, name: &str, value: &str) {
        let room = self.variables.len() < 2 * CAPTURES_MAX || self.variables.contains_key(name);
        if room {
            self.variables.insert(name.to_owned(), bounded(value).to_owned());
        }
    }

    pub(super) fn suppress(&mut self) {
        if !self.tally.suppress {
            self.tally.suppress = true;
            self.out.push(Output::Suppress);
        }
    }

    pub(super) fn playback_started(&mut self, utterance: u64) {
        if !self.mouth.started(utterance, self.now) {
            return;
        }
        let purpose = self.mouth.current().map(|current| current.purpose);
        if purpose != Some(Purpose::Announcement) {
            self.tally.robot_spoke = true;
        }
        if purpose == Some(Purpose::Opening) {
            self.opening_started_at.get_or_insert(self.now);
        }
        self.log(EntryKind::PlaybackStart, utterance.to_string());
    }

    pub(super) fn playback_finished(&mut self, utterance: u64) {
        if let Some(done) = self.mouth.done(utterance, self.now) {
            self.log(EntryKind::PlaybackStop, format!("{utterance} to the end"));
            let text = done.utterance.text.clone();
            let played_ms = self.now.saturating_sub(done.utterance.start_ms());
            self.write_robot(&Stopping { played_ms, ..done }, &text);
        }
    }

    pub(super) fn playback_stopped(&mut self, utterance: u64, played_ms: Millis) {
        self.mouth.cut_was_at(utterance, played_ms);
        // Nobody has stopped it, and nothing of it was heard.
        let unspoken = played_ms == 0
            && self
                .mouth
                .current()
                .is_some_and(|current| current.id == utterance && current.purpose != Purpose::Sign);
        if let Some(done) = self.mouth.done(utterance, self.now) {
            self.log(EntryKind::PlaybackStop, format!("{utterance} after {played_ms} ms"));
            let text = done.utterance.text.clone();
            self.write_robot(&Stopping { played_ms, ..done }, heard_part(&text, played_ms));
        }
        if unspoken {
            self.log(EntryKind::SpeakingFailed, utterance.to_string());
            self.give_up(Failure::Failed);
        }
    }

    fn write_robot(&mut self, done: &Stopping, part: &str) {
        let utterance = &done.utterance;
        let told = heard(&utterance.text, part);
        self.scribe.robot(utterance.start_ms(), done.played_ms, told);
        if !done.remembered && utterance.purpose != Purpose::Sign {
            self.remember_heard(&utterance.text, part);
        }
    }

    /// What the time brings, then what can go on now. Every event ends with this.
    pub(super) fn tick(&mut self) {
        self.overdue();
        // Each round plays, moves or waits; moves are bounded by the nodes in a row, the rest by the queue.
        while self.step() {}
        self.ask();
        self.mark_silence();
    }

    /// Says or does the next thing in line; false when there is something to wait for.
    fn step(&mut self) -> bool {
        if matches!(self.stage, Stage::Ringing | Stage::Over) {
            return false;
        }
        match self.mouth.next(self.now) {
            Next::Busy => return false,
            Next::Play { id, text, sound } => {
                self.log(EntryKind::Tts, &text);
                self.out.push(Output::Play { utterance: id, text, sound });
            }
            Next::Press(digits) => {
                self.log(EntryKind::Dtmf, format!("sent {digits}"));
                self.out.push(Output::SendDigits(digits));
            }
            Next::Leave(name) => self.leave_by(&name),
            Next::Idle if matches!(&self.stage, Stage::Agent(agent) if agent.turn.leaving) => {
                self.leave_or_next(ERROR_EDGE);
            }
            Next::Idle => {
                self.queue_message_ended();
                let Stage::Playing { next } = &mut self.stage else { return false };
                let next = next.take();
                self.enter(next);
            }
        }
        true
    }

    /// The silence runs while nobody has anything to say.
    fn mark_silence(&mut self) {
        let quiet = self.mouth.current().is_none()
            && !self.mouth.is_speaking()
            && !self.mouth.is_cut()
            && self.speech.is_none();
        let now = self.now;
        let since = match &mut self.stage {
            Stage::Agent(agent) => {
                let idle = quiet && agent.turn.is_idle() && !agent.turn.leaving;
                agent.turn.silent_since = agent.turn.silent_since.filter(|_| idle);
                idle.then_some(&mut agent.turn.silent_since)
            }
            Stage::Menu(menu) => (!self.mouth.is_speaking()).then_some(&mut menu.silent_since),
            Stage::Ringing
            | Stage::Playing { .. }
            | Stage::Transfer(_)
            | Stage::Http(_)
            | Stage::Message(_)
            | Stage::Over => None,
        };
        if let Some(since) = since {
            since.get_or_insert(now);
        }
    }

    fn overdue(&mut self) {
        if let Some(utterance) = self.mouth.overdue(self.now) {
            self.out.push(Output::Stop { utterance });
            self.log(EntryKind::PlaybackStop, format!("{utterance}: the line never told"));
            let Some(done) = self.mouth.done(utterance, self.now) else { return };
            let text = done.utterance.text.clone();
            self.write_robot(&done, heard_part(&text, done.played_ms));
        }
        if self.speech_due_at().is_some_and(|due| due <= self.now) {
            self.speech_lost();
        }
        if self.resume_due_at().is_some_and(|due| due <= self.now) {
            self.resume();
        }
        self.sign_if_due();
        if let Some(id) = self.ask_due().filter(|(due, _)| *due <= self.now).map(|(_, id)| id) {
            self.out.push(Output::CancelAsk { id });
            self.agent_failed(id, Failure::Failed);
        }
        if self.silence_due_at().is_some_and(|due| due <= self.now) {
            self.break_silence();
        }
        self.transfer_overdue();
        self.http_overdue();
        if self.message_due_at().is_some_and(|due| due <= self.now) {
            self.message_begins();
        }
    }

    fn break_silence(&mut self) {
        self.log(EntryKind::NoInput, "");
        match &mut self.stage {
            Stage::Menu(_) => self.menu_again(),
            Stage::Agent(agent) => {
                let robot = Arc::clone(&agent.robot);
                match agent.turn.break_silence(&robot.turn.no_input) {
                    Silence::AskAgain(prompt) => self.perform(&prompt, Purpose::Prompt),
                    Silence::Leave => self.leave_or_next(NO_INPUT_EDGE),
                }
            }
            Stage::Ringing
            | Stage::Playing { .. }
            | Stage::Transfer(_)
            | Stage::Http(_)
            | Stage::Message(_)
            | Stage::Over => {}
        }
    }

    /// When the next thing is due; never earlier than the next millisecond.
    pub(super) fn due(&self) -> Millis {
        let sign = match &self.stage {
            Stage::Agent(agent) => agent.turn.signs.due_at(),
            _ => None,
        };
        let due = [
            self.mouth.due_at(),
            self.speech_due_at(),
            self.resume_due_at(),
            sign,
            self.ask_due().map(|(due, _)| due),
            self.silence_due_at(),
            self.transfer_due_at(),
            self.http_due_at(),
            self.message_due_at(),
        ];
        let idle_look = self.now + IDLE_LOOK_MS;
        due.into_iter().flatten().min().unwrap_or(idle_look).max(self.now + 1)
    }

    fn silence_due_at(&self) -> Option<Millis> {
        match &self.stage {
            Stage::Agent(agent) => agent.turn.silence_due_at(&agent.robot.turn.no_input),
            Stage::Menu(menu) => match self.content.node(&self.node).map(|node| &node.kind) {
                Some(NodeKind::Menu { wait_ms, .. }) => {
                    menu.silent_since.map(|since| since + wait_ms)
                }
                _ => None,
            },
            Stage::Ringing
            | Stage::Playing { .. }
            | Stage::Transfer(_)
            | Stage::Http(_)
            | Stage::Message(_)
            | Stage::Over => None,
        }
    }

    /// When speech that nobody hears anything more of counts as ended.
    fn speech_due_at(&self) -> Option<Millis> {
        let speech = self.speech.as_ref()?;
        let kept_back = match &self.stage {
            Stage::Agent(agent) => {
                let answered = |asking: &Asking| asking.reply.is_some() || !asking.said.is_empty();
                agent.turn.asking.as_ref().is_some_and(answered)
            }
            _ => false,
        };
        // Words would have taken the reply back: what it waits for is a noise so far.
        let wait_ms = if kept_back { NOISE_WAIT_MS_MAX } else { SPEECH_WAIT_MS_MAX };
        Some(speech.heard_at + wait_ms)
    }
}
