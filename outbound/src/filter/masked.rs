//! What somebody may ask who sees no full numbers.
//!
//! A filter tells by what it finds. Whoever sees a number masked could ask for each number that it may be, or for
//! a text digit by digit, until the answer is yes. So such a caller asks for one phone at a time, in full, which
//! is a look-up that is counted and written down; and of texts that may quote a number only what the masked text
//! would tell, too.

use crate::characters::digit;
use crate::filter::{Filter, Op, Test, Value};
use crate::mask::holds_number;
use crate::phone::Phone;
use crate::record::FieldKind;

/// Why a filter tells more than a masked list does.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unmasking {
    /// It compares phones with more than one number; the field of the second.
    #[error("compares `{0}` with a second number")]
    SeveralPhones(String),
    /// It compares a text that may quote a number with digits; the field, as the filter names it.
    #[error("compares `{0}` with digits")]
    Digits(String),
}

impl Filter {
    /// The phones that it looks up, at most one; or why somebody who sees no full numbers may not ask it.
    pub fn within_masks(&self) -> Result<Vec<Phone>, Unmasking> {
        let mut phones = Vec::new();
        self.look(&mut phones)?;
        Ok(phones)
    }

    fn look(&self, phones: &mut Vec<Phone>) -> Result<(), Unmasking> {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                parts.iter().try_for_each(|part| part.look(phones))
            }
            Self::Not(inner) => inner.look(phones),
            Self::Test(test) => match &test.value {
                Value::Phone(_) if !phones.is_empty() => Err(Unmasking::SeveralPhones(test.name())),
                Value::Phone(phone) => {
                    phones.push(*phone);
                    Ok(())
                }
                Value::Text(text) if test.tells_more_than_masks(text) => {
                    Err(Unmasking::Digits(test.name()))
                }
                _ => Ok(()),
            },
        }
    }
}

impl Test {
    /// The field as a filter names it: `variables.phone`.
    fn name(&self) -> String {
        let key = self.key.as_ref().map(|key| format!(".{key}")).unwrap_or_default();
        format!("{}{key}", self.field.name)
    }

    /// A whole text that holds no number is shown as it is; so is the rest of a text, but not its digits.
    fn tells_more_than_masks(&self, text: &str) -> bool {
        let part = self.op == Op::Has && (self.key.is_some() || self.field.kind == FieldKind::Text);
        let digits = part && text.chars().any(|c| digit(c).is_some());
        let number = holds_number(text) || self.key.as_deref().is_some_and(holds_number);
        self.field.may_quote_phones() && (digits || number)
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::parse;

    fn told(text: &str) -> String {
        match parse(text).unwrap().within_masks() {
            Ok(phones) => phones.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
            Err(why) => why.to_string(),
        }
    }

    #[test]
    fn one_number_may_be_looked_up_and_no_number_guessed() {
        for (filter, told_of_it) in [
            ("", ""),
            ("result = busy AND turns >= 2", ""),
            ("customer_number = +8613800000001", "138****0001"),
            ("NOT customer_number != +8613800000001 AND turns > 1", "138****0001"),
            (
                "customer_number = +8613800000001 OR customer_number = +8613800000002",
                "compares `customer_number` with a second number",
            ),
            (
                "customer_number = +8613800000001 AND (turns = 1 OR outbound_number = +8613800000001)",
                "compares `outbound_number` with a second number",
            ),
            ("customer_number_encrypted : 138", ""),
            ("call_id = 12345678", ""),
        ] {
            assert_eq!(told(filter), told_of_it, "{filter}");
        }
    }

    #[test]
    fn texts_are_compared_with_what_a_masked_list_shows_of_them() {
        let digits = |field: &str| format!("compares `{field}` with digits");
        for (filter, told_of_it) in [
            ("variables.city = Berlin", String::new()),
            ("variables.city : lin", String::new()),
            ("variables.age = 34", String::new()),
            ("variables.age != 34", String::new()),
            ("variables.phone : 1", digits("variables.phone")),
            ("variables.phone : \"٣\"", digits("variables.phone")),
            ("-variables.phone : \"x 3\"", digits("variables.phone")),
            ("variables.phone = 13800000001", digits("variables.phone")),
            ("variables.phone != \"138 0000 0001\"", digits("variables.phone")),
            ("variables.\"1380000\" = x", digits("variables.1380000")),
            ("variables : phone", String::new()),
            ("variables : phone2", String::new()),
            ("variables : 13800000001", digits("variables")),
            ("captures.callback : 00", digits("captures.callback")),
            ("conversation_text : \"call me\"", String::new()),
            ("conversation_text : 138", digits("conversation_text")),
            ("batch_name = \"May 12\"", String::new()),
            ("batch_name : 12", digits("batch_name")),
            ("intent_tags : vip2", String::new()),
            ("intent_tags : 13800000001", digits("intent_tags")),
        ] {
            assert_eq!(told(filter), told_of_it, "{filter}");
        }
    }
}
