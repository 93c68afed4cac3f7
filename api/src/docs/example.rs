//! An example for every body, from its schema: what a field is called says what may stand in it.

use serde_json::{Map, Value, json};

use crate::openapi::schema::{target, without_null};

/// Objects inside of objects that an example shows, at most.
const DEPTH_MAX: usize = 8;
/// The digits of an example's ids.
const ID_DIGITS: &str = "01k9xw3q6v8r2m4n7p0s5t1y2z";

/// What stands in fields of these names.
const FIELDS: &[(&str, &str)] = &[
    ("name", "Spring reminders"),
    ("batch_name", "May"),
    ("description", "Reminds people of their test drive."),
    ("phone", "+862155500101"),
    ("phone_number", "+8613800000001"),
    ("customer_number", "+8613800000001"),
    ("outbound_number", "+862155500101"),
    ("time_zone", "Asia/Shanghai"),
    ("default_region", "CN"),
    ("province", "Jiangsu"),
    ("city", "Nanjing"),
    ("filter", "result = \"answered\" AND turns >= 6"),
    ("opening", "Hello, this is Anna of Spring Motors."),
    ("reply", "We look forward to seeing you."),
    ("text", "Hello {{customerName}}."),
    ("prompt", "Press 1 to confirm."),
    ("start", "talk"),
    ("next", "end"),
    ("otherwise", "end"),
    ("value", "vip"),
    ("reason", "asked not to be called"),
    ("url", "https://storage.example/file"),
    ("callee_format", "+{e164}"),
    ("caller_format", "+{e164}"),
    ("ari_url", "http://pbx.example.com:8088/ari"),
    ("app", "callwright"),
    ("dial_string", "PJSIP/{number}@carrier"),
    ("secret", "cw_…"),
    ("prefix", "cw_3fK9"),
    ("file", "(the file)"),
    ("weekdays", "Mon"),
    ("actor", "key_01k9xw3q6v8r2m4n7p0s5t1y2z"),
    ("target", "task_01k9xw3q6v8r2m4n7p0s5t1y2z"),
    ("source", "192.0.2.7"),
    ("request_id", "req_01980c1e6a7b7c3f9d5e2a4b6c8d0e1f"),
    ("type", "urn:callwright:problem:invalid_input"),
    ("pointer", "/concurrency"),
    ("personas", "polite"),
    ("patterns", "(?i)tomorrow at (?P<time>\\d+)"),
    ("keywords", "yes"),
    ("title", "Invalid input"),
    ("code", "invalid_input"),
    ("detail", "must be 1 to 100, not 500"),
    ("tags", "spring"),
    ("if_match", "\"1\""),
    ("etag", "\"2\""),
    ("fields", "customer_number"),
];

/// An example of a schema.
pub(super) fn example(schema: &Value, schemas: &Map<String, Value>) -> Value {
    of(schema, schemas, "", 0)
}

fn of(schema: &Value, schemas: &Map<String, Value>, field: &str, depth: usize) -> Value {
    if let Some(name) = target(schema) {
        let whole = schemas.get(name).unwrap_or(&Value::Null);
        return if depth > DEPTH_MAX { json!({}) } else { of(whole, schemas, field, depth + 1) };
    }
    let (schema, _) = without_null(schema);
    if target(&schema).is_some() {
        return of(&schema, schemas, field, depth);
    }
    if let Some(first) = schema.get("examples").and_then(|all| all.get(0)) {
        return first.clone();
    }
    let choice = ["oneOf", "anyOf", "enum"].into_iter().find_map(|word| schema.get(word)?.get(0));
    match (schema.get("const"), choice) {
        (Some(only), _) => return only.clone(),
        (None, Some(first)) if schema.get("enum").is_some() => return first.clone(),
        (None, Some(first)) => return of(first, schemas, field, depth),
        (None, None) => {}
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("object") => object(&schema, schemas, field, depth),
        Some("array") => {
            let item = schema.get("items").map(|items| of(items, schemas, field, depth));
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(1).clamp(1, 2);
            item.map(|item| vec![item; usize::try_from(least).unwrap_or(1)])
                .unwrap_or_default()
                .into()
        }
        Some("string") => string(&schema, field),
        Some("boolean") => schema.get("default").cloned().unwrap_or_else(|| true.into()),
        Some("integer") if field == "status" => 422.into(),
        Some("integer" | "number") => number(&schema),
        _ => json!({}),
    }
}

fn object(schema: &Value, schemas: &Map<String, Value>, field: &str, depth: usize) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut made: Map<String, Value> = properties
        .into_iter()
        .flatten()
        .map(|(name, schema)| (name.clone(), of(schema, schemas, name, depth)))
        .collect();
    if let Some(value) = schema.get("additionalProperties").filter(|value| value.is_object()) {
        let key = match field {
            "status_mapping" => "486",
            "choices" => "1",
            "audio_kinds" => "16",
            "mix" => "answered",
            "numbers" => "pending",
            "live_by_round" => "0",
            "edges" | "captures" => "confirmed",
            _ => "customerName",
        };
        let value = match of(value, schemas, "", depth) {
            Value::String(_) if key == "1" => "end".into(),
            Value::String(_) if key == "customerName" => "Ms. Li".into(),
            other => other,
        };
        made.insert(key.to_owned(), value);
    }
    made.into()
}

fn string(schema: &Value, field: &str) -> Value {
    let word = |word: &str| schema.get(word).and_then(Value::as_str).unwrap_or_default();
    let pattern = word("pattern");
    if let Some((prefix, _)) = pattern.trim_start_matches('^').split_once("_[0-7]") {
        return format!("{prefix}_{ID_DIGITS}").into();
    }
    let known = FIELDS.iter().find(|(name, _)| *name == field).map(|(_, text)| *text);
    let text = match (word("format"), known) {
        ("date-time", _) => "2026-12-01T01:00:00Z",
        ("partial-date-time" | "local-date-time", _) if field == "scheduled_end" => {
            "2026-12-04T18:00:00"
        }
        ("partial-date-time" | "local-date-time", _) => "2026-12-01T09:00:00",
        ("date", _) => "2026-10-01",
        (_, _) if pattern.starts_with("^([01][0-9]|2[0-3]):") => {
            if field == "end" {
                "18:00"
            } else {
                "09:00"
            }
        }
        (_, Some(text)) => text,
        (_, None) => schema
            .get("default")
            .and_then(Value::as_str)
            .filter(|text| !text.is_empty())
            .unwrap_or("text"),
    };
    text.into()
}

fn number(schema: &Value) -> Value {
    if let Some(default) = schema.get("default").filter(|value| value.is_number()) {
        return default.clone();
    }
    let least = schema.get("minimum").and_then(Value::as_f64).unwrap_or(1.0).max(1.0);
    let most = schema.get("maximum").and_then(Value::as_f64).unwrap_or(20.0);
    json!(20.0_f64.min(most).max(least) as i64)
}
