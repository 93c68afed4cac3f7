//! Whom a transfer is for.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Characters of a skill, an employee number or a phone number.
const CHARS_MAX: usize = 64;

/// Whom a transfer is for: one of the three is given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TransferTo {
    /// Anybody on duty with this skill, the longest idle first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CHARS_MAX))]
    pub skill: Option<String>,
    /// The human agent with this employee number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CHARS_MAX))]
    pub employee_number: Option<String>,
    /// This phone number: E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = CHARS_MAX))]
    pub number: Option<String>,
}

impl TransferTo {
    /// What is wrong with it, if anything: the field, and what would be right.
    pub(super) fn fault(&self) -> Option<(&'static str, &'static str)> {
        let given = [&self.skill, &self.employee_number, &self.number];
        let mut given = given.into_iter().zip(["/skill", "/employee_number", "/number"]);
        let named = |(value, place): (&Option<String>, &'static str)| Some((value.clone()?, place));
        let Some((value, place)) = given.find_map(named) else {
            return Some(("/skill", "one of `skill`, `employee_number` and `number` is required"));
        };
        if let Some((_, second)) = given.find_map(named) {
            return Some((
                second,
                "only one of `skill`, `employee_number` and `number` may be given",
            ));
        }
        let chars = value.trim().chars().count();
        (chars == 0 || value.chars().count() > CHARS_MAX)
            .then_some((place, "must have 1 to 64 characters, not only spaces"))
    }
}

/// For the interaction log. A phone number is not in it.
impl fmt::Display for TransferTo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.skill, &self.employee_number) {
            (Some(skill), _) => write!(f, "skill {skill}"),
            (None, Some(number)) => write!(f, "employee {number}"),
            (None, None) => f.write_str("a fixed number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn just_one_of_skill_person_and_number_is_given() {
        let some = |text: &str| Some(text.to_owned());
        for (to, place) in [
            (TransferTo { skill: some("billing"), ..TransferTo::default() }, None),
            (TransferTo { employee_number: some("1001"), ..TransferTo::default() }, None),
            (TransferTo { number: some("+8613800000001"), ..TransferTo::default() }, None),
            (TransferTo::default(), Some("/skill")),
            (TransferTo { skill: some(" "), ..TransferTo::default() }, Some("/skill")),
            (
                TransferTo { number: some(&"1".repeat(65)), ..TransferTo::default() },
                Some("/number"),
            ),
            (
                TransferTo { skill: some("a"), number: some("1"), ..TransferTo::default() },
                Some("/number"),
            ),
        ] {
            assert_eq!(to.fault().map(|(place, _)| place), place, "{to:?}");
        }
    }

    #[test]
    fn the_log_names_no_phone() {
        let to = TransferTo { number: Some("+8613800000001".into()), ..TransferTo::default() };
        assert_eq!(to.to_string(), "a fixed number");
    }
}
