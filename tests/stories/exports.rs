//! Guide, step 5: exporting results, and the download center.

use std::io::Cursor;

use harness::files::{formulas, is_date, read_csv, read_workbook, read_zip};
use harness::{Answer, World, ask, eventually};
use outbound::record::FIELDS;
use serde_json::{Value, json};

/// What a spreadsheet would run.
const FORMULA: &str = "=HYPERLINK(\"http://x\",\"y\")";

/// A world in which three numbers of a task were called, one of which answered and was recorded.
async fn called() -> (World, String, Vec<Value>) {
    called_with(json!({"concurrency": 1, "recording": true})).await
}

async fn called_with(config: Value) -> (World, String, Vec<Value>) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", config).await;
    let number = |end: &str| json!({"phone_number": format!("1380000{end}"), "variables": {"note": FORMULA}});
    let numbers = ["0001", "0002", "0003"].map(number).to_vec();
    world.import_numbers(&task, &json!({"batch_name": "+May", "start": "auto"}), numbers).await;
    world.until_records(&task, 3).await;
    let records = eventually("the recording to be uploaded", || async {
        let records = world.records(&task).await;
        (records[0]["recording_state"] == "ready").then_some(records)
    })
    .await;
    (world, task, records)
}

fn path(export: &Value) -> String {
    format!("exports/{}", export["id"].as_str().expect("an id"))
}

async fn file(world: &World, export: &Value) -> Vec<u8> {
    world.download(&format!("{}/download", path(export))).await
}

/// A wall clock's time in the enterprise's zone, as files show it.
fn wall(record: &Value, field: &str) -> String {
    let Some(text) = record[field].as_str() else { return String::new() };
    let zone = chrono_tz::Asia::Shanghai;
    harness::at(text).with_timezone(&zone).format("%Y-%m-%d %H:%M:%S").to_string()
}

#[tokio::test]
async fn chosen_fields_in_the_chosen_order_equal_the_records() {
    let (world, task, records) = called().await;
    let fields = [
        "result",
        "customer_number",
        "started_at",
        "answered_at",
        "batch_name",
        "variables",
        "sip_code",
        "transferred",
    ];
    let titles = [
        "Call Result",
        "Customer Number",
        "Start Time",
        "Customer Answer Time",
        "Batch Name",
        "Custom Fields",
        "SIP Code",
        "Transferred to Agent",
    ];
    let rows: Vec<Vec<String>> = records
        .iter()
        .rev()
        .map(|record| {
            let text = |name: &str| record[name].as_str().expect("a text").to_owned();
            vec![
                text("result"),
                text("customer_number").trim_start_matches('+').to_owned(),
                wall(record, "started_at"),
                wall(record, "answered_at"),
                "+May".to_owned(),
                format!("note: {FORMULA}"),
                record["sip_code"].to_string(),
                "no".to_owned(),
            ]
        })
        .collect();
    let mut whole = [vec![titles.map(str::to_owned).to_vec()], rows].concat();
    for format in ["xlsx", "csv"] {
        let options =
            json!({"task": task, "content": "call_records", "format": format, "fields": fields});
        let export = world.exported(options).await;
        assert_eq!(export["progress"], json!({"done": 3, "total": 3}));
        let name = export["file_name"].as_str().expect("a name");
        assert!(
            name.starts_with("call-records-spring-20261201-10") && name.ends_with(format),
            "{name}"
        );
        let bytes = file(&world, &export).await;
        assert_eq!(export["bytes"], bytes.len());
        let read = if format == "csv" { read_csv(&bytes) } else { read_workbook(&bytes) };
        if format == "csv" {
            // Cells that a spreadsheet would run are defused; a workbook's cells of text never run.
            whole.iter_mut().skip(1).for_each(|row| row[4] = "'+May".to_owned());
        }
        assert_eq!(read, whole, "{format}");
        if format == "xlsx" {
            assert_eq!(formulas(&bytes), Vec::<String>::new());
            // Times are dates that a spreadsheet sorts and counts with; their head tells the zone.
            assert!(is_date(&bytes, 1, 2) && is_date(&bytes, 3, 2), "a text is no date");
            let parts = read_zip(&bytes);
            let part = |name: &str| {
                let (_, bytes) = parts.iter().find(|(known, _)| known == name).expect("a part");
                String::from_utf8(bytes.clone()).expect("text")
            };
            assert!(part("xl/comments1.xml").contains("Time zone: Asia/Shanghai"));
            assert!(part("xl/styles.xml").contains("yyyy-mm-dd hh:mm:ss"));
        }
    }
    world.end().await;
}

