use serde_json::{Value, json};

use super::*;
use crate::ids::{CallerIdId, NavigationId};

fn settings() -> EnterpriseSettings {
    EnterpriseSettings::new(chrono_tz::Asia::Shanghai, 100)
}

fn task(changes: Value) -> TaskConfig {
    let mut whole = json!({
        "name": "Reminders",
        "concurrency": 100,
        "navigation": crate::ids::some::<NavigationId>(),
        "caller_ids": [crate::ids::some::<CallerIdId>()],
    });
    whole.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    serde_json::from_value(whole).unwrap()
}

#[test]
fn a_task_with_its_defaults_is_right() {
    let task = task(json!({}));
    assert_eq!(task.check(&settings(), None), Ok(()));
    assert_eq!((task.ring_timeout_seconds, task.max_call_seconds), (45, 600));
    assert!(task.recording);
    assert_eq!(task.when_done, WhenDone::Pause);
    assert_eq!((task.environment, task.answering.detect), (None, false));
    assert_eq!(task.zone(&settings()), chrono_tz::Asia::Shanghai);
    assert_eq!(task.region(&settings()), "CN");
}

#[test]
fn a_tasks_own_zone_and_region_go_before_the_enterprises() {
    let task = task(json!({ "time_zone": "Europe/Berlin", "default_region": "DE" }));
    assert_eq!(task.zone(&settings()), chrono_tz::Europe::Berlin);
    assert_eq!(task.region(&settings()), "DE");
}

#[test]
fn each_bound_of_a_task_is_named() {
    let id = crate::ids::some::<CallerIdId>();
    let long = "x".repeat(1_001);
    for (changes, pointer, code) in [
        (json!({ "name": "" }), "/name", "required"),
        (json!({ "name": "n".repeat(65) }), "/name", "too_long"),
        (json!({ "name": "a\u{0}b" }), "/name", "control_character"),
        (json!({ "description": long }), "/description", "too_long"),
        (json!({ "concurrency": 0 }), "/concurrency", "too_small"),
        (json!({ "concurrency": 101 }), "/concurrency", "too_large"),
        (json!({ "caller_ids": [] }), "/caller_ids", "too_few"),
        (json!({ "caller_ids": [id, id] }), "/caller_ids/1", "repeated"),
        (json!({ "ring_timeout_seconds": 4 }), "/ring_timeout_seconds", "too_small"),
        (json!({ "ring_timeout_seconds": 121 }), "/ring_timeout_seconds", "too_large"),
        (json!({ "max_call_seconds": 9 }), "/max_call_seconds", "too_small"),
        (json!({ "max_call_seconds": 7_201 }), "/max_call_seconds", "too_large"),
        (json!({ "calls_per_second": 0 }), "/calls_per_second", "too_small"),
        (json!({ "calls_per_second": 1_001 }), "/calls_per_second", "too_large"),
        (json!({ "variables": { "a/b": long } }), "/variables/a~1b", "too_long"),
        (json!({ "tags": vec!["t"; 21] }), "/tags", "too_many"),
        (json!({ "tags": ["ok", " "] }), "/tags/1", "required"),
        (json!({ "default_region": "cn" }), "/default_region", "unknown_region"),
        (json!({ "redial": { "enabled": true } }), "/redial/retry_seconds", "required"),
        (
            json!({ "answering": { "machine": { "action": "leave_message", "text": "" } } }),
            "/answering/machine/text",
            "required",
        ),
    ] {
        let faults = task(changes).check(&settings(), None).unwrap_err();
        let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
        assert_eq!(found, [(pointer, code)]);
    }
}

#[test]
fn a_concurrency_above_a_lowered_limit_is_judged_only_when_it_is_edited() {
    let lowered = EnterpriseSettings::new(chrono_tz::Asia::Shanghai, 20);
    let before = task(json!({ "concurrency": 50 }));
    for (concurrency, wrong) in [(50, None), (20, None), (21, Some("1 to 20")), (49, Some("20"))] {
        let edited = task(json!({ "concurrency": concurrency, "name": "Renamed" }));
        let detail = edited.check(&lowered, Some(&before)).err().map(|mut f| f.remove(0).detail);
        assert_eq!(detail.is_some(), wrong.is_some(), "{concurrency}");
        assert!(detail.unwrap_or_default().contains(wrong.unwrap_or_default()), "{concurrency}");
    }
    assert!(before.check(&lowered, None).is_err(), "a new task keeps to the limit");
}

#[test]
fn a_field_that_does_not_exist_is_refused() {
    let mut whole = serde_json::to_value(task(json!({}))).unwrap();
    whole["concurency"] = 5.into();
    assert!(serde_json::from_value::<TaskConfig>(whole).is_err());
}
