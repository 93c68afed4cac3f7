//! Why nothing moves: reasons for programs and for people.

use outbound::fleet::Absence;
use schemars::JsonSchema;
use serde::Serialize;

/// A reason, for programs and for people.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[schemars(rename = "Reason")]
pub(crate) struct Why {
    pub code: &'static str,
    pub detail: String,
}

impl From<Absence> for Why {
    fn from(absence: Absence) -> Self {
        Self { code: absence.word(), detail: absence.detail().to_owned() }
    }
}
