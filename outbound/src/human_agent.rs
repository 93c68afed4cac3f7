//! The people whom calls are transferred to.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, NAME_PATTERN, Verdict, count, name, verdict};

/// Characters of an employee number, a name or a skill, at most.
pub const NAME_CHARS_MAX: usize = 64;
/// Skills of one human agent, at most.
pub const SKILLS_MAX: usize = 50;
/// Characters of a phone number as somebody writes it, at most.
const PHONE_CHARS_MAX: usize = 32;

/// A person whom calls are transferred to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HumanAgentConfig {
    /// Unique in the enterprise, 1–64 characters: the Agent ID of call records.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub employee_number: String,
    /// 1–64 characters.
    #[schemars(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub name: String,
    /// Where the person is reached: E.164, or the national form of the enterprise's region.
    #[schemars(length(min = 1, max = PHONE_CHARS_MAX), regex(pattern = NAME_PATTERN))]
    pub phone: String,
    /// What the person can do, in words of the enterprise; a transfer by skill names one of them. At most 50.
    #[serde(default)]
    #[schemars(length(max = SKILLS_MAX), inner(length(min = 1, max = NAME_CHARS_MAX), regex(pattern = NAME_PATTERN)))]
    pub skills: BTreeSet<String>,
    /// Off duty: no call is transferred to this person.
    #[serde(default)]
    pub on_duty: bool,
}

impl HumanAgentConfig {
    /// Each value within its bounds. The phone is parsed by whoever knows the enterprise's region.
    pub fn check(&self) -> Verdict {
        let mut faults: Vec<Fault> = [
            name("/employee_number", &self.employee_number, 1, NAME_CHARS_MAX),
            name("/name", &self.name, 1, NAME_CHARS_MAX),
            name("/phone", &self.phone, 1, PHONE_CHARS_MAX),
            count("/skills", self.skills.len(), 0, SKILLS_MAX),
        ]
        .into_iter()
        .flatten()
        .collect();
        let skills = self.skills.iter().take(SKILLS_MAX).enumerate();
        faults
            .extend(skills.filter_map(|(at, skill)| {
                name(&format!("/skills/{at}"), skill, 1, NAME_CHARS_MAX)
            }));
        verdict(faults)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_person_is_named_by_its_place() {
        let right = HumanAgentConfig {
            employee_number: "1001".into(),
            name: "李小明".into(),
            phone: "+8613800000001".into(),
            skills: BTreeSet::from(["billing".to_owned()]),
            on_duty: true,
        };
        assert_eq!(right.check(), Ok(()));
        let wrong = HumanAgentConfig {
            employee_number: " ".into(),
            name: "a\u{202e}".into(),
            phone: String::new(),
            skills: (0..=SKILLS_MAX)
                .map(|n| if n == 0 { String::new() } else { n.to_string() })
                .collect(),
            ..right
        };
        let pointers: Vec<String> =
            wrong.check().unwrap_err().into_iter().map(|fault| fault.pointer).collect();
        assert_eq!(pointers, ["/employee_number", "/name", "/phone", "/skills", "/skills/0"]);
    }
}
