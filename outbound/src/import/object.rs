//! A number as JSON, judged field by field: a wrong type is told with its pointer.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::characters::escaped;
use crate::import::HEADER_CHARS_MAX;
use crate::import::row::{NumberInput, ParsedRow, RowError, RowRules, parse_input};

/// A JSON value that keeps the order of its fields, and those that are repeated.
#[derive(Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    Number(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Json {
    const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a truth value",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value as f64))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element()? {
            values.push(value);
        }
        Ok(Json::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

/// Read one number of the API that stands at `pointer` of what was sent.
pub fn parse_object(
    value: &Json,
    pointer: &str,
    rules: &RowRules,
) -> Result<ParsedRow, Vec<RowError>> {
    let Json::Object(fields) = value else {
        let at = if pointer.is_empty() { "it" } else { pointer };
        let reason = format!(
            "is not a number object: {at} is {}; it must be an object with `phone_number`",
            value.kind()
        );
        return Err(vec![RowError::new("", "", reason)]);
    };
    let mut read = Fields { pointer, input: NumberInput::default(), errors: Vec::new() };
    let mut seen = BTreeSet::new();
    for (name, value) in fields {
        if !seen.insert(name) {
            read.errors.push(RowError::new(name, "", "is given twice; give it once"));
            continue;
        }
        read.field(name, value);
    }
    if !seen.contains(&"phone_number".to_owned()) {
        read.errors.push(RowError::new(
            "phone_number",
            "",
            "is missing; a phone number is required",
        ));
    }
    if read.errors.is_empty() {
        return parse_input(&read.input, rules);
    }
    Err(read.errors)
}

struct Fields<'a> {
    pointer: &'a str,
    input: NumberInput,
    errors: Vec<RowError>,
}

impl Fields<'_> {
    fn field(&mut self, name: &str, value: &Json) {
        match (name, value) {
            ("phone_number", _) => {
                self.input.phone_number = self.text(name, "/phone_number", value);
            }
            ("priority", Json::Number(number)) => self.priority(*number),
            ("priority", _) => self.wrong(name, "/priority", value, "a whole number"),
            ("caller_id", Json::Null) => {}
            ("caller_id", _) => self.input.caller_id = Some(self.text(name, "/caller_id", value)),
            ("backup_numbers", Json::List(backups)) => {
                let backups = backups.iter().enumerate();
                self.input.backup_numbers = backups
                    .map(|(at, backup)| self.text(name, &format!("/backup_numbers/{at}"), backup))
                    .collect();
            }
            ("backup_numbers", _) => {
                self.wrong(name, "/backup_numbers", value, "a list of texts in quotes");
            }
            ("variables", Json::Object(variables)) => {
                for (name, value) in variables {
                    self.variable(name, value);
                }
            }
            ("variables", _) => self.wrong(name, "/variables", value, "an object of texts"),
            _ => {
                let reason = "is no field of a number; phone_number, priority, caller_id, \
                              backup_numbers and variables are";
                self.errors.push(RowError::new(&short(name), "", reason));
            }
        }
    }

    fn variable(&mut self, name: &str, value: &Json) {
        let step = short(name).replace('~', "~0").replace('/', "~1");
        let text = self.text(name, &format!("/variables/{step}"), value);
        if self.input.variables.insert(name.to_owned(), text).is_some() {
            self.errors.push(RowError::new(&short(name), "", "is given twice; give it once"));
        }
    }

    fn text(&mut self, column: &str, place: &str, value: &Json) -> String {
        if let Json::Text(text) = value {
            return text.clone();
        }
        self.wrong(column, place, value, "a text in quotes");
        String::new()
    }

    fn priority(&mut self, number: f64) {
        if number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number) {
            // Whole and within bounds, so nothing is lost.
            self.input.priority = number as u32;
        } else {
            let reason = "must be a whole number from 0 to 999999";
            self.errors.push(RowError::new("priority", &number.to_string(), reason));
        }
    }

    fn wrong(&mut self, column: &str, place: &str, value: &Json, right: &str) {
        let shown = match value {
            Json::Number(number) => number.to_string(),
            Json::Text(text) => text.clone(),
            Json::Bool(value) => value.to_string(),
            _ => String::new(),
        };
        let (pointer, kind) = (self.pointer, value.kind());
        let reason = format!("{pointer}{place} is {kind}; it must be {right}");
        self.errors.push(RowError::new(&short(column), &shown, reason));
    }
}

/// A name that was given, as an error can show it.
fn short(name: &str) -> String {
    escaped(&name.chars().take(HEADER_CHARS_MAX).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(json: &str) -> Vec<(String, String)> {
        let value: Json = serde_json::from_str(json).unwrap();
        let rules = RowRules {
            region: "CN".into(),
            variables: BTreeSet::from(["v".to_owned()]),
            ..RowRules::default()
        };
        let errors = parse_object(&value, "/numbers/0", &rules).err().unwrap_or_default();
        errors.into_iter().map(|error| (error.column, error.reason)).collect()
    }

    #[test]
    fn a_wrong_type_is_told_with_its_pointer() {
        for (json, column, reason) in [
            (
                r#"{"phone_number": 13800000001}"#,
                "phone_number",
                "/numbers/0/phone_number is a number; it must be a text in quotes",
            ),
            (
                r#"{"phone_number": "13800000001", "variables": {"v": 12.5}}"#,
                "v",
                "/numbers/0/variables/v is a number; it must be a text in quotes",
            ),
            (
                r#"{"phone_number": "13800000001", "priority": "high"}"#,
                "priority",
                "/numbers/0/priority is a text; it must be a whole number",
            ),
            (
                r#"{"phone_number": "13800000001", "backup_numbers": "13800000002"}"#,
                "backup_numbers",
                "/numbers/0/backup_numbers is a text; it must be a list of texts in quotes",
            ),
            (
                r#"{"phone_number": "13800000001", "backup_numbers": ["13800000002", 5]}"#,
                "backup_numbers",
                "/numbers/0/backup_numbers/1 is a number; it must be a text in quotes",
            ),
            (
                "[\"13800000001\"]",
                "",
                "is not a number object: /numbers/0 is a list; it must be an object with `phone_number`",
            ),
            ("{}", "phone_number", "is missing; a phone number is required"),
            (
                r#"{"phone_number": "13800000001", "phone_number": "13800000002"}"#,
                "phone_number",
                "is given twice; give it once",
            ),
            (
                r#"{"phone_number": "13800000001", "priority": 5.5}"#,
                "priority",
                "must be a whole number from 0 to 999999",
            ),
            (
                r#"{"phone_number": "13800000001", "variables": {"a\u0000b": "x"}}"#,
                "variables",
                "has a control character in its name; take it out",
            ),
            (
                r#"{"phone_number": "13800000001", "variables": {"V ": "x"}}"#,
                "variables",
                "is not variable `v`: write it as `v`",
            ),
            (
                r#"{"phone_number": "13800000001", "variables": {"Priority": "x"}}"#,
                "variables",
                "is the name of a column, and can't be a variable's",
            ),
        ] {
            assert_eq!(told(json), [(column.to_owned(), reason.to_owned())], "{json}");
        }
        let unknown = told(r#"{"phone_number": "13800000001", "prio": 1}"#);
        assert_eq!(unknown[0].0, "prio");
        assert_eq!(told(r#"{"phone_number": "13800000001", "priority": 5.0}"#), []);
        assert_eq!(told(r#"{"phone_number": "13800000001", "caller_id": null}"#), []);
    }
}
