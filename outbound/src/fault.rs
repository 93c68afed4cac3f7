//! What is wrong with an input: where, which rule, and what would be right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing wrong with an input. `pointer` is a JSON pointer into it (`/redial/retries/1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    pub pointer: String,
    /// Stable, for programs: `too_long`, `unknown_time_zone`, …
    pub code: String,
    /// For people: the value's limit, and what would be right.
    pub detail: String,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, code: &str, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), code: code.into(), detail: detail.into() }
    }
}

/// Nothing wrong, or everything that is: an input is judged whole, not up to its first fault.
pub type Verdict = Result<(), Vec<Fault>>;

/// A [`Verdict`] from the faults found.
pub fn verdict(faults: Vec<Fault>) -> Verdict {
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
