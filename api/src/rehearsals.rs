//! Rehearsals: a call with a robot in text, as far as it was talked through. Nothing is kept between two requests.

use std::collections::BTreeMap;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::post_with;
use axum::Json;
use axum::extract::State;
use dialog::rehearsal::{Outcome, Rehearsed, SAID_CHARS_MAX, SAID_MAX, VARIABLES_MAX, of_script};
use dialog::transcript::{Entry, Line};
use http::StatusCode;
use outbound::audit::Action;
use outbound::fault::{Fault, TEXT_PATTERN, count, text};
use outbound::task::VARIABLE_CHARS_MAX;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;
use storage::robots;

use crate::auth::Operator;
use crate::input::{Body, Path};
use crate::openapi::about;
use crate::problem::Problem;
use crate::reply::Reply;
use crate::robots::RobotPath;
use crate::state::ApiState;

/// How long a rehearsal is waited for. One takes milliseconds, and a tenth of a second for a script with many patterns.
const WITHIN: Duration = Duration::from_secs(10);

const ABOUT: &str = "The same turns, commands and captures as on a call, with nobody called and nothing kept. Send what the \
    customer has said so far, from the beginning; an empty line is a silence. The robot is taken as it stands, published \
    or not. Only scripted robots can be rehearsed: a language model would be asked for all its answers again each time.";

pub(crate) fn routes() -> ApiRouter<ApiState> {
    ApiRouter::new().api_route(
        "/v1/robots/{robot_id}/rehearse",
        post_with(rehearse, |operation| {
            let summary = "Talk with a robot in text";
            about("rehearse_robot", "Robots", summary)(operation).description(ABOUT)
        }),
    )
}

/// What the customer has said so far.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "RehearsalRequest")]
struct Asked {
    /// In order, at most 50 lines of 500 characters; an empty one is a silence.
    #[schemars(length(max = SAID_MAX), inner(length(max = SAID_CHARS_MAX), regex(pattern = TEXT_PATTERN)))]
    said: Vec<String>,
    /// The call's variables, at most 50.
    #[schemars(extend(
        "maxProperties" = VARIABLES_MAX,
        "additionalProperties" = {
            "type": "string", "maxLength": VARIABLE_CHARS_MAX, "pattern": TEXT_PATTERN,
        },
    ))]
    variables: BTreeMap<String, String>,
}

impl Asked {
    fn faults(&self) -> Vec<Fault> {
        let mut faults = vec![
            count("/said", self.said.len(), 0, SAID_MAX),
            count("/variables", self.variables.len(), 0, VARIABLES_MAX),
        ];
        let said = self.said.iter().enumerate();
        faults.extend(said.map(|(at, line)| text(&format!("/said/{at}"), line, 0, SAID_CHARS_MAX)));
        faults.extend(self.variables.iter().map(|(name, value)| {
            let pointer = format!("/variables/{}", crate::input::escaped(name));
            text(&pointer, value, 0, VARIABLE_CHARS_MAX)
        }));
        faults.into_iter().flatten().collect()
    }
}

/// How a rehearsed call stands.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RehearsalOutcome")]
enum OutcomeWord {
    /// The robot listens.
    GoesOn,
    /// The call has ended.
    Ended,
    /// The robot has left its node: `left_by` says which way.
    Left,
}

/// A rehearsed call.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Rehearsal")]
struct RehearsalView {
    outcome: OutcomeWord,
    /// The command by which the robot left its node, as `Transfer to Agent`.
    left_by: Option<String>,
    /// What was said, with times as they would be on a call.
    transcript: Vec<Line>,
    /// What was decided.
    log: Vec<Entry>,
    /// Things that the customer said and the robot answered.
    turns: u32,
    intent_tags: Vec<String>,
    captures: BTreeMap<String, String>,
    /// The customer would have been transferred to a person.
    transferred: bool,
    /// The customer would have come onto the do-not-call list.
    do_not_call: bool,
}

impl From<Rehearsed> for RehearsalView {
    fn from(Rehearsed { outcome, report }: Rehearsed) -> Self {
        let (outcome, left_by) = match outcome {
            Outcome::GoesOn => (OutcomeWord::GoesOn, None),
            Outcome::Ended => (OutcomeWord::Ended, None),
            Outcome::Left(edge) => (OutcomeWord::Left, Some(edge)),
        };
        Self {
            outcome,
            left_by,
            transcript: report.transcript,
            log: report.log,
            turns: report.turns,
            intent_tags: report.intent_tags,
            captures: report.captures,
            transferred: report.transferred,
            do_not_call: report.suppress,
        }
    }
}

async fn rehearse(
    State(state): State<ApiState>,
    Operator(caller): Operator,
    Path(path): Path<RobotPath>,
    Body(asked): Body<Asked>,
) -> Reply<Json<RehearsalView>> {
    let faults = asked.faults();
    if !faults.is_empty() {
        return Err(Problem::refused(faults));
    }
    let robot = robots::get(&state.store, caller.enterprise, path.robot_id).await?.config;
    let lines = asked.said.len();
    // Patterns of a tenant's making are matched: beside the threads that serve others.
    let talk = tokio::task::spawn_blocking(move || of_script(robot, asked.variables, &asked.said));
    let rehearsed = match tokio::time::timeout(WITHIN, talk).await {
        Ok(Ok(rehearsed)) => rehearsed,
        Ok(Err(error)) => {
            tracing::error!(%error, "a rehearsal broke off");
            return Err(Problem::internal());
        }
        Err(_) => {
            let detail =
                "the rehearsal took too long; send less, or make the robot's script smaller";
            return Err(Problem::new(StatusCode::CONFLICT, "rehearsal_timeout", detail));
        }
    };
    let Some(rehearsed) = rehearsed else {
        let detail =
            "a language model thinks for this robot; only scripted robots can be rehearsed";
        return Err(Problem::new(StatusCode::CONFLICT, "robot_not_scripted", detail));
    };
    state.audit(&caller, Action::RobotRehearse, path.robot_id, json!({ "said": lines })).await;
    Ok(Json(rehearsed.into()))
}
