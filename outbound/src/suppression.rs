//! The do-not-call list: what an entry may say, and the files that fill it.
//!
//! A file is a table (CSV or a workbook) with the column `Phone Number`, and `Reason` and `Expires At` where
//! rows have their own.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime};
use chrono_tz::Tz;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::characters::{escaped, folded};
use crate::fault::{Fault, TEXT_PATTERN, Verdict, text, verdict};
use crate::import::{
    ENCODING_AUTO, HEADER_CHARS_MAX, HiddenRows, ImportFormat, RowError, bounded, encoding_auto,
    encoding_fault, read_phone,
};
use crate::mask;
use crate::moment::{TOO_FAR, is_near};
use crate::phone::Phone;
use crate::schedule::instant;

/// Characters of a reason, at most.
pub const REASON_MAX: usize = 200;
/// Rows of one file, at most.
pub const FILE_ROWS_MAX: u64 = 1_000_000;

pub const PHONE_COLUMN: &str = "Phone Number";
pub const REASON_COLUMN: &str = "Reason";
pub const EXPIRES_COLUMN: &str = "Expires At";

/// The columns of a file, in the order of its template. The first is required.
pub const COLUMNS: [&str; 3] = [PHONE_COLUMN, REASON_COLUMN, EXPIRES_COLUMN];

/// How the file of a do-not-call list is to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "SuppressionImportOptions")]
pub struct FileOptions {
    pub format: TableFormat,
    /// Of rows that give none; at most 200 characters.
    #[serde(default)]
    #[schemars(length(max = REASON_MAX), regex(pattern = TEXT_PATTERN))]
    pub reason: String,
    /// Of rows that give none: then they may be called again; none: never.
    #[serde(default)]
    pub expires_at: Option<Time>,
    /// A row with an error refuses the whole file.
    #[serde(default)]
    pub all_or_nothing: bool,
    /// Of a CSV file: `auto`, or a label of the WHATWG (`utf-8`, `gb18030`, `windows-1252`, …).
    #[serde(default = "encoding_auto")]
    pub encoding: String,
    /// Of a workbook: what becomes of rows that are hidden or filtered out.
    #[serde(default)]
    pub hidden_rows: HiddenRows,
}

/// A file with a header row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TableFormat {
    Xlsx,
    Csv,
}

impl From<TableFormat> for ImportFormat {
    fn from(format: TableFormat) -> Self {
        match format {
            TableFormat::Xlsx => Self::Xlsx,
            TableFormat::Csv => Self::Csv,
        }
    }
}

impl FileOptions {
    pub fn new(format: TableFormat) -> Self {
        Self {
            format,
            reason: String::new(),
            expires_at: None,
            all_or_nothing: false,
            encoding: ENCODING_AUTO.to_owned(),
            hidden_rows: HiddenRows::default(),
        }
    }

    /// Reason, expiry and encoding are such as an entry and a file may have.
    pub fn check(&self, now: Time) -> Verdict {
        let past = self.expires_at.is_some_and(|at| at <= now);
        let faults = [
            text("/reason", &self.reason, 0, REASON_MAX),
            past.then(in_the_past),
            encoding_fault(&self.encoding, self.format.into()),
        ];
        verdict(faults.into_iter().flatten().collect())
    }
}

/// Whether an entry of the do-not-call list holds at `now`. SQL has the same rule as `suppression_in_force`.
pub fn in_force(expires_at: Option<Time>, now: Time) -> bool {
    expires_at.is_none_or(|at| at > now)
}

/// An entry that would hold no longer as it is made.
pub fn in_the_past() -> Fault {
    Fault::new("/expires_at", "in_the_past", "the expiry must be after now")
}

/// What an import of a do-not-call file has done so far; all of it, once it is over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "SuppressionImportResult")]
pub struct FileResult {
    /// Rows that were read; those with an error among them.
    pub rows: u64,
    /// Rows whose number came onto the list.
    pub added: u64,
    /// Rows whose number was on it already, by an earlier row of the file too: the entry has the row's
    /// reason and expiry now. Without `see_full_numbers` they count as added.
    pub already_listed: u64,
    /// Rows with an error.
    pub invalid: u64,
    /// Rows of a workbook that were hidden or filtered out, and so left out; not among `rows`.
    pub hidden: u64,
}

impl FileResult {
    /// As somebody sees it who sees no full numbers: which rows were on the list already would tell whose masked
    /// entries they are, so all of them count as added.
    pub const fn masked(self) -> Self {
        Self { added: self.added + self.already_listed, already_listed: 0, ..self }
    }

    /// Rows that are dealt with.
    pub const fn done(&self) -> u64 {
        self.added + self.already_listed + self.invalid
    }
}

/// What rows are read by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRules {
    /// ISO 3166 code of the region whose national form is understood.
    pub region: String,
    /// Times without an offset are of this zone.
    pub zone: Tz,
    pub now: Time,
    /// Of rows that give none.
    pub reason: String,
    pub expires_at: Option<Time>,
}

/// A phone that is to be on the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub phone: Phone,
    pub reason: String,
    pub expires_at: Option<Time>,
}

