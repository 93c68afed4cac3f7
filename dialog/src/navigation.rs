//! A voice navigation: the flow of nodes that a call runs through.
//!
//! It is a draft until it is published; publication checks it whole and keeps it together with the
//! robots that it uses, as they are then. A call runs what was published when it was triggered.

mod case;
mod check;
mod transfer_to;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::llm::Method;
use crate::robot::{Need, RobotConfig};

pub use case::{Case, Test};
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
/// Characters of the path of an `http` node.
pub const PATH_CHARS_MAX: usize = 500;
/// Variables that an `http` node takes out of one answer.
pub const SAVED_MAX: usize = 20;
/// Characters of a place in an answer.
pub const POINTER_CHARS_MAX: usize = 200;
/// How long an `http` node waits for its answer, in milliseconds.
pub const HTTP_MS: std::ops::RangeInclusive<u32> = 100..=10_000;
/// Characters of the name of a sound or a provider.
const NAME_CHARS_MAX: usize = 64;

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
    /// Speaks a text with variables, or plays a sound. One of the two is there.
    Play {
        /// With a sound: its words, for the transcript.
        #[serde(default)]
        text: String,
        /// A sound of the enterprise, by its name; it is played instead of the text.
        #[serde(default)]
        #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
        sound: Option<String>,
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
        /// With a sound: its words, for the transcript.
        #[serde(default)]
        prompt: String,
        /// A sound of the enterprise, by its name; it is played instead of the prompt.
        #[serde(default)]
        #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
        sound: Option<String>,
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
    /// What customers hear from here on while they wait for a person; it takes no time itself. A text or a sound is
    /// there.
    QueueMessage {
        /// With a sound: its words, for the transcript.
        #[serde(default)]
        text: String,
        /// A sound of the enterprise, by its name; it is played instead of the text.
        #[serde(default)]
        #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
        sound: Option<String>,
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
    /// Asks a system of the enterprise, and keeps values of its answer as variables.
    Http {
        /// The provider of kind `system` that is asked.
        #[schemars(length(min = 1, max = NAME_CHARS_MAX))]
        provider: String,
        #[serde(default)]
        method: Method,
        /// The path below the provider's address, with its query; variables in double braces.
        #[schemars(length(min = 1, max = PATH_CHARS_MAX), regex(pattern = "^/"))]
        path: String,
        /// What is sent, with variables in double braces; none with `get`.
        #[serde(default)]
        body: Option<String>,
        /// Variables, and where in the JSON of the answer their values stand, as `/customer/name` (RFC 6901). At most 20.
        #[serde(default)]
        save: BTreeMap<String, String>,
        /// How long the answer may take, 100–10,000 ms.
        #[serde(default = "http_ms")]
        #[schemars(range(min = 100, max = 10_000))]
        timeout_ms: u32,
        /// The node that follows on an answer of status 200–299; none: the call ends.
        #[serde(default)]
        next: Option<String>,
        /// Where the call goes on when there is no such answer; none: the call ends.
        #[serde(default)]
        otherwise: Option<String>,
    },
    /// Ends the call.
    Hangup,
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

fn http_ms() -> u32 {
    3_000
}

/// What the enterprise has that a navigation may name.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Resources {
    /// By the text of their ids.
    pub robots: BTreeMap<String, RobotConfig>,
    /// By their names.
    pub sounds: BTreeMap<String, PublishedSound>,
    /// By their names: what each is for.
    pub providers: BTreeMap<String, Need>,
}

/// A sound that a published navigation plays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PublishedSound {
    /// Where its file lies in the object store.
    pub object: String,
    pub duration_ms: u64,
}

/// A navigation as it was published, with its robots and sounds as they were then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Published {
    pub navigation: Navigation,
    pub robots: BTreeMap<String, RobotConfig>,
    /// By the names that nodes play them by.
    #[serde(default)]
    pub sounds: BTreeMap<String, PublishedSound>,
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

    /// The systems that its `http` nodes name: providers, by their names.
    pub fn systems(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| match &node.kind {
            NodeKind::Http { provider, .. } => Some(provider.as_str()),
            _ => None,
        })
    }

    /// The sounds that its nodes name.
    pub fn sounds(&self) -> impl Iterator<Item = &str> {
        self.nodes.iter().filter_map(|node| node.kind.sound())
    }
}

impl NodeKind {
    /// The sound that it names.
    pub fn sound(&self) -> Option<&str> {
        match self {
            Self::Play { sound, .. }
            | Self::Menu { sound, .. }
            | Self::QueueMessage { sound, .. } => sound.as_deref(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_menu_waits_five_seconds_and_asks_once_more_unless_it_says_otherwise() {
        let menu =
            json!({ "name": "m", "kind": "menu", "prompt": "Press 1.", "choices": { "1": "n" } });
        let node: Node = serde_json::from_value(menu).expect("a menu");
        let NodeKind::Menu { wait_ms, retries, .. } = node.kind else { panic!("{node:?}") };
        assert_eq!((wait_ms, retries), (5_000, 1));
    }
}
