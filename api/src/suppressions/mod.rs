//! The do-not-call list: numbers that are never dialled, whatever task they are in.

mod imports;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::Time;
use outbound::audit::Action;
use outbound::fault::{Fault, TEXT_PATTERN, count};
use outbound::ids::SuppressionId;
use outbound::phone::{self, Phone};
use outbound::suppression::REASON_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::suppression::{self, Source, Suppression};

use crate::auth::{Caller, Numbers, Operator, Viewer};
use crate::input::{Body, Path, Query};
use crate::openapi::about;
use crate::page::{Page, Paging};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::ApiState;
use crate::view;

const ADD: &str = "When the reply comes, no call to these phones begins any more. Numbers that wait with one as \
    their own have ended as `suppressed`, also where the entry expires; those whose call is up end with that \
    call. A number that has one as a backup is called without it. \
    A key without `see_full_numbers` looks up each phone that is on the list already: 60 an hour in all.";

/// Numbers of one request, at most.
pub const NUMBERS_MAX: usize = 1_000;

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new()
        .merge(imports::routes())
        .api_route(
            "/v1/suppressions",
            get_with(
                list,
                about("list_suppressions", "Suppressions", "The do-not-call list, newest first"),
            )
            .post_with(add, |operation| {
                let summary = "Add numbers to the do-not-call list";
                about("add_suppressions", "Suppressions", summary)(operation).description(ADD)
            }),
        )
        .api_route(
            "/v1/suppressions/{suppression_id}",
            get_with(
                read,
                about("get_suppression", "Suppressions", "An entry of the do-not-call list"),
            )
            .delete_with(
                delete,
                about(
                    "delete_suppression",
                    "Suppressions",
                    "Take a number off the do-not-call list",
                ),
            ),
        )
}

