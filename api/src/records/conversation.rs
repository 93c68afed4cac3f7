//! `GET /v1/records/{record_id}/conversation`

use axum::Json;
use axum::extract::State;
use dialog::transcript::{Entry, Line};
use outbound::phone::mask_digits;
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
    let (mut transcript, mut log) = (found.transcript, found.log);
    if numbers == Numbers::Masked {
        mask(&mut transcript);
        mask(&mut log);
    }
    let (analyzed, analysis_problem) = (found.analyzed, found.problem);
    Ok(Json(ConversationView { transcript, log, analyzed, analysis_problem }))
}

/// Mask every text that may quote a phone number.
fn mask(value: &mut Value) {
    match value {
        Value::String(words) => *words = mask_digits(words),
        Value::Array(items) => items.iter_mut().for_each(mask),
        Value::Object(fields) => fields.values_mut().for_each(mask),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_number_that_the_customer_says_is_masked() {
        let mut lines = json!([{"at_ms": 1_234_567, "text": "call me on 13800000001"}]);
        mask(&mut lines);
        assert_eq!(lines[0]["at_ms"], 1_234_567);
        let text = lines[0]["text"].as_str().unwrap_or_default();
        assert!(text.starts_with("call me on 138") && !text.contains("00000001"), "{text}");
    }
}
