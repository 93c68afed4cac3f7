//! One row of an import: the cells of a file, or an object of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::characters::escaped;
use crate::import::header::{Columns, FIXED_COLUMNS, is_fixed_column};
use crate::import::{CELL_CHARS_MAX, CUSTOM_COLUMNS_MAX, HEADER_CHARS_MAX, priority};
use crate::mask;
use crate::number::{BACKUPS_MAX, PRIORITY_MAX};
use crate::phone::{self, Phone};

/// Stands in the cell of a formula that no spreadsheet has computed.
pub const FORMULA_WITHOUT_RESULT: &str = "#NO RESULT!";

/// What a spreadsheet writes where a formula failed.
const FORMULA_ERRORS: [&str; 9] =
    ["#N/A", "#NAME?", "#DIV/0!", "#REF!", "#VALUE!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!"];

/// What rows are read by.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowRules {
    /// ISO 3166 code of the region whose national form is understood.
    pub region: String,
    /// Variables that the voice navigation needs.
    pub required: BTreeSet<String>,
    /// Those and all others that the voice navigation or the task knows.
    pub variables: BTreeSet<String>,
    /// The task's values for variables that a row leaves empty.
    pub defaults: BTreeMap<String, String>,
}

impl RowRules {
    pub(super) fn has_default(&self, name: &str) -> bool {
        self.defaults.get(name).is_some_and(|value| !value.trim().is_empty())
    }
}

/// A row that is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParsedRow {
    pub phone: Phone,
    pub priority: u32,
    /// The row's own caller ID; whether it is one of the enterprise's is for the caller to see.
    pub caller_id: Option<Phone>,
    /// In the order given; the phone itself and repeats are left out.
    pub backups: Vec<Phone>,
    /// What the row gives; empty cells are left out, so that the task's defaults hold.
    pub variables: BTreeMap<String, String>,
}

/// One thing wrong with a row. Its `Debug` masks numbers; `value` is as it was given, with escapes for
/// what can't be seen.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowError {
    /// The header of the column.
    pub column: String,
    pub value: String,
    pub reason: String,
}

impl RowError {
    pub(crate) fn new(column: &str, value: &str, reason: impl Into<String>) -> Self {
        let value = escaped(&value.chars().take(CELL_CHARS_MAX).collect::<String>());
        Self { column: escaped(column), value, reason: reason.into() }
    }

    /// The value as someone sees it who may not see full numbers.
    pub fn masked_value(&self) -> String {
        mask::text(&self.value)
    }
}

impl fmt::Debug for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {:?} {}", self.column, self.masked_value(), self.reason)
    }
}

/// A number as the API takes it.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NumberInput {
    /// E.164, or the national form of the task's region.
    pub phone_number: String,
    /// 0–999,999; higher first.
    #[serde(default)]
    #[schemars(range(max = PRIORITY_MAX))]
    pub priority: u32,
    /// One of the enterprise's caller IDs, whichever the task has: this number is called with it alone.
    #[serde(default)]
    pub caller_id: Option<String>,
    /// Up to six, dialled one after another while the phone number is not connected.
    #[serde(default)]
    #[schemars(length(max = BACKUPS_MAX))]
    pub backup_numbers: Vec<String>,
    /// Values of channel variables, by name.
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for NumberInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NumberInput({})", mask::text(&self.phone_number))
    }
}

/// A row with nothing in it: spreadsheets end in those, and they are no rows.
pub fn is_blank(cells: &[String]) -> bool {
    cells.iter().all(|cell| cell.trim().is_empty())
}

/// Read the cells of one row. Missing cells at its end are empty ones.
pub fn parse_row(
    columns: &Columns,
    cells: &[String],
    rules: &RowRules,
) -> Result<ParsedRow, Vec<RowError>> {
    let cell = |place: usize| cells.get(place).map_or("", String::as_str);
    let mut errors = Vec::new();
    let first_over = FIXED_COLUMNS.len() + columns.custom.len();
    if let Some(over) = cells.iter().skip(first_over).find(|cell| !cell.trim().is_empty()) {
        errors.push(RowError::new("", over, "is in a column without a header"));
    }
    let [phone_column, priority_column, caller_column, backups_column] = FIXED_COLUMNS;
    let phone = bounded(phone_column, cell(0), &mut errors)
        .and_then(|text| read_phone(phone_column, text, &rules.region, &mut errors));
    let priority = bounded(priority_column, cell(1), &mut errors)
        .map_or(0, |text| read_priority(priority_column, text, &mut errors));
    let caller_id = bounded(caller_column, cell(2), &mut errors)
        .filter(|text| !text.is_empty())
        .and_then(|text| read_phone(caller_column, text, &rules.region, &mut errors));
    let backups = bounded(backups_column, cell(3), &mut errors).unwrap_or_default();
    let backups: Vec<&str> =
        backups.split([',', '，', '、']).map(str::trim).filter(|b| !b.is_empty()).collect();
    let backups = read_backups(&backups, cell(3), phone, rules, &mut errors);
    let named = columns.custom.iter().enumerate();
    let given = named.map(|(place, name)| (name.as_str(), cell(FIXED_COLUMNS.len() + place)));
    let variables = read_variables(given, rules, &mut errors);
    finish(phone, errors, |phone| ParsedRow { phone, priority, caller_id, backups, variables })
}

