//! A call record as the API shows it: the fields of the field table, by the same names as in filters
//! and exports.

use outbound::record::{FIELDS, Field, FieldKind, NAMES, cell, field};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::auth::Numbers;
use crate::problem::Problem;

/// What the platform knows of one call.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct RecordView(Map<String, Value>);

/// The fields that a list was asked for, and the id.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct ListedRecord(Map<String, Value>);

/// The field that a list leaves out unless it is asked for: it is long.
const LONG: &str = "conversation_text";

/// Fields of a list, by the names that a query gave; without any all but the long one.
pub(super) fn chosen(names: Option<&str>) -> Result<Vec<&'static Field>, Problem> {
    let Some(names) = names else {
        return Ok(FIELDS.iter().filter(|field| field.name != LONG).collect());
    };
    let known = |name: &str| {
        field(name.trim()).ok_or_else(|| {
            let name: String = name.chars().take(64).collect();
            let detail =
                format!("`{name}` is no field of a call record; see the fields of a record");
            Problem::malformed("/fields", "unknown_field", detail)
        })
    };
    let mut fields: Vec<&'static Field> = vec![known("id")?];
    for name in names.split(',').take(FIELDS.len() + 1) {
        let field = known(name)?;
        if !fields.contains(&field) {
            fields.push(field);
        }
    }
    Ok(fields)
}

/// How fields are named in a query.
pub(super) fn fields_pattern() -> String {
    let one = NAMES.join("|");
    format!("^({one})(,({one}))*$")
}

/// Whether what was said is among the fields.
pub(super) fn has_words(fields: &[&Field]) -> bool {
    fields.iter().any(|field| field.name == LONG)
}

fn cells<'a>(
    view: &storage::records::RecordView,
    fields: impl Iterator<Item = &'a Field>,
    numbers: Numbers,
) -> Map<String, Value> {
    let shown = numbers.shown();
    let words = view.conversation_text(shown);
    let cells = fields
        .map(|field| (field.name.to_owned(), cell(&view.record, &words, field, shown).json()));
    cells.collect()
}

impl RecordView {
    pub(crate) fn new(view: &storage::records::RecordView, numbers: Numbers) -> Self {
        Self(cells(view, FIELDS.iter(), numbers))
    }
}

impl ListedRecord {
    pub(super) fn new(
        view: &storage::records::RecordView,
        fields: &[&'static Field],
        numbers: Numbers,
    ) -> Self {
        Self(cells(view, fields.iter().copied(), numbers))
    }
}

fn object(about: &str, required: &[&str]) -> Schema {
    let properties: Map<String, Value> =
        FIELDS.iter().map(|field| (field.name.to_owned(), schema(field).into())).collect();
    json_schema!({
        "description": about,
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

impl JsonSchema for RecordView {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CallRecord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let all: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        object("What the platform knows of one call; a field that is not known is null.", &all)
    }
}

impl JsonSchema for ListedRecord {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ListedCallRecord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let about = "A call record in a list: the fields that were asked for. Without `fields` all but \
            the conversation's text are there.";
        object(about, &["id"])
    }
}

fn schema(field: &Field) -> Schema {
    let mut schema = match field.kind {
        FieldKind::Number => json_schema!({ "type": ["number", "null"] }),
        FieldKind::Flag => json_schema!({ "type": "boolean" }),
        FieldKind::Time => json_schema!({ "type": ["string", "null"], "format": "date-time" }),
        FieldKind::List => {
            json_schema!({ "type": ["array", "null"], "items": { "type": "string" } })
        }
        FieldKind::Map => json_schema!({
            "type": ["object", "null"],
            "additionalProperties": { "type": "string" },
        }),
        FieldKind::Words(_)
        | FieldKind::Phone
        | FieldKind::Text
        | FieldKind::Id
        | FieldKind::Shown => json_schema!({ "type": ["string", "null"] }),
    };
    let words = match field.kind {
        FieldKind::Words(words) => format!(" One of {}.", words.join(", ")),
        _ => String::new(),
    };
    schema.insert("title".into(), field.title.into());
    schema.insert("description".into(), format!("{}{words}", field.doc).into());
    schema
}