/// Where the columns of a file stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Columns {
    cells: usize,
    reason: Option<usize>,
    expires_at: Option<usize>,
}

/// Read the header row: `Phone Number` first, then any of the others. The faults name what is missing, not
/// known or repeated.
pub fn read_header(cells: &[String]) -> Result<Columns, Vec<Fault>> {
    let mut cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    if let Some(first) = cells.first_mut() {
        *first = first.strip_prefix('\u{feff}').unwrap_or(first);
    }
    while cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    if cells.first() != Some(&PHONE_COLUMN) {
        let detail = match cells.first() {
            Some(cell) if !cell.trim().is_empty() => format!(
                "column `{PHONE_COLUMN}` is required first; `{}` is in its place",
                shown(cell)
            ),
            _ => format!("column `{PHONE_COLUMN}` is required first, and is missing"),
        };
        return Err(vec![Fault::new("/header/0", "missing_column", detail)]);
    }
    let mut columns = Columns { cells: cells.len(), reason: None, expires_at: None };
    let mut faults = Vec::new();
    for (place, cell) in cells.iter().enumerate().skip(1) {
        let slot = match *cell {
            REASON_COLUMN => &mut columns.reason,
            EXPIRES_COLUMN => &mut columns.expires_at,
            other => {
                let repeated = folded(other) == PHONE_COLUMN;
                faults.push(if repeated { twice(place, other) } else { unknown(place, other) });
                if faults.len() == COLUMNS.len() {
                    break;
                }
                continue;
            }
        };
        if slot.replace(place).is_some() {
            faults.push(twice(place, cell));
        }
    }
    if faults.is_empty() { Ok(columns) } else { Err(faults) }
}

fn twice(place: usize, cell: &str) -> Fault {
    let detail = format!("column `{}` is there twice; each may be there once", shown(cell));
    Fault::new(format!("/header/{place}"), "repeated_column", detail)
}

fn unknown(place: usize, cell: &str) -> Fault {
    let detail = format!(
        "column `{}` is not known; behind `{PHONE_COLUMN}` there may be `{REASON_COLUMN}` and \
         `{EXPIRES_COLUMN}`",
        shown(cell)
    );
    Fault::new(format!("/header/{place}"), "unknown_column", detail)
}

/// A header as an error shows it: where the header row is missing it may be a phone number.
fn shown(cell: &str) -> String {
    escaped(&mask::text(&cell.chars().take(HEADER_CHARS_MAX).collect::<String>()))
}

/// Read the cells of one row. Missing cells at its end are empty ones.
pub fn read_row(
    columns: Columns,
    cells: &[String],
    rules: &RowRules,
) -> Result<Entry, Vec<RowError>> {
    let mut errors = Vec::new();
    if let Some(over) = cells.iter().skip(columns.cells).find(|cell| !cell.trim().is_empty()) {
        errors.push(RowError::new("", over, "is in a column without a header"));
    }
    let cell =
        |place: Option<usize>| place.and_then(|place| cells.get(place)).map_or("", String::as_str);
    let phone = bounded(PHONE_COLUMN, cell(Some(0)), &mut errors)
        .and_then(|text| read_phone(PHONE_COLUMN, text, &rules.region, &mut errors));
    let reason = bounded(REASON_COLUMN, cell(columns.reason), &mut errors).unwrap_or_default();
    if let Some(fault) = text("", reason, 0, REASON_MAX) {
        errors.push(RowError::new(REASON_COLUMN, reason, fault.detail));
    }
    let expires_at = bounded(EXPIRES_COLUMN, cell(columns.expires_at), &mut errors)
        .filter(|text| !text.is_empty())
        .and_then(|text| match expiry(text, rules) {
            Ok(at) => Some(at),
            Err(why) => {
                errors.push(RowError::new(EXPIRES_COLUMN, text, why));
                None
            }
        });
    match phone {
        Some(phone) if errors.is_empty() => Ok(Entry {
            phone,
            reason: if reason.is_empty() { rules.reason.clone() } else { reason.to_owned() },
            expires_at: expires_at.or(rules.expires_at),
        }),
        _ => Err(errors),
    }
}

/// A time with its offset, or a date with or without a time of day in the enterprise's zone. A date alone is
/// its first minute.
fn expiry(text: &str, rules: &RowRules) -> Result<Time, &'static str> {
    let local = || {
        let times = ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"];
        let time = times.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
        let date = || NaiveDate::parse_from_str(text, "%Y-%m-%d").ok();
        time.or_else(|| date().map(|date| date.and_time(NaiveTime::MIN)))
    };
    let at = match DateTime::parse_from_rfc3339(text) {
        Ok(at) => at.to_utc(),
        Err(_) => {
            let local = local()
                .ok_or("is no time; write it as 2027-01-31, 2027-01-31 09:00 or in RFC 3339")?;
            // A zone's clock can't be asked for a time at the end of the calendar.
            if !is_near(local) {
                return Err(TOO_FAR);
            }
            instant(local, rules.zone)
        }
    };
    if !is_near(at) {
        Err(TOO_FAR)
    } else if at > rules.now {
        Ok(at)
    } else {
        Err("is not after now; a number that expired can be called")
    }
}

#[cfg(test)]
mod tests;
