//! `{{names}}` in texts.
//!
//! Values are put in after commands were taken out of a text, and never looked at again: a value that
//! holds `#Hangup#` or `{{other}}` is spoken, not obeyed.

use std::collections::BTreeMap;

/// The most characters that a variable's name may have.
pub const NAME_CHARS_MAX: usize = 64;

/// A piece of a text with variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece<'a> {
    Text(&'a str),
    Variable(&'a str),
}

fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(open) = rest.find("{{") {
        let Some(length) = rest[open + 2..].find("}}") else { break };
        let name = rest[open + 2..open + 2 + length].trim();
        if !is_name(name) {
            found.push(Piece::Text(&rest[..open + 2]));
            rest = &rest[open + 2..];
            continue;
        }
        found.extend([Piece::Text(&rest[..open]), Piece::Variable(name)]);
        rest = &rest[open + 4 + length..];
    }
    found.push(Piece::Text(rest));
    found
}

/// A letter or `_`, then letters, digits, `_` and spaces between them.
pub fn is_name(name: &str) -> bool {
    let first = name.chars().next();
    name == name.trim()
        && name.chars().count() <= NAME_CHARS_MAX
        && first.is_some_and(|first| first.is_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == ' ')
}

/// The variables that a text uses, in order, repeats included.
pub fn names(text: &str) -> Vec<&str> {
    let named = pieces(text).into_iter().filter_map(|piece| match piece {
        Piece::Variable(name) => Some(name),
        Piece::Text(_) => None,
    });
    named.collect()
}

/// The text with values for its variables; one without a value is left out.
pub fn render(text: &str, values: &BTreeMap<String, String>) -> String {
    let mut rendered = String::with_capacity(text.len());
    for piece in pieces(text) {
        rendered.push_str(match piece {
            Piece::Text(text) => text,
            Piece::Variable(name) => values.get(name).map_or("", String::as_str),
        });
    }
    rendered
}

/// A text of JSON with values for its variables, which stand inside of strings there: what a value holds can't end the
/// string.
pub fn render_json(text: &str, values: &BTreeMap<String, String>) -> String {
    let escaped = |value: &String| {
        let quoted = serde_json::Value::from(value.as_str()).to_string();
        quoted[1..quoted.len() - 1].to_owned()
    };
    let values = values.iter().map(|(name, value)| (name.clone(), escaped(value))).collect();
    render(text, &values)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
    }

    #[test]
    fn the_guides_sentence_is_spoken_with_the_customers_values() {
        let text = "Hello {{customerName}}, your scheduled {{ModelName}} test drive will begin at {{appointmentTime}}.";
        let row = [
            ("customerName", "Ms. Li"),
            ("ModelName", "Tianrun X7"),
            ("appointmentTime", "9:00 AM, Jan 1"),
        ];
        assert_eq!(
            render(text, &values(&row)),
            "Hello Ms. Li, your scheduled Tianrun X7 test drive will begin at 9:00 AM, Jan 1."
        );
        assert_eq!(names(text), ["customerName", "ModelName", "appointmentTime"]);
    }

    #[test]
    fn a_value_in_json_stays_a_value() {
        let values = values(&[("name", r#"O"Hara", "admin": true, "x": "\"#)]);
        let json = render_json(r#"{"name": "{{name}}", "who": "{{nobody}}"}"#, &values);
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, serde_json::json!({"name": values["name"], "who": ""}));
    }

    #[test]
    fn a_value_is_never_looked_at_again() {
        let row = values(&[("a", "{{b}}"), ("b", "secret")]);
        assert_eq!(render("{{a}}", &row), "{{b}}");
    }

    #[test]
    fn what_is_not_a_variable_is_text() {
        for text in
            ["{{", "a {{ b", "{{}}", "{{1st}}", "}}{{", "{{a-b}}", "see {{1st}} of {{2nd}}."]
        {
            assert_eq!(render(text, &BTreeMap::new()), text);
        }
        assert_eq!(render("x{{gone}}y", &BTreeMap::new()), "xy");
        let row = values(&[("a", "A"), ("b c", "BC")]);
        assert_eq!(render("see {{1st}} of {{ a }}{{b c}}, {{", &row), "see {{1st}} of ABC, {{");
        assert_eq!(names("see {{1st}} of {{ a }}{{b c}}, {{"), ["a", "b c"]);
    }

    #[test]
    fn a_name_begins_with_a_letter_and_has_letters_digits_and_spaces() {
        let long = "x".repeat(NAME_CHARS_MAX);
        for name in ["a", "_a", "a1", "model name", "snake_case", "姓名", &long] {
            assert!(is_name(name), "{name}");
        }
        let longer = "x".repeat(NAME_CHARS_MAX + 1);
        for name in ["", " ", " a", "a ", "1a", "a-b", "a.b", "a{b", &longer] {
            assert!(!is_name(name), "{name}");
        }
    }
}
