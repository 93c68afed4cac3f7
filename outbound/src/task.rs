//! An outbound task: its configuration, its states and the moves between them.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CallerIdId, NavigationId};
use crate::order::CallOrder;
use crate::redial::RedialPolicy;
use crate::schedule::Schedule;

/// Everything that a person sets on a task. A template holds the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// Unique in the enterprise, 1–64 characters.
    pub name: String,
    /// At most 1,000 characters.
    #[serde(default)]
    pub description: String,
    /// Calls up at a time, 1 to the enterprise's limit.
    pub concurrency: u32,
    /// The voice navigation that a call runs through.
    pub navigation: NavigationId,
    /// Outbound numbers shown to customers, 1–100.
    pub caller_ids: Vec<CallerIdId>,
    #[serde(default)]
    pub rotation: Rotation,
    /// Seconds that a phone may ring, 5–120.
    #[serde(default = "ring_timeout")]
    pub ring_timeout_seconds: u32,
    /// The longest call, 10–7,200 seconds.
    #[serde(default = "longest_call")]
    pub max_call_seconds: u32,
    /// New calls a second, 1–1,000; none: as fast as there are slots.
    #[serde(default)]
    pub calls_per_second: Option<u32>,
    #[serde(default)]
    pub schedule: Schedule,
    #[serde(default)]
    pub redial: RedialPolicy,
    #[serde(default)]
    pub call_order: CallOrder,
    /// Values for variables that a row leaves empty; at most 100 names.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    #[serde(default = "on")]
    pub recording: bool,
    /// At most 20, each 1–64 characters.
    #[serde(default)]
    pub tags: Vec<String>,
    /// What happens when the last number is done.
    #[serde(default)]
    pub when_done: WhenDone,
    /// IANA name; none: the enterprise's.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub time_zone: Option<Tz>,
    /// ISO 3166 code for numbers in national form; none: the enterprise's.
    #[serde(default)]
    pub default_region: Option<String>,
}

/// Which caller ID the next call shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// One after another.
    #[default]
    Sequential,
    Random,
    /// One of the callee's city, else of its province, else one after another.
    Location,
}

/// What a task does when its last number is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenDone {
    #[default]
    Pause,
    End,
}

fn ring_timeout() -> u32 {
    45
}

fn longest_call() -> u32 {
    600
}

fn on() -> bool {
    true
}

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", content = "pause_reason", rename_all = "snake_case")]
pub enum TaskState {
    /// Created, never started.
    Initial,
    Running,
    Paused(PauseReason),
    Ended,
}

/// Why a task is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Nothing left to dial now; a redial may still be waiting.
    NoPendingNumbers,
    DoNotCallPeriod,
    OutsideCallPeriod,
    /// A person did it; only a person, the API or an auto-start import resumes.
    Manual,
    /// The circuit breaker of every trunk that it uses is open.
    TrunkFailure,
}

impl TaskState {
    /// The words of the database and the API: state and pause reason.
    pub const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Initial => ("initial", None),
            Self::Running => ("running", None),
            Self::Paused(reason) => ("paused", Some(reason.word())),
            Self::Ended => ("ended", None),
        }
    }

    /// The state that [`TaskState::words`] named.
    pub fn from_words(state: &str, reason: Option<&str>) -> Option<Self> {
        Some(match (state, reason) {
            ("initial", None) => Self::Initial,
            ("running", None) => Self::Running,
            ("ended", None) => Self::Ended,
            ("paused", Some("no_pending_numbers")) => Self::Paused(PauseReason::NoPendingNumbers),
            ("paused", Some("do_not_call_period")) => Self::Paused(PauseReason::DoNotCallPeriod),
            ("paused", Some("outside_call_period")) => Self::Paused(PauseReason::OutsideCallPeriod),
            ("paused", Some("manual")) => Self::Paused(PauseReason::Manual),
            ("paused", Some("trunk_failure")) => Self::Paused(PauseReason::TrunkFailure),
            _ => return None,
        })
    }
}

impl PauseReason {
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoPendingNumbers => "no_pending_numbers",
            Self::DoNotCallPeriod => "do_not_call_period",
            Self::OutsideCallPeriod => "outside_call_period",
            Self::Manual => "manual",
            Self::TrunkFailure => "trunk_failure",
        }
    }

    /// What the task list shows.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoPendingNumbers => "No Pending Numbers",
            Self::DoNotCallPeriod => "Do-Not-Call Time Period",
            Self::OutsideCallPeriod => "Outside Call Time Period",
            Self::Manual => "Paused by Hand",
            Self::TrunkFailure => "Trunk Failure",
        }
    }
}