#[tokio::test]
async fn without_a_choice_all_fields_of_the_table_are_there_and_a_filter_says_which_rows() {
    let (world, task, records) = called().await;
    let titles: Vec<&str> = FIELDS.iter().map(|field| field.title).chain(["note"]).collect();
    let options = json!({"task": task, "content": "call_records", "format": "csv", "filter": "result = busy OR result = answered"});
    let rows = read_csv(&file(&world, &world.exported(options).await).await);
    assert_eq!(rows[0], titles);
    let at = titles.iter().position(|title| *title == "Call ID").expect("the column");
    let ids: Vec<_> = rows[1..].iter().map(|row| json!(row[at])).collect();
    assert_eq!(ids, [records[1]["id"].clone(), records[0]["id"].clone()]);

    let options = json!({"content": "conversations", "format": "csv"});
    // No row, no variable.
    let without = &titles[..titles.len() - 1];
    assert_eq!(read_csv(&file(&world, &world.exported(options).await).await), [without]);
    let fields = ["id", "conversation_text"];
    let options = json!({"content": "call_records", "format": "csv", "fields": fields, "filter": "result = answered"});
    let rows = read_csv(&file(&world, &world.exported(options).await).await);
    assert_eq!(rows[1][0], records[0]["id"].as_str().expect("an id"));
    world.end().await;
}

