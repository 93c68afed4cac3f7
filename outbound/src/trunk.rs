//! A line to the phone network.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::enterprise::CONCURRENCY_MAX;
use crate::fault::{Fault, NAME_PATTERN, Verdict, count, name, number, verdict};
use crate::outcome::{CallResult, CalledStatus};
use crate::record::RESULTS;
use crate::task::CALLS_PER_SECOND_MAX;

/// Entries of a trunk's own status mapping, at most.
pub const MAPPING_MAX: usize = 200;
/// The customers of the simulated line, by name; what they do is written in the line's own files.
pub const PERSONAS: [&str; 15] = [
    "asks_in_pieces",
    "attentive",
    "curious",
    "declines",
    "do_not_call",
    "hangs_up_in_opening",
    "hangs_up_midway",
    "hesitant",
    "impatient",
    "polite",
    "presses_keys",
    "reschedules",
    "silent",
    "talkative",
    "wants_a_person",
];
/// Personas of a simulated line, at most.
pub const PERSONAS_MAX: usize = 100;
/// The longest step of a simulated call.
pub const SIMULATED_MS_MAX: u32 = 7_200_000;
/// The largest share of one outcome.
const SHARE_MAX: u32 = 1_000_000;

/// Everything that a person sets on a trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkConfig {
    /// Unique in the enterprise, 1–64 characters.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub name: String,
    #[serde(default)]
    pub driver: Driver,
    /// Calls up at a time, 1–10,000.
    #[schemars(range(min = 1, max = CONCURRENCY_MAX))]
    pub concurrency: u32,
    /// New calls a second, 1–1,000; none: no limit.
    #[serde(default)]
    #[schemars(range(min = 1, max = CALLS_PER_SECOND_MAX))]
    pub calls_per_second: Option<u32>,
    #[serde(default = "g711")]
    #[schemars(length(min = 1, max = 2))]
    pub codecs: Vec<Codec>,
    /// Out of service: no call is placed on it.
    #[serde(default = "on")]
    pub in_service: bool,
    #[serde(default)]
    pub breaker: Breaker,
    /// SIP status codes (`"486"`), or a code with a Q.850 cause (`"503/34"`), to called statuses,
    /// ahead of the documented defaults. At most 200.
    #[serde(default)]
    #[schemars(extend("maxProperties" = MAPPING_MAX, "propertyNames" = { "pattern": MAPPING_PATTERN }))]
    pub status_mapping: BTreeMap<String, CalledStatus>,
    /// The model of carrier and customers behind a simulated line.
    #[serde(default)]
    pub simulated: SimulatedLine,
}

/// What carries a trunk's calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    #[default]
    Simulated,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Codec {
    Pcma,
    Pcmu,
}

/// When a trunk counts as failed: `refused_percent` of at least `calls` calls in `window_seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Breaker {
    pub enabled: bool,
    /// 10–3,600.
    #[schemars(range(min = 10, max = 3_600))]
    pub window_seconds: u32,
    /// 1–10,000.
    #[schemars(range(min = 1, max = 10_000))]
    pub calls: u32,
    /// 1–100.
    #[schemars(range(min = 1, max = 100))]
    pub refused_percent: u32,
    /// Seconds until an open breaker lets one call through to probe, 1–3,600.
    #[schemars(range(min = 1, max = 3_600))]
    pub probe_seconds: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self {
            enabled: true,
            window_seconds: 60,
            calls: 20,
            refused_percent: 90,
            probe_seconds: 30,
        }
    }
}

/// A seeded model of carriers and customers. Numbers that end in a test suffix (docs/simulated-line.md)
/// act by rule; all others draw from this mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedLine {
    pub seed: u64,
    /// Shares of outcomes (`answered` or a called status), in any unit.
    #[schemars(extend(
        "minProperties" = 1,
        "propertyNames" = { "enum": RESULTS },
        "additionalProperties" = { "type": "integer", "minimum": 0, "maximum": SHARE_MAX },
    ))]
    pub mix: BTreeMap<String, u32>,
    /// Milliseconds until the phone rings, lowest and highest.
    #[schemars(inner(range(max = SIMULATED_MS_MAX)))]
    pub setup_ms: [u32; 2],
    /// Milliseconds from ringing to answer or refusal.
    #[schemars(inner(range(max = SIMULATED_MS_MAX)))]
    pub ring_ms: [u32; 2],
    /// Milliseconds that an answered call lasts at most before the customer hangs up; the
    /// conversation may end it earlier.
    #[schemars(inner(range(max = SIMULATED_MS_MAX)))]
    pub talk_ms: [u32; 2],
    /// Personas that answering customers are drawn from; empty: all that are built in.
    #[schemars(length(max = PERSONAS_MAX), extend("items" = { "type": "string", "enum": PERSONAS }))]
    pub personas: Vec<String>,
    /// Percent of calls that the line itself refuses, 0–100.
    #[schemars(range(max = 100))]
    pub refuse_percent: u32,
    /// Whether numbers that end in a test suffix act by rule; off: every number draws from the mix.
    pub test_numbers: bool,
}

