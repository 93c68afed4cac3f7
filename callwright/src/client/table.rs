//! Tables for people. Times are those of the wall clock of a zone, the enterprise's.

use chrono_tz::Tz;
use comfy_table::{ContentArrangement, Table, presets};
use outbound::Time;
use outbound::wall;
use serde_json::Value;

/// What stands for a field without a value.
const NONE: &str = "–";

/// A table of the named columns of JSON rows. A column is `title=path.into.the.row`, or just a path.
pub fn of_rows(rows: &[Value], columns: &[&str], zone: Tz) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let columns: Vec<(&str, &str)> =
        columns.iter().map(|column| column.split_once('=').unwrap_or((column, column))).collect();
    table.set_header(columns.iter().map(|(title, _)| title.to_uppercase()));
    for row in rows {
        table.add_row(columns.iter().map(|(_, path)| cell(row, path, zone)));
    }
    lines(&table)
}

/// A two-column table of one object's fields, nested ones with dots.
pub fn of_object(object: &Value, zone: Tz) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    let mut fields = Vec::new();
    flatten("", object, zone, &mut fields);
    for (name, value) in fields {
        table.add_row([name, if value.is_empty() { NONE.to_owned() } else { value }]);
    }
    lines(&table)
}

/// Each line ends with its text: one long cell would fill all others up to its width.
fn lines(table: &Table) -> String {
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

fn flatten(prefix: &str, value: &Value, zone: Tz, into: &mut Vec<(String, String)>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                let name =
                    if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
                flatten(&name, value, zone, into);
            }
        }
        _ => into.push((prefix.to_owned(), plain(value, zone))),
    }
}

fn cell(row: &Value, path: &str, zone: Tz) -> String {
    let found = path.split('.').try_fold(row, |value, name| value.get(name));
    found.map(|value| plain(value, zone)).unwrap_or_default()
}

fn plain(value: &Value, zone: Tz) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => moment(text, zone).unwrap_or_else(|| text.clone()),
        Value::Array(items) if items.iter().all(|item| !item.is_object() && !item.is_array()) => {
            items.iter().map(|item| plain(item, zone)).collect::<Vec<_>>().join(", ")
        }
        // `09:00 18:00; 19:00 20:00` of ranges, `calling 3, connected 40` of counts.
        Value::Array(items) if items.iter().all(Value::is_object) => {
            let item = |item: &Value| {
                let fields = item.as_object().into_iter().flat_map(|fields| fields.values());
                let texts = fields.map(|value| plain(value, zone)).filter(|text| !text.is_empty());
                texts.collect::<Vec<_>>().join(" ")
            };
            items.iter().map(item).collect::<Vec<_>>().join("; ")
        }
        Value::Object(fields) => {
            let texts = fields.iter().map(|(name, value)| format!("{name} {}", plain(value, zone)));
            texts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// A time of the API, as the zone's wall clock shows it.
fn moment(text: &str, zone: Tz) -> Option<String> {
    // What only looks like a time, as a name may, is not read as one: the API's times are whole.
    let whole = text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    let at: Time = text.parse().ok().filter(|_| whole)?;
    Some(wall::zoned(at, zone))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ZONE: Tz = chrono_tz::Asia::Shanghai;

    #[test]
    fn what_is_nested_reads_as_words_and_times_are_the_enterprise_s_to_the_second() {
        for (value, shown) in [
            (json!("2026-11-28T02:25:58.364686Z"), "2026-11-28 10:25:58 +08:00"),
            (json!("2026-11-28T02:25:58Z"), "2026-11-28 10:25:58 +08:00"),
            (json!("2026-12-01T09:00:00"), "2026-12-01T09:00:00"),
            (
                json!({"next_due_at": "2026-11-28T18:00:00Z"}),
                "next_due_at 2026-11-29 02:00:00 +08:00",
            ),
            (json!("1.38.Z, an odd name of a thing.Z"), "1.38.Z, an odd name of a thing.Z"),
            (json!({"calling": 1, "connected": 40}), "calling 1, connected 40"),
            (json!([{"start": "09:00", "end": "18:00", "weekdays": []}]), "09:00 18:00"),
            (json!(["export", "see"]), "export, see"),
            (json!([]), ""),
        ] {
            assert_eq!(plain(&value, ZONE), shown);
        }
    }

    #[test]
    fn a_column_reaches_into_a_row() {
        let rows =
            [json!({"name": "spring", "progress": {"connected": 3}}), json!({"name": "autumn"})];
        let table = of_rows(&rows, &["name", "connected=progress.connected"], ZONE);
        assert!(table.contains("CONNECTED"));
        assert!(table.contains("spring"));
        assert!(table.lines().any(|line| line.contains("spring") && line.contains('3')));
    }
}
