//! A call with one robot, in text and in no time: what a customer would say goes in, and the same state machine as on a real
//! call says what comes of it.
//!
//! The robot's words take as long as they would on the line, by [`speech_ms`]; the agent answers at once. Each way by which the
//! robot would leave its node ends the rehearsal, and is told.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::command::{self, Piece};
use crate::conversation::{
    AgentRequest, Conversation, Failure, Input, Millis, Output, Party, Report,
};
use crate::navigation::{Navigation, Node, NodeKind, Published};
use crate::reply::Reply;
use crate::robot::RobotConfig;
use crate::turn::speech_ms;

/// Things that customers say in a rehearsal.
pub const SAID_MAX: usize = 50;
/// Characters of one of them.
pub const SAID_CHARS_MAX: usize = 500;
/// Variables of a rehearsal.
pub const VARIABLES_MAX: usize = 50;
/// Moves between two things that the customer says; a robot that plays or asks more ends there.
const MOVES_MAX: usize = 500;
/// The node of the robot, and its id.
const ROBOT: &str = "robot";

/// What a rehearsal waits for.
#[derive(Debug, PartialEq)]
pub enum Awaited {
    /// The agent's answer to this.
    Answer(Box<AgentRequest>),
    /// The customer's next words.
    Words,
    /// Nothing: the call is over.
    Nothing,
}

/// How a rehearsed call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The robot listens.
    GoesOn,
    /// The call has ended.
    Ended,
    /// The robot has left its node by this edge: `Transfer to Agent`, or one of its navigation's.
    Left(String),
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq)]
pub struct Rehearsed {
    pub outcome: Outcome,
    pub report: Report,
}

/// A rehearsal under way.
#[derive(Debug)]
pub struct Rehearsal {
    conversation: Conversation,
    now: Millis,
    playing: VecDeque<(u64, Millis)>,
    asked: Option<Box<AgentRequest>>,
    over: bool,
    /// The commands by which the robot may leave; each has a node.
    edges: Vec<String>,
}

impl Rehearsal {
    /// The customer has answered.
    #[must_use]
    pub fn begin(robot: RobotConfig, variables: BTreeMap<String, String>) -> Self {
        let edges = edges(&robot);
        let content = Arc::new(stage(robot, &edges));
        let mut rehearsal = Self {
            conversation: Conversation::new(content, variables),
            now: 0,
            playing: VecDeque::new(),
            asked: None,
            over: false,
            edges,
        };
        rehearsal.hear(Input::Answered);
        rehearsal
    }

    /// Lets time pass until somebody has to say something.
    pub fn awaited(&mut self) -> Awaited {
        for _ in 0..MOVES_MAX {
            if self.over {
                return Awaited::Nothing;
            }
            if let Some(request) = &self.asked {
                return Awaited::Answer(request.clone());
            }
            if self.playing.is_empty() && self.conversation.awaits_customer() {
                return Awaited::Words;
            }
            if !self.pass() {
                return Awaited::Nothing;
            }
        }
        self.over = true;
        Awaited::Nothing
    }

    /// The agent has answered what was asked.
    pub fn answered(&mut self, reply: Reply) {
        if let Some(request) = self.asked.take() {
            self.hear(Input::AgentReply { request: request.id, reply });
        }
    }

    /// The agent can't answer what was asked.
    pub fn failed(&mut self, why: Failure) {
        if let Some(request) = self.asked.take() {
            self.hear(Input::AgentFailed { request: request.id, why });
        }
    }

    /// The customer says this; nothing is a silence, until the robot breaks it.
    pub fn says(&mut self, words: &str) {
        let words = words.trim();
        if words.is_empty() {
            self.pass();
            return;
        }
        self.hear(Input::SpeechStarted);
        self.now += speech_ms(words);
        self.hear(Input::SpeechFinal { text: words.to_owned() });
    }

    /// What came of it.
    #[must_use]
    pub fn end(self) -> Rehearsed {
        let node = self.conversation.node();
        let left = node.strip_prefix("edge ").and_then(|at| at.parse::<usize>().ok());
        let outcome = match left.and_then(|at| self.edges.get(at)) {
            Some(edge) => Outcome::Left(edge.clone()),
            None if self.over => Outcome::Ended,
            None => Outcome::GoesOn,
        };
        Rehearsed { outcome, report: self.conversation.finish(self.now, Party::Customer) }
    }

