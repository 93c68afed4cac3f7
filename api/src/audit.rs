//! The audit log: who did what, when, from where.

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use outbound::Time;
use outbound::ids::AuditId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use storage::audit::{self, AuditFilter, Written};

use crate::auth::{Admin, Numbers};
use crate::input::Query;
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::reply::Reply;
use crate::state::ApiState;
use crate::view;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new().api_route(
        "/v1/audit",
        get_with(list, about("list_audit", "Audit", "The audit log, newest first")),
    )
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only this action, as `task.start`.
    action: Option<String>,
    /// Only what was done to this, by its id.
    target: Option<String>,
    /// Only what this key did, by its id.
    actor: Option<String>,
    /// Only what was done at this time or later.
    from: Option<Time>,
    /// Only what was done before this time.
    until: Option<Time>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Something that was done.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AuditEntry")]
struct EntryView {
    id: AuditId,
    at: Time,
    /// The key that did it.
    actor: String,
    /// The address that the request came from.
    source: String,
    /// As `task.start`.
    action: String,
    /// What it was done to, by its id.
    target: String,
    detail: Value,
}

impl EntryView {
    fn new(row: Written, numbers: Numbers) -> Self {
        Self {
            id: row.id,
            at: row.at,
            actor: row.actor,
            source: row.source,
            action: row.action,
            target: row.target,
            detail: numbers.json(row.detail),
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Admin(caller): Admin,
    Query(which): Query<Which>,
) -> Reply<Json<Page<EntryView>>> {
    let filter = AuditFilter {
        action: which.action,
        target: which.target,
        actor: which.actor,
        from: which.from,
        until: which.until,
    };
    let page = Paging::new(which.limit, which.cursor).page()?;
    let listed = audit::list(&state.store, caller.enterprise, &filter, page).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    Ok(Json(view::page(listed, |row| EntryView::new(row, numbers))))
}

/// What an edit changed, field by field, before and after.
pub(crate) fn changes<T: Serialize>(old: &T, new: &T) -> Value {
    let fields = |value: &T| match serde_json::to_value(value) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    };
    let (old, new) = (fields(old), fields(new));
    let changed = new.iter().filter(|(name, value)| old.get(*name) != Some(value));
    let changes: serde_json::Map<String, Value> = changed
        .map(|(name, value)| (name.clone(), json!({ "from": old.get(name), "to": value })))
        .collect();
    Value::Object(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_is_told_by_the_fields_that_it_changed() {
        let (old, new) = (json!({"a": 1, "b": [1], "c": null}), json!({"a": 2, "b": [1], "c": 3}));
        assert_eq!(
            changes(&old, &new),
            json!({"a": {"from": 1, "to": 2}, "c": {"from": null, "to": 3}})
        );
    }
}
