//! What an agent did, for the interaction log.

use dialog::conversation::{AgentStep, StepKind};

use super::harmless::shortened;
use crate::agent::Saying;

/// Characters of one step.
const STEP_CHARS_MAX: usize = 500;

/// Write it down, shortened.
pub(super) async fn did(saying: &Saying, kind: StepKind, detail: &str) {
    let detail = shortened(detail, STEP_CHARS_MAX - 1).into_owned();
    saying.did(AgentStep { kind, detail }).await;
}
