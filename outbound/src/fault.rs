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

/// Faults of a part, as faults of the whole that holds it at `pointer`.
pub fn within(pointer: &str, part: Verdict) -> Vec<Fault> {
    let faults = part.err().unwrap_or_default();
    let place = |fault: Fault| Fault { pointer: format!("{pointer}{}", fault.pointer), ..fault };
    faults.into_iter().map(place).collect()
}

/// A number that has to lie between two bounds, both allowed.
pub fn number<N: PartialOrd + std::fmt::Display>(
    pointer: &str,
    value: N,
    lowest: N,
    highest: N,
) -> Option<Fault> {
    if value < lowest {
        Some(Fault::new(
            pointer,
            "too_small",
            format!("must be {lowest} to {highest}, not {value}"),
        ))
    } else if value > highest {
        Some(Fault::new(
            pointer,
            "too_large",
            format!("must be {lowest} to {highest}, not {value}"),
        ))
    } else {
        None
    }
}

/// A text of so many characters, none of them a control character but tabs and line ends.
pub fn text(pointer: &str, value: &str, lowest: usize, highest: usize) -> Option<Fault> {
    let length = value.chars().count();
    if length > highest {
        let detail = format!("must be at most {highest} characters, not {length}");
        return Some(Fault::new(pointer, "too_long", detail));
    }
    if length < lowest || (lowest > 0 && value.trim().is_empty()) {
        let detail = format!("is required: {lowest} to {highest} characters, not only spaces");
        return Some(Fault::new(pointer, "required", detail));
    }
    if value.chars().any(|c| c.is_control() && !"\t\r\n".contains(c)) {
        let detail = "has a control character; take it out";
        return Some(Fault::new(pointer, "control_character", detail));
    }
    None
}

/// A list of so many entries.
pub fn count(pointer: &str, length: usize, lowest: usize, highest: usize) -> Option<Fault> {
    if length < lowest {
        Some(Fault::new(pointer, "too_few", format!("must be {lowest} to {highest}, not {length}")))
    } else if length > highest {
        Some(Fault::new(pointer, "too_many", format!("must be at most {highest}, not {length}")))
    } else {
        None
    }
}

/// A [`Verdict`] from the faults found.
pub fn verdict(faults: Vec<Fault>) -> Verdict {
    if faults.is_empty() { Ok(()) } else { Err(faults) }
}