impl Default for SimulatedLine {
    fn default() -> Self {
        Self {
            seed: 1,
            mix: [
                ("answered", 55),
                ("no_answer", 20),
                ("busy", 12),
                ("power_off", 7),
                ("out_of_service", 3),
                ("invalid_number", 2),
                ("call_assistant", 1),
            ]
            .map(|(word, share)| (word.to_owned(), share))
            .into(),
            setup_ms: [300, 1_500],
            ring_ms: [2_000, 12_000],
            talk_ms: [60_000, 120_000],
            personas: Vec::new(),
            refuse_percent: 0,
            test_numbers: true,
        }
    }
}

/// Keys of a status mapping: a SIP status of 300 to 699, alone or with a Q.850 cause of 1 to 127.
const MAPPING_PATTERN: &str = "^[3-6][0-9]{2}(/([1-9]|[1-9][0-9]|1[01][0-9]|12[0-7]))?$";

fn g711() -> Vec<Codec> {
    vec![Codec::Pcma, Codec::Pcmu]
}

fn on() -> bool {
    true
}

impl TrunkConfig {
    /// Each value within its bounds.
    pub fn check(&self) -> Verdict {
        let mut faults: Vec<Fault> = [
            name("/name", &self.name, 1, 64),
            number("/concurrency", self.concurrency, 1, CONCURRENCY_MAX),
            self.calls_per_second
                .and_then(|calls| number("/calls_per_second", calls, 1, CALLS_PER_SECOND_MAX)),
            count("/codecs", self.codecs.len(), 1, 2),
            number("/breaker/window_seconds", self.breaker.window_seconds, 10, 3_600),
            number("/breaker/calls", self.breaker.calls, 1, 10_000),
            number("/breaker/refused_percent", self.breaker.refused_percent, 1, 100),
            number("/breaker/probe_seconds", self.breaker.probe_seconds, 1, 3_600),
            count("/status_mapping", self.status_mapping.len(), 0, MAPPING_MAX),
        ]
        .into_iter()
        .flatten()
        .collect();
        faults.extend(
            self.status_mapping.keys().take(MAPPING_MAX).filter_map(|key| mapping_key(key)),
        );
        faults.extend(self.simulated.faults());
        verdict(faults)
    }
}

/// A key of the status mapping: `486` or `503/34`.
fn mapping_key(key: &str) -> Option<Fault> {
    let (code, cause) = match key.split_once('/') {
        Some((code, cause)) => (code, Some(cause)),
        None => (key, None),
    };
    let within = |text: &str, lowest: u16, highest: u16| {
        text.len() <= 3
            && text.bytes().all(|b| b.is_ascii_digit())
            && !text.starts_with('0')
            && text.parse().is_ok_and(|value: u16| (lowest..=highest).contains(&value))
    };
    let right = within(code, 300, 699) && cause.is_none_or(|cause| within(cause, 1, 127));
    let shown: String = key.chars().take(32).collect();
    let pointer = format!("/status_mapping/{}", shown.replace('~', "~0").replace('/', "~1"));
    let detail =
        "must be a SIP status of 300 to 699, alone (`486`) or with a Q.850 cause (`503/34`)";
    (!right).then(|| Fault::new(pointer, "not_a_sip_status", detail))
}

impl SimulatedLine {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (word, share) in self.mix.iter().take(50) {
            let shown: String = word.chars().take(32).collect();
            let pointer = format!("/simulated/mix/{}", shown.replace('~', "~0").replace('/', "~1"));
            if CallResult::from_word(word).is_none() {
                let detail = "is no outcome; use `answered` or a called status, as `busy`";
                faults.push(Fault::new(pointer, "unknown_outcome", detail));
            } else {
                faults.extend(number(&pointer, *share, 0, SHARE_MAX));
            }
        }
        if self.mix.values().all(|share| *share == 0) {
            let detail = "needs an outcome with a share above 0";
            faults.push(Fault::new("/simulated/mix", "required", detail));
        }
        for (field, [lowest, highest]) in
            [("setup_ms", self.setup_ms), ("ring_ms", self.ring_ms), ("talk_ms", self.talk_ms)]
        {
            let pointer = format!("/simulated/{field}");
            if lowest > highest {
                let detail = format!("the lowest, {lowest}, is above the highest, {highest}");
                faults.push(Fault::new(pointer.clone(), "falls", detail));
            }
            faults.extend(number(&format!("{pointer}/1"), highest, 0, SIMULATED_MS_MAX));
        }
        faults.extend(count("/simulated/personas", self.personas.len(), 0, PERSONAS_MAX));
        let personas = self.personas.iter().take(PERSONAS_MAX).enumerate();
        let unknown = personas.filter(|(_, persona)| !PERSONAS.contains(&persona.as_str()));
        faults.extend(unknown.map(|(place, _)| {
            let detail =
                format!("is no customer of the simulated line; use {}", PERSONAS.join(", "));
            Fault::new(format!("/simulated/personas/{place}"), "unknown_persona", detail)
        }));
        faults.extend(number("/simulated/refuse_percent", self.refuse_percent, 0, 100));
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trunk(json: serde_json::Value) -> TrunkConfig {
        let mut whole = serde_json::json!({ "name": "Line 1", "concurrency": 30 });
        let object = whole.as_object_mut().unwrap();
        object.extend(json.as_object().unwrap().clone());
        serde_json::from_value(whole).unwrap()
    }

