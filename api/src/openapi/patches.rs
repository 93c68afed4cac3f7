//! Bodies of merge patches (RFC 7396): `TaskConfigPatch` beside `TaskConfig`.
//!
//! Every field may be left out. `null` takes a field back to its default, so only a field that has one may
//! be null. Objects in it are merged, too, and have patches of their own; lists are replaced whole. No
//! schema that a patch uses has a `default`: a client that was made from it would send it, and undo what
//! somebody else has set.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::names::operations;
use super::schema::{each, needed, or_null, reference, target};

/// The media type of a merge patch.
pub(crate) const MERGE_PATCH: &str = "application/merge-patch+json";

/// On a schema: a merge patch of it is meant.
pub(crate) const PATCH_MARK: &str = "x-merge-patch";

/// Put a patch wherever one is meant.
pub(super) fn make_all(document: &mut Value) {
    let schemas = document.pointer_mut("/components/schemas").map(Value::take);
    let Some(Value::Object(mut schemas)) = schemas else { return };
    let mut made = BTreeSet::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for operation in paths.into_iter().flatten().flat_map(|(_, path)| operations(path)) {
        let content = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
        for (_, media) in content.into_iter().flatten() {
            place(&mut media["schema"], &mut schemas, &mut made);
        }
    }
    for name in schemas.keys().cloned().collect::<Vec<_>>() {
        let mut schema = schemas.get(&name).cloned().unwrap_or_default();
        place(&mut schema, &mut schemas, &mut made);
        schemas.insert(name, schema);
    }
    let patches = Value::Array(made.iter().map(|name| reference(name)).collect());
    for name in needed(&patches, &schemas) {
        if let Some(schema) = schemas.get_mut(&name) {
            each(schema, &mut tell_default);
        }
    }
    document["components"]["schemas"] = Value::Object(schemas);
}

/// Put the patches into a schema, and note their names.
fn place(schema: &mut Value, schemas: &mut Map<String, Value>, made: &mut BTreeSet<String>) {
    each(schema, &mut |schema| {
        if schema.get(PATCH_MARK).is_some()
            && let Some(whole) = target(schema).map(str::to_owned)
        {
            let name = patch_of(&whole, schemas);
            *schema = reference(&name);
            made.insert(name);
        }
    });
}

/// Make the patch of a component, and give its name.
fn patch_of(name: &str, schemas: &mut Map<String, Value>) -> String {
    let made = format!("{name}Patch");
    if schemas.contains_key(&made) {
        return made;
    }
    let mut schema = schemas.get(name).cloned().unwrap_or_default();
    // So that a schema which holds itself ends here.
    schemas.insert(made.clone(), Value::Null);
    let Value::Object(fields) = &mut schema else { return made };
    let required = fields.shift_remove("required");
    let kept: Vec<&str> =
        required.iter().filter_map(Value::as_array).flatten().filter_map(Value::as_str).collect();
    if let Some(Value::Object(properties)) = fields.get_mut("properties") {
        for (field, schema) in properties.iter_mut() {
            let merged = merged(schema.take(), schemas);
            *schema = if kept.contains(&field.as_str()) { merged } else { or_null(merged) };
        }
    }
    if let Some(value) = fields.get_mut("additionalProperties").filter(|value| value.is_object()) {
        *value = or_null(merged(value.take(), schemas));
    }
    // Without the word that tells the kind, a patch may fit several of them.
    if let Some(Value::Array(branches)) = fields.shift_remove("oneOf") {
        fields.shift_remove("discriminator");
        let branches: Vec<Value> = branches.into_iter().map(|one| merged(one, schemas)).collect();
        fields.insert("anyOf".into(), branches.into());
    }
    schemas.insert(made.clone(), schema);
    made
}

/// A field of a patch: an object is merged, everything else is replaced.
fn merged(mut schema: Value, schemas: &mut Map<String, Value>) -> Value {
    let Some(name) = target(&schema).map(str::to_owned) else { return schema };
    let object = schemas.get(&name).is_some_and(|whole| {
        whole.get("type").is_some_and(|kind| kind == "object") || whole.get("oneOf").is_some()
    });
    if object {
        let made = reference(&patch_of(&name, schemas));
        match schema.get_mut("allOf") {
            Some(only) => *only = Value::Array(vec![made]),
            None => schema = made,
        }
    }
    schema
}

/// Say a default in words, and not in a form that clients send.
fn tell_default(schema: &mut Value) {
    let Value::Object(fields) = schema else { return };
    let Some(default) = fields.shift_remove("default") else { return };
    let about = fields.get("description").and_then(Value::as_str).unwrap_or_default();
    let told = format!("{about} Default: `{default}`.").trim_start().to_owned();
    fields.insert("description".into(), told.into());
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_has_no_default_and_is_null_only_where_null_means_something() {
        let mut document = json!({
            "paths": { "/x": { "patch": { "requestBody": { "content": {
                MERGE_PATCH: { "schema": { "allOf": [reference("Task")], PATCH_MARK: true } },
            }}}}},
            "components": { "schemas": {
                "Task": { "type": "object", "required": ["name"], "properties": {
                    "name": { "type": "string" },
                    "rings": { "type": "integer", "default": 45, "description": "Seconds." },
                    "redial": { "allOf": [reference("Redial")], "default": { "on": false } },
                    "ranges": { "type": "array", "items": reference("Range") },
                }},
                "Redial": { "type": "object", "properties": { "on": { "type": "boolean", "default": false } } },
                "Range": { "type": "object", "properties": { "days": { "type": "array", "default": [] } } },
            }},
        });
        make_all(&mut document);
        let schemas = &document["components"]["schemas"];
        let patch = &schemas["TaskPatch"];
        assert!(patch.get("required").is_none());
        assert_eq!(patch["properties"]["name"], json!({ "type": "string" }));
        let text = "Seconds. Default: `45`.";
        assert_eq!(
            patch["properties"]["rings"],
            json!({ "type": ["integer", "null"], "description": text })
        );
        let redial = json!({
            "anyOf": [reference("RedialPatch"), { "type": "null" }],
            "description": "Default: `{\"on\":false}`.",
        });
        assert_eq!(patch["properties"]["redial"], redial);
        assert_eq!(schemas["RedialPatch"]["properties"]["on"]["type"], json!(["boolean", "null"]));
        let days = json!({ "type": "array", "description": "Default: `[]`." });
        assert_eq!(schemas["Range"]["properties"]["days"], days);
        assert_eq!(schemas["Task"]["properties"]["rings"]["default"], 45);
    }
}
