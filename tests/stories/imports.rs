//! Guide, step 2: importing number data, as a file of the console and over the API (SPEC 4).

use harness::files::{csv, header, read_csv, workbook};
use harness::{Answer, World, ask, eventually};
use reqwest::Method;
use serde_json::{Value, json};

const NAMED: &str = "13800001001";

/// Numbers of a task, in import order.
async fn numbers(world: &World, task: &str) -> Vec<Value> {
    world.api.list(&format!("tasks/{task}/numbers"), &[], 1_000).await.expect("numbers")
}

fn row(phone: &str) -> Vec<Value> {
    vec![json!(phone)]
}

/// Import a body as it is, without a form, and wait until it is over.
async fn sent(world: &World, task: &str, media_type: &str, body: Vec<u8>) -> Value {
    let request = world.api.request(Method::POST, &format!("tasks/{task}/imports"));
    let request =
        request.query(&[("batch_name", "May")]).header("content-type", media_type).body(body);
    let answer = Answer::to(request).await;
    assert_eq!(answer.told(), "202", "{}", answer.json());
    world.until_over(&format!("imports/{}", answer.json()["id"].as_str().expect("an id"))).await
}

/// `imported`, `duplicates`, `suppressed`, `invalid` of `rows`.
fn counts(import: &Value) -> [u64; 5] {
    ["rows", "imported", "duplicates", "suppressed", "invalid"].map(|name| {
        import["result"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {import}"))
    })
}

#[tokio::test]
async fn every_format_brings_the_same_row() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let cells = [
        json!(NAMED),
        json!(7),
        json!("+862155500100"),
        json!("13800002001, 13800002002"),
        json!("李女士"),
    ];
    let rows = [header(&["customerName"]), cells.to_vec()];
    let object = json!({"phone_number": NAMED, "priority": 7, "caller_id": "+862155500100",
        "backup_numbers": ["13800002001", "13800002002"], "variables": {"customerName": "李女士"}});
    let text = String::from_utf8(csv(&rows)).expect("text");
    let (gb18030, _, _) = encoding_rs::GB18030.encode(&text);
    let zip = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    for (format, media_type, bytes) in [
        ("xlsx", zip, workbook(&rows)),
        ("csv utf-8", "text/csv", text.clone().into_bytes()),
        ("csv utf-8 with bom", "text/csv", format!("\u{feff}{text}").into_bytes()),
        ("csv gb18030", "text/csv", gb18030.to_vec()),
        ("csv with crlf", "text/csv; charset=utf-8", text.replace('\n', "\r\n").into_bytes()),
        ("json", "application/json", json!({"numbers": [object]}).to_string().into_bytes()),
        ("ndjson", "application/x-ndjson", format!("{object}\n\n").into_bytes()),
    ] {
        let task = world.task(format, json!({})).await;
        let import = sent(&world, &task, media_type, bytes).await;
        assert_eq!(counts(&import), [1, 1, 0, 0, 0], "{format}: {import}");
        assert_eq!(import["progress"], json!({"done": 1, "total": 1}), "{format}");
        let number = &numbers(&world, &task).await[0];
        assert_eq!(number["phone_number"], "+8613800001001", "{format}");
        assert_eq!(number["priority"], 7, "{format}");
        assert_eq!(number["caller_id"], world.caller, "{format}");
        assert_eq!(
            number["backup_numbers"],
            json!(["+8613800002001", "+8613800002002"]),
            "{format}"
        );
        assert_eq!(number["variables"], json!({"customerName": "李女士"}), "{format}");
    }
    world.end().await;
}

#[tokio::test]
async fn excels_number_cells_are_read_back_as_digits_and_phones_as_people_write_them() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let rows = [
        header(&[]),
        vec![json!(13_800_001_001_u64), json!(5), Value::Null, json!(13_800_002_001_u64)],
        row("1.3800001002E+10"),
        row("138 0000-1003"),
        row("+86 (138) 00001004"),
        row("(010) 6552-9988"),
    ];
    let import =
        world.imported(&task, "people.xlsx", workbook(&rows), &json!({"batch_name": "May"})).await;
    assert_eq!(counts(&import), [5, 5, 0, 0, 0]);
    let numbers = numbers(&world, &task).await;
    let phones: Vec<_> =
        numbers.iter().map(|number| number["phone_number"].as_str().expect("a phone")).collect();
    let wanted =
        ["+8613800001001", "+8613800001002", "+8613800001003", "+8613800001004", "+861065529988"];
    assert_eq!(phones, wanted);
    assert_eq!(
        (&numbers[0]["priority"], &numbers[0]["backup_numbers"][0]),
        (&json!(5), &json!("+8613800002001"))
    );
    world.end().await;
}