/// Read one number of the API.
pub fn parse_input(input: &NumberInput, rules: &RowRules) -> Result<ParsedRow, Vec<RowError>> {
    let mut errors = Vec::new();
    let [_, _, _, backups_column] = FIXED_COLUMNS;
    let phone = bounded("phone_number", &input.phone_number, &mut errors)
        .and_then(|text| read_phone("phone_number", text, &rules.region, &mut errors));
    if input.priority > PRIORITY_MAX {
        let value = input.priority.to_string();
        errors.push(RowError::new("priority", &value, priority::TOO_HIGH));
    }
    let caller_id = input.caller_id.as_deref().filter(|text| !text.trim().is_empty());
    let caller_id = caller_id
        .and_then(|text| bounded("caller_id", text, &mut errors))
        .and_then(|text| read_phone("caller_id", text, &rules.region, &mut errors));
    let backups: Vec<&str> =
        input.backup_numbers.iter().map(|b| b.trim()).filter(|b| !b.is_empty()).collect();
    let whole = backups.join(",");
    let backups = read_backups(&backups, &whole, phone, rules, &mut errors);
    for error in errors.iter_mut().filter(|error| error.column == backups_column) {
        error.column = "backup_numbers".to_owned();
    }
    if input.variables.len() > CUSTOM_COLUMNS_MAX {
        let reason = format!("has more than {CUSTOM_COLUMNS_MAX} variables");
        errors.push(RowError::new("variables", "", reason));
    }
    let names = input.variables.keys().take(CUSTOM_COLUMNS_MAX);
    errors.extend(names.filter_map(|name| wrong_name(name, rules)));
    let given = input.variables.iter().take(CUSTOM_COLUMNS_MAX);
    let given = given.map(|(name, value)| (name.as_str(), value.as_str()));
    let variables = read_variables(given, rules, &mut errors);
    let priority = input.priority;
    finish(phone, errors, |phone| ParsedRow { phone, priority, caller_id, backups, variables })
}

/// What is wrong with the name of a variable that the API was given.
fn wrong_name(name: &str, rules: &RowRules) -> Option<RowError> {
    let reason = if let Some(variable) = rules.misspelled(name) {
        format!("is not variable `{variable}`: write it as `{variable}`")
    } else if name.chars().any(char::is_control) {
        "has a control character in its name; take it out".to_owned()
    } else if name.trim().is_empty() || name.chars().count() > HEADER_CHARS_MAX {
        format!("a variable's name has 1 to {HEADER_CHARS_MAX} characters")
    } else if is_fixed_column(name) {
        "is the name of a column, and can't be a variable's".to_owned()
    } else {
        return None;
    };
    Some(RowError::new("variables", name, reason))
}

fn finish(
    phone: Option<Phone>,
    errors: Vec<RowError>,
    row: impl FnOnce(Phone) -> ParsedRow,
) -> Result<ParsedRow, Vec<RowError>> {
    match phone {
        Some(phone) if errors.is_empty() => Ok(row(phone)),
        _ => Err(errors),
    }
}

/// The text of a cell without spaces around it, if it is within its bounds.
pub(crate) fn bounded<'a>(
    column: &str,
    cell: &'a str,
    errors: &mut Vec<RowError>,
) -> Option<&'a str> {
    if cell.chars().count() > CELL_CHARS_MAX {
        let reason = format!("has more than {CELL_CHARS_MAX} characters");
        errors.push(RowError::new(column, cell, reason));
        return None;
    }
    if cell.contains('\0') {
        errors.push(RowError::new(column, cell, "has a NUL character (U+0000); take it out"));
        return None;
    }
    let cell = cell.trim();
    if cell == FORMULA_WITHOUT_RESULT {
        let reason = "is a formula without a stored result; open the file in a spreadsheet, let it \
                      compute, and save it";
        errors.push(RowError::new(column, cell, reason));
        return None;
    }
    // A robot must not read it out.
    if FORMULA_ERRORS.contains(&cell) {
        errors.push(RowError::new(column, cell, "is a spreadsheet's error; mend its formula"));
        return None;
    }
    Some(cell)
}

pub(crate) fn read_phone(
    column: &str,
    text: &str,
    region: &str,
    errors: &mut Vec<RowError>,
) -> Option<Phone> {
    match phone::parse(text, region) {
        Ok(phone) => Some(phone),
        Err(problem) => {
            errors.push(RowError::new(column, text, problem.to_string()));
            None
        }
    }
}

fn read_priority(column: &str, text: &str, errors: &mut Vec<RowError>) -> u32 {
    priority::read(text).unwrap_or_else(|reason| {
        errors.push(RowError::new(column, text, reason));
        0
    })
}

fn read_backups(
    texts: &[&str],
    whole: &str,
    phone: Option<Phone>,
    rules: &RowRules,
    errors: &mut Vec<RowError>,
) -> Vec<Phone> {
    let [.., column] = FIXED_COLUMNS;
    if texts.len() > BACKUPS_MAX {
        let reason =
            format!("has {} backup numbers; at most {BACKUPS_MAX} are allowed", texts.len());
        errors.push(RowError::new(column, whole, reason));
        return Vec::new();
    }
    let mut backups = Vec::new();
    for text in texts {
        let backup = read_phone(column, text, &rules.region, errors);
        if let Some(backup) = backup.filter(|b| Some(*b) != phone && !backups.contains(b)) {
            backups.push(backup);
        }
    }
    backups
}

/// What the row gives, with an error for each required variable that is given nowhere.
fn read_variables<'a>(
    given: impl Iterator<Item = (&'a str, &'a str)>,
    rules: &RowRules,
    errors: &mut Vec<RowError>,
) -> BTreeMap<String, String> {
    let variables: BTreeMap<String, String> = given
        .filter_map(|(name, cell)| Some((name, bounded(name, cell, errors)?)))
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let missing = rules.required.iter().filter(|name| {
        !variables.contains_key(*name)
            && !rules.has_default(name)
            && !errors.iter().any(|error| error.column == **name)
    });
    let missing: Vec<RowError> = missing
        .map(|name| RowError::new(name, "", "is empty; the voice navigation needs this variable"))
        .collect();
    errors.extend(missing);
    variables
}
