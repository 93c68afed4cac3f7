//! Walking the navigation: entering nodes, leaving them, ending the call.

use std::sync::Arc;

use super::mouth::{Item, Purpose};
use super::transfer::QueueMessage;
use super::{
    AgentStage, Conversation, Failure, MenuStage, Millis, NODES_IN_A_ROW_MAX, Output, Party, Stage,
};
use crate::command;
use crate::navigation::NodeKind;
use crate::transcript::EntryKind;
use crate::turn::Turn;
use crate::variables::render;

/// The edge of an agent node for a customer who stays silent; `next` without it.
pub const NO_INPUT_EDGE: &str = "no_input";
/// The edge of an agent node for an agent that fails; `next` without it.
pub const ERROR_EDGE: &str = "error";

impl Conversation {
    pub(super) fn answered(&mut self) {
        if matches!(self.stage, Stage::Ringing) {
            self.log(EntryKind::Answered, "");
            let start = self.content.navigation.start.clone();
            self.enter(Some(start));
        }
    }

    /// Goes on to a node, and through all nodes that take no time; without one the call ends.
    pub(super) fn enter(&mut self, target: Option<String>) {
        let content = Arc::clone(&self.content);
        let mut target = target;
        loop {
            let Some(name) = target.take() else {
                return self.hang_up("the navigation is at its end");
            };
            let Some(node) = content.node(&name) else {
                return self.hang_up("the next node does not exist");
            };
            if self.visited == NODES_IN_A_ROW_MAX {
                return self.hang_up("the navigation goes round in circles");
            }
            self.visited += 1;
            self.node = name;
            self.log(EntryKind::NodeEnter, &node.name);
            match &node.kind {
                NodeKind::Play { text, sound, next } => {
                    self.announce(text, sound.as_deref());
                    self.stage = Stage::Playing { next: next.clone() };
                    return;
                }
                NodeKind::Menu { prompt, sound, .. } => {
                    self.announce(prompt, sound.as_deref());
                    self.stage = Stage::Menu(MenuStage { silent_since: None, asked_again: 0 });
                    return;
                }
                NodeKind::Agent { robot: id, edges, next } => match self.robots.get(id).cloned() {
                    Some(robot) => {
                        self.speaker = Some(id.clone());
                        let turn = Turn::new(&robot.turn);
                        return self.enter_agent(AgentStage {
                            robot,
                            edges: edges.clone(),
                            next: next.clone(),
                            turn,
                        });
                    }
                    None => {
                        self.tally.robot_entered_ms.get_or_insert(self.now);
                        self.tally.robot_failed = Some(Failure::Failed);
                        target = next.clone();
                    }
                },
                NodeKind::Branch { cases, otherwise } => {
                    let case = cases.iter().find(|case| case.fits(&self.variables));
                    target = case.map(|case| case.next.clone()).or_else(|| otherwise.clone());
                }
                NodeKind::Set { variables, next } => {
                    for (name, value) in variables {
                        let value = render(value, &self.variables);
                        self.set_variable(name, &value);
                    }
                    target = next.clone();
                }
                kind @ NodeKind::Transfer { .. } => return self.enter_transfer(kind),
                NodeKind::QueueMessage { text, sound, every_seconds, next } => {
                    let every_ms = Millis::from(*every_seconds) * 1_000;
                    self.queue_message =
                        Some(QueueMessage { text: text.clone(), sound: sound.clone(), every_ms });
                    target = next.clone();
                }
                NodeKind::Callback { after_minutes, next } => {
                    let at_ms = self.now + Millis::from(*after_minutes) * 60_000;
                    self.tally.callback_ms = Some(at_ms);
                    self.tally.callback_local = None;
                    self.log(EntryKind::Callback, format!("in {after_minutes} min"));
                    target = next.clone();
                }
                kind @ NodeKind::Http { .. } => return self.enter_http(kind),
                NodeKind::Hangup => return self.hang_up("the navigation ends the call"),
            }
        }
    }

    /// Speak the text, or play the sound whose words it is.
    pub(super) fn announce(&mut self, text: &str, sound: Option<&str>) {
        let mut text = render(text, &self.variables).trim().to_owned();
        let published = sound.and_then(|name| self.content.sounds.get(name).cloned());
        if let (true, Some(name)) = (text.is_empty() && published.is_some(), sound) {
            // The transcript has something to show.
            text = format!("[{name}]");
        }
        if !text.is_empty() {
            let purpose = Purpose::Announcement;
            self.mouth.push(Item::Say { text, sound: published, purpose });
        }
    }

    fn enter_agent(&mut self, agent: AgentStage) {
        self.tally.robot_entered_ms.get_or_insert(self.now);
        self.tally.robot_ended_ms = None;
        self.tally.robot_name.clone_from(&agent.robot.name);
        self.opening_started_at = None;
        let robot = Arc::clone(&agent.robot);
        self.stage = Stage::Agent(Box::new(agent));
        self.perform(&robot.opening, Purpose::Opening);
    }

