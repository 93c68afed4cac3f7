//! The model behind a simulated line, as a person sets it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, count, number};
use crate::outcome::CallResult;
use crate::record::RESULTS;

/// The customers of the simulated line, by name; what they do is written in the line's own files.
pub const PERSONAS: [&str; 18] = [
    "asks_in_pieces",
    "attentive",
    "call_assistant",
    "curious",
    "declines",
    "do_not_call",
    "hangs_up_in_opening",
    "hangs_up_midway",
    "hesitant",
    "impatient",
    "mailbox",
    "polite",
    "presses_keys",
    "reschedules",
    "screens_calls",
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

impl SimulatedLine {
    pub(super) fn faults(&self) -> Vec<Fault> {
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
