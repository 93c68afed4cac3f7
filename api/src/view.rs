//! How something configured looks: its configuration, with id and time beside it.

use std::borrow::Cow;

use outbound::Time;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use storage::rows::{Listed, Stored};

use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Tagged};

/// Something configured.
#[derive(Debug, Serialize)]
pub struct View<Id, Config> {
    pub id: Id,
    #[serde(flatten)]
    pub config: Config,
    pub created_at: Time,
}

/// It is called by what its id names: `TemplateId` is the id of a `Template`.
impl<Id: JsonSchema, Config: JsonSchema> JsonSchema for View<Id, Config> {
    fn schema_name() -> Cow<'static, str> {
        let id = Id::schema_name();
        id.strip_suffix("Id").unwrap_or(&id).to_owned().into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut fields =
            Map::from_iter([("id".to_owned(), generator.subschema_for::<Id>().into())]);
        let config = Config::json_schema(generator);
        let own = |word: &str| config.get(word).cloned();
        if let Some(Value::Object(own)) = own("properties") {
            fields.extend(own);
        }
        fields.insert("created_at".into(), generator.subschema_for::<Time>().into());
        // A reply always has every field, also one that a request may leave out.
        let required: Vec<&String> = fields.keys().collect();
        json_schema!({
            "description": own("description"),
            "type": "object",
            "properties": fields,
            "required": required,
        })
    }
}

/// A name of its own for what is made from something else.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewName")]
pub struct Named {
    /// 1–64 characters, unique in the enterprise.
    #[schemars(length(min = 1, max = 64), regex(pattern = outbound::fault::NAME_PATTERN))]
    pub name: String,
}

impl<Id, Config> From<Stored<Id, Config>> for View<Id, Config> {
    fn from(row: Stored<Id, Config>) -> Self {
        Self { id: row.id, config: row.config, created_at: row.created_at }
    }
}

/// A stored row with its version as `ETag`.
pub(crate) fn tagged<Id, Config>(row: Stored<Id, Config>) -> Tagged<View<Id, Config>> {
    Tagged { version: row.version, body: row.into() }
}

/// A row that was made under `collection`.
pub(crate) fn created<Id: std::fmt::Display, Config>(
    collection: &str,
    row: Stored<Id, Config>,
) -> Created<View<Id, Config>> {
    let location = format!("/v1/{collection}/{}", row.id);
    Created { location, version: row.version, body: row.into() }
}

impl Paging {
    /// The page that storage is asked for.
    pub(crate) fn page<Id: serde::de::DeserializeOwned>(
        &self,
    ) -> Result<storage::rows::Page<Id>, Problem> {
        Ok(storage::rows::Page { limit: self.limit()?, after: self.after()? })
    }
}

/// A page of what storage listed.
pub(crate) fn page<Row, Id: Serialize, View>(
    listed: Listed<Row, Id>,
    view: impl FnMut(Row) -> View,
) -> Page<View> {
    Page::going_on(listed.rows.into_iter().map(view).collect(), listed.next.as_ref())
}
