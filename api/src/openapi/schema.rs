//! How the document's schemas hang together: what stands inside a schema, and what it refers to.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// What every reference to a component starts with.
pub(crate) const COMPONENTS: &str = "#/components/schemas/";

/// Keywords that hold one schema, several by name, and several in a list.
const ONE: [&str; 2] = ["items", "additionalProperties"];
const NAMED: [&str; 1] = ["properties"];
const LISTED: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];

/// The schemas that stand directly inside a schema.
pub(crate) fn inside_mut(schema: &mut Value) -> Vec<&mut Value> {
    let Value::Object(schema) = schema else { return Vec::new() };
    let mut found = Vec::new();
    for (word, value) in schema.iter_mut() {
        match value {
            value if ONE.contains(&word.as_str()) => found.push(value),
            Value::Object(named) if NAMED.contains(&word.as_str()) => {
                found.extend(named.iter_mut().map(|(_, schema)| schema));
            }
            Value::Array(listed) if LISTED.contains(&word.as_str()) => found.extend(listed),
            _ => {}
        }
    }
    found
}

/// Do something to a schema and to every schema in it, the inner ones first.
pub(crate) fn each(schema: &mut Value, change: &mut dyn FnMut(&mut Value)) {
    for inner in inside_mut(schema) {
        each(inner, change);
    }
    change(schema);
}

/// The component that a schema refers to, itself or as the only entry of an `allOf`.
pub(crate) fn target(schema: &Value) -> Option<&str> {
    let only = match schema.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) => only,
        _ => schema,
    };
    only.get("$ref")?.as_str()?.strip_prefix(COMPONENTS)
}

/// A reference to a component.
pub(crate) fn reference(name: &str) -> Value {
    serde_json::json!({ "$ref": format!("{COMPONENTS}{name}") })
}

/// Names of the components that a value refers to, anywhere in it.
pub(crate) fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            let name = fields.get("$ref").and_then(Value::as_str);
            found.extend(name.and_then(|name| name.strip_prefix(COMPONENTS)).map(str::to_owned));
            fields.values().for_each(|field| references(field, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

/// Names of the components that a value needs, directly or through others.
pub(crate) fn needed(value: &Value, schemas: &Map<String, Value>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let mut open = BTreeSet::new();
    references(value, &mut open);
    while let Some(name) = open.pop_first() {
        if let Some(schema) = schemas.get(&name)
            && all.insert(name)
        {
            references(schema, &mut open);
        }
    }
    all
}

/// Whether a schema may be null besides what it else is; and it without that.
pub(crate) fn without_null(schema: &Value) -> (Value, bool) {
    let mut bare = schema.clone();
    let is_null = |schema: &Value| schema.get("type").is_some_and(|kind| kind == "null");
    if let Some(kinds) = bare.get_mut("type").and_then(Value::as_array_mut) {
        let before = kinds.len();
        kinds.retain(|kind| kind != "null");
        let nullable = kinds.len() < before;
        if let [only] = kinds.as_slice() {
            bare["type"] = only.clone();
        }
        return (bare, nullable);
    }
    let Some(Value::Array(options)) = bare.get("anyOf") else { return (bare, false) };
    let rest: Vec<Value> = options.iter().filter(|option| !is_null(option)).cloned().collect();
    if rest.len() == options.len() {
        return (bare, false);
    }
    let Value::Object(fields) = bare else { return (bare, true) };
    let others = fields.into_iter().filter(|(word, _)| word != "anyOf");
    let mut made: Map<String, Value> = others.collect();
    match <[Value; 1]>::try_from(rest) {
        Ok([only]) if made.is_empty() => return (only, true),
        Ok([only]) if only.get("$ref").is_some() => {
            made.insert("allOf".into(), Value::Array(vec![only]));
        }
        Ok([Value::Object(only)]) => {
            for (word, value) in only {
                made.entry(word).or_insert(value);
            }
        }
        Ok([other]) => return (other, true),
        Err(rest) => {
            made.insert("anyOf".into(), Value::Array(rest));
        }
    }
    (Value::Object(made), true)
}

/// A schema that may be null besides what it else is.
pub(crate) fn or_null(schema: Value) -> Value {
    if without_null(&schema).1 {
        return schema;
    }
    let Value::Object(mut fields) = schema else { return schema };
    if let Some(Value::String(kind)) = fields.get("type").cloned()
        && !fields.contains_key("enum")
        && !fields.contains_key("const")
    {
        fields.insert("type".into(), serde_json::json!([kind, "null"]));
        return Value::Object(fields);
    }
    // What is said of the field stays beside the choice.
    let (told, what): (Map<_, _>, Map<_, _>) = fields
        .into_iter()
        .partition(|(word, _)| ["title", "description", "default"].contains(&word.as_str()));
    let what = match what.get("allOf").and_then(Value::as_array).map(Vec::as_slice) {
        Some([only]) if what.len() == 1 => only.clone(),
        _ => Value::Object(what),
    };
    let mut made = told;
    made.insert("anyOf".into(), serde_json::json!([what, { "type": "null" }]));
    Value::Object(made)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn null_is_taken_off_and_put_on() {
        for (bare, nullable) in [
            (json!({"type": "string"}), json!({"type": ["string", "null"]})),
            (reference("Role"), json!({"anyOf": [reference("Role"), {"type": "null"}]})),
            (
                json!({"description": "d", "allOf": [reference("Role")]}),
                json!({"description": "d", "anyOf": [reference("Role"), {"type": "null"}]}),
            ),
        ] {
            assert_eq!(without_null(&nullable), (bare.clone(), true), "{nullable}");
            assert_eq!(without_null(&bare), (bare.clone(), false));
            assert_eq!(or_null(bare), nullable);
            assert_eq!(or_null(nullable.clone()), nullable);
        }
    }

    #[test]
    fn what_is_needed_is_found_through_others() {
        let schemas = json!({
            "A": { "properties": { "b": reference("B") } },
            "B": { "items": reference("A") },
            "C": {},
        });
        let Value::Object(schemas) = schemas else { panic!() };
        let found = needed(&json!({ "schema": reference("A") }), &schemas);
        assert_eq!(found.into_iter().collect::<Vec<_>>(), ["A", "B"]);
    }
}