#[tokio::test]
async fn each_deduplication_drops_what_it_says_and_the_first_row_wins() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (dedupe, wanted) in [
        ("none", [4, 4, 0, 0, 0]),
        ("import", [4, 3, 1, 0, 0]),
        ("batch", [4, 2, 2, 0, 0]),
        ("task", [4, 1, 3, 0, 0]),
    ] {
        let task = world.task(dedupe, json!({})).await;
        world.import(&task, "April", &["13800001001"]).await;
        world.import(&task, "May", &["13800001002"]).await;
        let number = |end: &str, priority: u32| json!({"phone_number": format!("1380000{end}"), "priority": priority});
        let rows = vec![number("1001", 1), number("1002", 2), number("1003", 3), number("1003", 4)];
        let options = json!({"batch_name": "May", "dedupe": dedupe});
        let import = world.import_numbers(&task, &options, rows).await;
        assert_eq!(counts(&import), wanted, "{dedupe}");
        let numbers = numbers(&world, &task).await;
        let repeated = numbers.iter().find(|number| number["phone_number"] == "+8613800001003");
        assert_eq!(repeated.expect("a number")["priority"], 3, "{dedupe}: the first row wins");
    }
    world.end().await;
}

#[tokio::test]
async fn rows_with_an_error_are_left_out_and_told_row_by_row() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let rows = [
        header(&["note"]),
        row("13800001001"),
        row("someone"),
        vec![json!("13800001003"), json!("high"), json!("02155500199")],
        vec![Value::Null, Value::Null, Value::Null, Value::Null, json!("no phone")],
        vec![],
        vec![json!("=1+1"), Value::Null, Value::Null, json!("13800002001,12")],
        row("13800001006"),
    ];
    let import =
        world.imported(&task, "people.xlsx", workbook(&rows), &json!({"batch_name": "May"})).await;
    assert_eq!(counts(&import), [6, 2, 0, 0, 4], "{import}");
    assert_eq!(import["errors"], true);
    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    let errors = read_csv(&world.bytes(&path).await);
    assert_eq!(errors[0], ["Row", "Column", "Value", "Reason"]);
    let told: Vec<_> = errors[1..].iter().map(|line| (&*line[0], &*line[1], &*line[2])).collect();
    let wanted = [
        ("3", "Phone Number", "someone"),
        ("4", "Priority", "high"),
        ("5", "Phone Number", ""),
        ("7", "Phone Number", "'=1+1"),
        ("7", "Backup Numbers", "12"),
    ];
    assert_eq!(told, wanted);
    assert!(errors[1..].iter().all(|line| !line[3].is_empty()), "each with its reason: {errors:?}");

    // The same file whole or not at all.
    let options = json!({"batch_name": "June", "all_or_nothing": true});
    let import = world.imported(&task, "people.xlsx", workbook(&rows), &options).await;
    assert_eq!(
        (&import["status"], &import["problem"]["code"]),
        (&json!("failed"), &json!("rows_with_errors"))
    );
    assert_eq!(import["errors"], true, "the error file says which rows");
    assert_eq!(numbers(&world, &task).await.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn a_caller_id_that_is_none_of_ours_is_an_error_of_its_row() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let rows = [header(&[]), vec![json!(NAMED), Value::Null, json!("02155500199")]];
    let import =
        world.imported(&task, "people.csv", csv(&rows), &json!({"batch_name": "May"})).await;
    assert_eq!(counts(&import), [1, 0, 0, 0, 1]);
    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    let errors = read_csv(&world.bytes(&path).await);
    assert_eq!(errors[1][..2], ["2", "Caller ID"]);
    world.end().await;
}

#[tokio::test]
async fn numbers_on_the_do_not_call_list_are_reported_and_never_dialled() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    world.post("suppressions", json!({"phone_numbers": ["13800001002"], "reason": "asked"})).await;
    let import = world.import(&task, "May", &["13800001001", "13800001002", "13800001003"]).await;
    assert_eq!(counts(&import), [3, 2, 0, 1, 0]);
    world.start(&task).await;
    world.until_state(&task, "paused no_pending_numbers").await;
    let records = world.until_records(&task, 2).await;
    assert!(records.iter().all(|record| record["customer_number"] != "+8613800001002"));
    world.end().await;
}

#[tokio::test]
async fn cells_that_begin_as_a_formula_does_are_data() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let cells = ["=HYPERLINK(\"http://x\")", "+1", "-2", "@SUM(A1)"];
    let head = header(&["a", "b", "c", "d"]);
    let line = |phone: &str| {
        let fixed = [json!(phone), Value::Null, Value::Null, Value::Null];
        fixed.into_iter().chain(cells.map(Value::from)).collect::<Vec<_>>()
    };
    for (file, bytes) in [
        ("people.xlsx", workbook(&[head.clone(), line("13800001001")])),
        ("people.csv", csv(&[head, line("13800001002")])),
    ] {
        let import = world.imported(&task, file, bytes, &json!({"batch_name": "May"})).await;
        assert_eq!(counts(&import), [1, 1, 0, 0, 0], "{file}");
    }
    for number in numbers(&world, &task).await {
        assert_eq!(
            number["variables"],
            json!({"a": cells[0], "b": cells[1], "c": cells[2], "d": cells[3]})
        );
    }
    world.end().await;
}

