//! Conversations in virtual time: a call that is told what is heard and shows what is done.

mod answered_by;
mod answers;
mod bounds;
mod callbacks;
mod diagrams;
mod http;
mod moments;
mod properties;
mod rules;
mod transfers;

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Conversation, Failure, Input, Millis, Output, Party, Person, Report};
use crate::navigation::{Navigation, Node, NodeKind, Published, TransferTo};
use crate::robot::{AgentConfig, RobotConfig, SpeechSettings, TurnSettings};
use crate::script::Script;

/// A call under test: events at their times, and what came of them in words.
struct Call {
    conversation: Conversation,
}

impl Call {
    fn new(content: Published, variables: &[(&str, &str)]) -> Self {
        let variables = variables.iter().map(|(n, v)| ((*n).into(), (*v).into())).collect();
        Self { conversation: Conversation::new(Arc::new(content), variables) }
    }

    /// A call that was answered at 0, with one robot that has nothing to say first.
    fn with_robot(turn: TurnSettings) -> Self {
        let mut call = Self::new(one_robot(robot("", turn)), &[]);
        assert_eq!(call.at(0, Input::Answered), Vec::<String>::new());
        call
    }

    fn at(&mut self, at: Millis, input: Input) -> Vec<String> {
        self.conversation.handle(at, input).iter().map(told).collect()
    }

    /// Lets the time pass to the next deadline: when that was, and what came of it.
    fn tick(&mut self) -> (Millis, Vec<String>) {
        let due = self.conversation.deadline().expect("it waits for something");
        (due, self.at(due, Input::Tick))
    }

    fn speech(&mut self, at: Millis) -> Vec<String> {
        self.at(at, Input::SpeechStarted)
    }

    fn partial(&mut self, at: Millis, text: &str) -> Vec<String> {
        self.at(at, Input::SpeechPartial { text: text.into() })
    }

    fn says(&mut self, at: Millis, text: &str) -> Vec<String> {
        self.at(at, Input::SpeechFinal { text: text.into() })
    }

    fn agent(&mut self, at: Millis, request: u64, text: &str) -> Vec<String> {
        self.at(at, Input::AgentReply { request, reply: text.into() })
    }

    fn starts(&mut self, at: Millis, utterance: u64) -> Vec<String> {
        self.at(at, Input::PlaybackStarted { utterance })
    }

    fn ends(&mut self, at: Millis, utterance: u64) -> Vec<String> {
        self.at(at, Input::PlaybackFinished { utterance })
    }

    /// An utterance is played from one time to another.
    fn plays(&mut self, utterance: u64, from: Millis, to: Millis) -> Vec<String> {
        assert_eq!(self.starts(from, utterance), Vec::<String>::new());
        self.ends(to, utterance)
    }

    fn stopped(&mut self, at: Millis, utterance: u64, played_ms: Millis) -> Vec<String> {
        self.at(at, Input::PlaybackStopped { utterance, played_ms })
    }

    fn over(self, at: Millis) -> Report {
        self.conversation.finish(at, Party::Customer)
    }
}

/// An output in words.
fn told(output: &Output) -> String {
    match output {
        Output::Play { utterance, text, .. } => format!("play {utterance}: {text}"),
        Output::Stop { utterance } => format!("stop {utterance}"),
        Output::Ask(request) => format!("ask {}: {}", request.id, request.text),
        Output::CancelAsk { id } => format!("cancel {id}"),
        Output::SendDigits(digits) => format!("send {digits}"),
        Output::Transfer(request) => format!("transfer {}: {}", request.id, request.to),
        Output::CancelTransfer { id } => format!("cancel transfer {id}"),
        Output::Http(request) => {
            format!("http {}: {}{}", request.id, request.provider, request.path)
        }
        Output::CancelHttp { id } => format!("cancel http {id}"),
        Output::Suppress => "suppress".into(),
        Output::HangUp => "hang up".into(),
    }
}

/// The transcript, a line each.
fn lines(report: &Report) -> Vec<String> {
    let told = |line: &crate::transcript::Line| format!("{:?}: {}", line.speaker, line.text);
    report.transcript.iter().map(told).collect()
}

fn robot(opening: &str, turn: TurnSettings) -> RobotConfig {
    let script = Script {
        intents: Vec::new(),
        fallback: vec!["Pardon?".into()],
        thinks_ms: 0,
        prepared: crate::script::Prepared::default(),
    };
    RobotConfig {
        name: "Anna".into(),
        opening: opening.into(),
        agent: AgentConfig::Scripted(script),
        turn,
        speech: SpeechSettings::default(),
        apology: "Sorry, goodbye.".into(),
    }
}

fn navigation(nodes: Vec<(&str, NodeKind)>) -> Navigation {
    Navigation {
        name: "test".into(),
        variables: Vec::new(),
        start: nodes[0].0.into(),
        nodes: nodes.into_iter().map(|(name, kind)| Node { name: name.into(), kind }).collect(),
    }
}

fn agent_node(edges: &[(&str, &str)], next: Option<&str>) -> NodeKind {
    NodeKind::Agent {
        robot: "anna".into(),
        edges: edges.iter().map(|(name, node)| ((*name).into(), (*node).into())).collect(),
        next: next.map(Into::into),
    }
}

fn play(text: &str, next: Option<&str>) -> NodeKind {
    NodeKind::Play { text: text.into(), sound: None, next: next.map(Into::into) }
}

fn transfer(otherwise: Option<&str>) -> NodeKind {
    NodeKind::Transfer {
        to: TransferTo { skill: Some("billing".into()), ..TransferTo::default() },
        ring_seconds: 20,
        wait_seconds: 60,
        otherwise: otherwise.map(Into::into),
    }
}

fn queue_message(text: &str, next: &str) -> NodeKind {
    let (text, next) = (text.into(), Some(next.into()));
    NodeKind::QueueMessage { text, sound: None, every_seconds: 10, next }
}

fn published(nodes: Vec<(&str, NodeKind)>, robot: RobotConfig) -> Published {
    let robots = BTreeMap::from([("anna".to_owned(), robot)]);
    Published { navigation: navigation(nodes), robots, sounds: BTreeMap::new() }
}

fn one_robot(robot: RobotConfig) -> Published {
    published(vec![("talk", agent_node(&[], None))], robot)
}
