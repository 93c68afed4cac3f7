//! Who is called next.
//!
//! Numbers stand in lanes, each a queue with one order. A lane keeps the call order that its numbers
//! were imported with, so an edit of the order touches later imports only. Before a task's first start the
//! numbers that are there move to lanes of the new order.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::number::PRIORITY_MAX;

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
#[schemars(rename = "NumberClass")]
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

/// What kind of numbers a lane holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LaneClass {
    /// The next phone of a chain that is being dialled: it always goes first, so that a round is
    /// finished before another begins.
    Backup,
    Redial,
    Uncalled,
}

impl LaneClass {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Backup => "backup",
            Self::Redial => "redial",
            Self::Uncalled => "uncalled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Backup, Self::Redial, Self::Uncalled].into_iter().find(|class| class.word() == word)
    }
}

/// A queue of numbers that may be dialled now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lane {
    pub id: i64,
    pub class: LaneClass,
    /// Redials: the round that they wait for; else 0.
    pub round: u16,
    /// The call order that its numbers were imported with.
    pub order: CallOrder,
    pub order_revision: i32,
    /// 0 for a lane that is not of one batch.
    pub batch_priority: u32,
    /// The first attempt of any number of its batch.
    pub batch_started_at: Option<Time>,
    /// Uncalled numbers in random order, of all batches together.
    pub random: bool,
}

/// The enterprise's switches of call order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Switches {
    /// `predict_call_priority_strategy_gray`: priorities count.
    pub priorities: bool,
    /// `gray_predict_call_use_full_cache`: a batch goes ahead from its import on; off, a started batch
    /// is finished first.
    pub full_cache: bool,
}

/// The place of a number in a lane: the lowest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Rank {
    /// While priorities count.
    pub ord: i64,
    /// While they do not.
    pub plain_ord: i64,
}

/// Bits for the import sequence below a priority.
const SEQUENCE_BITS: u32 = 32;
/// Bits for the import sequence below a random key: only there to tell equal keys apart.
const RANDOM_SEQUENCE_BITS: u32 = 28;
/// Above every rank that has a priority.
const NO_PRIORITY: i64 = 1 << 60;

/// The rank that an uncalled number gets at its import.
///
/// `priority` is held to [`PRIORITY_MAX`], `seq` is the number's import order in its task, `random` any
/// random number; it counts only in random order, and there for numbers without a priority (or for
/// all, while priorities do not count).
///
/// Redials and backups of a number rank by [`UncalledOrder::Sequential`], whatever its uncalled order.
pub fn rank(order: UncalledOrder, priority: u32, seq: i64, random: u32) -> Rank {
    let seq = seq.clamp(0, (1 << SEQUENCE_BITS) - 1);
    let below = i64::from(PRIORITY_MAX.saturating_sub(priority));
    let by_priority = (below << SEQUENCE_BITS) + seq;
    let by_chance = (i64::from(random) << RANDOM_SEQUENCE_BITS) + seq % (1 << RANDOM_SEQUENCE_BITS);
    match order {
        UncalledOrder::Sequential => Rank { ord: by_priority, plain_ord: seq },
        UncalledOrder::Random if priority > 0 => Rank { ord: by_priority, plain_ord: by_chance },
        UncalledOrder::Random => Rank { ord: NO_PRIORITY + by_chance, plain_ord: by_chance },
    }
}

/// The place of a lane: the lowest goes first. Numbers of lanes with equal keys are merged by
/// [`Rank::ord`], or by [`Rank::plain_ord`] while priorities do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LaneKey {
    backup: Turn,
    /// Place of its class in its own order.
    class_place: Turn,
    class: Turn,
    round: i32,
    started: Turn,
    started_at: Option<Time>,
    batch_priority: std::cmp::Reverse<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Turn {
    First,
    Second,
}

impl Turn {
    fn first_if(first: bool) -> Self {
        if first { Self::First } else { Self::Second }
    }
}

/// The place of a lane among those of its task.
pub fn lane_key(lane: &Lane, switches: Switches) -> LaneKey {
    let batch_priority = if switches.priorities && !lane.random { lane.batch_priority } else { 0 };
    let key = LaneKey {
        backup: Turn::Second,
        class_place: Turn::First,
        class: Turn::First,
        round: 0,
        started: Turn::Second,
        started_at: None,
        batch_priority: std::cmp::Reverse(batch_priority),
    };
    match lane.class {
        LaneClass::Backup => {
            LaneKey { backup: Turn::First, batch_priority: std::cmp::Reverse(0), ..key }
        }
        LaneClass::Redial => LaneKey {
            class_place: Turn::first_if(lane.order.first == Class::Redial),
            round: match lane.order.redial {
                RedialOrder::Descending => -i32::from(lane.round),
                RedialOrder::Ascending => i32::from(lane.round),
            },
            ..key
        },
        LaneClass::Uncalled => {
            let started_at = lane.batch_started_at.filter(|_| !switches.full_cache && !lane.random);
            LaneKey {
                class_place: Turn::first_if(lane.order.first == Class::Uncalled),
                class: Turn::Second,
                started: Turn::first_if(started_at.is_some()),
                started_at,
                ..key
            }
        }
    }
}

#[cfg(test)]
mod tests;