#[derive(Debug, Deserialize, JsonSchema)]
struct SuppressionPath {
    suppression_id: SuppressionId,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Which {
    /// Only this number, written in full.
    phone: Option<String>,
    /// Rows of a page, 1–200; 50 without.
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Numbers for the do-not-call list.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewSuppressions")]
struct NewBody {
    /// 1–1,000, in E.164 or the national form of the enterprise's region. One that is on the list
    /// already gets the new reason and expiry.
    #[schemars(length(min = 1, max = NUMBERS_MAX))]
    phone_numbers: Vec<String>,
    /// At most 200 characters.
    #[serde(default)]
    #[schemars(length(max = REASON_MAX), regex(pattern = TEXT_PATTERN))]
    reason: String,
    /// Then they may be called again; none: never.
    #[serde(default)]
    expires_at: Option<Time>,
}

/// What was added.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "AddedSuppressions")]
struct Added {
    /// The entries; repeats count once.
    data: Vec<SuppressionView>,
}

/// An entry of the do-not-call list.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Suppression")]
struct SuppressionView {
    id: SuppressionId,
    /// Masked without `see_full_numbers`.
    phone: String,
    reason: String,
    /// `api`; `file`, of an import; or `robot`: the customer asked for it on a call.
    source: String,
    created_at: Time,
    expires_at: Option<Time>,
}

impl SuppressionView {
    fn new(row: Suppression, numbers: Numbers) -> Self {
        Self {
            id: row.id,
            phone: numbers.show(row.phone),
            reason: numbers.text(row.reason),
            source: row.source,
            created_at: row.created_at,
            expires_at: row.expires_at,
        }
    }
}

async fn list(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Query(which): Query<Which>,
) -> Reply<Json<Page<SuppressionView>>> {
    let phone = match &which.phone {
        Some(text) => Some(state.phone(&caller, text).await?),
        None => None,
    };
    let page = Paging::new(which.limit, which.cursor).page()?;
    state.look_up(&caller, phone.as_slice(), "suppressions").await?;
    let listed = suppression::list(&state.store, caller.enterprise, phone, page).await?;
    let numbers = state.numbers_in_lists(&caller).await?;
    state.audit_numbers(&caller, numbers, "suppressions", listed.rows.len()).await;
    Ok(Json(view::page(listed, |row| SuppressionView::new(row, numbers))))
}

async fn add(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Body(body): Body<NewBody>,
) -> Reply<Json<Added>> {
    let now = state.clock.now();
    let region = state.settings(&caller).await?.settings.default_region;
    let phones = judge(&body.phone_numbers, &region)?;
    let (store, enterprise) = (&state.store, caller.enterprise);
    let (reason, expires_at) = (&body.reason, body.expires_at);
    if caller.numbers_of_one() == Numbers::Masked {
        // The reply tells which of them are there already, and so whose masked entries they are.
        let listed = suppression::listed(store, enterprise, &phones).await?;
        state.look_up(&caller, &listed, "suppressions").await?;
    }
    let rows =
        suppression::add(store, enterprise, &phones, reason, Source::Api, expires_at, now).await?;
    let detail = json!({ "count": rows.len(), "expires_at": expires_at });
    state.audit(&caller, Action::SuppressionAdd, "suppressions", detail).await;
    let numbers = caller.numbers_of_one();
    let data = rows.into_iter().map(|row| SuppressionView::new(row, numbers)).collect();
    Ok(Json(Added { data }))
}

/// The phones, or everything that is wrong with them.
fn judge(numbers: &[String], region: &str) -> Result<Vec<Phone>, Problem> {
    let mut faults: Vec<Fault> =
        count("/phone_numbers", numbers.len(), 1, NUMBERS_MAX).into_iter().collect();
    let mut phones = Vec::new();
    for (place, text) in numbers.iter().take(NUMBERS_MAX).enumerate() {
        match phone::parse(text, region) {
            Ok(phone) => phones.push(phone),
            Err(error) => {
                let pointer = format!("/phone_numbers/{place}");
                faults.push(Fault::new(pointer, "invalid_phone", error.to_string()));
            }
        }
    }
    if faults.is_empty() { Ok(phones) } else { Err(Problem::refused(faults)) }
}

async fn read(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<SuppressionPath>,
) -> Reply<Json<SuppressionView>> {
    let row = suppression::get(&state.store, caller.enterprise, path.suppression_id).await?;
    let numbers = caller.numbers_of_one();
    state.audit_number(&caller, numbers, path.suppression_id).await;
    Ok(Json(SuppressionView::new(row, numbers)))
}

async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<SuppressionPath>,
) -> Reply<NoContent> {
    suppression::remove(&state.store, caller.enterprise, path.suppression_id).await?;
    state.audit(&caller, Action::SuppressionRemove, path.suppression_id, json!({})).await;
    Ok(NoContent)
}

impl ApiState {
    /// A phone number of a query, in E.164 or the national form of the enterprise's region.
    pub(crate) async fn phone(&self, caller: &Caller, text: &str) -> Result<Phone, Problem> {
        let region = self.settings(caller).await?.settings.default_region;
        phone::parse(text, &region)
            .map_err(|error| Problem::malformed("/phone", "invalid_phone", error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_numbers_is_judged_whole() {
        let texts =
            |numbers: &[&str]| numbers.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let problem = judge(&texts(&["13800000001", "letters", ""]), "CN").expect_err("a problem");
        let pointers: Vec<_> = problem.faults.iter().map(|fault| fault.pointer.as_str()).collect();
        assert_eq!(pointers, ["/phone_numbers/1", "/phone_numbers/2"]);
        let phones = judge(&texts(&["138 0000 0001"]), "CN").expect("phones");
        assert_eq!(phones[0].reveal(), "+8613800000001");
    }

    #[test]
    fn a_list_over_its_limit_names_the_limit() {
        let many = vec!["13800000001".to_owned(); NUMBERS_MAX + 1];
        let problem = judge(&many, "CN").expect_err("a problem");
        assert!(problem.faults[0].detail.contains("1000"), "{problem:?}");
        assert!(judge(&[], "CN").is_err());
    }
}
