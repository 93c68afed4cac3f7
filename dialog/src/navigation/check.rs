//! The check at publication.

mod http;
mod uses;

use std::collections::{BTreeMap, BTreeSet};

use crate::command::{self, Piece};
use crate::navigation::{
    CALLBACK_MINUTES_MAX, EDGES_MAX, MENU_WAIT_MS_MAX, NODES_MAX, Navigation, Node, NodeKind,
    Published, QUEUE_MESSAGE_SECONDS_MAX, RING_SECONDS_MAX, Resources, TEXT_CHARS_MAX,
    TRANSFER_SECONDS_MAX, VARIABLES_MAX,
};
use crate::script::Script;
use crate::variables;

use uses::targets;

/// What keeps a navigation from being published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A JSON pointer into the navigation.
    pub pointer: String,
    pub code: &'static str,
    pub detail: String,
}

/// Variables that every call has.
const BUILT_IN: [&str; 3] = ["intent", "local_time", "weekday"];

/// Check a draft and keep it with the robots and sounds that it uses; or everything that is wrong with it.
pub fn publish(draft: &Navigation, has: &Resources) -> Result<Published, Vec<Problem>> {
    let mut check = Check { draft, has, problems: Vec::new() };
    check.bounds();
    check.nodes();
    check.reachability();
    check.variables();
    if !check.problems.is_empty() {
        return Err(check.problems);
    }
    Ok(Published {
        navigation: draft.clone(),
        robots: used(&has.robots, draft.robots()),
        sounds: used(&has.sounds, draft.sounds()),
    })
}

/// Those of all that are named.
fn used<'a, T: Clone>(
    all: &BTreeMap<String, T>,
    names: impl Iterator<Item = &'a str>,
) -> BTreeMap<String, T> {
    names.filter_map(|name| Some((name.to_owned(), all.get(name)?.clone()))).collect()
}

struct Check<'a> {
    draft: &'a Navigation,
    has: &'a Resources,
    problems: Vec<Problem>,
}

