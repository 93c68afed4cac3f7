//! Asking the agent, and speaking its answer while it comes.
//!
//! An answer is kept back while the customer may still go on, where pieces of a sentence belong together or where it was
//! asked early. From its first words on it is the robot's turn, and what the customer says over it is an interruption.

use std::sync::Arc;

use super::mouth::{Item, Purpose};
use super::{AgentRequest, AgentStep, Conversation, Failure, Millis, Output, Stage, StepKind};
use crate::command::{self, Action, Piece};
use crate::interrupt::same_words;
use crate::reply::Reply;
use crate::transcript::{EntryKind, Speaker};
use crate::turn::{ANSWER_CHARS_MAX, Asking, Spoken};
use crate::variables::render;

impl Conversation {
    /// Asks the agent, if there is something to ask and it is its turn.
    pub(super) fn ask(&mut self) {
        if self.mouth.is_speaking() || self.mouth.is_cut() || self.speech.is_some() {
            return;
        }
        let Stage::Agent(agent) = &self.stage else { return };
        if agent.turn.asking.is_some() || agent.turn.leaving {
            return;
        }
        if let Some(question) = agent.turn.said.question() {
            self.request(question, When::Now);
        }
    }

    /// The customer seems to have come to an end: whoever asks early asks now.
    pub(super) fn likely_over(&mut self, text: &str) {
        let busy = self.mouth.is_speaking() || self.mouth.is_cut() || self.speech.is_none();
        let Stage::Agent(agent) = &self.stage else { return };
        let turn = &agent.turn;
        if busy
            || text.is_empty()
            || !agent.robot.turn.eager
            || turn.leaving
            || turn.asking.is_some()
        {
            return;
        }
        if let Some(question) = turn.said.question_with(text) {
            self.request(question, When::Early);
        }
    }

    fn request(&mut self, text: String, when: When) {
        self.requests += 1;
        let (id, now) = (self.requests, self.now);
        let history = self.history.iter().cloned().collect();
        let Stage::Agent(agent) = &mut self.stage else { return };
        let early = when == When::Early;
        agent.turn.asking = Some(Asking { early, ..Asking::new(id, text.clone(), now) });
        let request = AgentRequest {
            id,
            text: text.clone(),
            history,
            variables: self.variables.clone(),
            robot: Arc::clone(&agent.robot),
        };
        self.log(EntryKind::AgentRequest, if early { format!("early: {text}") } else { text });
        self.out.push(Output::Ask(request));
    }

    /// The customer has ended with these words. True where just that was asked early: the answer is theirs.
    pub(super) fn confirms_early(&mut self, text: &str) -> bool {
        let Stage::Agent(agent) = &mut self.stage else { return false };
        let turn = &mut agent.turn;
        let question = turn.said.question_with(text);
        let Some(asking) = turn.asking.as_mut().filter(|asking| asking.early) else { return false };
        if !question.is_some_and(|question| same_words(&question, &asking.text)) {
            return false;
        }
        asking.early = false;
        turn.said.push(text);
        turn.silences = 0;
        turn.silent_since = None;
        true
    }

    /// The customer goes on speaking: a question that was asked early, or that belongs together with what comes, is taken
    /// back.
    pub(super) fn goes_on(&mut self, text: &str) {
        let Stage::Agent(agent) = &self.stage else { return };
        let unchanged =
            agent.turn.asking.as_ref().filter(|asking| asking.early).is_some_and(|asking| {
                let question = agent.turn.said.question_with(text);
                question.is_some_and(|question| same_words(&question, &asking.text))
            });
        if !unchanged {
            self.take_back("the customer goes on speaking");
        }
    }

