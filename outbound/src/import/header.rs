//! The header row of an import file.
//!
//! Four fixed columns in front, then custom ones, whose headers are names of variables. Headers must
//! match exactly. Two that differ only in what nobody sees count as the same.

use std::collections::BTreeSet;

use crate::characters::{alike, escaped, folded};
use crate::fault::{Fault, text};
use crate::import::row::RowRules;
use crate::import::{CUSTOM_COLUMNS_MAX, HEADER_CHARS_MAX};
use crate::mask;

/// The fixed columns, in the order of the template.
pub const FIXED_COLUMNS: [&str; 4] = ["Phone Number", "Priority", "Caller ID", "Backup Numbers"];

/// The columns of a file whose header row is right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Headers to the right of the fixed ones.
    pub custom: Vec<String>,
}

/// The header row of a task's template: the fixed columns, and one for each variable.
pub fn template_headers<'a>(variables: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let custom = variables.into_iter().filter(|name| seen.insert(name.to_string()));
    FIXED_COLUMNS.into_iter().chain(custom.collect::<Vec<_>>()).map(str::to_owned).collect()
}

/// A name that a fixed column has, spaces and invisible characters aside: no variable can have it too.
pub fn is_fixed_column(name: &str) -> bool {
    FIXED_COLUMNS.contains(&folded(name).as_str())
}

/// Read the header row. The faults name every fixed column that is missing, renamed or in another
/// place, and every header that is repeated, empty or too long.
pub fn read_header(cells: &[String]) -> Result<Columns, Vec<Fault>> {
    let mut cells: Vec<&str> = cells.iter().map(String::as_str).collect();
    if let Some(first) = cells.first_mut() {
        *first = first.strip_prefix('\u{feff}').unwrap_or(first);
    }
    while cells.last().is_some_and(|cell| cell.trim().is_empty()) {
        cells.pop();
    }
    let most = FIXED_COLUMNS.len() + CUSTOM_COLUMNS_MAX;
    if cells.len() > most {
        let detail = format!("at most {CUSTOM_COLUMNS_MAX} custom columns are allowed");
        return Err(vec![Fault::new("/header", "too_many_columns", detail)]);
    }
    let mut faults = fixed_faults(&cells);
    let custom = || cells.iter().enumerate().filter(|(_, cell)| !FIXED_COLUMNS.contains(cell));
    if faults.is_empty() {
        faults.extend(custom().filter_map(|(place, cell)| {
            let pointer = format!("/header/{place}");
            text(&pointer, cell, 1, HEADER_CHARS_MAX)
        }));
    }
    let mut seen = BTreeSet::new();
    let repeated =
        cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty() && !seen.insert(folded(cell)));
    faults.extend(repeated.map(|(place, cell)| {
        let detail = format!("column `{}` is there twice; each may be there once", shown(cell));
        Fault::new(format!("/header/{place}"), "repeated_column", detail)
    }));
    if !faults.is_empty() {
        return Err(faults);
    }
    Ok(Columns { custom: custom().map(|(_, cell)| (*cell).to_owned()).collect() })
}

fn fixed_faults(cells: &[&str]) -> Vec<Fault> {
    let fixed = FIXED_COLUMNS.into_iter().enumerate();
    let absent: Vec<Fault> = fixed
        .clone()
        .filter(|(_, name)| !cells.contains(name))
        .map(|(place, name)| {
            let pointer = format!("/header/{place}");
            match cells.get(place).filter(|cell| !FIXED_COLUMNS.contains(cell)) {
                Some(cell) if !cell.is_empty() => Fault::new(
                    pointer,
                    "renamed_column",
                    format!("column `{name}` is required here; `{}` is in its place", shown(cell)),
                ),
                _ => {
                    let detail =
                        format!("column `{name}` is missing; headers must match the template");
                    Fault::new(pointer, "missing_column", detail)
                }
            }
        })
        .collect();
    if !absent.is_empty() {
        return absent;
    }
    fixed
        .filter(|(place, name)| cells.get(*place) != Some(name))
        .map(|(place, name)| {
            let detail =
                format!("column `{name}` must be number {}, as in the template", place + 1);
            Fault::new(format!("/header/{place}"), "misplaced_column", detail)
        })
        .collect()
}

/// A header as an error shows it: where the header row is missing it may be a phone number.
fn shown(cell: &str) -> String {
    escaped(&mask::text(&cell.chars().take(HEADER_CHARS_MAX).collect::<String>()))
}

impl Columns {
    /// A required variable has a column, or a default value in the task: without either, every row
    /// would be in error. And no column misses a variable by its case or its spaces: its values would be
    /// lost.
    pub fn check_variables(&self, rules: &RowRules) -> Result<(), Vec<Fault>> {
        let given = |name: &String| self.custom.contains(name) || rules.has_default(name);
        let faults: Vec<Fault> = rules
            .required
            .iter()
            .filter(|name| !given(name))
            .map(|name| {
                let detail = format!(
                    "the voice navigation needs variable `{name}`: add a column of that name, or give \
                     it a default value in the task"
                );
                Fault::new("/header", "missing_variable", detail)
            })
            .collect();
        let faults: Vec<Fault> = faults.into_iter().chain(self.renamed(rules)).collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    /// Columns that are most likely meant for a variable, and are not spelled like it.
    fn renamed(&self, rules: &RowRules) -> Vec<Fault> {
        let near = self.custom.iter().enumerate().filter_map(|(place, header)| {
            rules.misspelled(header).map(|variable| (FIXED_COLUMNS.len() + place, header, variable))
        });
        near.map(|(place, header, variable)| {
            let detail = format!(
                "column `{}` is not variable `{variable}`: write its header as `{variable}`",
                shown(header)
            );
            Fault::new(format!("/header/{place}"), "renamed_column", detail)
        })
        .collect()
    }
}

impl RowRules {
    /// The variable that a name most likely stands for, if it is none itself.
    pub(super) fn misspelled(&self, name: &str) -> Option<&str> {
        if self.variables.contains(name) {
            return None;
        }
        let name = alike(name);
        self.variables.iter().map(String::as_str).find(|variable| alike(variable) == name)
    }
}
