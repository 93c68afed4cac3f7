//! What may stand in a field, in words, with links to the types that have a name.

use serde_json::{Map, Value};

use super::html::{escape, line, text};
use crate::openapi::schema::{target, without_null};

/// A schema in one line.
pub(super) fn words(schema: &Value) -> String {
    if let Some(name) = target(schema) {
        return link(name);
    }
    let (bare, nullable) = without_null(schema);
    if nullable {
        return format!("{} or null", words(&bare));
    }
    for word in ["oneOf", "anyOf"] {
        if let Some(choices) = schema.get(word).and_then(Value::as_array) {
            return choices.iter().map(words).collect::<Vec<_>>().join(" or ");
        }
    }
    if let Some(only) = schema.get("const") {
        return format!("always <code>{}</code>", escape(&plain(only)));
    }
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        let choices = choices.iter().map(|one| format!("<code>{}</code>", escape(&plain(one))));
        return format!("one of {}", choices.collect::<Vec<_>>().join(", "));
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("anything");
    let bounds = bounds(schema);
    match kind {
        "array" => {
            let items = schema.get("items").map_or_else(|| "anything".to_owned(), words);
            format!("array of {items}{bounds}")
        }
        "object" => match schema.get("additionalProperties").filter(|value| value.is_object()) {
            Some(value) => format!("map of {}{bounds}", words(value)),
            None => format!("object{bounds}"),
        },
        kind => match schema.get("format").and_then(Value::as_str) {
            Some(format) if kind == "string" => format!("string, {}{bounds}", escape(format)),
            _ => format!("{kind}{bounds}"),
        },
    }
}

fn link(name: &str) -> String {
    format!("<a href=\"#{name}\">{name}</a>", name = escape(name))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `, 1–64 characters`: the bounds of a value, as far as it has any.
fn bounds(schema: &Value) -> String {
    let ends = [
        ("minimum", "maximum", ""),
        ("minLength", "maxLength", " characters"),
        ("minItems", "maxItems", " entries"),
        ("minProperties", "maxProperties", " names"),
    ];
    let told = ends.into_iter().filter_map(|(least, most, unit)| {
        match (schema.get(least), schema.get(most)) {
            (Some(least), Some(most)) if least == most => Some(format!(", {least}{unit}")),
            (Some(least), Some(most)) => Some(format!(", {least}–{most}{unit}")),
            (Some(least), None) => Some(format!(", at least {least}{unit}")),
            (None, Some(most)) => Some(format!(", at most {most}{unit}")),
            (None, None) => None,
        }
    });
    told.collect()
}

/// A row of a table of fields.
pub(super) fn row(name: &str, place: &str, required: bool, schema: &Value, about: &str) -> String {
    let required = if required { " <span class=\"required\">required</span>" } else { "" };
    let place = if place.is_empty() {
        String::new()
    } else {
        format!(" <span class=\"place\">{place}</span>")
    };
    let default = schema.get("default").filter(|value| !value.is_null() && !value.is_object());
    let default =
        default.map(|value| format!("<p>Default: <code>{}</code></p>", escape(&value.to_string())));
    format!(
        "<tr data-field=\"{name}\"><td><code>{name}</code>{required}{place}</td>\
         <td class=\"type\">{}</td><td>{}{}</td></tr>",
        words(schema),
        text(about),
        default.unwrap_or_default(),
        name = escape(name),
    )
}

fn table(rows: &str) -> String {
    format!(
        "<div class=\"wide\"><table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead>\
         <tbody>{rows}</tbody></table></div>"
    )
}

/// A table of rows; nothing without any.
pub(super) fn fields(rows: Vec<String>) -> String {
    if rows.is_empty() { String::new() } else { table(&rows.concat()) }
}

/// The fields of an object.
pub(super) fn of_object(schema: &Value) -> String {
    let required = schema.get("required").and_then(Value::as_array);
    let needs = |name: &str| required.is_some_and(|all| all.iter().any(|one| one == name));
    let properties = schema.get("properties").and_then(Value::as_object);
    let about = |schema: &Value| schema["description"].as_str().unwrap_or_default().to_owned();
    let rows = properties.into_iter().flatten();
    fields(rows.map(|(name, schema)| row(name, "", needs(name), schema, &about(schema))).collect())
}

/// A type with a name: what it is, and its fields.
pub(super) fn named(name: &str, schemas: &Map<String, Value>) -> String {
    let nothing = Value::Null;
    let schema = schemas.get(name).unwrap_or(&nothing);
    let about = schema["description"].as_str().unwrap_or_default();
    let fields = of_object(schema);
    let what =
        if fields.is_empty() { format!("<p class=\"type\">{}</p>", words(schema)) } else { fields };
    let pattern = schema["pattern"].as_str();
    let pattern =
        pattern.map(|pattern| format!("<p>Pattern: <code>{}</code></p>", escape(pattern)));
    format!(
        "<section class=\"named\" id=\"{name}\" data-type=\"{name}\"><h3>{}</h3>{}{what}{}</section>",
        line(name),
        text(about),
        pattern.unwrap_or_default(),
        name = escape(name),
    )
}