#[tokio::test]
async fn each_variable_has_a_column_of_its_own_and_one_can_be_chosen() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let number = |end: u8, variables: Value| json!({"phone_number": format!("1390000500{end}"), "variables": variables});
    let numbers = vec![
        number(1, json!({"model": "X5", "=city": "Berlin"})),
        number(2, json!({"model": "i3", "caller": "13800000001"})),
    ];
    world.import_numbers(&task, &json!({"batch_name": "May", "start": "auto"}), numbers).await;
    world.until_records(&task, 2).await;
    for format in ["xlsx", "csv"] {
        let options = json!({"task": task, "content": "call_records", "format": format});
        let export = world.exported(options).await;
        assert_eq!(export["note"], Value::Null);
        let bytes = file(&world, &export).await;
        let rows = if format == "csv" { read_csv(&bytes) } else { read_workbook(&bytes) };
        let table = rows[0].len() - 3;
        let defused = if format == "csv" { "'=city" } else { "=city" };
        assert_eq!(
            rows[0][table..],
            [defused, "caller", "model"],
            "heads are the variables' names"
        );
        let mut cells: Vec<_> = rows[1..].iter().map(|row| row[table..].to_vec()).collect();
        cells.sort();
        assert_eq!(cells, [["", "13800000001", "i3"], ["Berlin", "", "X5"]]);

        let fields = ["result", "variables.model", "variables.nobody_has_it"];
        let options =
            json!({"task": task, "content": "call_records", "format": format, "fields": fields});
        let bytes = file(&world, &world.exported(options).await).await;
        let rows = if format == "csv" { read_csv(&bytes) } else { read_workbook(&bytes) };
        assert_eq!(rows[0], ["Call Result", "model", "nobody_has_it"]);
        let mut models: Vec<_> = rows[1..].iter().map(|row| row[1].clone()).collect();
        models.sort();
        assert_eq!(models, ["X5", "i3"]);
    }
    // Who may not see numbers sees none in a variable.
    let masked = world.key("viewer", &["export"]).await;
    let options = json!({"task": task, "content": "call_records", "format": "csv", "fields": ["variables.caller"]});
    let made = ask(&masked, "POST", "exports", options).await;
    let export = world.until_over(&path(&made.json())).await;
    let text = String::from_utf8(file(&world, &export).await).expect("text");
    assert!(text.contains("138********") && !text.contains("13800000001"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn variables_beyond_a_hundred_have_no_column_and_the_export_says_so() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    let wide = |from: u32| -> Value {
        let names = (from..from + 60).map(|at| (format!("v{at:03}"), json!("x")));
        Value::Object(names.chain([("all".to_owned(), json!("y"))]).collect())
    };
    let numbers = [(1, 0), (2, 60)].map(
        |(end, from)| json!({"phone_number": format!("1390000500{end}"), "variables": wide(from)}),
    );
    let options = json!({"batch_name": "May", "start": "auto"});
    world.import_numbers(&task, &options, numbers.to_vec()).await;
    world.until_records(&task, 2).await;
    let options = json!({"task": task, "content": "call_records", "format": "csv"});
    let export = world.exported(options).await;
    let note = export["note"].as_str().expect("a note");
    assert!(note.contains("121 variables") && note.contains("the other 21"), "{note}");
    let rows = read_csv(&file(&world, &export).await);
    assert_eq!(rows[0].len(), FIELDS.len() + 100);
    assert_eq!(rows[0][FIELDS.len()], "all", "what most rows have comes first");
    let custom = rows[0].iter().position(|title| title == "Custom Fields").expect("the column");
    assert!(rows[1..].iter().any(|row| row[custom].contains("v119: x")), "nothing is lost");
    world.end().await;
}

#[tokio::test]
async fn a_cell_that_is_too_long_for_a_sheet_is_cut_and_the_export_says_so() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spring", json!({})).await;
    // 20,000 characters that Excel counts as 40,000, in the one cell of all variables.
    let long: String = "😀".repeat(1_000);
    let variables = (10..30).map(|at| (format!("v{at}"), json!(long))).collect();
    let numbers = vec![
        json!({"phone_number": "13900005001", "variables": Value::Object(variables)}),
        json!({"phone_number": "13900005002", "variables": {"v10": "-12.5", "v11": "+8613900005009"}}),
    ];
    world.import_numbers(&task, &json!({"batch_name": "May", "start": "auto"}), numbers).await;
    world.until_records(&task, 2).await;
    let fields = ["customer_number", "variables", "variables.v10", "variables.v11"];
    let asked = |format| json!({"task": task, "content": "call_records", "format": format, "fields": fields});
    let rows_of = |mut rows: Vec<Vec<String>>| {
        rows.sort();
        (rows[0].clone(), rows[1].clone())
    };

    let export = world.exported(asked("csv")).await;
    assert_eq!(export["cells_cut"], 0);
    let (first, second) = rows_of(read_csv(&file(&world, &export).await));
    assert_eq!(first[1].chars().filter(|c| *c == '😀').count(), 20_000, "a CSV has it whole");
    let whole = first[1].clone();
    assert_eq!(second[2..], ["-12.5", "+8613900005009"], "a spreadsheet takes these for numbers");

    let export = world.exported(asked("xlsx")).await;
    assert_eq!(export["cells_cut"], 1);
    let bytes = file(&world, &export).await;
    let (first, second) = rows_of(read_workbook(&bytes));
    let units = first[1].encode_utf16().count();
    assert!((32_766..=32_767).contains(&units) && whole.starts_with(&first[1]), "{units}");
    assert_eq!(second[2..], ["-12.5", "+8613900005009"]);
    let parts = read_zip(&bytes);
    let notes = parts.iter().find(|(name, _)| name == "xl/comments1.xml").expect("a note");
    let notes = String::from_utf8_lossy(&notes.1);
    assert!(notes.contains("ref=\"B1\"") && notes.contains("1 cell is cut"), "{notes}");
    world.end().await;
}

#[tokio::test]
async fn recordings_come_as_a_zip_of_stereo_wavs_named_by_their_calls() {
    let (world, task, records) = called().await;
    let export =
        world.exported(json!({"task": task, "content": "recordings", "format": "zip"})).await;
    let zip = file(&world, &export).await;
    let entries = read_zip(&zip);
    assert_eq!(entries.len(), 1, "one call was answered");
    let (name, wav) = &entries[0];
    assert_eq!(zip[8..10], [8, 0], "the first entry is packed: deflate is method 8 of the format");
    let id = records[0]["id"].as_str().expect("an id");
    assert!(name.ends_with(&format!("{id}.wav")) && !name.contains("13800000001"), "{name}");
    assert!(name.starts_with("20261201-10"), "its time is the enterprise's: {name}");
    assert_eq!(
        *wav,
        world.download(&format!("records/{id}/recording")).await,
        "the very recording"
    );
    assert_eq!(hound::WavReader::new(Cursor::new(wav)).expect("a WAV").spec().channels, 2);
    world.end().await;
}

