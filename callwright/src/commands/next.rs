//! What to type next, after something was made: the five steps of the README, one leading to the other.

use serde_json::Value;

/// The commands that follow on the making of `object`, a resource of `collection`.
pub fn after_create(collection: &str, object: &Value) -> Vec<String> {
    let id = object["id"].as_str().unwrap_or_default();
    let next = match collection {
        "robots" => {
            format!(
                "callwright navigations create FILE    (with \"robot\": \"{id}\" at an agent node)"
            )
        }
        "navigations" => format!("callwright navigations publish {id}"),
        "trunks" => {
            format!(
                "callwright caller-ids create FILE    (with \"trunk\": \"{id}\" and a \"phone\")"
            )
        }
        "caller_ids" => {
            format!("callwright tasks create FILE    (with \"caller_ids\": [\"{id}\"])")
        }
        "periods" => {
            let field =
                if object["kind"] == "do_not_call" { "do_not_call_period" } else { "call_period" };
            format!(
                "callwright tasks change TASK FILE    (with \"schedule\": {{\"{field}\": \"{id}\"}})"
            )
        }
        "templates" => format!("callwright tasks create FILE --template {id}"),
        "tasks" => format!("callwright import FILE --task {id} --start"),
        _ => return Vec::new(),
    };
    let mut next = vec![next];
    if collection == "tasks" {
        next.insert(
            0,
            format!(
                "callwright tasks template {id} numbers.xlsx    (a file with the task's columns)"
            ),
        );
    }
    next
}

/// The commands that follow on the publication of a navigation.
pub fn after_publish(object: &Value) -> Vec<String> {
    let id = object["id"].as_str().unwrap_or_default();
    vec![format!("callwright tasks create FILE    (with \"navigation\": \"{id}\")")]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_step_leads_to_the_next() {
        let next = |collection: &str, object: Value| after_create(collection, &object).join("\n");
        assert!(
            next("robots", json!({"id": "robot_1"})).starts_with("callwright navigations create")
        );
        assert_eq!(
            next("navigations", json!({"id": "nav_1"})),
            "callwright navigations publish nav_1"
        );
        assert!(after_publish(&json!({"id": "nav_1"}))[0].contains("\"navigation\": \"nav_1\""));
        assert!(next("trunks", json!({"id": "trunk_1"})).contains("\"trunk\": \"trunk_1\""));
        assert!(next("caller_ids", json!({"id": "cid_1"})).contains("[\"cid_1\"]"));
        let quiet = next("periods", json!({"id": "period_1", "kind": "do_not_call"}));
        assert!(quiet.contains("{\"do_not_call_period\": \"period_1\"}"), "{quiet}");
        assert!(
            next("tasks", json!({"id": "task_1"})).ends_with("import FILE --task task_1 --start")
        );
        assert_eq!(next("suppressions", json!({"id": "dnc_1"})), "");
    }
}
