//! What is wrong with an input: where, which rule, and what would be right.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::characters::{code_point, unfit_for_name};

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

/// The characters that `characters::unfit_for_name` finds, up to U+FFFF: not every reader of patterns knows those
/// beyond.
macro_rules! unfit {
    () => {
        r"\u0000-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    };
}

/// What [`text`] lets through, for the API's document: no control character but tabs and line ends.
pub const TEXT_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// The same of a text that is required: not only spaces.
pub const FILLED_PATTERN: &str = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*[^\s\u0000-\u001f\u007f-\u009f][^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$";
/// What [`name`] lets through, but for invisible characters beyond U+FFFF: one line, not only spaces.
pub const NAME_PATTERN: &str =
    concat!("^[^", unfit!(), "]*[^\\s", unfit!(), "][^", unfit!(), "]*$");

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

/// A name: a text in one line, so that lists, logs and file names keep their shape, of characters that can be
/// seen.
pub fn name(pointer: &str, value: &str, lowest: usize, highest: usize) -> Option<Fault> {
    if let Some(c) = unfit_for_name(value) {
        let (code, what) = if c.is_control() || c.is_whitespace() {
            ("control_character", "is a control character or a line end")
        } else {
            ("invisible_character", "can't be seen or turns the direction of writing")
        };
        let detail = format!("has {}, which {what}; take it out", code_point(c));
        return Some(Fault::new(pointer, code, detail));
    }
    text(pointer, value, lowest, highest)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn code(fault: Option<Fault>) -> String {
        fault.map_or_else(String::new, |fault| format!("{} {}", fault.pointer, fault.code))
    }

    #[test]
    fn a_number_may_be_either_of_its_bounds() {
        for (value, wrong) in [(1, "/x too_small"), (2, ""), (3, ""), (4, ""), (5, "/x too_large")]
        {
            assert_eq!(code(number("/x", value, 2, 4)), wrong, "{value}");
        }
        let fault = number("/x", 9, 2, 4).unwrap();
        assert_eq!(fault.detail, "must be 2 to 4, not 9");
    }

    #[test]
    fn a_text_may_have_as_few_and_as_many_characters_as_it_says() {
        for (value, lowest, highest, wrong) in [
            ("", 0, 3, ""),
            ("   ", 0, 3, ""),
            ("", 1, 3, "/x required"),
            ("   ", 1, 3, "/x required"),
            ("a", 1, 3, ""),
            ("a", 2, 3, "/x required"),
            ("李小明", 1, 3, ""),
            ("Anna", 1, 3, "/x too_long"),
            ("a\t\r\n", 1, 4, ""),
            ("a\u{7}b", 1, 3, "/x control_character"),
        ] {
            assert_eq!(code(text("/x", value, lowest, highest)), wrong, "{value:?}");
        }
    }

    #[test]
    fn a_name_with_what_nobody_sees_is_refused_by_its_code_point() {
        for (value, wrong, names) in [
            ("Anna 李", "", ""),
            ("An\u{200b}na", "/x invisible_character", "U+200B"),
            ("\u{202e}Anna", "/x invisible_character", "U+202E"),
            ("An\u{e0041}na", "/x invisible_character", "U+E0041"),
            ("Anna\n", "/x control_character", "U+000A"),
            ("An\u{2028}na", "/x control_character", "U+2028"),
            ("   ", "/x required", ""),
        ] {
            let fault = name("/x", value, 1, 10);
            let detail = fault.as_ref().map(|fault| fault.detail.clone()).unwrap_or_default();
            assert!(detail.contains(names), "{detail}");
            assert_eq!(code(fault), wrong, "{value:?}");
        }
    }

    #[test]
    fn a_list_may_have_as_few_and_as_many_entries_as_it_says() {
        for (length, wrong) in [(1, "/x too_few"), (2, ""), (3, ""), (4, ""), (5, "/x too_many")] {
            assert_eq!(code(count("/x", length, 2, 4)), wrong, "{length}");
        }
    }

    #[test]
    fn faults_of_a_part_keep_their_place_in_the_whole() {
        let part = verdict(vec![Fault::new("/retries/1", "too_small", "must be 60 to 90, not 5")]);
        let whole = within("/redial", part.clone());
        assert_eq!(whole[0].pointer, "/redial/retries/1");
        assert_eq!((&*whole[0].code, whole.len()), ("too_small", 1));
        assert_eq!(part.unwrap_err()[0].detail, whole[0].detail);
        assert_eq!((within("/redial", Ok(())), verdict(Vec::new())), (Vec::new(), Ok(())));
    }
}