#[tokio::test]
async fn a_task_that_keeps_opus_has_its_recordings_as_opus_everywhere() {
    let config = json!({"concurrency": 1, "recording": true, "recording_format": "opus"});
    let (world, task, records) = called_with(config).await;
    let id = records[0]["id"].as_str().expect("an id");
    let path = format!("records/{id}/recording");
    let link = reqwest::get(world.link(&path).await).await.expect("an answer");
    let header = |name: &str| link.headers()[name].to_str().expect("a text").to_owned();
    assert_eq!(header("content-type"), "audio/ogg");
    assert!(header("content-disposition").contains(&format!("{id}.opus")));
    let opus = world.download(&path).await;
    assert!(opus.starts_with(b"OggS") && opus[28..].starts_with(b"OpusHead"), "Opus in Ogg");
    let export =
        world.exported(json!({"task": task, "content": "recordings", "format": "zip"})).await;
    let entries = read_zip(&file(&world, &export).await);
    assert_eq!(entries.len(), 1);
    assert!(entries[0].0.ends_with(&format!("{id}.opus")) && entries[0].1 == opus);
    // Nothing stays in the spool.
    let spool = std::fs::read_dir(&world.config.spool).expect("a folder");
    let left: Vec<_> = spool.map(|entry| entry.expect("an entry").file_name()).collect();
    assert_eq!(left, ["spool.id"]);
    world.end().await;
}

#[tokio::test]
async fn a_recording_that_is_gone_is_named_in_the_zip_and_stops_nothing() {
    let (world, task, records) = called().await;
    let id = records[0]["id"].as_str().expect("an id");
    let recordings = world.objects().list("recordings/", None, 2).await.expect("a list").objects;
    assert_eq!(recordings.len(), 1, "one call was recorded");
    world.objects().delete(&recordings[0].key).await.expect("deleted");
    let export =
        world.exported(json!({"task": task, "content": "recordings", "format": "zip"})).await;
    let entries = read_zip(&file(&world, &export).await);
    let names: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["missing.csv"]);
    let missing = read_csv(&entries[0].1);
    assert_eq!((missing.len(), &*missing[1][0]), (2, id), "{missing:?}");
    world.end().await;
}

#[tokio::test]
async fn an_export_needs_the_permission_and_shows_what_its_maker_may_see() {
    let (world, task, _) = called().await;
    let options = json!({"task": task, "content": "call_records", "format": "csv"});
    let full = world.exported(options.clone()).await;
    assert_eq!(full["full_numbers"], true);
    let plain = world.key("admin", &["see_full_numbers", "listen_recordings"]).await;
    let refused = ask(&plain, "POST", "exports", options.clone()).await;
    assert_eq!(refused.told(), "403 permission_required");
    let download = format!("{}/download", path(&full));
    assert_eq!(ask(&plain, "GET", &download, Value::Null).await.told(), "403 permission_required");

    let masked = world.key("viewer", &["export"]).await;
    assert_eq!(ask(&masked, "GET", &download, Value::Null).await.told(), "403 permission_required");
    let zip = json!({"task": task, "content": "recordings", "format": "zip"});
    assert_eq!(ask(&masked, "POST", "exports", zip).await.told(), "403 permission_required");
    let made = ask(&masked, "POST", "exports", options).await;
    assert_eq!(made.told(), "202");
    let export = world.until_over(&path(&made.json())).await;
    assert_eq!(export["full_numbers"], false);
    let text = String::from_utf8(file(&world, &export).await).expect("text");
    assert!(text.contains("138****0001") && !text.contains("13800000001"), "{text}");
    world.end().await;
}