impl Check<'_> {
    fn problem(
        &mut self,
        pointer: impl Into<String>,
        code: &'static str,
        detail: impl Into<String>,
    ) {
        self.problems.push(Problem { pointer: pointer.into(), code, detail: detail.into() });
    }

    fn bounds(&mut self) {
        let name = self.draft.name.chars().count();
        if !(1..=64).contains(&name) {
            self.problem("/name", "length", format!("has {name} characters; 1 to 64 are right"));
        }
        let nodes = self.draft.nodes.len();
        if !(1..=NODES_MAX).contains(&nodes) {
            self.problem("/nodes", "count", format!("has {nodes}; 1 to {NODES_MAX} are right"));
        }
        let declared = self.draft.variables.len();
        if declared > VARIABLES_MAX {
            self.problem("/variables", "count", format!("has {declared}; at most {VARIABLES_MAX}"));
        }
        let mut seen = BTreeSet::new();
        for (at, variable) in self.draft.variables.iter().enumerate() {
            let pointer = format!("/variables/{at}/name");
            if !variables::is_name(&variable.name) || variable.name.starts_with('_') {
                self.problem(
                    pointer,
                    "not_a_name",
                    "must begin with a letter and hold letters, digits, `_` or spaces, at most 64",
                );
            } else if BUILT_IN.contains(&variable.name.as_str()) {
                self.problem(pointer, "built_in", "is a variable that every call has");
            } else if !seen.insert(&variable.name) {
                self.problem(pointer, "duplicate", "is declared twice");
            }
        }
    }

    fn nodes(&mut self) {
        let mut names = BTreeSet::new();
        for (at, node) in self.draft.nodes.iter().enumerate() {
            let pointer = format!("/nodes/{at}");
            let length = node.name.chars().count();
            if !(1..=64).contains(&length) {
                self.problem(format!("{pointer}/name"), "length", "must have 1 to 64 characters");
            }
            if !names.insert(node.name.as_str()) {
                self.problem(
                    format!("{pointer}/name"),
                    "duplicate",
                    format!("`{}` is the name of another node", node.name),
                );
            }
        }
        if !names.contains(self.draft.start.as_str()) {
            self.problem(
                "/start",
                "missing_target",
                format!("no node is named `{}`", self.draft.start),
            );
        }
        for (at, node) in self.draft.nodes.iter().enumerate() {
            for (place, target) in targets(node) {
                if !names.contains(target) {
                    self.problem(
                        format!("/nodes/{at}{place}"),
                        "missing_target",
                        format!("no node is named `{target}`"),
                    );
                }
            }
            self.node(&format!("/nodes/{at}"), node);
        }
    }

    fn node(&mut self, pointer: &str, node: &Node) {
        match &node.kind {
            NodeKind::Play { text, sound, .. } => {
                self.words(pointer, "text", text, sound.as_deref());
            }
            NodeKind::Agent { robot, edges, .. } => self.agent(pointer, robot, edges),
            NodeKind::Menu { prompt, sound, choices, wait_ms, retries, .. } => {
                self.words(pointer, "prompt", prompt, sound.as_deref());
                if choices.is_empty() {
                    self.problem(format!("{pointer}/choices"), "count", "needs a choice");
                }
                for digit in choices.keys() {
                    if digit.len() != 1
                        || !digit.chars().all(|c| c.is_ascii_digit() || "*#".contains(c))
                    {
                        self.problem(
                            format!("{pointer}/choices/{digit}"),
                            "not_a_digit",
                            "must be one of 0–9, * and #",
                        );
                    }
                }
                if !(500..=MENU_WAIT_MS_MAX).contains(wait_ms) {
                    self.problem(
                        format!("{pointer}/wait_ms"),
                        "range",
                        format!("must be 500 to {MENU_WAIT_MS_MAX}"),
                    );
                }
                if *retries > 5 {
                    self.problem(format!("{pointer}/retries"), "range", "must be 0 to 5");
                }
            }
            NodeKind::Branch { cases, .. } => {
                if cases.is_empty() || cases.len() > EDGES_MAX {
                    self.problem(
                        format!("{pointer}/cases"),
                        "count",
                        format!("needs 1 to {EDGES_MAX} cases"),
                    );
                }
            }
            NodeKind::Set { variables, .. } => {
                for (name, value) in variables {
                    if !variables::is_name(name) || BUILT_IN.contains(&name.as_str()) {
                        self.problem(
                            format!("{pointer}/variables/{name}"),
                            "not_a_name",
                            "can't be set",
                        );
                    }
                    self.text(format!("{pointer}/variables/{name}"), value);
                }
            }
            NodeKind::Transfer { to, ring_seconds, wait_seconds, .. } => {
                if let Some((place, detail)) = to.fault() {
                    self.problem(format!("{pointer}{place}"), "transfer_to", detail);
                }
                self.range(pointer, "ring_seconds", *ring_seconds, 5, RING_SECONDS_MAX);
                self.range(pointer, "wait_seconds", *wait_seconds, 5, TRANSFER_SECONDS_MAX);
            }
            NodeKind::QueueMessage { text, sound, every_seconds, .. } => {
                self.words(pointer, "text", text, sound.as_deref());
                self.range(pointer, "every_seconds", *every_seconds, 1, QUEUE_MESSAGE_SECONDS_MAX);
            }
            NodeKind::Callback { after_minutes, .. } => {
                self.range(pointer, "after_minutes", *after_minutes, 1, CALLBACK_MINUTES_MAX);
            }
            NodeKind::Http { .. } => self.http(pointer, &node.kind),
            NodeKind::Hangup => {}
        }
    }

    /// What a node says: a text, a sound, or a sound with its words.
    fn words(&mut self, pointer: &str, field: &str, text: &str, sound: Option<&str>) {
        self.text(format!("{pointer}/{field}"), text);
        match sound {
            Some(name) if !self.has.sounds.contains_key(name) => {
                let detail = format!("the enterprise has no sound `{name}`");
                self.problem(format!("{pointer}/sound"), "unknown_sound", detail);
            }
            None if text.trim().is_empty() => {
                let detail = format!("needs a {field} or a sound");
                self.problem(format!("{pointer}/{field}"), "nothing_to_say", detail);
            }
            _ => {}
        }
    }

    fn range(&mut self, pointer: &str, field: &str, value: u32, lowest: u32, highest: u32) {
        if !(lowest..=highest).contains(&value) {
            let detail = format!("must be {lowest} to {highest}, not {value}");
            self.problem(format!("{pointer}/{field}"), "range", detail);
        }
    }

    fn text(&mut self, pointer: String, text: &str) {
        let length = text.chars().count();
        if length > TEXT_CHARS_MAX {
            self.problem(
                pointer,
                "too_long",
                format!("has {length} characters; at most {TEXT_CHARS_MAX}"),
            );
        }
    }

    fn agent(&mut self, pointer: &str, robot: &str, edges: &BTreeMap<String, String>) {
        if edges.len() > EDGES_MAX {
            self.problem(format!("{pointer}/edges"), "count", format!("at most {EDGES_MAX}"));
        }
        let Some(config) = self.has.robots.get(robot) else {
            self.problem(
                format!("{pointer}/robot"),
                "unknown_robot",
                "names no robot of the enterprise",
            );
            return;
        };
        for fault in config.check() {
            self.problem(
                format!("{pointer}/robot"),
                "robot",
                format!("{}: {}", fault.pointer, fault.detail),
            );
        }
        for fault in config.agent.script().map(Script::check).unwrap_or_default() {
            self.problem(
                format!("{pointer}/robot"),
                "script",
                format!("{}: {}", fault.pointer, fault.detail),
            );
        }
        for (need, provider) in config.providers() {
            self.provider(format!("{pointer}/robot"), need, provider);
        }
        // A prompt only tells of commands, and may hold braces of its own.
        let told = config.agent.llm().map(|agent| agent.prompt.as_str());
        for text in config.texts().chain(config.agent.texts()) {
            for piece in command::parse(text) {
                match piece {
                    Piece::Leave(name)
                        if command::same(&name, command::HANGUP)
                            || command::same(&name, command::DO_NOT_CALL) => {}
                    Piece::Leave(name) if !edges.keys().any(|edge| command::same(edge, &name)) => {
                        self.problem(
                            format!("{pointer}/edges"),
                            "missing_edge",
                            format!("the robot may say #{name}#, and no edge has that name"),
                        )
                    }
                    Piece::Unknown(what) if Some(text) != told => self.problem(
                        format!("{pointer}/robot"),
                        "unknown_command",
                        format!("the robot's texts hold `{what}`, which is no command"),
                    ),
                    _ => {}
                }
            }
        }
    }

    fn reachability(&mut self) {
        let mut reached = BTreeSet::new();
        let mut open = vec![self.draft.start.as_str()];
        while let Some(name) = open.pop() {
            if !reached.insert(name) {
                continue;
            }
            let nodes = self.draft.nodes.iter().filter(|node| node.name == name);
            open.extend(nodes.flat_map(targets).map(|(_, target)| target));
        }
        for (at, node) in self.draft.nodes.iter().enumerate() {
            if !reached.contains(node.name.as_str()) {
                self.problem(
                    format!("/nodes/{at}"),
                    "unreachable",
                    format!("no way leads from the start to `{}`", node.name),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests;
