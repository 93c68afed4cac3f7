//! A voice navigation: the flow of nodes that a call runs through.
//!
//! It is a draft until it is published; publication checks it whole and keeps it together with the
//! robots that it uses, as they are then. A call runs what was published when it was triggered.

mod check;
mod transfer_to;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::robot::RobotConfig;

pub use check::{Problem, publish};
pub use transfer_to::TransferTo;

/// Nodes of a navigation.
pub const NODES_MAX: usize = 200;
/// Declared variables of a navigation.
pub const VARIABLES_MAX: usize = 100;
/// Characters of a node's text.
pub const TEXT_CHARS_MAX: usize = 2_000;
/// Cases of a branch, edges of an agent node.
pub const EDGES_MAX: usize = 50;
/// The longest time that a menu waits for a digit.
pub const MENU_WAIT_MS_MAX: u64 = 60_000;
/// How long the phone of a person may ring, in seconds.
pub const RING_SECONDS_MAX: u32 = 120;
/// How long a transfer looks for people, in seconds.
pub const TRANSFER_SECONDS_MAX: u32 = 600;
/// The longest time between two queue messages, in seconds.
pub const QUEUE_MESSAGE_SECONDS_MAX: u32 = 120;
/// The longest time until a callback, in minutes: 30 days.
pub const CALLBACK_MINUTES_MAX: u32 = 43_200;

/// A voice navigation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Navigation {
    /// Unique in the enterprise, 1–64 characters.
    #[schemars(length(min = 1, max = 64), regex(pattern = crate::NAME_PATTERN))]
    pub name: String,
    /// The variables that come from the import row or the task's defaults: the columns of the import
    /// template, in this order. At most 100.
    #[serde(default)]
    #[schemars(length(max = VARIABLES_MAX))]
    pub variables: Vec<VariableUse>,
    /// The node that a call starts at.
    pub start: String,
    /// 1–200.
    #[schemars(length(max = NODES_MAX))]
    pub nodes: Vec<Node>,
}

/// A variable that a row fills.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariableUse {
    pub name: String,
    /// A row that leaves it empty, without a default of the task, is refused at import.
    #[serde(default)]
    pub required: bool,
}

/// A step of the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Node {
    /// Unique in the navigation, 1–64 characters; the process hang-up point tells it.
    pub name: String,
    #[serde(flatten)]
    pub kind: NodeKind,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum NodeKind {
    /// Speaks a text with variables.
    Play {
        text: String,
        /// The node that follows; none: the call ends.
        #[serde(default)]
        next: Option<String>,
    },
    /// A robot talks.
    Agent {
        /// The robot, by its id.
        robot: String,
        /// Where `#name#` leads. `#Hangup#` without an edge ends the call.
        #[serde(default)]
        edges: BTreeMap<String, String>,
        /// Where it goes on when the customer stays silent; none: the call ends.
        #[serde(default)]
        next: Option<String>,
    },
    /// Asks for a digit.
    Menu {
        prompt: String,
        /// Digits (`0`–`9`, `*`, `#`) and the nodes they lead to.
        choices: BTreeMap<String, String>,
        #[serde(default = "menu_wait_ms")]
        wait_ms: u64,
        /// Times that it asks again, 0–5.
        #[serde(default = "one")]
        retries: u32,
        /// Where it goes on without a right digit; none: the call ends.
        #[serde(default)]
        otherwise: Option<String>,
    },
    /// Chooses by variables.
    Branch {
        /// The first that fits leads on.
        cases: Vec<Case>,
        #[serde(default)]
        otherwise: Option<String>,
    },
    /// Gives variables values; values may hold variables.
    Set {
        variables: BTreeMap<String, String>,
        #[serde(default)]
        next: Option<String>,
    },
    /// Hands the customer to a person. The robot is off the call once somebody answers; the call ends when either side
    /// hangs up. One of `skill`, `employee_number` and `number` says who is wanted.
    Transfer {
        #[serde(flatten)]
        to: TransferTo,
        /// How long each phone may ring, 5–120.
        #[serde(default = "ring_seconds")]
        ring_seconds: u32,
        /// How long people are looked for and rung in all, 5–600.
        #[serde(default = "transfer_seconds")]
        wait_seconds: u32,
        /// Where the call goes on when nobody answers; none: the call ends.
        #[serde(default)]
        otherwise: Option<String>,
    },
    /// What customers hear from here on while they wait for a person; it takes no time itself.
    QueueMessage {
        text: String,
        /// Seconds from its end until it comes again, 1–120.
        #[serde(default = "message_seconds")]
        every_seconds: u32,
        #[serde(default)]
        next: Option<String>,
    },
    /// Has the number called again, so many minutes from now and inside the windows; it takes no time itself.
    Callback {
        /// 1–43,200.
        after_minutes: u32,
        /// The node that follows; none: the call ends.
        #[serde(default)]
        next: Option<String>,
    },
    /// Ends the call.
    Hangup,
}