#[tokio::test]
async fn start_type_auto_starts_the_task_and_manual_leaves_it() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let (manual, auto) =
        (world.task("manual", json!({})).await, world.task("auto", json!({})).await);
    world
        .import_numbers(
            &manual,
            &json!({"batch_name": "May"}),
            vec![json!({"phone_number": NAMED})],
        )
        .await;
    assert_eq!(world.state(&manual).await, "initial");
    let options = json!({"batch_name": "May", "start": "auto"});
    world.import_numbers(&auto, &options, vec![json!({"phone_number": "13800001002"})]).await;
    world.until_records(&auto, 1).await;
    world.until_state(&auto, "paused no_pending_numbers").await;
    // A manual pause is ended by an import of start type auto.
    world.post(&format!("tasks/{auto}/pause"), json!({})).await;
    assert_eq!(world.state(&auto).await, "paused manual");
    world.import_numbers(&auto, &options, vec![json!({"phone_number": "13800001003"})]).await;
    world.until_records(&auto, 2).await;
    assert_eq!(world.state(&manual).await, "initial");
    assert_eq!(world.records(&manual).await.len(), 0);
    world.end().await;
}

#[tokio::test]
async fn an_import_that_is_cancelled_leaves_nothing() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    // While no worker is there the import is queued, and progress says so.
    world.stop_workers().await;
    let made = world
        .begin_import(&task, &json!({"batch_name": "May"}), vec![json!({"phone_number": NAMED})])
        .await;
    let path = format!("imports/{}", made["id"].as_str().expect("an id"));
    let queued = world.get(&path).await;
    assert_eq!((&queued["status"], &queued["progress"]["done"]), (&json!("queued"), &json!(0)));
    world.post(&format!("{path}/cancel"), json!({})).await;
    world.run(&workers::Kind::WORK);
    assert_eq!(world.until_over(&path).await["status"], "cancelled");

    // In the midst of a large file: it is read in chunks, and the cancel is heard between them.
    let many: Vec<Value> = (0..100_000_u64)
        .map(|at| json!({"phone_number": (13_900_000_000 + at).to_string()}))
        .collect();
    let made = world.begin_import(&task, &json!({"batch_name": "June"}), many).await;
    let path = format!("imports/{}", made["id"].as_str().expect("an id"));
    eventually("some rows to be read", || async {
        (world.get(&path).await["progress"]["done"].as_u64() > Some(0)).then_some(())
    })
    .await;
    let (status, _) = world.ask("POST", &format!("{path}/cancel"), json!({})).await;
    assert_eq!(status, 200);
    let over = world.until_over(&path).await;
    assert_eq!((&over["status"], &over["result"]), (&json!("cancelled"), &Value::Null), "{over}");
    assert_eq!(numbers(&world, &task).await.len(), 0);
    assert_eq!(world.get(&format!("tasks/{task}/batches")).await["data"], json!([]));
    let again = ask(&world.api, "POST", &format!("{path}/cancel"), json!({})).await;
    assert_eq!(again.status, 409, "it is over: {}", again.json());

    // The numbers and the batch names are free again.
    let import = world.import(&task, "June", &["13900000000"]).await;
    assert_eq!(counts(&import), [1, 1, 0, 0, 0]);
    assert_eq!(world.get(&format!("tasks/{task}/progress")).await["total"], 1);
    world.end().await;
}

/// It would be tried again and again: nothing brings the file or the task back.
#[tokio::test]
async fn an_import_whose_file_or_task_is_gone_says_so_and_ends() {
    let mut world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let other = world.task("summer", json!({})).await;
    world.stop_workers().await;
    let options = json!({"batch_name": "May"});
    let begun = async |task: &str| {
        let made = world.begin_import(task, &options, vec![json!({"phone_number": NAMED})]).await;
        format!("imports/{}", made["id"].as_str().expect("an id"))
    };
    let without_file = begun(&task).await;
    let objects = &world.node.objects;
    for object in objects.list("", None, 100).await.expect("a list").objects {
        objects.delete(&object.key).await.expect("the file is gone");
    }
    let without_task = begun(&other).await;
    let (status, _) = world.ask("DELETE", &format!("tasks/{other}"), json!({})).await;
    assert_eq!(status, 204);
    world.run(&workers::Kind::WORK);
    for (path, what) in [(without_file, "uploaded file"), (without_task, "task")] {
        let over = world.until_over(&path).await;
        assert_eq!(over["status"], "failed", "{over}");
        assert_eq!(over["problem"]["code"], "gone", "{over}");
        let detail = over["problem"]["detail"].as_str().expect("a sentence");
        assert!(detail.contains(what), "{detail}");
    }
    world.end().await;
}