    #[test]
    fn a_trunk_with_its_defaults_is_right() {
        let trunk = trunk(serde_json::json!({}));
        assert_eq!(trunk.check(), Ok(()));
        assert_eq!(trunk.codecs, [Codec::Pcma, Codec::Pcmu]);
        assert!(trunk.in_service && trunk.breaker.enabled);
        assert_eq!(trunk.calls_per_second, None);
    }

    #[test]
    fn a_status_mapping_is_keyed_by_a_sip_status_alone_or_with_a_cause() {
        let check =
            |key: &str| trunk(serde_json::json!({ "status_mapping": { key: "busy" } })).check();
        for key in ["300", "486", "699", "503/1", "503/34", "503/127"] {
            assert_eq!(check(key), Ok(()), "{key}");
        }
        for key in [
            "", "busy", "299", "700", "1000", "+486", "0486", "048", "486/", "/34", "503/0",
            "503/128", "503/034", "503/+99", "503/34/1", "299/34",
        ] {
            assert!(check(key).is_err(), "{key}");
        }
    }

    #[test]
    fn a_simulated_line_may_take_the_same_time_for_every_call() {
        let line =
            serde_json::json!({ "setup_ms": [0, 0], "ring_ms": [5, 5], "talk_ms": [0, 7_200_000] });
        assert_eq!(trunk(serde_json::json!({ "simulated": line })).check(), Ok(()));
    }

    #[test]
    fn a_simulated_line_takes_every_customer_that_it_names_and_no_other() {
        let check = |personas: &[&str]| {
            trunk(serde_json::json!({ "simulated": { "personas": personas } })).check()
        };
        assert_eq!(check(&PERSONAS), Ok(()));
        let faults = check(&["polite", "asleep"]).unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
        assert_eq!(found, [("/simulated/personas/1", "unknown_persona")]);
        assert!(faults[0].detail.contains("asks_in_pieces, attentive"), "{}", faults[0].detail);
    }

    #[test]
    fn each_bound_of_a_trunk_is_named() {
        for (json, pointer, code) in [
            (serde_json::json!({ "name": " " }), "/name", "required"),
            (serde_json::json!({ "concurrency": 0 }), "/concurrency", "too_small"),
            (serde_json::json!({ "concurrency": 10_001 }), "/concurrency", "too_large"),
            (serde_json::json!({ "calls_per_second": 0 }), "/calls_per_second", "too_small"),
            (serde_json::json!({ "codecs": [] }), "/codecs", "too_few"),
            (serde_json::json!({ "breaker": { "calls": 0 } }), "/breaker/calls", "too_small"),
            (
                serde_json::json!({ "status_mapping": { "200": "busy" } }),
                "/status_mapping/200",
                "not_a_sip_status",
            ),
            (
                serde_json::json!({ "status_mapping": { "503/128": "busy" } }),
                "/status_mapping/503~1128",
                "not_a_sip_status",
            ),
            (
                serde_json::json!({ "simulated": { "mix": { "asleep": 1 } } }),
                "/simulated/mix/asleep",
                "unknown_outcome",
            ),
            (serde_json::json!({ "simulated": { "mix": {} } }), "/simulated/mix", "required"),
            (
                serde_json::json!({ "simulated": { "mix": { "busy": 0 } } }),
                "/simulated/mix",
                "required",
            ),
            (
                serde_json::json!({ "simulated": { "ring_ms": [2, 1] } }),
                "/simulated/ring_ms",
                "falls",
            ),
            (
                serde_json::json!({ "simulated": { "refuse_percent": 101 } }),
                "/simulated/refuse_percent",
                "too_large",
            ),
        ] {
            let faults = trunk(json).check().unwrap_err();
            let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
            assert_eq!(found, [(pointer, code)]);
        }
    }
}
