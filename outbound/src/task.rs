//! An outbound task: its configuration, and what makes it a right one.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::answering::Answering;
use crate::enterprise::{CONCURRENCY_MAX, EnterpriseSettings, ZONE_CHARS_MAX, ZONE_PATTERN};
use crate::environment::Environment;
use crate::fault::{
    FILLED_PATTERN, Fault, NAME_PATTERN, TEXT_PATTERN, Verdict, count, name, number, text, verdict,
    within,
};
use crate::ids::{CallerIdId, NavigationId};
use crate::order::CallOrder;
use crate::phone;
use crate::recording::RecordingFormat;
use crate::redial::RedialPolicy;
use crate::schedule::Schedule;

pub use crate::task_state::{Dials, Event, Facts, PauseReason, Refusal, TaskState};

/// How long a call may ring, at most.
pub const RING_TIMEOUT_SECONDS_MAX: u32 = 120;
/// How long a call may last, at most.
pub const MAX_CALL_SECONDS_MAX: u32 = 7_200;
/// Caller IDs of one task, at most.
pub const CALLER_IDS_MAX: usize = 100;
/// Variables with a default value, at most.
pub const VARIABLES_MAX: usize = 100;
/// Characters of a variable's value, at most.
pub const VARIABLE_CHARS_MAX: usize = 1_000;
/// Tags of one task, at most.
pub const TAGS_MAX: usize = 20;
/// New calls a second, at most.
pub const CALLS_PER_SECOND_MAX: u32 = 1_000;

/// Everything that a person sets on a task. A template holds the same.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// Unique in the enterprise, 1–64 characters.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub name: String,
    /// At most 1,000 characters.
    #[serde(default)]
    #[schemars(length(max = 1_000), regex(pattern = TEXT_PATTERN))]
    pub description: String,
    /// Calls up at a time, 1 to the enterprise's limit.
    #[schemars(range(min = 1, max = CONCURRENCY_MAX))]
    pub concurrency: u32,
    /// The voice navigation that a call runs through.
    pub navigation: NavigationId,
    /// Outbound numbers shown to customers, 1–100.
    #[schemars(length(min = 1, max = CALLER_IDS_MAX), extend("uniqueItems" = true))]
    pub caller_ids: Vec<CallerIdId>,
    #[serde(default)]
    pub rotation: Rotation,
    /// Seconds that a phone may ring, 5–120.
    #[serde(default = "ring_timeout")]
    #[schemars(range(min = 5, max = 120))]
    pub ring_timeout_seconds: u32,
    /// The longest call, 10–7,200 seconds.
    #[serde(default = "longest_call")]
    #[schemars(range(min = 10, max = 7_200))]
    pub max_call_seconds: u32,
    /// New calls a second, 1–1,000; none: as fast as there are slots.
    #[serde(default)]
    #[schemars(range(min = 1, max = CALLS_PER_SECOND_MAX))]
    pub calls_per_second: Option<u32>,
    #[serde(default)]
    pub schedule: Schedule,
    #[serde(default)]
    pub redial: RedialPolicy,
    #[serde(default)]
    pub call_order: CallOrder,
    /// Values for variables that a row leaves empty; at most 100 names.
    #[serde(default)]
    #[schemars(extend(
        "maxProperties" = VARIABLES_MAX,
        "propertyNames" = { "minLength": 1, "maxLength": 64, "pattern": FILLED_PATTERN },
        "additionalProperties" = {
            "type": "string", "maxLength": VARIABLE_CHARS_MAX, "pattern": TEXT_PATTERN,
        },
    ))]
    pub variables: BTreeMap<String, String>,
    #[serde(default = "on")]
    pub recording: bool,
    /// In what format recordings are kept. A call keeps the one that its task had when it began.
    #[serde(default)]
    pub recording_format: RecordingFormat,
    /// At most 20, each 1–64 characters.
    #[serde(default)]
    #[schemars(length(max = TAGS_MAX), inner(length(min = 1, max = 64), regex(pattern = FILLED_PATTERN)))]
    pub tags: Vec<String>,
    /// What happens when the last number is done.
    #[serde(default)]
    pub when_done: WhenDone,
    /// IANA name; none: the enterprise's.
    #[serde(default)]
    #[schemars(with = "Option<String>", length(max = ZONE_CHARS_MAX), regex(pattern = ZONE_PATTERN))]
    pub time_zone: Option<Tz>,
    /// ISO 3166 code for numbers in national form; none: the enterprise's.
    #[serde(default)]
    #[schemars(regex(pattern = phone::REGION_PATTERN))]
    pub default_region: Option<String>,
    /// What surrounds the customers; none: noise reduction, end of speech and ASR figure are the robots' own.
    #[serde(default)]
    pub environment: Option<Environment>,
    /// What happens when a machine, an assistant or a screening answers.
    #[serde(default)]
    pub answering: Answering,
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

