//! Tables for people.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::Value;

/// A table of the named columns of JSON rows. A column is `title=path.into.the.row`, or just a path.
pub fn of_rows(rows: &[Value], columns: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let columns: Vec<(&str, &str)> =
        columns.iter().map(|column| column.split_once('=').unwrap_or((column, column))).collect();
    table.set_header(columns.iter().map(|(title, _)| title.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|(_, path)| cell(row, path)));
    }
    table
}

/// A two-column table of one object's fields, nested ones with dots.
pub fn of_object(object: &Value) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let mut fields = Vec::new();
    flatten("", object, &mut fields);
    for (name, value) in fields {
        table.add_row([name, value]);
    }
    table
}

fn flatten(prefix: &str, value: &Value, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let name =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, into);
            }
        }
        _ => into.push((prefix.to_owned(), plain(value))),
    }
}

fn cell(row: &Value, path: &str) -> String {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    found.map(plain).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_column_reaches_into_a_row() {
        let rows =
            [json!({"name": "spring", "progress": {"connected": 3}}), json!({"name": "autumn"})];
        let table = of_rows(&rows, &["name", "connected=progress.connected"]).to_string();
        assert!(table.contains("CONNECTED"));
        assert!(table.contains("spring"));
        assert!(table.lines().any(|line| line.contains("spring") && line.contains('3')));
    }
}
