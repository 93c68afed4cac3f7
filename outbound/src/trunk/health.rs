//! Whether a trunk is well, as one process sees it: what its hosts answer, and whether it knows where we are.
//!
//! Times are told as how long ago, or how far ahead, at the moment of the look: processes go by different clocks.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SipHost;

/// A trunk at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrunkHealth {
    pub registration: RegistrationHealth,
    /// In the trunk's order.
    pub hosts: Vec<HostHealth>,
}

/// Whether the trunk knows where we are.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RegistrationHealth {
    pub state: RegistrationState,
    /// How long it still holds.
    pub left_ms: Option<u64>,
    /// What the trunk refused it with. `refused` without: it did not answer.
    pub sip_code: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RegistrationState {
    /// The trunk does not want it.
    NotAsked,
    /// The first answer is not there yet.
    Asking,
    Registered,
    /// It is asked again.
    Refused,
}

/// A host of a trunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HostHealth {
    pub host: SipHost,
    pub state: HostState,
    /// How long it has been so.
    pub for_ms: u64,
    /// How long its last answer took.
    pub round_trip_ms: Option<u64>,
    /// Why it was down the last time; it may be up again.
    pub last_error: Option<HostError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostState {
    /// It was not asked yet, or the trunk is not to be asked (`options_seconds` is null).
    Unknown,
    Up,
    /// It is called when no other host is left.
    Down,
}

/// Why a host is taken for down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HostError {
    /// Its name is unknown, or it takes no connection.
    Unreachable,
    /// It said nothing within 4 s.
    NoAnswer,
    /// It answered that it takes no calls: 408 or 503.
    TakesNoCalls,
}