impl TaskConfig {
    /// Everything but what it refers to and its schedule: each value within its bounds. `before` is
    /// what an edit changes: a concurrency that it leaves alone is not judged again, for the
    /// enterprise's limit may have been lowered under it.
    pub fn check(&self, enterprise: &EnterpriseSettings, before: Option<&Self>) -> Verdict {
        let kept = before.is_some_and(|before| before.concurrency == self.concurrency);
        let most = if kept { self.concurrency } else { enterprise.concurrency_limit };
        let mut faults: Vec<Fault> = [
            name("/name", &self.name, 1, 64),
            text("/description", &self.description, 0, 1_000),
            number("/concurrency", self.concurrency, 1, most),
            count("/caller_ids", self.caller_ids.len(), 1, CALLER_IDS_MAX),
            number("/ring_timeout_seconds", self.ring_timeout_seconds, 5, RING_TIMEOUT_SECONDS_MAX),
            number("/max_call_seconds", self.max_call_seconds, 10, MAX_CALL_SECONDS_MAX),
            self.calls_per_second
                .and_then(|calls| number("/calls_per_second", calls, 1, CALLS_PER_SECOND_MAX)),
            count("/variables", self.variables.len(), 0, VARIABLES_MAX),
            count("/tags", self.tags.len(), 0, TAGS_MAX),
            self.default_region.as_ref().and_then(|code| phone::region("/default_region", code)),
        ]
        .into_iter()
        .flatten()
        .collect();
        let repeated = |place: &usize| self.caller_ids[..*place].contains(&self.caller_ids[*place]);
        let checked = self.caller_ids.len().min(CALLER_IDS_MAX);
        faults.extend((0..checked).find(repeated).map(|place| {
            Fault::new(format!("/caller_ids/{place}"), "repeated", "is there twice; name it once")
        }));
        faults.extend(self.variables.iter().take(VARIABLES_MAX).filter_map(|(name, value)| {
            let pointer = format!("/variables/{}", escape(name));
            text(&pointer, name, 1, 64).or_else(|| text(&pointer, value, 0, VARIABLE_CHARS_MAX))
        }));
        let tags = self.tags.iter().take(TAGS_MAX).enumerate();
        faults.extend(tags.filter_map(|(place, tag)| text(&format!("/tags/{place}"), tag, 1, 64)));
        faults.extend(within("/redial", self.redial.check()));
        faults.extend(within("/answering", self.answering.check()));
        verdict(faults)
    }

    /// The zone that its windows and schedule are read in.
    pub fn zone(&self, enterprise: &EnterpriseSettings) -> Tz {
        self.time_zone.unwrap_or(enterprise.time_zone)
    }

    /// The region whose national form its imports may use.
    pub fn region<'a>(&'a self, enterprise: &'a EnterpriseSettings) -> &'a str {
        self.default_region.as_deref().unwrap_or(&enterprise.default_region)
    }
}

/// A name as a part of a JSON pointer (RFC 6901), cut to a bearable length.
fn escape(name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    name.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests;