    /// A hash command: by its edge if it has one; else what it means by itself.
    pub(super) fn leave_by(&mut self, name: &str) {
        let Stage::Agent(agent) = &self.stage else { return };
        let edge = agent.edges.get(name).cloned();
        let edge = edge.or_else(|| {
            agent
                .edges
                .iter()
                .find(|(edge, _)| command::same(edge, name))
                .map(|(_, node)| node.clone())
        });
        let next = agent.next.clone();
        self.tally.transferred |= command::same(name, command::TRANSFER);
        match edge {
            Some(node) => self.leave_agent(Some(node)),
            None if command::same(name, command::HANGUP)
                || command::same(name, command::DO_NOT_CALL) =>
            {
                self.leave_agent(None);
            }
            None if command::same(name, command::TRANSFER) => self.leave_agent(next),
            None => self.log(EntryKind::Command, format!("#{name}# leads nowhere")),
        }
    }

    /// Leaves by an edge of this name, else to the next node, else the call ends.
    pub(super) fn leave_or_next(&mut self, edge: &str) {
        let Stage::Agent(agent) = &self.stage else { return };
        let target = agent.edges.get(edge).or(agent.next.as_ref()).cloned();
        self.leave_agent(target);
    }

    fn leave_agent(&mut self, target: Option<String>) {
        self.close_agent();
        match target {
            Some(node) => self.enter(Some(node)),
            None => self.hang_up("the robot ends the call"),
        }
    }

    /// Nothing that was asked is wanted any more, and nothing that the robot had to say.
    pub(super) fn close_agent(&mut self) {
        let Stage::Agent(agent) = &mut self.stage else { return };
        if let Some(asking) = agent.turn.asking.take() {
            self.cancel(&asking, "the robot was left");
        }
        self.tally.robot_ended_ms = Some(self.now);
        self.stop_playing();
    }

    /// Stops what is on the line and forgets what was to come.
    pub(super) fn stop_playing(&mut self) {
        if let Some(stopping) = self.mouth.silence(self.now) {
            self.out.push(Output::Stop { utterance: stopping.utterance.id });
        }
    }

    /// Ends the call from our side.
    pub(super) fn hang_up(&mut self, why: &str) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        self.close_agent();
        self.close_transfer();
        self.stop_playing();
        self.log(EntryKind::HangUp, why);
        self.out.push(Output::HangUp);
        self.stage = Stage::Over;
    }

    /// The call is over, and we hear of it.
    pub(super) fn hung_up(&mut self, party: Party) {
        if matches!(self.stage, Stage::Over) {
            return;
        }
        let opening =
            self.mouth.current().is_some_and(|current| current.purpose == Purpose::Opening);
        if opening && party == Party::Customer {
            let started = self.opening_started_at.unwrap_or(self.now);
            self.tally.opening_hangup_ms = Some(self.now - started);
        }
        if let Some(speech) = self.speech.take().filter(|speech| !speech.words.is_empty()) {
            self.scribe.customer(speech.started_at, self.now, &speech.words);
        }
        self.close_agent();
        self.close_transfer();
        self.close_http();
        let by = match party {
            Party::Customer => "by the customer",
            Party::System => "by the system",
        };
        self.log(EntryKind::HangUp, by);
        // The line is gone: there is nothing left to stop on it.
        self.out.retain(|output| {
            matches!(
                output,
                Output::CancelAsk { .. }
                    | Output::CancelTransfer { .. }
                    | Output::CancelHttp { .. }
            )
        });
        self.mouth.silence(self.now);
        self.stage = Stage::Over;
    }

    pub(super) fn digit(&mut self, digit: char) {
        self.log(EntryKind::Dtmf, digit.to_string());
        match &mut self.stage {
            Stage::Agent(agent) => agent.turn.silent_since = None,
            Stage::Menu(_) => self.menu_digit(digit),
            Stage::Ringing
            | Stage::Playing { .. }
            | Stage::Transfer(_)
            | Stage::Http(_)
            | Stage::Message(_)
            | Stage::Over => {}
        }
    }

    fn menu_digit(&mut self, digit: char) {
        let content = Arc::clone(&self.content);
        let Some(NodeKind::Menu { choices, .. }) = content.node(&self.node).map(|node| &node.kind)
        else {
            return;
        };
        self.stop_playing();
        match choices.get(digit.encode_utf8(&mut [0; 4])) {
            Some(node) => self.enter(Some(node.clone())),
            None => self.menu_again(),
        }
    }

    /// A silence or a wrong key: asks again, or goes on without.
    pub(super) fn menu_again(&mut self) {
        let content = Arc::clone(&self.content);
        let node = content.node(&self.node).map(|node| &node.kind);
        let (Stage::Menu(menu), Some(NodeKind::Menu { prompt, sound, retries, otherwise, .. })) =
            (&mut self.stage, node)
        else {
            return;
        };
        menu.silent_since = None;
        if menu.asked_again < *retries {
            menu.asked_again += 1;
            self.announce(prompt, sound.as_deref());
        } else {
            self.enter(otherwise.clone());
        }
    }
}
