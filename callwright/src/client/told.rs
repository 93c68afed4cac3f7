//! What a command did, in a line, and what to type next. Whoever wants all fields asks with `show` or `--json`.

use serde_json::Value;

/// What names a thing to people, the first that it has.
const LABELS: [&str; 4] = ["name", "file_name", "phone", "phone_number"];

/// `created task_…  “Spring”`, and below it the commands that come next.
pub fn done(verb: &str, object: &Value, next: &[String]) -> String {
    let id = object["id"].as_str().unwrap_or_default();
    let mut said = format!("{verb} {id}").trim_end().to_owned();
    if let Some(label) = LABELS.iter().find_map(|name| object[*name].as_str()) {
        said.push_str(&format!("  “{label}”"));
    }
    for command in next {
        said.push_str(&format!("\n  next: {command}"));
    }
    said
}

/// How a task stands, behind what was done to it: `running`, `paused (outside call period)`.
pub fn state(task: &Value) -> String {
    let text = |name: &str| task[name].as_str().unwrap_or_default().to_owned();
    match text("pause_title") {
        title if title.is_empty() => text("state"),
        title => format!("{} ({title})", text("state")),
    }
}

/// What an import did: `imported 998 of 1,000 rows into “May”: 2 duplicates`.
pub fn import(import: &Value) -> String {
    let batch = import["options"]["batch_name"].as_str().unwrap_or_default();
    let id = import["id"].as_str().unwrap_or_default();
    let result = &import["result"];
    let count = |name: &str| result[name].as_u64().unwrap_or(0);
    let mut said = match import["status"].as_str() {
        Some("done") => format!(
            "imported {} of {} into “{batch}”  {id}",
            grouped(count("imported")),
            of(count("rows"), "row", "rows")
        ),
        status => format!("{} {id}  “{batch}”", status.unwrap_or_default()),
    };
    let left_out: Vec<String> = [
        ("duplicates", "duplicate", "duplicates"),
        ("suppressed", "on the do-not-call list", "on the do-not-call list"),
        ("invalid", "with errors", "with errors"),
    ]
    .into_iter()
    .filter(|(name, ..)| count(name) > 0)
    .map(|(name, one, many)| of(count(name), one, many))
    .collect();
    if !left_out.is_empty() {
        said.push_str(&format!("\n  left out: {}", left_out.join(", ")));
    }
    if let Some(why) = import["problem"]["detail"].as_str() {
        said.push_str(&format!("\n  {why}"));
    }
    said
}

/// What an import of a do-not-call list did: `listed 998 of 1,000 rows: 2 were on the list already`.
pub fn suppression_import(import: &Value) -> String {
    let id = import["id"].as_str().unwrap_or_default();
    let count = |name: &str| import["result"][name].as_u64().unwrap_or(0);
    let status = import["status"].as_str().unwrap_or_default();
    let verb = if status == "done" { "listed" } else { status };
    let (added, rows) = (grouped(count("added")), of(count("rows"), "row", "rows"));
    let mut said = match count("rows") {
        0 => format!("{verb} {id}"),
        _ if status == "done" => format!("{verb} {added} of {rows}  {id}"),
        _ => format!("{verb} {id}: {added} of {rows} are listed"),
    };
    let others: Vec<String> = [
        ("already_listed", "was on the list already", "were on the list already"),
        ("invalid", "with errors", "with errors"),
        ("hidden", "hidden row left out", "hidden rows left out"),
    ]
    .into_iter()
    .filter(|(name, ..)| count(name) > 0)
    .map(|(name, one, many)| of(count(name), one, many))
    .collect();
    if !others.is_empty() {
        said.push_str(&format!("\n  {}", others.join(", ")));
    }
    if let Some(why) = import["problem"]["detail"].as_str() {
        said.push_str(&format!("\n  {why}"));
    }
    said
}

/// `1 number`, `1,000 numbers`.
pub fn of(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(count), if count == 1 { one } else { many })
}

/// `1,000,000`.
pub fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_made_is_told_by_its_name_and_what_comes_next() {
        let task = json!({"id": "task_1", "name": "Spring", "concurrency": 20, "schedule": {}});
        let next = ["callwright tasks start task_1".to_owned()];
        assert_eq!(
            done("created", &task, &next),
            "created task_1  “Spring”\n  next: callwright tasks start task_1"
        );
        assert_eq!(done("changed", &json!({"time_zone": "Asia/Tokyo"}), &[]), "changed");
    }

    #[test]
    fn a_paused_task_tells_why() {
        let paused = json!({"state": "paused", "pause_title": "Outside call period"});
        assert_eq!(state(&paused), "paused (Outside call period)");
        assert_eq!(state(&json!({"state": "running", "pause_title": null})), "running");
    }

    #[test]
    fn an_import_tells_what_landed_and_what_was_left_out() {
        let landed = json!({"id": "imp_1", "status": "done", "options": {"batch_name": "May"},
            "result": {"rows": 1_000, "imported": 997, "duplicates": 1, "suppressed": 0, "invalid": 2}});
        assert_eq!(
            import(&landed),
            "imported 997 of 1,000 rows into “May”  imp_1\n  left out: 1 duplicate, 2 with errors"
        );
        let failed = json!({"id": "imp_1", "status": "failed", "options": {"batch_name": "May"},
            "problem": {"code": "wrong_header", "detail": "the header lacks `name`"}});
        assert_eq!(import(&failed), "failed imp_1  “May”\n  the header lacks `name`");
    }

    #[test]
    fn an_import_of_a_do_not_call_list_tells_what_is_listed() {
        let result =
            json!({"rows": 1_000, "added": 990, "already_listed": 7, "invalid": 3, "hidden": 0});
        let mut told = json!({"id": "imp_1", "status": "done", "result": result});
        assert_eq!(
            suppression_import(&told),
            "listed 990 of 1,000 rows  imp_1\n  7 were on the list already, 3 with errors"
        );
        told["status"] = "cancelled".into();
        assert!(
            suppression_import(&told).starts_with("cancelled imp_1: 990 of 1,000 rows are listed")
        );
        let failed = json!({"id": "imp_1", "status": "failed", "result": null,
            "problem": {"code": "wrong_columns", "detail": "the header lacks it"}});
        assert_eq!(suppression_import(&failed), "failed imp_1\n  the header lacks it");
    }

    #[test]
    fn counts_are_grouped_and_one_is_no_plural() {
        assert_eq!(of(1, "number", "numbers"), "1 number");
        assert_eq!(of(0, "number", "numbers"), "0 numbers");
        assert_eq!(of(1_234_567, "number", "numbers"), "1,234,567 numbers");
        assert_eq!(grouped(999), "999");
    }
}