    /// Cancels the request under way, where pieces of a sentence belong together or it was asked early.
    pub(super) fn take_back(&mut self, why: &str) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        if let Some(asking) = agent.turn.take_back() {
            self.cancel(&asking, why);
        }
    }

    /// The customer has interrupted an answer, and meant it: no more of it is wanted.
    pub(super) fn drop_answer(&mut self) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        let begun = |asking: &mut Asking| asking.spoken.is_some();
        if let Some(asking) = agent.turn.asking.take_if(begun) {
            self.cancel(&asking, "the customer interrupted");
        }
    }

    /// The answer is no longer wanted, whether it has come or not.
    pub(super) fn cancel(&mut self, asking: &Asking, why: &str) {
        self.log(EntryKind::AgentCancel, format!("{}: {why}", asking.id));
        if asking.reply.is_none() {
            self.out.push(Output::CancelAsk { id: asking.id });
        }
    }

    /// The request under way, if it is this one and its answer is not whole.
    fn pending(&mut self, request: u64) -> Option<&mut Asking> {
        let Stage::Agent(agent) = &mut self.stage else { return None };
        let asking = agent.turn.asking.as_mut()?;
        (asking.id == request && asking.reply.is_none()).then_some(asking)
    }

    pub(super) fn agent_says(&mut self, request: u64, text: &str) {
        let now = self.now;
        let Some(asking) = self.pending(request) else { return };
        let first = asking.heard_at.replace(now).is_none();
        let room = ANSWER_CHARS_MAX.saturating_sub(asking.whole.chars().count());
        let text: String = text.chars().take(room).collect();
        asking.whole.push_str(&text);
        asking.said.push_str(&text);
        if first {
            self.log(EntryKind::AgentFirstWords, request.to_string());
        }
        self.speak_answer();
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

    pub(super) fn agent_replied(&mut self, request: u64, reply: Reply) {
        let Some(asking) = self.pending(request) else {
            return self.log(EntryKind::AgentCancel, format!("{request}: came too late"));
        };
        let whole = std::mem::take(&mut asking.whole) + &reply.text;
        asking.reply = Some(reply);
        self.log(EntryKind::AgentReply, whole);
        self.speak_answer();
    }

    /// Gives what has come of the answer to the mouth, unless the customer may still go on.
    pub(super) fn speak_answer(&mut self) {
        let speaking = self.speech.is_some();
        let Stage::Agent(agent) = &mut self.stage else { return };
        let turn = &mut agent.turn;
        let together = turn.keeps_back();
        let Some(asking) = &mut turn.asking else { return };
        let begins = asking.spoken.is_none();
        if (asking.said.is_empty() && asking.reply.is_none())
            || (begins && speaking && (together || asking.early))
        {
            return;
        }
        let question = begins.then(|| std::mem::take(&mut asking.text));
        let mut spoken = asking.spoken.take().unwrap_or_default();
        let said = std::mem::take(&mut asking.said);
        let reply = asking.reply.take();
        if begins {
            turn.said.answered();
        }
        if reply.is_some() {
            turn.asking = None;
            turn.failures = 0;
        }
        if let Some(question) = question {
            self.tally.turns += 1;
            self.remember(Speaker::Customer, &question);
        }
        let mut pieces = spoken.parser.push(&said);
        let whole = reply.is_some();
        if let Some(Reply { text, tags, captures }) = reply {
            self.found(tags, captures);
            pieces.extend(spoken.parser.push(&text));
            pieces.extend(std::mem::take(&mut spoken.parser).finish());
        }
        let going_on = self.speak_pieces(pieces, &mut spoken, whole);
        let Stage::Agent(agent) = &mut self.stage else { return };
        match (&mut agent.turn.asking, going_on) {
            (Some(asking), true) => asking.spoken = Some(spoken),
            (Some(_), false) => {
                // A command leads away: what the agent may still say is not wanted.
                if let Some(asking) = agent.turn.asking.take() {
                    self.cancel(&asking, "the answer has led away");
                }
            }
            (None, _) => {}
        }
    }

    fn found(&mut self, tags: Vec<String>, captures: impl IntoIterator<Item = (String, String)>) {
        tags.into_iter().for_each(|tag| self.tag(tag));
        for (name, value) in captures {
            if !name.starts_with('_') {
                self.log(EntryKind::Command, format!("set {name}={value}"));
            }
            self.capture(name, &value);
        }
    }

    /// Speaks whole sentences and does what stands between them. False when a command leaves the node.
    fn speak_pieces(&mut self, pieces: Vec<Piece>, spoken: &mut Spoken, whole: bool) -> bool {
        for piece in pieces {
            match piece {
                Piece::Say(text) => {
                    spoken.sentences.push(&text);
                    // All that is there already is said in one breath.
                    while !whole && let Some(sentence) = spoken.sentences.take() {
                        self.answer_says(&sentence);
                    }
                }
                Piece::Leave(name) => {
                    let rest = spoken.sentences.finish();
                    self.answer_says(&rest);
                    self.leaves(name);
                    return false;
                }
                Piece::Act(action) => {
                    if matches!(action, Action::Press(_) | Action::Wait { .. }) {
                        let rest = spoken.sentences.finish();
                        self.answer_says(&rest);
                    }
                    self.act(action);
                }
                Piece::Unknown(what) => self.unknown(&what),
            }
        }
        if whole {
            let rest = spoken.sentences.finish();
            self.answer_says(&rest);
        }
        true
    }

    fn answer_says(&mut self, written: &str) {
        // A command that stood in it leaves no gap.
        let text = render(written, &self.variables);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.chars().any(char::is_alphanumeric) {
            self.mouth.answer(Item::Say { text, sound: None, purpose: Purpose::Reply });
        }
    }

    /// A hash command of an agent: the node is left when what stands before it was said.
    pub(super) fn leaves(&mut self, name: String) {
        self.log(EntryKind::Command, format!("#{name}#"));
        // It holds even if the customer hangs up before it is their turn to be let go.
        if command::same(&name, command::DO_NOT_CALL) {
            self.suppress();
        }
        self.mouth.answer(Item::Leave(name));
    }

    pub(super) fn unknown(&mut self, what: &str) {
        self.log(EntryKind::Command, format!("unknown, not spoken: {what}"));
    }

    pub(super) fn agent_failed(&mut self, request: u64, why: Failure) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        let turn = &mut agent.turn;
        let pending = |asking: &mut Asking| asking.id == request && asking.reply.is_none();
        let Some(asking) = turn.asking.take_if(pending) else { return };
        turn.failures += 1;
        // Once is asked again, by itself: what was said still waits for its answer. What was answered by half is not, as
        // the customer would hear its beginning twice. Who is full now is so in a moment, too.
        let give_up = turn.failures > 1 || why == Failure::Overloaded;
        self.log(EntryKind::AgentFailed, request.to_string());
        if let Some(mut spoken) = asking.spoken {
            let rest = spoken.sentences.finish();
            self.answer_says(&rest);
        }
        if give_up {
            self.give_up(why);
        }
    }

    pub(super) fn hearing_failed(&mut self, why: Failure) {
        self.log(EntryKind::HearingFailed, "");
        self.speech = None;
        self.give_up(why);
    }

    /// The robot can't go on: by the node's own edge for that, else with an apology.
    pub(super) fn give_up(&mut self, why: Failure) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        if agent.turn.leaving {
            return;
        }
        self.tally.robot_failed.get_or_insert(why);
        if agent.edges.contains_key(super::nodes::ERROR_EDGE) {
            return self.leave_or_next(super::nodes::ERROR_EDGE);
        }
        agent.turn.leaving = true;
        let robot = Arc::clone(&agent.robot);
        if let Some(asking) = agent.turn.asking.take() {
            self.cancel(&asking, "the robot gives up");
        }
        self.stop_playing();
        self.perform(&robot.apology, Purpose::Prompt);
    }

    /// When the agent counts as failed.
    pub(super) fn ask_due(&self) -> Option<(Millis, u64)> {
        let Stage::Agent(agent) = &self.stage else { return None };
        let asking = agent.turn.asking.as_ref()?;
        Some((asking.due_at()?, asking.id))
    }
}

/// Whether the customer has ended when the agent is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Now,
    Early,
}