    /// The next moment at which something happens; false when nothing can.
    fn pass(&mut self) -> bool {
        let due = self.conversation.deadline();
        match self.playing.front().copied() {
            Some((utterance, ends_at)) if due.is_none_or(|due| ends_at <= due) => {
                self.playing.pop_front();
                self.now = self.now.max(ends_at);
                self.hear(Input::PlaybackFinished { utterance });
            }
            _ => {
                let Some(due) = due else { return false };
                self.now = self.now.max(due);
                self.hear(Input::Tick);
            }
        }
        true
    }

    fn hear(&mut self, input: Input) {
        for output in self.conversation.handle(self.now, input) {
            match output {
                Output::Play { utterance, text, .. } => {
                    self.playing.push_back((utterance, self.now + speech_ms(&text)));
                    self.hear(Input::PlaybackStarted { utterance });
                }
                Output::Stop { utterance } => {
                    self.playing.retain(|(playing, _)| *playing != utterance);
                    self.hear(Input::PlaybackStopped { utterance, played_ms: 0 });
                }
                Output::Ask(request) => self.asked = Some(Box::new(request)),
                Output::CancelAsk { id } => {
                    self.asked.take_if(|asked| asked.id == id);
                }
                Output::HangUp => self.over = true,
                // There is no phone, nobody to be transferred to, and no list that it could be put on.
                Output::SendDigits(_)
                | Output::Transfer(_)
                | Output::CancelTransfer { .. }
                | Output::Http(_)
                | Output::CancelHttp { .. }
                | Output::Suppress => {}
            }
        }
    }
}

/// The ways out that the robot's texts name, in their order, but for those that end the call by themselves.
fn edges(robot: &RobotConfig) -> Vec<String> {
    let own = |name: &str| {
        command::same(name, command::HANGUP) || command::same(name, command::DO_NOT_CALL)
    };
    let mut edges: Vec<String> = Vec::new();
    for text in robot.texts().chain(robot.agent.texts()) {
        for piece in command::parse(text) {
            if let Piece::Leave(name) = piece
                && !own(&name)
                && !edges.iter().any(|edge| command::same(edge, &name))
            {
                edges.push(name);
            }
        }
    }
    edges
}

/// A navigation of this robot alone, in which each way out ends the call at a node of its own.
fn stage(robot: RobotConfig, edges: &[String]) -> Published {
    let node = |at: usize| format!("edge {at}");
    let ways = edges.iter().enumerate().map(|(at, edge)| (edge.clone(), node(at))).collect();
    let agent = NodeKind::Agent { robot: ROBOT.to_owned(), edges: ways, next: None };
    let ends = (0..edges.len()).map(|at| Node { name: node(at), kind: NodeKind::Hangup });
    let nodes = [Node { name: ROBOT.to_owned(), kind: agent }].into_iter().chain(ends).collect();
    let navigation = Navigation {
        name: "rehearsal".to_owned(),
        variables: Vec::new(),
        start: ROBOT.to_owned(),
        nodes,
    };
    Published {
        navigation,
        robots: BTreeMap::from([(ROBOT.to_owned(), robot)]),
        sounds: BTreeMap::new(),
    }
}

