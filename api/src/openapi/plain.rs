//! Schemas in the form that every tool reads: words as an `enum`, anything as `{}`, parameters that are
//! given or not and never null, defaults of single values only.

use serde_json::{Map, Value, json};

use super::schema::{each, target, without_null};
use crate::page::{CURSOR_LENGTH_MAX, CURSOR_PATTERN, LIMIT_MAX};

/// An object of fields of its own and those of another component has all of them itself: many tools look at the one or the
/// other.
pub(super) fn join_parts(document: &mut Value) {
    let Some(Value::Object(schemas)) = document.pointer_mut("/components/schemas") else { return };
    let whole = schemas.clone();
    for (_, schema) in schemas.iter_mut() {
        each(schema, &mut |schema| {
            if schema.get("properties").is_none() {
                return;
            }
            let part = target(schema).and_then(|name| whole.get(name)).cloned();
            let (Some(part), Value::Object(fields)) = (part, schema) else { return };
            fields.shift_remove("$ref");
            fields.shift_remove("allOf");
            for (word, value) in [("properties", json!({})), ("required", json!([]))] {
                let mine = fields.entry(word).or_insert(value);
                match (mine, part.get(word)) {
                    (Value::Object(mine), Some(Value::Object(more))) => mine.extend(more.clone()),
                    (Value::Array(mine), Some(Value::Array(more))) => mine.extend(more.clone()),
                    _ => {}
                }
            }
        });
    }
}

/// Mend a schema and all that stands in it.
pub(super) fn schema(schema: &mut Value) {
    each(schema, &mut |schema| {
        if *schema == Value::Bool(true) {
            *schema = json!({});
        }
        if let Value::Object(fields) = schema {
            words(fields);
            bounds(fields);
            // An object's fields have defaults of their own, and null is what is left out anyway.
            if fields.get("default").is_some_and(|value| value.is_object() || value.is_null()) {
                fields.shift_remove("default");
            }
        }
    });
}

/// A choice of words that have a meaning each, as one `enum`; the meanings go into the description.
fn words(schema: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = schema.get("oneOf") else { return };
    let word = |branch: &Value| -> Option<Vec<Value>> {
        let known = ["const", "enum", "type", "description"];
        let fields = branch.as_object()?;
        let plain = fields.get("type")? == "string"
            && fields.keys().all(|word| known.contains(&word.as_str()));
        let one = fields.get("const").map(|word| vec![word.clone()]);
        one.or_else(|| fields.get("enum")?.as_array().cloned()).filter(|_| plain)
    };
    let Some(choices) = branches.iter().map(word).collect::<Option<Vec<_>>>() else { return };
    let meaning = |(branch, words): (&Value, &Vec<Value>)| {
        let text = branch.get("description")?.as_str()?.replace('\n', " ");
        Some(format!("- `{}`: {text}", words.first()?.as_str()?))
    };
    let meanings: Vec<String> = branches.iter().zip(&choices).filter_map(meaning).collect();
    let about = schema.get("description").and_then(Value::as_str).map(str::to_owned);
    let listed = Some(meanings.join("\n")).filter(|text| !text.is_empty());
    let told: Vec<String> = about.into_iter().chain(listed).collect();
    let mut made = Map::new();
    if !told.is_empty() {
        made.insert("description".into(), told.join("\n\n").into());
    }
    made.insert("type".into(), "string".into());
    made.insert("enum".into(), choices.concat().into());
    *schema = made;
}

/// A date and a time without a zone, as a wall clock shows them.
const WALL_CLOCK: &str =
    "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]$";

/// Bounds that the kind of a value has by itself, where it has none of its own.
fn bounds(schema: &mut Map<String, Value>) {
    if schema.get("format").is_some_and(|format| format == "partial-date-time") {
        schema.entry("pattern").or_insert_with(|| WALL_CLOCK.into());
    }
    let (least, most): (i64, u64) = match schema.get("format").and_then(Value::as_str) {
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("uint64" | "uint") => (0, u64::MAX),
        Some("int32") => (i32::MIN.into(), i32::MAX.unsigned_abs().into()),
        Some("int64") => (i64::MIN, i64::MAX.unsigned_abs()),
        _ => return,
    };
    schema.entry("minimum").or_insert_with(|| least.into());
    schema.entry("maximum").or_insert_with(|| most.into());
}

/// The parameters of pages are the same for every list.
fn paging(parameter: &mut Value) {
    let bounds: &[(&str, Value)] = match parameter["name"].as_str() {
        Some("limit") => &[("minimum", 1.into()), ("maximum", LIMIT_MAX.into())],
        Some("cursor") => {
            &[("maxLength", CURSOR_LENGTH_MAX.into()), ("pattern", CURSOR_PATTERN.into())]
        }
        _ => return,
    };
    for (word, bound) in bounds {
        parameter["schema"][word] = bound.clone();
    }
}

/// A parameter is given or left out: it is never null.
pub(super) fn parameter(parameter: &mut Value) {
    if let Some(schema) = parameter.get_mut("schema") {
        *schema = without_null(schema).0;
        self::schema(schema);
    }
    if parameter["in"] == "query" {
        paging(parameter);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_that_takes_fields_of_another_has_them_itself() {
        let own = json!({ "type": "object", "properties": { "driver": { "const": "a" } },
            "required": ["driver"], "$ref": "#/components/schemas/Service" });
        let part = json!({ "type": "object", "properties": { "url": { "type": "string" } }, "required": ["url"] });
        let mut document = json!({ "components": { "schemas": {
            "Provider": { "oneOf": [own] }, "Service": part, "Other": { "allOf": [{ "$ref": "#/components/schemas/Service" }] },
        } } });
        let other = document["components"]["schemas"]["Other"].clone();
        join_parts(&mut document);
        let schemas = &document["components"]["schemas"];
        let joined = json!({ "type": "object", "required": ["driver", "url"],
            "properties": { "driver": { "const": "a" }, "url": { "type": "string" } } });
        assert_eq!(schemas["Provider"]["oneOf"][0], joined);
        assert_eq!(schemas["Other"], other, "what only refers stays as it is");
    }

    #[test]
    fn words_with_meanings_become_one_enum() {
        let mut found = json!({ "description": "Who.", "oneOf": [
            { "type": "string", "enum": ["a", "b"] },
            { "type": "string", "const": "c", "description": "The third." },
        ]});
        schema(&mut found);
        let text = "Who.\n\n- `c`: The third.";
        assert_eq!(
            found,
            json!({ "description": text, "type": "string", "enum": ["a", "b", "c"] })
        );
    }

    #[test]
    fn a_choice_of_objects_stays_and_anything_is_an_empty_schema() {
        let objects =
            json!({ "oneOf": [{ "type": "object", "properties": { "kind": { "const": "a" } } }] });
        let mut found = json!({ "properties": { "x": objects.clone(), "y": true } });
        schema(&mut found);
        assert_eq!(found, json!({ "properties": { "x": objects, "y": {} } }));
    }

    #[test]
    fn a_parameter_is_not_null() {
        let mut limit =
            json!({ "name": "limit", "schema": { "type": ["integer", "null"], "minimum": 1 } });
        parameter(&mut limit);
        assert_eq!(limit["schema"], json!({ "type": "integer", "minimum": 1 }));
    }
}
