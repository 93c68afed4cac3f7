//! Imports: what may be asked for, and what comes back.

use encoding_rs::Encoding;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

mod header;
mod object;
mod priority;
mod row;

pub use header::{Columns, FIXED_COLUMNS, is_fixed_column, read_header, template_headers};
pub use object::{Json, parse_object};
pub use row::{
    FORMULA_WITHOUT_RESULT, NumberInput, ParsedRow, RowError, RowRules, is_blank, parse_input,
    parse_row,
};
pub(crate) use row::{bounded, read_phone};

use crate::fault::{Fault, NAME_PATTERN, Verdict, name, number, verdict};
use crate::number::PRIORITY_MAX;

/// Numbers in one batch, at most.
pub const BATCH_NUMBERS_MAX: u64 = 100_000;
/// Numbers in one task, at most.
pub const TASK_NUMBERS_MAX: u64 = 1_000_000;
/// Numbers in one enterprise, at most.
pub const ENTERPRISE_NUMBERS_MAX: u64 = 10_000_000;

/// Characters of one cell, at most.
pub const CELL_CHARS_MAX: usize = 1_000;
/// Columns to the right of the fixed ones, at most.
pub const CUSTOM_COLUMNS_MAX: usize = 100;
/// Characters of a column's header, at most.
pub const HEADER_CHARS_MAX: usize = 64;

/// The encoding of a file that is to be told from its bytes.
pub const ENCODING_AUTO: &str = "auto";

/// How an import is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportOptions {
    /// 1–64 characters.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub batch_name: String,
    /// 0–999,999; the API only.
    #[serde(default)]
    #[schemars(range(max = PRIORITY_MAX))]
    pub batch_priority: u32,
    #[serde(default)]
    pub dedupe: Dedupe,
    #[serde(default)]
    pub start: StartType,
    /// A row with an error refuses the whole file.
    #[serde(default)]
    pub all_or_nothing: bool,
    pub format: ImportFormat,
    /// Of a CSV file: `auto`, or a label of the WHATWG (`utf-8`, `gb18030`, `windows-1252`, …). `auto`
    /// reads UTF-8, UTF-16 with its mark, and GB18030 where the text is Chinese throughout.
    #[serde(default = "encoding_auto")]
    pub encoding: String,
    /// Of a workbook: what becomes of rows that are hidden or filtered out.
    #[serde(default)]
    pub hidden_rows: HiddenRows,
}

pub(crate) fn encoding_auto() -> String {
    ENCODING_AUTO.to_owned()
}

/// What becomes of rows that nobody saw when the workbook was saved.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HiddenRows {
    /// They are counted and left out.
    #[default]
    Skip,
    /// They are rows like the others.
    Import,
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
    /// Rows of a workbook that were hidden or filtered out, and so left out; not among `rows`.
    #[serde(default)]
    pub hidden: u64,
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

impl ImportOptions {
    /// The batch's name and priority are within their bounds.
    pub fn check(&self) -> Verdict {
        let faults = [
            name("/batch_name", &self.batch_name, 1, 64),
            number("/batch_priority", self.batch_priority, 0, PRIORITY_MAX),
            encoding_fault(&self.encoding, self.format),
        ];
        verdict(faults.into_iter().flatten().collect())
    }
}

/// Refuses an encoding that nobody knows, or that files of this format do not have.
pub(crate) fn encoding_fault(encoding: &str, format: ImportFormat) -> Option<Fault> {
    if encoding == ENCODING_AUTO {
        return None;
    }
    let Some(encoding) = Encoding::for_label_no_replacement(encoding.as_bytes()) else {
        let detail = "must be `auto` or a label of the WHATWG, as utf-8, utf-16le, gb18030, \
                      windows-1252 or iso-8859-2";
        return Some(Fault::new("/encoding", "unknown_encoding", detail));
    };
    let fits = format == ImportFormat::Csv || encoding == encoding_rs::UTF_8;
    let detail = "is for CSV files; workbooks name their own, and JSON is UTF-8";
    (!fits).then(|| Fault::new("/encoding", "not_for_format", detail))
}

#[cfg(test)]
mod tests;
