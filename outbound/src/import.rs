//! Imports: what may be asked for, and what comes back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::Fault;

/// Numbers in one batch, at most.
pub const BATCH_NUMBERS_MAX: u64 = 100_000;
/// Numbers in one task, at most.
pub const TASK_NUMBERS_MAX: u64 = 1_000_000;
/// Numbers in one enterprise, at most.
pub const ENTERPRISE_NUMBERS_MAX: u64 = 10_000_000;

/// How an import is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// 1–64 characters.
    pub batch_name: String,
    /// 0–999,999; the API only.
    #[serde(default)]
    pub batch_priority: u32,
    #[serde(default)]
    pub dedupe: Dedupe,
    #[serde(default)]
    pub start: StartType,
    /// A row with an error refuses the whole file.
    #[serde(default)]
    pub all_or_nothing: bool,
    pub format: ImportFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dedupe {
    #[default]
    None,
    /// Drop rows already in the task, whatever their state.
    Task,
    /// Drop repeats inside this import.
    Import,
    /// Drop rows already in the batch of that name.
    Batch,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StartType {
    #[default]
    Manual,
    /// The task is started once the numbers have landed.
    Auto,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ImportFormat {
    Xlsx,
    Csv,
    /// `{"numbers": [{"phone_number": …, "priority": …, "caller_id": …, "backup_numbers": […], "variables": {…}}]}`
    Json,
    /// One number object a line.
    Ndjson,
}

/// What an import did with the rows it read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportResult {
    pub rows: u64,
    pub imported: u64,
    pub duplicates: u64,
    pub suppressed: u64,
    pub invalid: u64,
    /// The batch of that name had not started: the rows joined it.
    pub merged: bool,
}

/// Why an import was refused whole. Nothing landed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ImportProblem {
    pub code: String,
    pub detail: String,
    #[serde(default)]
    pub faults: Vec<Fault>,
}
