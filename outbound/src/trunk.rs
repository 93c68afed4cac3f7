//! A line to the phone network.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outcome::CalledStatus;

/// Everything that a person sets on a trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrunkConfig {
    /// Unique in the enterprise, 1–64 characters.
    pub name: String,
    #[serde(default)]
    pub driver: Driver,
    /// Calls up at a time, 1–10,000.
    pub concurrency: u32,
    /// New calls a second, 1–1,000; none: no limit.
    #[serde(default)]
    pub calls_per_second: Option<u32>,
    #[serde(default = "g711")]
    pub codecs: Vec<Codec>,
    /// Out of service: no call is placed on it.
    #[serde(default = "on")]
    pub in_service: bool,
    #[serde(default)]
    pub breaker: Breaker,
    /// SIP status codes (`"486"`), or a code with a Q.850 cause (`"503/34"`), to called statuses,
    /// ahead of the documented defaults. At most 200.
    #[serde(default)]
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
    pub window_seconds: u32,
    /// 1–10,000.
    pub calls: u32,
    /// 1–100.
    pub refused_percent: u32,
    /// Seconds until an open breaker lets one call through to probe, 1–3,600.
    pub probe_seconds: u32,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { enabled: true, window_seconds: 60, calls: 20, refused_percent: 90, probe_seconds: 30 }
    }
}

/// A seeded model of carriers and customers. Numbers that end in a test suffix (docs/simulated-line.md)
/// act by rule; all others draw from this mix.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SimulatedLine {
    pub seed: u64,
    /// Shares of outcomes (`answered` or a called status), in any unit.
    pub mix: BTreeMap<String, u32>,
    /// Milliseconds until the phone rings, lowest and highest.
    pub setup_ms: [u32; 2],
    /// Milliseconds from ringing to answer or refusal.
    pub ring_ms: [u32; 2],
    /// Milliseconds that an answered call lasts at most before the customer hangs up; the
    /// conversation may end it earlier.
    pub talk_ms: [u32; 2],
    /// Personas that answering customers are drawn from; empty: all that are built in.
    pub personas: Vec<String>,
    /// Percent of calls that the line itself refuses, 0–100.
    pub refuse_percent: u32,
}

impl Default for SimulatedLine {
    fn default() -> Self {
        Self {
            seed: 1,
            mix: [("answered", 55), ("no_answer", 20), ("busy", 12), ("power_off", 7), ("out_of_service", 3),
                ("invalid_number", 2), ("call_assistant", 1)]
                .map(|(word, share)| (word.to_owned(), share))
                .into(),
            setup_ms: [300, 1_500],
            ring_ms: [2_000, 12_000],
            talk_ms: [60_000, 120_000],
            personas: Vec::new(),
            refuse_percent: 0,
        }
    }
}

fn g711() -> Vec<Codec> {
    vec![Codec::Pcma, Codec::Pcmu]
}

fn on() -> bool {
    true
}