/// A case of a branch. Besides the call's variables there are `intent` (the last intent's name), `local_time`
/// (`HH:MM`) and `weekday` (`mon` … `sun`) of the task's time zone when the call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub variable: String,
    pub test: Test,
    /// What it is compared with; not used by `is_empty`.
    #[serde(default)]
    pub value: String,
    pub next: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CaseTest")]
pub enum Test {
    Is,
    IsNot,
    Contains,
    IsEmpty,
    /// By text order, or by number where both are numbers: `local_time` before `12:00`.
    Before,
    After,
}

impl Case {
    /// Whether the case fits the values.
    pub fn fits(&self, values: &BTreeMap<String, String>) -> bool {
        let value = values.get(&self.variable).map(String::as_str).unwrap_or_default();
        let order = || match (value.parse::<f64>(), self.value.parse::<f64>()) {
            (Ok(one), Ok(other)) => one.total_cmp(&other),
            _ => value.cmp(&self.value),
        };
        match self.test {
            Test::Is => value == self.value,
            Test::IsNot => value != self.value,
            Test::Contains => value.contains(&self.value),
            Test::IsEmpty => value.is_empty(),
            Test::Before => !value.is_empty() && order().is_lt(),
            Test::After => !value.is_empty() && order().is_gt(),
        }
    }
}

fn menu_wait_ms() -> u64 {
    5_000
}

fn one() -> u32 {
    1
}

fn ring_seconds() -> u32 {
    25
}

fn transfer_seconds() -> u32 {
    60
}

fn message_seconds() -> u32 {
    15
}

/// A navigation as it was published, with its robots as they were then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    pub navigation: Navigation,
    pub robots: BTreeMap<String, RobotConfig>,
}

impl Published {
    /// The variables that a row fills: the columns of the import template.
    pub fn variables(&self) -> &[VariableUse] {
        &self.navigation.variables
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.navigation.nodes.iter().find(|node| node.name == name)
    }
}

impl Navigation {
    /// The robots that its agent nodes name.
    pub fn robots(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Agent { robot, .. } => Some(robot.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_case_fits_by_text_by_number_and_by_time_of_day() {
        for (value, test, than, fits) in [
            ("vip", Test::Is, "vip", true),
            ("vip", Test::Is, "VIP", false),
            ("vip", Test::IsNot, "vip", false),
            ("", Test::IsNot, "vip", true),
            ("Wuxi, Jiangsu", Test::Contains, "Jiangsu", true),
            ("Wuxi", Test::Contains, "Jiangsu", false),
            ("", Test::IsEmpty, "", true),
            ("x", Test::IsEmpty, "", false),
            ("09:30", Test::Before, "12:00", true),
            ("12:00", Test::Before, "12:00", false),
            ("13:00", Test::Before, "12:00", false),
            ("13:00", Test::After, "12:00", true),
            ("12:00", Test::After, "12:00", false),
            ("09:30", Test::After, "12:00", false),
            ("9", Test::Before, "10", true),
            ("10.5", Test::After, "9", true),
            ("", Test::Before, "12:00", false),
            ("", Test::After, "", false),
            ("", Test::After, "-1", false),
        ] {
            let case = Case { variable: "x".into(), test, value: than.into(), next: "n".into() };
            let values = BTreeMap::from([("x".to_owned(), value.to_owned())]);
            assert_eq!(case.fits(&values), fits, "{value:?} {test:?} {than:?}");
        }
        let case = Case {
            variable: "gone".into(),
            test: Test::IsEmpty,
            value: String::new(),
            next: "n".into(),
        };
        assert!(case.fits(&BTreeMap::new()), "a variable that is not there is empty");
    }

    #[test]
    fn a_menu_waits_five_seconds_and_asks_once_more_unless_it_says_otherwise() {
        let menu =
            json!({ "name": "m", "kind": "menu", "prompt": "Press 1.", "choices": { "1": "n" } });
        let node: Node = serde_json::from_value(menu).expect("a menu");
        let NodeKind::Menu { wait_ms, retries, .. } = node.kind else { panic!("{node:?}") };
        assert_eq!((wait_ms, retries), (5_000, 1));
    }
}
