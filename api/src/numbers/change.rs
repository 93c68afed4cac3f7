//! `POST …/cancel` of one number or many, and `DELETE /v1/numbers/{number_id}`

use axum::Json;
use axum::extract::State;
use axum::response::NoContent;
use outbound::audit::Action;
use outbound::fault;
use outbound::ids::NumberId;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;
use storage::numbers::{self, NAMED_MAX, Which};

use super::{CancelledView, NumberPath};
use crate::auth::Operator;
use crate::input::{Body, Path};
use crate::problem::Problem;
use crate::reply::Reply;
use crate::state::ApiState;
use crate::tasks::TaskPath;

/// Which numbers to cancel: one of the two.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelNumbers {
    /// All of the task.
    #[serde(default)]
    all: bool,
    /// These, 1–1,000.
    #[serde(default)]
    #[schemars(length(min = 1, max = NAMED_MAX))]
    numbers: Option<Vec<NumberId>>,
}

impl CancelNumbers {
    fn which(self) -> Result<Which, Problem> {
        match (self.all, self.numbers) {
            (true, None) => Ok(Which::All),
            (false, Some(numbers)) => match fault::count("/numbers", numbers.len(), 1, NAMED_MAX) {
                Some(fault) => Err(Problem::refused(vec![fault])),
                None => Ok(Which::These(numbers)),
            },
            _ => {
                let detail = "name the `numbers`, or say `\"all\": true`; one of the two";
                Err(Problem::fault("", "ambiguous", detail))
            }
        }
    }
}

pub(super) async fn cancel_many(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<TaskPath>,
    Body(body): Body<CancelNumbers>,
) -> Reply<Json<CancelledView>> {
    let which = body.which()?;
    let cancelled = numbers::cancel(&state.store, caller.enterprise, path.task_id, &which).await?;
    let detail = json!({ "all": which == Which::All, "numbers": cancelled.numbers });
    state.audit(&caller, Action::NumberCancel, path.task_id, detail).await;
    Ok(Json(cancelled.into()))
}

pub(super) async fn cancel(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<NumberPath>,
) -> Reply<Json<CancelledView>> {
    let (store, enterprise, id) = (&state.store, caller.enterprise, path.number_id);
    let task = numbers::get(store, enterprise, id).await?.task;
    let cancelled = numbers::cancel(store, enterprise, task, &Which::These(vec![id])).await?;
    let detail = json!({ "numbers": cancelled.numbers });
    state.audit(&caller, Action::NumberCancel, id, detail).await;
    Ok(Json(cancelled.into()))
}

pub(super) async fn delete(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<NumberPath>,
) -> Reply<NoContent> {
    numbers::delete(&state.store, caller.enterprise, path.number_id).await?;
    state.audit(&caller, Action::NumberDelete, path.number_id, json!({})).await;
    Ok(NoContent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_cancel_is_said_one_way_and_within_bounds() {
        let body = |all, numbers| CancelNumbers { all, numbers };
        assert_eq!(body(true, None).which(), Ok(Which::All));
        let id = clock::new_id::<NumberId>();
        assert_eq!(body(false, Some(vec![id])).which(), Ok(Which::These(vec![id])));
        for wrong in [
            body(false, None),
            body(true, Some(vec![id])),
            body(false, Some(Vec::new())),
            body(false, Some(vec![id; NAMED_MAX + 1])),
        ] {
            assert_eq!(wrong.which().map_err(|problem| problem.status.as_u16()), Err(422));
        }
    }
}
