//! What nodes use: variables that something has to set, and nodes that have to be there.

use std::collections::{BTreeMap, BTreeSet};

use super::{BUILT_IN, Check};
use crate::command;
use crate::navigation::{Node, NodeKind};
use crate::robot::RobotConfig;
use crate::variables;

impl Check<'_> {
    /// Every variable that a text or a branch uses is declared, set or captured by something.
    pub(super) fn variables(&mut self) {
        let mut known: BTreeSet<String> = BUILT_IN.iter().map(|name| (*name).to_owned()).collect();
        known.extend(self.draft.variables.iter().map(|variable| variable.name.clone()));
        let robots: Vec<&RobotConfig> =
            self.draft.robots().filter_map(|id| self.has.robots.get(id)).collect();
        for node in &self.draft.nodes {
            match &node.kind {
                NodeKind::Set { variables: set, .. } | NodeKind::Http { save: set, .. } => {
                    known.extend(set.keys().cloned());
                }
                _ => {}
            }
        }
        for robot in robots {
            known.extend(robot.agent.captures());
            known.extend(robot.texts().flat_map(command::sets));
        }
        let unknown: Vec<(String, String)> = self
            .draft
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(at, node)| self.used(node).into_iter().map(move |name| (at, name)))
            .filter(|(_, name)| !known.contains(name))
            .map(|(at, name)| (format!("/nodes/{at}"), name))
            .collect();
        for (pointer, name) in unknown {
            self.problem(
                pointer,
                "unknown_variable",
                format!("uses `{name}`, which no column, node or robot sets"),
            );
        }
    }

    fn used(&self, node: &Node) -> BTreeSet<String> {
        let in_text =
            |text: &str| variables::names(text).into_iter().map(str::to_owned).collect::<Vec<_>>();
        let used: Vec<String> = match &node.kind {
            NodeKind::Play { text, .. } => in_text(text),
            NodeKind::Menu { prompt, .. } => in_text(prompt),
            NodeKind::Set { variables, .. } => {
                variables.values().flat_map(|value| in_text(value)).collect()
            }
            NodeKind::Branch { cases, .. } => {
                cases.iter().map(|case| case.variable.clone()).collect()
            }
            NodeKind::Agent { robot, .. } => match self.has.robots.get(robot) {
                Some(robot) => {
                    let texts = robot.agent.texts().into_iter();
                    let paths = robot.agent.llm().into_iter().flat_map(|agent| &agent.tools);
                    let paths = paths.map(|tool| tool.path.as_str());
                    let texts = texts.chain(paths).chain(robot.texts()).chain(robot.signs());
                    texts.flat_map(in_text).collect()
                }
                None => Vec::new(),
            },
            NodeKind::QueueMessage { text, .. } => in_text(text),
            NodeKind::Http { path, body, .. } => {
                std::iter::once(path).chain(body).flat_map(|text| in_text(text)).collect()
            }
            NodeKind::Transfer { .. } | NodeKind::Callback { .. } | NodeKind::Hangup => Vec::new(),
        };
        used.into_iter().collect()
    }
}

/// The nodes that a node leads to, with their places in it.
pub(super) fn targets(node: &Node) -> Vec<(String, &str)> {
    fn maybe<'n>(place: &str, next: &'n Option<String>) -> Vec<(String, &'n str)> {
        next.iter().map(|next| (place.to_owned(), next.as_str())).collect()
    }
    fn named<'n>(place: &str, edges: &'n BTreeMap<String, String>) -> Vec<(String, &'n str)> {
        edges.iter().map(|(name, next)| (format!("{place}/{name}"), next.as_str())).collect()
    }
    match &node.kind {
        NodeKind::Play { next, .. }
        | NodeKind::Set { next, .. }
        | NodeKind::QueueMessage { next, .. }
        | NodeKind::Callback { next, .. } => maybe("/next", next),
        NodeKind::Transfer { otherwise, .. } => maybe("/otherwise", otherwise),
        NodeKind::Http { next, otherwise, .. } => {
            maybe("/next", next).into_iter().chain(maybe("/otherwise", otherwise)).collect()
        }
        NodeKind::Agent { edges, next, .. } => {
            named("/edges", edges).into_iter().chain(maybe("/next", next)).collect()
        }
        NodeKind::Menu { choices, otherwise, .. } => {
            named("/choices", choices).into_iter().chain(maybe("/otherwise", otherwise)).collect()
        }
        NodeKind::Branch { cases, otherwise } => cases
            .iter()
            .enumerate()
            .map(|(at, case)| (format!("/cases/{at}/next"), case.next.as_str()))
            .chain(maybe("/otherwise", otherwise))
            .collect(),
        NodeKind::Hangup => Vec::new(),
    }
}
