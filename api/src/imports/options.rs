//! How an import is asked for: the same options as a part of a form or as a query.

use outbound::fault::NAME_PATTERN;
use outbound::import::{Dedupe, ENCODING_AUTO, HiddenRows, ImportFormat, ImportOptions, StartType};
use outbound::number::PRIORITY_MAX;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::problem::Problem;

/// Options of an import.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
#[schemars(rename = "ImportRequest")]
pub(super) struct Asked {
    /// 1–64 characters; required, here or in the `options` part of a form.
    #[schemars(length(min = 1, max = 64), regex(pattern = NAME_PATTERN))]
    pub batch_name: Option<String>,
    /// 0–999,999, higher first.
    #[schemars(range(max = PRIORITY_MAX))]
    pub batch_priority: Option<u32>,
    pub dedupe: Option<Dedupe>,
    pub start: Option<StartType>,
    /// A row with an error refuses the whole file.
    pub all_or_nothing: Option<bool>,
    /// None: by the file's name or the Content-Type.
    pub format: Option<ImportFormat>,
    /// Of a CSV file: `auto`, the default, or a label of the WHATWG: `utf-8`, `gb18030`, `windows-1252`, …
    pub encoding: Option<String>,
    /// Of a workbook: `skip`, the default, leaves out rows that are hidden or filtered out.
    pub hidden_rows: Option<HiddenRows>,
}

impl Asked {
    /// These options, and where one is not given the other's.
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            batch_name: self.batch_name.or(other.batch_name),
            batch_priority: self.batch_priority.or(other.batch_priority),
            dedupe: self.dedupe.or(other.dedupe),
            start: self.start.or(other.start),
            all_or_nothing: self.all_or_nothing.or(other.all_or_nothing),
            format: self.format.or(other.format),
            encoding: self.encoding.or(other.encoding),
            hidden_rows: self.hidden_rows.or(other.hidden_rows),
        }
    }

    /// The whole options; `found` is the format that the body was seen to have.
    pub(super) fn judge(self, found: Option<ImportFormat>) -> Result<ImportOptions, Problem> {
        let Some(batch_name) = self.batch_name else {
            let detail = "is required: the name of the batch, 1 to 64 characters";
            return Err(Problem::fault("/batch_name", "missing_field", detail));
        };
        let Some(format) = self.format.or(found) else {
            let detail =
                "can't be told from the file's name; give `xlsx`, `csv`, `json` or `ndjson`";
            return Err(Problem::fault("/format", "missing_field", detail));
        };
        let options = ImportOptions {
            batch_name,
            batch_priority: self.batch_priority.unwrap_or_default(),
            dedupe: self.dedupe.unwrap_or_default(),
            start: self.start.unwrap_or_default(),
            all_or_nothing: self.all_or_nothing.unwrap_or_default(),
            format,
            encoding: self.encoding.unwrap_or_else(|| ENCODING_AUTO.to_owned()),
            hidden_rows: self.hidden_rows.unwrap_or_default(),
        };
        options.check().map_err(Problem::refused)?;
        Ok(options)
    }
}

/// The format that a media type names.
pub(super) fn of_media_type(media_type: &str) -> Option<ImportFormat> {
    match media_type {
        "application/json" => Some(ImportFormat::Json),
        "application/x-ndjson" => Some(ImportFormat::Ndjson),
        "text/csv" => Some(ImportFormat::Csv),
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" => {
            Some(ImportFormat::Xlsx)
        }
        _ => None,
    }
}

/// The format that a file's name ends in.
pub(super) fn of_file_name(name: &str) -> Option<ImportFormat> {
    match name.rsplit_once('.')?.1.to_ascii_lowercase().as_str() {
        "xlsx" => Some(ImportFormat::Xlsx),
        "csv" => Some(ImportFormat::Csv),
        "json" => Some(ImportFormat::Json),
        "ndjson" | "jsonl" => Some(ImportFormat::Ndjson),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_form_says_goes_before_the_query_and_the_file_name() {
        let form = Asked { batch_name: Some("a".into()), ..Asked::default() };
        let query = Asked {
            batch_name: Some("b".into()),
            batch_priority: Some(7),
            format: Some(ImportFormat::Csv),
            ..Asked::default()
        };
        let options = form.or(query).judge(of_file_name("people.xlsx")).expect("options");
        assert_eq!(options.batch_name, "a");
        assert_eq!(options.batch_priority, 7);
        assert_eq!(options.format, ImportFormat::Csv);
    }

    #[test]
    fn what_is_missing_is_named() {
        let problem = Asked::default().judge(None).expect_err("a problem");
        assert_eq!(problem.faults[0].pointer, "/batch_name");
        let named = Asked { batch_name: Some("a".into()), ..Asked::default() };
        let problem = named.judge(of_file_name("people.pdf")).expect_err("a problem");
        assert_eq!(problem.faults[0].pointer, "/format");
    }
}
