//! A case of a branch, and when it fits.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A case of a branch. Besides the call's variables there are `intent` (the last intent's name), `local_time`
/// (`HH:MM`) and `weekday` (`mon` … `sun`) of the task's time zone when the call was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub variable: String,
    pub test: Test,
    /// What it is compared with; not used by `is_empty`.
    #[serde(default)]
    pub value: String,
    pub next: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "CaseTest")]
pub enum Test {
    Is,
    IsNot,
    Contains,
    IsEmpty,
    /// By text order, or by number where both are numbers: `local_time` before `12:00`.
    Before,
    After,
}

impl Case {
    /// Whether the case fits the values.
    pub fn fits(&self, values: &BTreeMap<String, String>) -> bool {
        let value = values.get(&self.variable).map(String::as_str).unwrap_or_default();
        let order = || match (value.parse::<f64>(), self.value.parse::<f64>()) {
            (Ok(one), Ok(other)) => one.total_cmp(&other),
            _ => value.cmp(&self.value),
        };
        match self.test {
            Test::Is => value == self.value,
            Test::IsNot => value != self.value,
            Test::Contains => value.contains(&self.value),
            Test::IsEmpty => value.is_empty(),
            Test::Before => !value.is_empty() && order().is_lt(),
            Test::After => !value.is_empty() && order().is_gt(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_fits_by_text_by_number_and_by_time_of_day() {
        for (value, test, than, fits) in [
            ("vip", Test::Is, "vip", true),
            ("vip", Test::Is, "VIP", false),
            ("vip", Test::IsNot, "vip", false),
            ("", Test::IsNot, "vip", true),
            ("Wuxi, Jiangsu", Test::Contains, "Jiangsu", true),
            ("Wuxi", Test::Contains, "Jiangsu", false),
            ("", Test::IsEmpty, "", true),
            ("x", Test::IsEmpty, "", false),
            ("09:30", Test::Before, "12:00", true),
            ("12:00", Test::Before, "12:00", false),
            ("13:00", Test::Before, "12:00", false),
            ("13:00", Test::After, "12:00", true),
            ("12:00", Test::After, "12:00", false),
            ("09:30", Test::After, "12:00", false),
            ("9", Test::Before, "10", true),
            ("10.5", Test::After, "9", true),
            ("", Test::Before, "12:00", false),
            ("", Test::After, "", false),
            ("", Test::After, "-1", false),
        ] {
            let case = Case { variable: "x".into(), test, value: than.into(), next: "n".into() };
            let values = BTreeMap::from([("x".to_owned(), value.to_owned())]);
            assert_eq!(case.fits(&values), fits, "{value:?} {test:?} {than:?}");
        }
        let case = Case {
            variable: "gone".into(),
            test: Test::IsEmpty,
            value: String::new(),
            next: "n".into(),
        };
        assert!(case.fits(&BTreeMap::new()), "a variable that is not there is empty");
    }
}
