//! Exports: what may be asked for.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, Verdict, count, verdict};
use crate::filter;
use crate::ids::TaskId;
use crate::record::{FIELDS, Field, field};

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

/// Fields of one export, at most: no more than there are.
pub const EXPORT_FIELDS_MAX: usize = FIELDS.len();

impl ExportOptions {
    /// The fields exist and are named once, the filter reads, and the format suits the content.
    pub fn check(&self) -> Verdict {
        let mut faults = Vec::new();
        faults.extend(count("/fields", self.fields.len(), 0, EXPORT_FIELDS_MAX));
        for (place, name) in self.fields.iter().take(EXPORT_FIELDS_MAX).enumerate() {
            let pointer = format!("/fields/{place}");
            if field(name).is_none() {
                let detail = "is no field of a call record; see the field table in the docs";
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

    /// The columns of the file, in order: those that were chosen, or the guide's table with the
    /// conversation text only where conversations are exported, and then the rest.
    pub fn columns(&self) -> Vec<&'static Field> {
        if !self.fields.is_empty() {
            return self.fields.iter().filter_map(|name| field(name)).collect();
        }
        let wanted = |field: &&Field| {
            field.name != "conversation_text" || self.content == Content::Conversations
        };
        FIELDS.iter().filter(wanted).collect()
    }
}

#[cfg(test)]
mod tests;
