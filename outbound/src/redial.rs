//! When, if ever, a number that was not connected is called again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::outcome::CalledStatus;

pub const RETRIES_MAX: usize = 10;
pub const INTERVAL_SECONDS_MIN: u32 = 60;
pub const INTERVAL_SECONDS_MAX: u32 = 30 * 86_400;

/// How a task redials. The policy in force when a call is triggered decides that call's redial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedialPolicy {
    pub enabled: bool,
    pub reference: Reference,
    pub mode: Mode,
    /// Advanced mode: the statuses that are redialled.
    pub statuses: Vec<CalledStatus>,
    /// Seconds of each retry, 1–10 of them, each 60–2,592,000. From `first_call` they are distances
    /// from the start of the first call and must rise; from `last_call`, from the start of the last.
    pub retry_seconds: Vec<u32>,
}

/// What an interval counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    FirstCall,
    LastCall,
}

/// Which statuses are redialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Every unconnected status.
    Basic,
    /// Those of `statuses`.
    Advanced,
}

impl Default for RedialPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            reference: Reference::LastCall,
            mode: Mode::Basic,
            statuses: Vec::new(),
            retry_seconds: Vec::new(),
        }
    }
}
