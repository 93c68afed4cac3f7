//! Texts and times that PostgreSQL keeps nowhere: refused by name, where a request brings them.

use axum::extract::Query;
use http::Uri;
use outbound::moment::{self, TOO_FAR};
use schemars::JsonSchema;
use serde_json::Value;

use crate::input::escaped;
use crate::problem::Problem;
use crate::shape;

/// Refuse a query with a NUL character, which PostgreSQL takes in no text, or a time that nobody can keep.
pub(crate) fn well_written<T: JsonSchema>(uri: &Uri) -> Result<(), Problem> {
    let pairs = Query::<Vec<(String, String)>>::try_from_uri(uri);
    // The handler's own extractor refuses a query that can't be read.
    let Ok(Query(pairs)) = pairs else { return Ok(()) };
    if let Some((name, _)) =
        pairs.iter().find(|(name, value)| (name.clone() + value).contains('\0'))
    {
        let pointer = format!("/{}", escaped(&name.replace('\0', "")));
        let detail = "(query): has a control character, U+0000; take it out";
        return Err(Problem::malformed(pointer, "control_character", detail));
    }
    let fields = pairs.into_iter().map(|(name, value)| (name, value.into()));
    match shape::far_time::<T>(&Value::Object(fields.collect())) {
        Some(pointer) => {
            Err(Problem::malformed(pointer, "out_of_bounds", format!("(query): {TOO_FAR}")))
        }
        None => Ok(()),
    }
}

/// PostgreSQL keeps no NUL character, in no text and no JSON; and nobody means one.
pub(crate) fn no_nul(bytes: &[u8]) -> Result<(), Problem> {
    const ESCAPED: &[u8] = b"\\u0000";
    if !bytes.windows(ESCAPED.len()).any(|window| window == ESCAPED) {
        return Ok(());
    }
    // The reader of the body refuses what is no JSON.
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Ok(()) };
    let detail = "has a control character, U+0000; take it out";
    match nul_in(&value) {
        Some(pointer) => Err(Problem::fault(pointer, "control_character", detail)),
        None => Ok(()),
    }
}

/// A pointer to the first text with a NUL, or to what holds a key with one.
fn nul_in(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => text.contains('\0').then(String::new),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .find_map(|(place, item)| nul_in(item).map(|rest| format!("/{place}{rest}"))),
        Value::Object(fields) => fields.iter().find_map(|(name, field)| {
            if name.contains('\0') {
                return Some(String::new());
            }
            nul_in(field).map(|rest| format!("/{}{rest}", escaped(name)))
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Whether a cursor holds a text or a time that no database keeps, so that no page of ours can have ended there.
pub(crate) fn holds_unkept(key: &Value) -> bool {
    match key {
        Value::String(text) => text.contains('\0') || moment::is_far(text),
        Value::Array(items) => items.iter().any(holds_unkept),
        Value::Object(fields) => fields.values().any(holds_unkept),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nul_character_is_found_wherever_it_stands() {
        for (body, pointer) in [
            (r#"{"opening": "a\u0000b"}"#, Some("/opening")),
            (r#"{"nodes": [{"text": "a"}, {"text": "\u0000"}]}"#, Some("/nodes/1/text")),
            (r#"{"variables": {"a\u0000": "b"}}"#, Some("/variables")),
            (r#"{"opening": "a\\u0000b"}"#, None),
            (r#"{"opening": "ab"}"#, None),
        ] {
            let problem = no_nul(body.as_bytes()).err();
            let found = problem.as_ref().map(|problem| problem.faults[0].pointer.as_str());
            assert_eq!(found, pointer, "{body}");
        }
    }
}
