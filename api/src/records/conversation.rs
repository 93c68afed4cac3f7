//! `GET /v1/records/{record_id}/conversation`

use axum::Json;
use axum::extract::State;
use dialog::transcript::{Entry, Line};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use storage::records;

use super::RecordPath;
use crate::auth::{Numbers, Viewer};
use crate::input::Path;
use crate::reply::Reply;
use crate::state::ApiState;

/// What was said in a call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conversation")]
pub(super) struct ConversationView {
    #[schemars(with = "Vec<Line>")]
    transcript: Value,
    /// The interaction log, in milliseconds since the answer.
    #[schemars(with = "Vec<Entry>")]
    log: Value,
    /// The analysis after the call was made.
    analyzed: bool,
    /// Why the analysis was given up; null: it was made, or is still to be.
    analysis_problem: Option<String>,
}

pub(super) async fn conversation(
    State(state): State<ApiState>,
    Viewer(caller): Viewer,
    Path(path): Path<RecordPath>,
) -> Reply<Json<ConversationView>> {
    let found = records::conversation(&state.store, caller.enterprise, path.record_id).await?;
    let numbers = caller.numbers_of_one();
    state.audit_number(&caller, numbers, path.record_id).await;
    let found = match numbers {
        Numbers::Full => found,
        Numbers::Masked => found.masked(),
    };
    let (transcript, log) = (found.transcript, found.log);
    let (analyzed, analysis_problem) = (found.analyzed, found.problem);
    Ok(Json(ConversationView { transcript, log, analyzed, analysis_problem }))
}
