//! How something configured looks: its configuration, with id and time beside it.

use outbound::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::rows::{Listed, Stored};

use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::{Created, Tagged};

/// Something configured.
#[derive(Debug, Serialize, JsonSchema)]
pub struct View<Id, Config> {
    pub id: Id,
    #[serde(flatten)]
    pub config: Config,
    pub created_at: Time,
}

/// A name of its own for what is made from something else.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// 1–64 characters, unique in the enterprise.
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
