//! What is wrong with a value by the place where it stands: a list where the API takes an object, and a time that
//! is too far away to be kept.
//!
//! The reader of JSON would take its entries for the object's fields in their order, and an empty list
//! for an object of defaults: `"schedule": []` is more likely meant as something else, so it is refused.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use outbound::moment;
use schemars::JsonSchema;
use serde_json::Value;

/// Each body's schema, made when it is first needed: their number is that of the API's bodies.
static SCHEMAS: LazyLock<Mutex<HashMap<String, Arc<Value>>>> = LazyLock::new(Mutex::default);

/// A pointer to the first list where a `T` has an object.
pub fn list_for_object<T: JsonSchema>(value: &Value) -> Option<String> {
    first::<T>(value, &|value, options| {
        let takes = |kind| options.iter().any(|option| takes(option, kind));
        value.is_array() && !takes("array") && takes("object")
    })
}

/// A pointer to the first time or date of another year than those that can be kept.
pub fn far_time<T: JsonSchema>(value: &Value) -> Option<String> {
    first::<T>(value, &|value, options| {
        value.as_str().is_some_and(|text| options.iter().any(is_time) && moment::is_far(text))
    })
}

fn is_time(schema: &&Value) -> bool {
    let format = schema.get("format").and_then(Value::as_str);
    matches!(format, Some("date-time" | "partial-date-time" | "date"))
}

/// Whether a value is wrong where one of these schemas holds.
type Judge = dyn Fn(&Value, &[&Value]) -> bool;

/// A pointer to the first part of a `T` that is wrong.
fn first<T: JsonSchema>(value: &Value, wrong: &Judge) -> Option<String> {
    let root = schema::<T>();
    find(value, &[&root], &root, wrong)
}

fn schema<T: JsonSchema>() -> Arc<Value> {
    let mut schemas = SCHEMAS.lock().unwrap_or_else(PoisonError::into_inner);
    let made = || Arc::new(schemars::schema_for!(T).to_value());
    schemas.entry(T::schema_id().into_owned()).or_insert_with(made).clone()
}

/// `schemas` are those that the value may follow, one of them.
fn find(value: &Value, schemas: &[&Value], root: &Value, wrong: &Judge) -> Option<String> {
    let mut options = Vec::new();
    for schema in schemas {
        open(schema, root, &mut options);
    }
    if wrong(value, &options) {
        return Some(String::new());
    }
    match value {
        Value::Array(items) => {
            let lists = options.iter().filter(|option| takes(option, "array"));
            let entries: Vec<_> = lists.filter_map(|option| option.get("items")).collect();
            items.iter().enumerate().find_map(|(place, item)| {
                find(item, &entries, root, wrong).map(|rest| format!("/{place}{rest}"))
            })
        }
        Value::Object(fields) => {
            options.retain(|option| agrees(option, fields));
            fields.iter().find_map(|(name, field)| {
                let schemas: Vec<_> =
                    options.iter().filter_map(|option| field_of(option, name)).collect();
                let name = name.replace('~', "~0").replace('/', "~1");
                find(field, &schemas, root, wrong).map(|rest| format!("/{name}{rest}"))
            })
        }
        _ => None,
    }
}

/// The schemas behind references and alternatives.
fn open<'s>(schema: &'s Value, root: &'s Value, found: &mut Vec<&'s Value>) {
    found.push(schema);
    let named = schema.get("$ref").and_then(Value::as_str);
    let named = named.and_then(|path| root.pointer(path.strip_prefix('#')?));
    let others = ["allOf", "anyOf", "oneOf"].map(|word| schema.get(word).and_then(Value::as_array));
    for other in named.into_iter().chain(others.into_iter().flatten().flatten()) {
        open(other, root, found);
    }
}

fn takes(schema: &Value, kind: &str) -> bool {
    match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.iter().any(|other| other == kind),
        found => found.is_some_and(|other| other == kind),
    }
}

/// The object has the words that this kind of object is told by.
fn agrees(schema: &Value, fields: &serde_json::Map<String, Value>) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    properties.into_iter().flatten().all(|(name, property)| match property.get("const") {
        Some(word) => fields.get(name) == Some(word),
        None => true,
    })
}

fn field_of<'s>(schema: &'s Value, name: &str) -> Option<&'s Value> {
    let named = schema.get("properties").and_then(|properties| properties.get(name));
    named.or_else(|| schema.get("additionalProperties"))
}

#[cfg(test)]
mod tests {
    use dialog::robot::RobotConfig;
    use outbound::period::PeriodConfig;
    use outbound::task::TaskConfig;
    use outbound::trunk::TrunkConfig;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_list_in_an_objects_place_is_found_wherever_it_stands() {
        for (value, pointer) in [
            (json!({"schedule": []}), Some("/schedule")),
            (json!({"caller_ids": [], "redial": ["on"]}), Some("/redial")),
            (json!({"redial": {"retry_seconds": [], "statuses": []}, "tags": []}), None),
            (json!({"variables": []}), Some("/variables")),
            (json!({"schedule": null, "name": []}), None),
            (json!({"colour": []}), None),
        ] {
            assert_eq!(list_for_object::<TaskConfig>(&value).as_deref(), pointer, "{value}");
        }
        let ranges = json!({"ranges": [{"start": "09:00", "end": "18:00", "weekdays": []}, ["09:00", "18:00"]]});
        assert_eq!(list_for_object::<PeriodConfig>(&ranges).as_deref(), Some("/ranges/1"));
        let trunk = json!({"status_mapping": [], "simulated": {"mix": {}}});
        assert_eq!(list_for_object::<TrunkConfig>(&trunk).as_deref(), Some("/status_mapping"));
    }

    #[test]
    fn a_far_time_is_found_where_times_stand_and_nowhere_else() {
        for (value, pointer) in [
            (
                json!({"schedule": {"scheduled_start": "-5000-01-01T09:00:00"}}),
                Some("/schedule/scheduled_start"),
            ),
            (json!({"schedule": {"scheduled_start": "2026-12-01T09:00:00"}}), None),
            (json!({"name": "-5000-01-01T09:00:00"}), None),
        ] {
            assert_eq!(far_time::<TaskConfig>(&value).as_deref(), pointer, "{value}");
        }
        let day = |date: &str| json!({"exceptions": [{"date": date, "day": "closed"}]});
        assert_eq!(
            far_time::<PeriodConfig>(&day("+10000-01-01")).as_deref(),
            Some("/exceptions/0/date")
        );
        assert_eq!(far_time::<PeriodConfig>(&day("2027-01-01")), None);
    }

    #[test]
    fn of_several_kinds_of_object_the_one_that_is_named_counts() {
        let robot = |intents: Value| json!({"agent": {"kind": "scripted", "intents": intents}});
        for (intents, pointer) in [
            (json!([{"name": "yes", "keywords": ["yes"]}]), None),
            (json!([{"name": "yes"}, ["no"]]), Some("/agent/intents/1")),
        ] {
            let found = list_for_object::<RobotConfig>(&robot(intents));
            assert_eq!(found.as_deref(), pointer);
        }
    }
}
