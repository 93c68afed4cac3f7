//! A line to the phone network, as a person sets it.

mod asterisk;
pub mod health;
mod number_format;
mod secrets;
mod simulated;
mod sip;
mod sip_parts;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::enterprise::CONCURRENCY_MAX;
use crate::fault::{Fault, NAME_PATTERN, Verdict, count, name, number, verdict};
use crate::outcome::CalledStatus;
use crate::task::CALLS_PER_SECOND_MAX;

pub use asterisk::{AsteriskMedia, AsteriskSound, AsteriskTrunk};
pub use number_format::NumberFormat;
pub use secrets::TrunkSecrets;
pub use simulated::{PERSONAS, PERSONAS_MAX, SIMULATED_MS_MAX, SimulatedLine};
pub use sip::SipTrunk;
pub use sip_parts::{
    CallerIdHeader, Dtmf, Prack, Registration, SessionTimer, SipHost, SipTransport, Srtp,
    TimerMode, TransferBy,
};

/// Entries of a trunk's own status mapping, at most.
pub const MAPPING_MAX: usize = 200;
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
    /// Where and how a trunk of driver `sip` calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip: Option<SipTrunk>,
    /// Where and how a trunk of driver `asterisk` calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asterisk: Option<AsteriskTrunk>,
}

/// What carries a trunk's calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Driver {
    /// The embedded model of carriers and customers.
    #[default]
    Simulated,
    /// A SIP trunk or session border controller; `sip` says which.
    Sip,
    /// An Asterisk server, by ARI; `asterisk` says which.
    Asterisk,
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
        faults.extend(self.sip.iter().flat_map(SipTrunk::faults));
        if self.driver == Driver::Sip && self.sip.is_none() {
            let detail = "is required on a trunk of driver `sip`";
            faults.push(Fault::new("/sip", "required", detail));
        }
        faults.extend(self.asterisk.iter().flat_map(AsteriskTrunk::faults));
        if self.driver == Driver::Asterisk && self.asterisk.is_none() {
            let detail = "is required on a trunk of driver `asterisk`";
            faults.push(Fault::new("/asterisk", "required", detail));
        }
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

#[cfg(test)]
mod tests;