/// A whole rehearsal with a scripted robot: it was told this so far.
///
/// None for a robot that a model thinks for.
#[must_use]
pub fn of_script(
    robot: RobotConfig,
    variables: BTreeMap<String, String>,
    said: &[String],
) -> Option<Rehearsed> {
    let script = robot.agent.script()?.clone();
    let mut rehearsal = Rehearsal::begin(robot, variables);
    let mut said = said.iter();
    loop {
        match rehearsal.awaited() {
            Awaited::Answer(request) => {
                rehearsal.answered(crate::script::reply(
                    &script,
                    &request.text,
                    &request.variables,
                ));
            }
            Awaited::Words => match said.next() {
                Some(words) => rehearsal.says(words),
                None => break,
            },
            Awaited::Nothing => break,
        }
    }
    Some(rehearsal.end())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn robot() -> RobotConfig {
        let robot = json!({
            "name": "Anna", "opening": "Hello {{name}}. {wait 2s} May I ask you something?",
            "turn": {"no_input": {"enabled": true, "after_ms": 5000, "max": 1, "prompts": ["Are you there?"]}},
            "agent": {"kind": "scripted", "fallback": ["Pardon?"], "intents": [
                {"name": "yes", "keywords": ["yes"], "reply": "Fine. {set answer=yes} When may we call?"},
                {"name": "day", "patterns": ["(?i)\\bon (?P<day>\\w+)"], "reply": "On {{day}}, then. #Hangup#"},
                {"name": "person", "keywords": ["person"], "reply": "Hold the line. #transfer to agent#"},
                {"name": "sales", "keywords": ["buy"], "reply": "#Sales#"},
                {"name": "stop", "keywords": ["stop"], "reply": "Never again. #DoNotCall#"},
            ]},
        });
        serde_json::from_value(robot).expect("a robot")
    }

    fn rehearse(said: &[&str]) -> Rehearsed {
        let said: Vec<String> = said.iter().map(|words| (*words).to_owned()).collect();
        let variables = BTreeMap::from([("name".to_owned(), "Ms. Li".to_owned())]);
        of_script(robot(), variables, &said).expect("a scripted robot")
    }

    fn told(rehearsed: &Rehearsed) -> Vec<String> {
        let lines = rehearsed.report.transcript.iter();
        lines.map(|line| format!("{:?}: {}", line.speaker, line.text)).collect()
    }

    #[test]
    fn a_call_is_talked_through_as_on_the_line() {
        let opened = rehearse(&[]);
        assert_eq!(told(&opened), ["Robot: Hello Ms. Li.", "Robot: May I ask you something?"]);
        assert_eq!(opened.outcome, Outcome::GoesOn);
        let ended = rehearse(&["What?", "yes", "on Monday", "Hello?"]);
        assert_eq!(
            told(&ended)[2..],
            [
                "Customer: What?",
                "Robot: Pardon?",
                "Customer: yes",
                "Robot: Fine. When may we call?",
                "Customer: on Monday",
                "Robot: On Monday, then.",
            ]
        );
        assert_eq!(ended.outcome, Outcome::Ended);
        assert_eq!(ended.report.intent_tags, ["day", "yes"]);
        let captures = BTreeMap::from([("answer", "yes"), ("day", "Monday")]);
        let captured = ended.report.captures.iter();
        assert_eq!(
            captured.map(|(n, v)| (n.as_str(), v.as_str())).collect::<BTreeMap<_, _>>(),
            captures
        );
        assert_eq!(ended.report.turns, 3);
    }

    #[test]
    fn a_robot_that_leaves_tells_by_which_way() {
        let left = rehearse(&["a person please"]);
        assert_eq!(left.outcome, Outcome::Left("transfer to agent".into()));
        assert!(left.report.transferred);
        assert_eq!(rehearse(&["I will buy it"]).outcome, Outcome::Left("Sales".into()));
        let never = rehearse(&["stop it"]);
        assert_eq!((never.outcome, never.report.suppress), (Outcome::Ended, true));
    }

    #[test]
    fn a_silence_is_broken_by_the_robot_and_the_second_one_ends_the_call() {
        let silent = rehearse(&[""]);
        assert_eq!(told(&silent).last().map(String::as_str), Some("Robot: Are you there?"));
        assert_eq!(silent.outcome, Outcome::GoesOn);
        assert_eq!(rehearse(&["", " "]).outcome, Outcome::Ended);
        assert_eq!(rehearse(&["", "yes", ""]).outcome, Outcome::GoesOn);
    }

    #[test]
    fn an_agent_that_fails_leaves_the_call_with_an_apology() {
        let mut rehearsal = Rehearsal::begin(robot(), BTreeMap::new());
        for _ in 0..10 {
            match rehearsal.awaited() {
                Awaited::Words => rehearsal.says("Hello"),
                Awaited::Answer(_) => rehearsal.failed(Failure::Failed),
                Awaited::Nothing => break,
            }
        }
        let ended = rehearsal.end();
        assert_eq!(ended.outcome, Outcome::Ended);
        let apology = format!("Robot: {}", robot().apology);
        assert_eq!(told(&ended).last(), Some(&apology), "{:?}", told(&ended));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_said_a_rehearsal_comes_to_an_end_and_obeys_no_customer(
            said in proptest::collection::vec("[a-z #{}]{0,30}|yes|#Hangup#|\\{\\{name\\}\\}", 0..20),
        ) {
            let rehearsed = of_script(robot(), BTreeMap::new(), &said).expect("a scripted robot");
            let obeyed = rehearsed.report.transcript.iter().filter(|line| line.text.contains("#Hangup#"));
            prop_assert!(obeyed.clone().all(|line| line.speaker == crate::transcript::Speaker::Customer));
        }
    }
}
