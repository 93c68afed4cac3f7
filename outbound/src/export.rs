//! Exports: what may be asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::TaskId;

/// What an export holds, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExportOptions {
    /// Call records of one task; none: of all.
    #[serde(default)]
    pub task: Option<TaskId>,
    pub content: Content,
    #[serde(default)]
    pub format: ExportFormat,
    /// Fields and their order; empty: all, in the order of the field table.
    #[serde(default)]
    pub fields: Vec<String>,
    /// A filter expression, as for the list of call records.
    #[serde(default)]
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// All attempts.
    CallRecords,
    /// Answered attempts with a robot session, with the conversation text.
    Conversations,
    /// A ZIP of the recordings.
    Recordings,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    #[default]
    Xlsx,
    Csv,
    Zip,
}
