//! Exports: what may be asked for.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Verdict, count, verdict};
use crate::filter;
use crate::ids::TaskId;
use crate::import::HEADER_CHARS_MAX;
use crate::mask;
use crate::record::{CallRecord, Cell, FIELDS, Field, FieldKind, Shown, cell, field, variable};

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
    /// Fields and their order, also single variables as `variables.NAME`; empty: all, in the order of the field
    /// table, and then a column for each variable, up to 100 of them.
    #[serde(default)]
    #[schemars(length(max = EXPORT_FIELDS_MAX), extend(
        "uniqueItems" = true,
        "items" = { "type": "string", "maxLength": 128, "pattern": r"^([a-z][a-z0-9_]*|variables\..+)$" },
    ))]
    pub fields: Vec<String>,
    /// A filter expression, as for the list of call records.
    #[serde(default)]
    #[schemars(length(max = filter::FILTER_CHARS_MAX))]
    pub filter: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ExportContent")]
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

/// Variables of one export that have a column of their own, at most.
pub const EXPORT_VARIABLES_MAX: usize = 100;
/// Fields of one export, at most: no more than there are, and as many variables as have columns.
pub const EXPORT_FIELDS_MAX: usize = FIELDS.len() + EXPORT_VARIABLES_MAX;
/// Before the name of a variable, where fields are chosen.
const VARIABLE: &str = "variables.";

/// A column of an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Column {
    Field(&'static Field),
    /// One variable of the rows, by its name.
    Variable(String),
}

impl Column {
    /// The column that is chosen by a name; none: there is no such field.
    fn named(name: &str) -> Option<Self> {
        let variable = |name: &&str| (1..=HEADER_CHARS_MAX).contains(&name.chars().count());
        match name.strip_prefix(VARIABLE).filter(variable) {
            Some(name) => Some(Self::Variable(name.to_owned())),
            None => field(name).map(Self::Field),
        }
    }

    /// In the file's head: a variable's is its name.
    pub fn title(&self, shown: Shown) -> Cow<'_, str> {
        match (self, shown) {
            (Self::Field(field), _) => field.title.into(),
            (Self::Variable(name), Shown::Full) => name.into(),
            (Self::Variable(name), Shown::Masked) => mask::text(name).into(),
        }
    }

    pub fn is_time(&self) -> bool {
        matches!(self, Self::Field(field) if field.kind == FieldKind::Time)
    }

    /// The column's value in a record. `conversation_text` is the record's transcript as text.
    pub fn cell(&self, record: &CallRecord, conversation_text: &str, shown: Shown) -> Cell {
        match self {
            Self::Field(field) => cell(record, conversation_text, field, shown),
            Self::Variable(name) => variable(record, name, shown),
        }
    }
}

impl ExportOptions {
    /// The fields exist and are named once, the filter reads, and the format suits the content.
    pub fn check(&self) -> Verdict {
        let mut faults = Vec::new();
        faults.extend(count("/fields", self.fields.len(), 0, EXPORT_FIELDS_MAX));
        for (place, name) in self.fields.iter().take(EXPORT_FIELDS_MAX).enumerate() {
            let pointer = format!("/fields/{place}");
            if Column::named(name).is_none() {
                let detail = "is no field of a call record; see the field table in the docs, and name a variable as `variables.NAME`";
                faults.push(Fault::new(pointer, "unknown_field", detail));
            } else if self.fields[..place].contains(name) {
                faults.push(Fault::new(pointer, "repeated", "is there twice; name it once"));
            }
        }
        if let Some(Err(problem)) = self.filter.as_deref().map(filter::parse) {
            faults.push(Fault::new("/filter", "bad_filter", problem.to_string()));
        }
        let zipped = self.format == ExportFormat::Zip;
        if zipped != (self.content == Content::Recordings) {
            let detail = "recordings come as `zip`, records and conversations as `xlsx` or `csv`";
            faults.push(Fault::new("/format", "wrong_format", detail));
        }
        verdict(faults)
    }

    /// The options as somebody sees them who sees no full numbers.
    pub fn masked(self) -> Self {
        Self {
            fields: self.fields.iter().map(|name| mask::text(name)).collect(),
            filter: self.filter.as_deref().map(filter::masked),
            ..self
        }
    }

    /// The columns of the file, in order: those that were chosen, or the guide's table, then the rest,
    /// and then these variables.
    pub fn columns(&self, variables: &[String]) -> Vec<Column> {
        if !self.fields.is_empty() {
            return self.fields.iter().filter_map(|name| Column::named(name)).collect();
        }
        let fields = FIELDS.iter().map(Column::Field);
        let variables = variables.iter().take(EXPORT_VARIABLES_MAX).cloned();
        fields.chain(variables.map(Column::Variable)).collect()
    }

    /// Whether a column shows what was said.
    pub fn has_words(&self) -> bool {
        self.content != Content::Recordings && self.columns(&[]).iter().any(
            |column| matches!(column, Column::Field(field) if field.name == "conversation_text"),
        )
    }

    /// Whether the file gets a column for each variable that its rows have.
    pub fn spreads_variables(&self) -> bool {
        self.fields.is_empty() && self.content != Content::Recordings
    }
}

#[cfg(test)]
mod tests;
