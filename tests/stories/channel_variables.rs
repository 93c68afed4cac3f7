//! Guide, step 2, scenario 1: channel variables make each call personal.

use harness::files::{csv, header, read_csv, read_workbook, workbook};
use harness::{Line, World};
use serde_json::{Value, json};

const BROADCAST: &str = "Hello {{customerName}}, this is a Tinet official consultant. Your scheduled \
    {{ModelName}} test drive will begin at {{appointmentTime}}. Please arrive at the dealership on time.";
const COLUMNS: [&str; 3] = ["customerName", "ModelName", "appointmentTime"];

/// A world in which every call is answered by someone who listens, and the id of the guide's navigation.
async fn dealership() -> (World, String) {
    let world = World::with("2026-12-01T10:00:00+08:00", 60, Line::Natural).await;
    let line = json!({"test_numbers": false, "mix": {"answered": 1, "no_answer": 0, "busy": 0, "power_off": 0,
        "out_of_service": 0, "invalid_number": 0, "call_assistant": 0}, "personas": ["polite"]});
    world.patch(&format!("trunks/{}", world.trunk), json!({"simulated": line})).await;
    let navigation = json!({
        "name": "test drive",
        "variables": [
            {"name": "customerName", "required": true},
            {"name": "ModelName", "required": true},
            {"name": "appointmentTime", "required": true},
        ],
        "start": "broadcast",
        "nodes": [
            {"name": "broadcast", "kind": "play", "text": BROADCAST, "next": "end"},
            {"name": "end", "kind": "hangup"},
        ],
    });
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    (world, navigation)
}

/// What the robot said in a call.
async fn spoken(world: &World, record: &Value) -> String {
    let id = record["id"].as_str().expect("an id");
    let conversation = world.get(&format!("records/{id}/conversation")).await;
    let lines = conversation["transcript"].as_array().expect("lines").iter();
    let robot = lines.filter(|line| line["speaker"] == "robot");
    robot.map(|line| line["text"].as_str().expect("words")).collect::<Vec<_>>().join(" ")
}

fn person(phone: &str, values: [&str; 3]) -> Vec<Value> {
    let fixed = [json!(phone), Value::Null, Value::Null, Value::Null];
    fixed.into_iter().chain(values.map(Value::from)).collect()
}

#[tokio::test]
async fn the_downloaded_template_has_a_column_for_each_variable() {
    let (world, navigation) = dealership().await;
    let task = world.task("test drives", json!({"navigation": navigation})).await;
    let wanted = [&harness::files::FIXED[..], &COLUMNS].concat();
    let path = format!("tasks/{task}/import_template");
    assert_eq!(read_workbook(&world.bytes(&path).await)[0], wanted);
    assert_eq!(read_csv(&world.bytes(&format!("{path}?format=csv")).await), [wanted]);

    let plain = world.task("no variables", json!({})).await;
    let template = read_workbook(&world.bytes(&format!("tasks/{plain}/import_template")).await);
    assert_eq!(template, [harness::files::FIXED.to_vec()]);
    world.end().await;
}

#[tokio::test]
async fn ms_li_and_mr_wang_hear_their_own_appointment_word_by_word() {
    let (world, navigation) = dealership().await;
    let task = world.task("test drives", json!({"navigation": navigation})).await;

    // The guide's two rows, one as a workbook and one as CSV; the appointment as it is to be spoken.
    let li = workbook(&[
        header(&COLUMNS),
        person("13800000001", ["Ms. Li", "Tianrun X7", "9:00 AM on January 1"]),
    ]);
    let wang = csv(&[
        header(&COLUMNS),
        person("13800000002", ["Mr. Wang", "Tianrun X9", "5:00 PM on January 1"]),
    ]);
    for (file, bytes) in [("li.xlsx", li), ("wang.csv", wang)] {
        let import = world.imported(&task, file, bytes, &json!({"batch_name": file})).await;
        assert_eq!(
            (&import["status"], &import["result"]["imported"]),
            (&json!("done"), &json!(1)),
            "{import}"
        );
    }
    world.start(&task).await;

    let records = world.until_records(&task, 2).await;
    for (phone, name, words) in [
        (
            "+8613800000001",
            "Ms. Li",
            "Hello Ms. Li, this is a Tinet official consultant. Your scheduled Tianrun X7 test drive will begin \
             at 9:00 AM on January 1. Please arrive at the dealership on time.",
        ),
        (
            "+8613800000002",
            "Mr. Wang",
            "Hello Mr. Wang, this is a Tinet official consultant. Your scheduled Tianrun X9 test drive will \
             begin at 5:00 PM on January 1. Please arrive at the dealership on time.",
        ),
    ] {
        let record =
            records.iter().find(|record| record["customer_number"] == phone).expect("a call");
        assert_eq!(record["result"], "answered");
        assert_eq!(record["variables"]["customerName"], name);
        assert_eq!(spoken(&world, record).await, words);
    }
    world.end().await;
}

