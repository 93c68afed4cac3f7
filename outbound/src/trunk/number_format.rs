//! How a trunk wants phone numbers written.

use std::borrow::Cow;

use rlibphonenumber::{PHONE_NUMBER_UTIL, Region};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::phone::Phone;

/// The longest template, in characters.
const TEMPLATE_CHARS_MAX: usize = 64;
/// Placeholders and literals of the part of a SIP address before the `@`.
const TEMPLATE_PATTERN: &str =
    r"^[0-9A-Za-z+*#._-]*(\{(e164|national|country)\}[0-9A-Za-z+*#._-]*)+$";

/// A template of a phone number. `{e164}` stands for country code and number (`8613800000001`), `{national}` for the
/// number within its country (`13800000001`), `{country}` for the country code (`86`). So `+{e164}` is E.164,
/// `00{e164}` and `9{national}` have a prefix, and `0{national}` is a national form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NumberFormat(String);

impl Default for NumberFormat {
    fn default() -> Self {
        Self("+{e164}".to_owned())
    }
}

impl JsonSchema for NumberFormat {
    fn schema_name() -> Cow<'static, str> {
        "NumberFormat".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "maxLength": TEMPLATE_CHARS_MAX,
            "pattern": TEMPLATE_PATTERN,
            "description": "`{e164}`, `{national}` and `{country}` stand for parts of the number, as in `+{e164}`.",
        })
    }
}

impl NumberFormat {
    pub fn new(template: impl Into<String>) -> Self {
        Self(template.into())
    }

    /// The number as this trunk wants it. Its digits are in the clear.
    pub fn reveal(&self, phone: Phone) -> String {
        let e164 = phone.digits().to_string();
        let (country, national) = split(&e164);
        self.0
            .replace("{e164}", &e164)
            .replace("{country}", &country)
            .replace("{national}", &national)
    }

    pub(super) fn fault(&self, pointer: &str) -> Option<Fault> {
        let length = self.0.chars().count();
        if length > TEMPLATE_CHARS_MAX {
            let detail = format!("must be at most {TEMPLATE_CHARS_MAX} characters, not {length}");
            return Some(Fault::new(pointer, "too_long", detail));
        }
        let bare = ["{e164}", "{national}", "{country}"]
            .iter()
            .fold(self.0.clone(), |left, placeholder| left.replace(placeholder, ""));
        let literal = |c: char| c.is_ascii_alphanumeric() || "+*#._-".contains(c);
        let has_number = self.0.contains("{e164}") || self.0.contains("{national}");
        let detail = "must hold `{e164}` or `{national}`, beside it only `{country}`, letters, digits and + * # . _ -, \
                      as `+{e164}` or `0{national}`";
        (!has_number || !bare.chars().all(literal))
            .then(|| Fault::new(pointer, "not_a_number_format", detail))
    }
}

/// Country code and national number of the digits of an E.164 number. One that nobody can read is all national.
fn split(e164: &str) -> (String, String) {
    let parsed = PHONE_NUMBER_UTIL.parse(format!("+{e164}"), None::<Region>);
    match parsed {
        Ok(number) => {
            (number.country_code.to_string(), number.get_national_significant_number().to_string())
        }
        Err(_) => (String::new(), e164.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_the_trunk_wants_it() {
        let chinese = Phone::from_digits(8_613_800_000_001);
        let american = Phone::from_digits(12_125_550_100);
        for (template, phone, written) in [
            ("+{e164}", chinese, "+8613800000001"),
            ("{e164}", chinese, "8613800000001"),
            ("00{e164}", chinese, "008613800000001"),
            ("{national}", chinese, "13800000001"),
            ("0{national}", chinese, "013800000001"),
            ("9{national}", american, "92125550100"),
            ("{country}-{national}", american, "1-2125550100"),
            ("tech#{e164}", american, "tech#12125550100"),
        ] {
            assert_eq!(NumberFormat::new(template).reveal(phone), written, "{template}");
        }
    }

    #[test]
    fn a_leading_zero_of_a_national_number_stays() {
        // Rome: the zero is part of the number.
        let rome = Phone::from_digits(390_612_345_678);
        assert_eq!(NumberFormat::new("{national}").reveal(rome), "0612345678");
    }

    #[test]
    fn a_format_holds_the_number_and_nothing_that_could_leave_its_place() {
        let fault =
            |template: &str| NumberFormat::new(template).fault("/x").map(|fault| fault.code);
        for right in ["+{e164}", "0{national}", "{country}{national}", "A-1.{e164}_*#"] {
            assert_eq!(fault(right), None, "{right}");
        }
        for wrong in
            ["", "+", "{country}", "{e164", "{phone}", "{e164}@evil", "{e164} ", "{e164}\r\nX: y"]
        {
            assert_eq!(fault(wrong).as_deref(), Some("not_a_number_format"), "{wrong:?}");
        }
        assert_eq!(fault(&format!("{{e164}}{}", "1".repeat(60))).as_deref(), Some("too_long"));
    }
}