#[tokio::test]
async fn a_link_is_made_anew_at_each_click_and_expires_as_the_file_does() {
    let (world, task, _) = called().await;
    let export = world.exported(json!({"task": task, "content": "call_records"})).await;
    let download = format!("{}/download", path(&export));
    let one = world.link(&download).await;
    let signed = |link: &str, name: &str| {
        let query = link.split_once('?').expect("a query").1.to_owned();
        query
            .split('&')
            .find_map(|part| part.strip_prefix(&format!("{name}=")))
            .expect("a parameter")
            .to_owned()
    };
    assert_eq!(signed(&one, "X-Amz-Expires"), "300", "it works for five minutes");
    let other = eventually("a link of another second", || async {
        let other = world.link(&download).await;
        (other != one).then_some(other)
    })
    .await;
    let fetch = |link: String| async move { Answer::to(reqwest::Client::new().get(link)).await };
    for link in [&one, &other] {
        let answer = fetch(link.clone()).await;
        assert_eq!(answer.status, 200);
        assert!(
            answer.header("content-disposition").contains("call-records-spring"),
            "{:?}",
            answer.headers
        );
    }
    // What is changed or made up opens nothing.
    let forged = one.replace("X-Amz-Expires=300", "X-Amz-Expires=604800");
    assert_eq!(fetch(forged).await.status, 403);
    assert_eq!(fetch(one.split_once('?').expect("a query").0.to_owned()).await.status, 403);

    let audit = world
        .get(&format!(
            "audit?action=export.download&target={}",
            export["id"].as_str().expect("an id")
        ))
        .await;
    assert!(audit["data"].as_array().map_or(0, Vec::len) >= 2, "each click is audited");
    assert!(
        export["expires_at"].as_str().is_some_and(|at| at.starts_with("2026-12-08T02:00")),
        "{export}"
    );
    world.set("2026-12-08T10:30:00+08:00");
    let gone = ask(&world.api, "GET", &download, Value::Null).await;
    assert_eq!(gone.told(), "410 export_expired");
    let expired = (&json!("expired"), &json!(false));
    let now = world.get(&path(&export)).await;
    assert_eq!((&now["status"], &now["ready"]), expired);
    let listed = world.get("exports").await;
    assert_eq!((&listed["data"][0]["status"], &listed["data"][0]["ready"]), expired);
    world.end().await;
}

#[tokio::test]
async fn an_export_waits_in_the_download_center_and_can_be_cancelled() {
    let (mut world, task, _) = called().await;
    world.stop_workers().await;
    let made = world.post("exports", json!({"task": task, "content": "call_records"})).await;
    assert_eq!((&made["status"], &made["ready"]), (&json!("queued"), &json!(false)));
    let kept = world
        .post("exports", json!({"task": task, "content": "call_records", "format": "csv"}))
        .await;
    let download = format!("{}/download", path(&made));
    assert_eq!(ask(&world.api, "GET", &download, Value::Null).await.told(), "409 export_not_ready");
    world.post(&format!("{}/cancel", path(&made)), json!({})).await;
    world.run(&workers::Kind::WORK);
    assert_eq!(world.until_over(&path(&made)).await["status"], "cancelled");
    assert_eq!(ask(&world.api, "GET", &download, Value::Null).await.told(), "410 file_gone");
    assert_eq!(world.until_over(&path(&kept)).await["status"], "done");
    let listed = world.get("exports").await;
    let states: Vec<_> = listed["data"]
        .as_array()
        .expect("exports")
        .iter()
        .map(|export| export["status"].as_str())
        .collect();
    assert_eq!(states, [Some("done"), Some("cancelled")], "newest first");
    world.end().await;
}

#[tokio::test]
async fn what_cant_be_exported_is_refused_by_name() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    for (options, pointer, code) in [
        (json!({"content": "call_records", "fields": ["colour"]}), "/fields/0", "unknown_field"),
        (json!({"content": "call_records", "fields": ["id", "id"]}), "/fields/1", "repeated"),
        (json!({"content": "call_records", "format": "zip"}), "/format", "wrong_format"),
        (json!({"content": "recordings", "format": "csv"}), "/format", "wrong_format"),
        (json!({"content": "call_records", "filter": "result ="}), "/filter", "bad_filter"),
        (
            json!({"content": "call_records", "task": "task_01h455vb4pex5vsknk084sn02q"}),
            "/task",
            "not_found",
        ),
        (json!({"content": "secrets"}), "/content", "unknown_value"),
        (json!({}), "/content", "missing_field"),
    ] {
        let answer = ask(&world.api, "POST", "exports", options.clone()).await;
        assert_eq!(answer.told(), "422 invalid_input", "{options}");
        let fault = &answer.json()["errors"][0];
        assert_eq!(
            (&fault["pointer"], &fault["code"]),
            (&json!(pointer), &json!(code)),
            "{options}"
        );
    }
    assert_eq!(world.get("exports").await["data"], json!([]));
    world.end().await;
}
