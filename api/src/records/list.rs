//! `GET /v1/records` and `GET /v1/conversations`

use axum::Json;
use axum::extract::State;
use outbound::Time;
use outbound::export::Content;
use outbound::ids::{AttemptId, BatchId, NumberId, TaskId};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use storage::records::{self, COUNT_MAX, Order, RecordCursor, RecordQuery};
use storage::rows;

use super::view::{ListedRecord, chosen, fields_pattern, has_words};
use crate::auth::{Caller, Viewer};
use crate::input::Query;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::ApiState;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Which {
    /// Only calls of this task.
    task: Option<TaskId>,
    /// Only calls to numbers of this batch.
    batch: Option<BatchId>,
    /// Only calls to this number or its backups.
    number: Option<NumberId>,
    /// As `result = "answered" AND turns >= 6`; by the fields of a call record.
    #[schemars(length(max = outbound::filter::FILTER_CHARS_MAX))]
    filter: Option<String>,
    /// By the start of the call: `-started_at`, newest first, as without it, or `started_at`.
    sort: Option<Sort>,
    /// Names of the fields that are wanted, with commas between; without it all but
    /// `conversation_text`.
    #[schemars(length(max = 2_000), regex(pattern = fields_pattern()))]
    fields: Option<String>,
    /// Also count them.
    count: Option<bool>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// How a list is sorted.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(rename = "RecordSort")]
enum Sort {
    #[serde(rename = "-started_at")]
    NewestFirst,
    #[serde(rename = "started_at")]
    OldestFirst,
}

/// A page of call records.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RecordPage {
    #[serde(flatten)]
    page: Page<ListedRecord>,
    /// With `count=true`: how many there are in all.
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    /// With `count=true`: there are more than were counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    count_is_lower_bound: Option<bool>,
}

pub(super) async fn records(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Reply<Json<RecordPage>> {
    list(&state, &caller, which, Content::CallRecords).await.map(Json)
}

pub(super) async fn conversations(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Reply<Json<RecordPage>> {
    list(&state, &caller, which, Content::Conversations).await.map(Json)
}

async fn list(
    state: &ApiState,
    caller: &Caller,
    which: Which,
    content: Content,
) -> Result<RecordPage, Problem> {
    let fields = chosen(which.fields.as_deref())?;
    let filter = which.filter.as_deref().map(filter).transpose()?;
    let query = RecordQuery {
        words: has_words(&fields),
        order: match which.sort {
            Some(Sort::OldestFirst) => Order::OldestFirst,
            Some(Sort::NewestFirst) | None => Order::NewestFirst,
        },
        content,
        task: which.task,
        batch: which.batch,
        number: which.number,
        filter,
        ..RecordQuery::default()
    };
    let paging = Paging::new(which.limit, which.cursor);
    let after: Option<(Time, AttemptId)> = paging.after()?;
    let after = after.map(|(started_at, id)| RecordCursor { started_at, id });
    let page = rows::Page { limit: paging.limit()?, after };
    if let Some(filter) = &query.filter {
        state.look_through(caller, filter, "records").await?;
    }
    let listed = records::list(&state.store, caller.enterprise, &query, page).await?;
    let count = match which.count {
        Some(true) => Some(records::count(&state.store, caller.enterprise, &query).await?),
        _ => None,
    };
    let numbers = state.numbers_in_lists(caller).await?;
    state.audit_numbers(caller, numbers, "records", listed.rows.len()).await;
    let next = listed.next.map(|next| (next.started_at, next.id));
    let data = listed.rows.iter().map(|row| ListedRecord::new(row, &fields, numbers)).collect();
    Ok(RecordPage {
        page: Page::going_on(data, next.as_ref()),
        count: count.map(|count| count.min(COUNT_MAX.into())),
        count_is_lower_bound: count.map(|count| count > u64::from(COUNT_MAX)),
    })
}

/// A filter, or what is wrong with it and at which column.
fn filter(text: &str) -> Result<outbound::filter::Filter, Problem> {
    outbound::filter::parse(text)
        .map_err(|error| Problem::malformed("/filter", "invalid_filter", error.to_string()))
}
