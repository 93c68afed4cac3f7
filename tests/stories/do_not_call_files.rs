//! Do-not-call lists from files: what is listed, what is told of it, and what a list never does.

use harness::files::{csv, workbook};
use harness::{World, ask, eventually};
use serde_json::{Value, json};

use crate::command_line::said;

const PATH: &str = "suppressions/imports";

fn cells(text: &[&str]) -> Vec<Value> {
    text.iter().map(|cell| Value::from(*cell)).collect()
}

/// Import a list and wait for its end.
async fn imported(world: &World, file: &str, bytes: Vec<u8>, options: &Value) -> Value {
    let answer = world.upload_to(PATH, file, bytes, options).await;
    assert_eq!(answer.told(), "202", "{}", answer.json());
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    assert_eq!(answer.header("location"), format!("/v1/{PATH}/{id}"));
    world.until_over(&format!("{PATH}/{id}")).await
}

/// `rows added already_listed invalid hidden` of an import that is done.
fn counts(import: &Value) -> String {
    assert_eq!(import["status"], "done", "{import}");
    let count = |name: &str| import["result"][name].to_string();
    ["rows", "added", "already_listed", "invalid", "hidden"].map(count).join(" ")
}

#[tokio::test]
async fn a_file_fills_the_list_and_the_same_file_again_changes_nothing() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    world.post("suppressions", json!({"phone_numbers": ["13800000004"]})).await;
    let rows = [
        cells(&["Phone Number", "Reason", "Expires At"]),
        cells(&["13800000001", "", ""]),
        cells(&["+86 138-0000-0002", "by letter", "2027-01-01"]),
        cells(&["letters", "", ""]),
        cells(&["13800000003", "", "2026-11-30"]),
        cells(&["13800000004", "", ""]),
        cells(&["13800000001", "the last row holds", ""]),
    ];
    let options = json!({"reason": "bought", "expires_at": "2026-12-31T00:00:00Z"});
    let import = imported(&world, "list.csv", csv(&rows), &options).await;
    assert_eq!(counts(&import), "6 2 2 2 0");
    assert_eq!(import["progress"], json!({"done": 6, "total": 6}));
    let entry = async |phone: &str| {
        let page = world.get(&format!("suppressions?phone={phone}")).await;
        let entry = page["data"][0].clone();
        [&entry["reason"], &entry["expires_at"], &entry["source"]].map(Value::to_string).join(" ")
    };
    let until = r#""2026-12-31T00:00:00Z" "file""#;
    assert_eq!(entry("13800000001").await, format!(r#""the last row holds" {until}"#));
    assert_eq!(entry("13800000002").await, r#""by letter" "2026-12-31T16:00:00Z" "file""#);
    assert_eq!(entry("13800000004").await, format!(r#""bought" {until}"#));

    // The rows with errors, masked for who may not see numbers.
    let id = import["id"].as_str().expect("an id");
    let errors = format!("{PATH}/{id}/errors");
    let viewer = world.key("viewer", &[]).await;
    let told = ask(&viewer, "GET", &errors, Value::Null).await;
    let told = String::from_utf8(told.bytes).expect("text");
    assert!(told.contains("4,Phone Number,letters,"), "{told}");
    assert!(told.contains("5,Expires At,202*-**-**,is not after now"), "{told}");

    let again = imported(&world, "list.csv", csv(&rows), &options).await;
    assert_eq!(counts(&again), "6 0 4 2 0");
    let listed = world.get(PATH).await;
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(2));
    world.end().await;
}

#[tokio::test]
async fn numbers_that_wait_end_as_a_workbook_lists_them() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("later", json!({})).await;
    world.import(&task, "May", &["13800000001", "13800000002", "13800000003"]).await;
    // Digits in a number cell, and a cell that is formatted as a time elsewhere.
    let rows = [cells(&["Phone Number"]), vec![json!(13_800_000_001_u64)], cells(&["13800000003"])];
    let import = imported(&world, "list.xlsx", workbook(&rows), &json!({})).await;
    assert_eq!(counts(&import), "2 2 0 0 0");
    assert_eq!(world.number_states(&task).await, "suppressed pending suppressed");
    world.end().await;
}

#[tokio::test]
async fn a_file_that_is_no_list_lists_nothing_and_says_why() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let row = || cells(&["13800000001"]);
    let json = br#"{"numbers": [{"phone_number": "13800000001"}]}"#.to_vec();
    for (file, bytes, code, words) in [
        ("a.csv", csv(&[row()]), "wrong_columns", "`138********` is in its place"),
        ("a.csv", csv(&[cells(&["Phone Number"])]), "no_rows", "no rows below the header"),
        ("a.xlsx", csv(&[cells(&["Phone Number"]), row()]), "wrong_format", "is text"),
        ("a.csv", json.clone(), "wrong_columns", "`Phone Number` is required first"),
        (
            "a.csv",
            csv(&[cells(&["Phone Number", "Until"]), cells(&["13800000001", "2027"])]),
            "wrong_columns",
            "column `Until` is not known",
        ),
    ] {
        let import = imported(&world, file, bytes, &json!({})).await;
        assert_eq!(
            (&import["status"], &import["problem"]["code"]),
            (&json!("failed"), &json!(code))
        );
        let detail = import["problem"]["detail"].as_str().expect("a detail");
        assert!(detail.contains(words), "{detail}");
    }
    let mixed = csv(&[cells(&["Phone Number"]), row(), cells(&["letters"])]);
    let whole = imported(&world, "a.csv", mixed, &json!({"all_or_nothing": true})).await;
    assert_eq!(whole["problem"]["code"], "rows_with_errors", "{whole}");
    assert_eq!(whole["errors"], true);
    for (file, options, told) in [
        ("a.json", json!({}), "422 invalid_input"),
        ("a.csv", json!({"expires_at": "2026-12-01T02:00:00Z"}), "422 invalid_input"),
        ("a.csv", json!({"reason": "x".repeat(201)}), "422 invalid_input"),
        ("a.csv", json!({"batch_name": "May"}), "422 invalid_input"),
    ] {
        let answer = world.upload_to(PATH, file, json.clone(), &options).await;
        assert_eq!(answer.told(), told, "{options}");
    }
    assert_eq!(world.get("suppressions").await["data"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn a_list_and_numbers_are_imports_of_their_own() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("May", json!({})).await;
    let numbers = world.import(&task, "May", &["13800000001"]).await;
    let list = csv(&[cells(&["Phone Number"]), cells(&["13800000002"])]);
    let listed = imported(&world, "list.csv", list.clone(), &json!({})).await;
    let id = |import: &Value| import["id"].as_str().expect("an id").to_owned();
    for path in [format!("imports/{}", id(&listed)), format!("{PATH}/{}", id(&numbers))] {
        for (method, path) in [
            ("GET", path.clone()),
            ("POST", format!("{path}/cancel")),
            ("GET", format!("{path}/errors")),
        ] {
            let answer = ask(&world.api, method, &path, Value::Null).await;
            assert_eq!(answer.told(), "404 not_found", "{method} {path}");
        }
    }
    let viewer = world.key("viewer", &[]).await;
    let cancel = format!("{PATH}/{}/cancel", id(&listed));
    assert_eq!(ask(&viewer, "POST", &cancel, Value::Null).await.told(), "403 role_required");
    assert_eq!(ask(&world.api, "POST", &cancel, Value::Null).await.told(), "409 already_over");

    // Nobody has it yet: it is cancelled at once.
    world.stop_workers().await;
    let queued = world.upload_to(PATH, "list.csv", list, &json!({})).await.json();
    let path = format!("{PATH}/{}", id(&queued));
    let cancelled = world.post(&format!("{path}/cancel"), json!({})).await;
    assert_eq!((&cancelled["status"], &cancelled["result"]), (&json!("cancelled"), &Value::Null));
    world.end().await;
}

#[tokio::test]
async fn what_a_cancelled_list_had_listed_stays() {
    const ROWS: u64 = 60_000;
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let mut file = b"Phone Number\n".to_vec();
    for row in 0..ROWS {
        file.extend_from_slice(format!("139{:08}\n", 20_000_000 + row).as_bytes());
    }
    let made = world.upload_to(PATH, "list.csv", file, &json!({})).await.json();
    let path = format!("{PATH}/{}", made["id"].as_str().expect("an id"));
    eventually("rows to be listed", || async {
        let import = world.get(&path).await;
        (import["progress"]["done"].as_u64() > Some(0)).then_some(())
    })
    .await;
    world.post(&format!("{path}/cancel"), json!({})).await;
    let import = world.until_over(&path).await;
    assert_eq!(import["status"], "cancelled", "{import}");
    let added = import["result"]["added"].as_u64().expect("a count");
    assert!((1..ROWS).contains(&added), "{import}");
    let listed = world.api.list("suppressions", &[], 100_000).await.expect("entries");
    assert_eq!(listed.len() as u64, added, "the row tells exactly what is listed");
    world.end().await;
}

#[tokio::test]
async fn a_list_is_imported_from_the_command_line() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("list.csv");
    std::fs::write(&file, "Phone Number\n13800000001\n13800000002\nletters\n").expect("a file");
    let file = file.to_str().expect("a path");
    let told = said(&world, &["suppressions", "import", file, "--reason", "asked"], "").await;
    assert!(told.starts_with("listed 2 of 3 rows  imp_"), "{told}");
    assert!(told.contains("1 with errors") && told.contains("suppressions imports errors imp_"));
    let listed = said(&world, &["suppressions", "imports", "list"], "").await;
    assert!(listed.contains("done"), "{listed}");
    let id = told.split_whitespace().find(|word| word.starts_with("imp_")).expect("an id");
    let errors = folder.path().join("errors.csv");
    let errors = errors.to_str().expect("a path");
    said(&world, &["suppressions", "imports", "errors", id, errors], "").await;
    assert!(std::fs::read_to_string(errors).expect("a file").contains("letters"));
    assert!(said(&world, &["suppressions", "list"], "").await.contains("asked"));
    world.end().await;
}