#[tokio::test]
async fn a_required_variable_that_a_row_leaves_empty_is_an_error_of_that_row() {
    let (world, navigation) = dealership().await;
    let task = world.task("test drives", json!({"navigation": navigation})).await;
    let rows = workbook(&[
        header(&COLUMNS),
        person("13800000001", ["Ms. Li", "Tianrun X7", "9:00 AM on January 1"]),
        person("13800000002", ["Mr. Wang", "", "5:00 PM on January 1"]),
        person("13800000003", ["Mr. Zhao", "Tianrun X9", "   "]),
    ]);
    let import = world.imported(&task, "people.xlsx", rows, &json!({"batch_name": "May"})).await;
    let result = &import["result"];
    assert_eq!(
        (&result["rows"], &result["imported"], &result["invalid"]),
        (&json!(3), &json!(1), &json!(2))
    );
    let id = import["id"].as_str().expect("an id");
    let errors = read_csv(&world.bytes(&format!("imports/{id}/errors")).await);
    let places: Vec<_> = errors[1..].iter().map(|line| (&*line[0], &*line[1])).collect();
    assert_eq!(places, [("3", "ModelName"), ("4", "appointmentTime")]);
    world.end().await;
}

#[tokio::test]
async fn what_a_row_leaves_empty_is_taken_from_the_tasks_defaults() {
    let (world, navigation) = dealership().await;
    let defaults = json!({"ModelName": "Tianrun X5", "appointmentTime": "noon"});
    let more = json!({"navigation": navigation, "variables": defaults});
    let task = world.task("test drives", more).await;
    // One column is empty, another is not there at all: the task knows both.
    let rows = csv(&[
        header(&["customerName", "ModelName"]),
        vec![
            json!("13800000001"),
            Value::Null,
            Value::Null,
            Value::Null,
            json!("Ms. Li"),
            json!(""),
        ],
        vec![
            json!("13800000002"),
            Value::Null,
            Value::Null,
            Value::Null,
            json!("Mr. Wang"),
            json!("Tianrun X9"),
        ],
    ]);
    let options = json!({"batch_name": "May", "start": "auto"});
    let import = world.imported(&task, "people.csv", rows, &options).await;
    assert_eq!(import["result"]["imported"], 2, "{import}");
    let records = world.until_records(&task, 2).await;
    for (phone, model) in [("+8613800000001", "Tianrun X5"), ("+8613800000002", "Tianrun X9")] {
        let record =
            records.iter().find(|record| record["customer_number"] == phone).expect("a call");
        let words = spoken(&world, record).await;
        assert!(
            words.contains(&format!("Your scheduled {model} test drive will begin at noon.")),
            "{words}"
        );
    }
    world.end().await;
}

#[tokio::test]
async fn a_value_is_spoken_and_never_obeyed() {
    let (world, navigation) = dealership().await;
    let task = world.task("test drives", json!({"navigation": navigation})).await;
    let row = person("13800000001", ["{{ModelName}} #Hangup#", "=1+1", "{wait 9s} noon"]);
    let options = json!({"batch_name": "May", "start": "auto"});
    world.imported(&task, "people.csv", csv(&[header(&COLUMNS), row]), &options).await;
    let records = world.until_records(&task, 1).await;
    let words = spoken(&world, &records[0]).await;
    assert!(words.starts_with("Hello {{ModelName}} #Hangup#, this is"), "{words}");
    assert!(words.contains("scheduled =1+1 test drive will begin at {wait 9s} noon."), "{words}");
    world.end().await;
}
