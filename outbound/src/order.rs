//! Who is called next.
//!
//! Numbers stand in lanes, each a queue with one order. A lane keeps the call order that its numbers
//! were imported with, so an edit of the order touches later imports only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The call order of a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CallOrder {
    /// The class that goes first.
    pub first: Class,
    pub redial: RedialOrder,
    pub uncalled: UncalledOrder,
}

/// The two classes of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Redial,
    Uncalled,
}

/// How redials stand among themselves, by pending round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RedialOrder {
    /// Higher rounds first.
    Descending,
    /// Lower rounds first.
    Ascending,
}

/// How uncalled numbers stand among themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UncalledOrder {
    /// Batch priority, number priority, import order.
    Sequential,
    /// Numbers with a priority first, by it; the rest in random order.
    Random,
}

impl Default for CallOrder {
    fn default() -> Self {
        Self {
            first: Class::Redial,
            redial: RedialOrder::Descending,
            uncalled: UncalledOrder::Sequential,
        }
    }
}
