//! A call record as the API shows it: the fields of the field table, by the same names as in filters
//! and exports.

use outbound::record::{CallRecord, FIELDS, Field, FieldKind, Shown, cell};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::auth::Numbers;

/// The field that only the conversation itself and exports have.
const CONVERSATION_TEXT: &str = "conversation_text";

/// What the platform knows of one call.
#[derive(Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct RecordView(Map<String, Value>);

fn shown_fields() -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(|field| field.name != CONVERSATION_TEXT)
}

impl RecordView {
    pub(crate) fn new(record: &CallRecord, numbers: Numbers) -> Self {
        let shown = match numbers {
            Numbers::Masked => Shown::Masked,
            Numbers::Full => Shown::Full,
        };
        Self(
            shown_fields()
                .map(|field| (field.name.to_owned(), cell(record, "", field, shown).json()))
                .collect(),
        )
    }
}

impl JsonSchema for RecordView {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "CallRecord".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let properties: Map<String, Value> =
            shown_fields().map(|field| (field.name.to_owned(), schema(field).into())).collect();
        let required: Vec<&str> = shown_fields().map(|field| field.name).collect();
        json_schema!({
            "description": "What the platform knows of one call; a field that is not known is null.",
            "type": "object",
            "properties": properties,
            "required": required,
        })
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
