//! Files as people really have them: each is read right, or refused with words that help.
//!
//! They lie in `cases/`. Nothing is guessed: what can't be told is refused.

use std::time::Duration;

use harness::World;
use harness::files::{FIXED, csv, header, read_csv};
use serde_json::{Value, json};

/// A file of `cases/`.
fn case(name: &str) -> Vec<u8> {
    let path = format!("{}/stories/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A world with a task whose navigation has one optional variable `v`.
async fn office() -> (World, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let navigation = json!({"name": "hello", "variables": [{"name": "v"}], "start": "hello",
        "nodes": [{"name": "hello", "kind": "play", "text": "Hello {{v}}"}]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("spring", json!({"navigation": navigation})).await;
    (world, task)
}

/// Import a file into a batch that has its name, with these options as well.
async fn import(world: &World, task: &str, name: &str, bytes: Vec<u8>, more: Value) -> Value {
    let mut options = json!({"batch_name": name});
    options.as_object_mut().expect("options").extend(more.as_object().expect("options").clone());
    world.imported(task, name, bytes, &options).await
}

/// Phone and `v` of the numbers of a batch, in the order of the file.
async fn landed(world: &World, task: &str, import: &Value) -> Vec<(String, String)> {
    let numbers = world.numbers(task).await.into_iter();
    numbers
        .filter(|number| number["batch"] == import["batch"])
        .map(|number| {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (text(&number["phone_number"]), text(&number["variables"]["v"]))
        })
        .collect()
}

/// Row, column, value and reason of the rows that were refused.
async fn refused_rows(world: &World, import: &Value) -> Vec<Vec<String>> {
    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    read_csv(&world.bytes(&path).await).split_off(1)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(phone, v)| ((*phone).to_owned(), (*v).to_owned())).collect()
}

#[tokio::test]
async fn a_file_that_cant_be_read_right_is_refused_in_words_that_help() {
    let (world, task) = office().await;
    let html = b"<html><table><tr><td>Phone Number</td></tr></table></html>".to_vec();
    let plain = csv(&[header(&["v"]), vec![json!("13800000001")]]);
    let named = |name: &str| csv(&[header(&[name]), vec![json!("13800000001")]]);
    let nul = String::from_utf8(named("v")).expect("text").replace(",v", ",v\0");
    for (file, bytes, code, words) in [
        ("sst_count.xlsx", case("sst_count.xlsx"), "unreadable", "XLSX"),
        ("beyond_rows.xlsx", case("beyond_rows.xlsx"), "cell_out_of_place", "4294967297"),
        ("amplify.xlsx", case("amplify.xlsx"), "cell_too_long", "32767 characters"),
        ("encrypted.xlsx", case("encrypted.xlsx"), "encrypted", "has a password"),
        ("encrypted.csv", case("encrypted.xlsx"), "encrypted", "has a password"),
        ("unclosed.csv", case("unclosed.csv"), "unclosed_quote", "opens on line 2"),
        ("cp1252b.csv", case("cp1252b.csv"), "unknown_encoding", "the name of its encoding"),
        ("latin2.csv", case("latin2.csv"), "unknown_encoding", "the name of its encoding"),
        ("page.xlsx", html.clone(), "wrong_format", "a web page (HTML)"),
        ("page.csv", html, "wrong_format", "a web page (HTML)"),
        ("plain.xlsx", plain.clone(), "wrong_format", "text, perhaps CSV"),
        ("book.csv", case("fmt.xlsx"), "wrong_format", "an Excel workbook (.xlsx)"),
        ("book.json", case("fmt.xlsx"), "wrong_format", "an Excel workbook (.xlsx)"),
        ("header.csv", named("V"), "wrong_columns", "write its header as `v`"),
        ("spaced.csv", named(" v"), "wrong_columns", "write its header as `v`"),
        ("unseen.csv", named("v\u{200b}"), "wrong_columns", "`v\\u{200b}`"),
        ("nul.csv", nul.into_bytes(), "wrong_columns", "control character"),
    ] {
        let import = import(&world, &task, file, bytes, json!({})).await;
        let problem = &import["problem"];
        assert_eq!(
            (&import["status"], &problem["code"]),
            (&json!("failed"), &json!(code)),
            "{file}: {import}"
        );
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(words), "{file}: `{words}` in {detail}");
    }
    assert!(world.numbers(&task).await.is_empty(), "nothing landed");
    let unknown = json!({"batch_name": "May", "encoding": "klingon"});
    assert_eq!(world.upload(&task, "a.csv", plain, &unknown).await.told(), "422 invalid_input");
    world.end().await;
}

#[tokio::test]
async fn a_file_of_any_delimiter_and_encoding_that_can_be_told_is_read() {
    let (world, task) = office().await;
    let text = String::from_utf8(csv(&[
        header(&["v"]),
        vec![json!("13800210030"), json!(""), json!(""), json!(""), json!("李明")],
    ]))
    .expect("text");
    let gb18030 = encoding_rs::GB18030.encode(&text).0.into_owned();
    let json_text = r#"{"numbers":[{"phone_number":"13800210031","variables":{"v":"x"}}]}"#;
    let line = r#"{"phone_number":"13800210032","variables":{"v":"x"}}"#;
    for (file, bytes, encoding, phone, v) in [
        ("semicolon.csv", case("semicolon.csv"), "auto", "+8613800210001", "x"),
        ("tab.csv", case("tab.csv"), "auto", "+8613800210002", "x"),
        ("sep.csv", case("sep.csv"), "auto", "+8613800210003", "x"),
        ("utf16.csv", case("utf16.csv"), "auto", "+8613800210004", "Müller"),
        ("cp1252b.csv", case("cp1252b.csv"), "windows-1252", "+8613800210015", "Müller"),
        ("latin2.csv", case("latin2.csv"), "iso-8859-2", "+8613800210025", "Łukasz Żółć"),
        ("gb18030.csv", gb18030, "auto", "+8613800210030", "李明"),
        ("marked.json", format!("\u{feff}{json_text}").into_bytes(), "auto", "+8613800210031", "x"),
        ("marked.ndjson", format!("\u{feff}{line}").into_bytes(), "auto", "+8613800210032", "x"),
    ] {
        let import = import(&world, &task, file, bytes, json!({"encoding": encoding})).await;
        assert_eq!(import["status"], "done", "{file}: {import}");
        assert_eq!(landed(&world, &task, &import).await, pairs(&[(phone, v)]), "{file}: {import}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_row_is_named_by_the_line_that_an_editor_shows() {
    let (world, task) = office().await;
    let quoted = [
        FIXED.join(","),
        ",v\r\n".into(),
        "\r\n".into(),
        "13811000001,,,,\"two\r\nlines\"\r\n".into(),
        "bad,,,,b\r\n".into(),
    ]
    .concat();
    for (file, bytes, line) in [
        ("crlf_row_numbers.csv", case("crlf_row_numbers.csv"), "3"),
        ("lf_row_numbers.csv", case("lf_row_numbers.csv"), "3"),
        ("quoted.csv", quoted.into_bytes(), "5"),
    ] {
        let import = import(&world, &task, file, bytes, json!({})).await;
        let rows = refused_rows(&world, &import).await;
        assert_eq!((rows.len(), &*rows[0][0]), (1, line), "{file}: {rows:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn phones_are_read_however_they_are_typed_and_errors_show_what_was_seen() {
    let (world, task) = office().await;
    let import_of_phones = import(&world, &task, "phones.csv", case("phones.csv"), json!({})).await;
    let refused: Vec<String> = refused_rows(&world, &import_of_phones)
        .await
        .into_iter()
        .map(|row| format!("{} {}", row[0], row[3]))
        .collect();
    // Lines: letters, slashes, extensions, two in one cell, lost digits, commas, and what nobody assigns.
    let lines: Vec<&str> =
        refused.iter().map(|row| row.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(
        lines.join(" "),
        "8 10 11 12 24 25 26 31 32 33 35 36 37 38 39 40 49",
        "{refused:#?}"
    );
    assert!(refused[2].contains("`转` (U+8F6C)"), "{}", refused[2]);
    for (phone, v) in landed(&world, &task, &import_of_phones).await {
        assert!(phone.starts_with('+') && phone.len() > 10, "{phone} {v}");
    }
    let lost = import(&world, &task, "lost_digits.csv", case("lost_digits.csv"), json!({})).await;
    let rows = refused_rows(&world, &lost).await;
    assert_eq!((&lost["result"]["imported"], rows.len()), (&json!(0), 2), "{lost}");
    assert!(rows.iter().all(|row| row[3].starts_with("was rounded by a spreadsheet")), "{rows:?}");

    let unseen = format!("{}\n\u{202d}138x,,,\n", FIXED.join(","));
    let unseen = import(&world, &task, "unseen.csv", unseen.into_bytes(), json!({})).await;
    assert_eq!(refused_rows(&world, &unseen).await[0][2], "\\u{202d}138x");
    world.end().await;
}

#[tokio::test]
async fn the_error_file_masks_what_was_given_and_not_our_own_words() {
    let (world, task) = office().await;
    let import =
        import(&world, &task, "fullwidth_mask.csv", case("fullwidth_mask.csv"), json!({})).await;
    // Eleven full-width digits are a phone number; so the file has one row that lands, or one that is told.
    assert_eq!(import["result"]["rows"], 1, "{import}");
    let text = format!("{}\n１３８００２２０００４９９,,,\n+86,,,\n", FIXED.join(","));
    let import = self::import(&world, &task, "long.csv", text.into_bytes(), json!({})).await;
    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    let masked = |rows: &[Vec<String>]| {
        assert_eq!(rows[1][2], "１３８**********", "{rows:?}");
        assert!(rows[2][3].contains("+8613800000001"), "our example stays: {rows:?}");
    };
    let clerk = world.key("operator", &[]).await;
    let bytes = harness::ask(&clerk, "GET", &path, Value::Null).await.bytes;
    masked(&read_csv(&bytes));
    let full = read_csv(&world.bytes(&path).await);
    assert_eq!(full[1][2], "１３８００２２０００４９９", "who may see numbers sees them");
    world.patch("settings", json!({"number_masking": true})).await;
    masked(&read_csv(&world.bytes(&path).await));
    world.end().await;
}

#[tokio::test]
async fn cells_of_a_workbook_are_read_as_they_are_seen() {
    let (world, task) = office().await;
    let shown = import(&world, &task, "fmt.xlsx", case("fmt.xlsx"), json!({})).await;
    let v: Vec<String> = landed(&world, &task, &shown).await.into_iter().map(|(_, v)| v).collect();
    let expected = [
        "123",
        "00123",
        "0431234567",
        "Nr. 7",
        "1,234.50",
        "€ 1,234.50",
        "2026-01-01",
        "2026-01-01",
        "2026-01-01 17:00",
        "17:00",
        "36:30",
        "Day 5",
        "5",
        "5 days",
        "1,500 kr",
        "13800000001",
        "42",
        "99.00 d",
        "1/2",
        "2026-03-01",
        "2026-03-01",
        "123-456",
        "1.5k",
        "09:30",
        "2026-01-01",
        "",
        "",
    ];
    assert_eq!(v, expected, "{shown}");
    for (file, phone) in
        [("date_phone.xlsx", "+8613800170090"), ("date_phone13_openpyxl.xlsx", "+8613800170088")]
    {
        let import = import(&world, &task, file, case(file), json!({})).await;
        assert_eq!(landed(&world, &task, &import).await, pairs(&[(phone, "")]), "{file}: {import}");
    }
    let formula =
        import(&world, &task, "formula_nocache.xlsx", case("formula_nocache.xlsx"), json!({}))
            .await;
    let rows = refused_rows(&world, &formula).await;
    let told: Vec<(&str, &str)> = rows.iter().map(|row| (&*row[0], &*row[1])).collect();
    assert_eq!(told, [("2", "v"), ("3", "Phone Number")], "{rows:?}");
    assert!(rows.iter().all(|row| row[3].contains("formula without a stored result")), "{rows:?}");
    world.end().await;
}

#[tokio::test]
async fn hidden_rows_are_left_out_and_counted_unless_they_are_asked_for() {
    let (world, task) = office().await;
    let file = || case("hidden_rows.xlsx");
    let shown = import(&world, &task, "hidden_rows.xlsx", file(), json!({})).await;
    let counts = |import: &Value| {
        ["rows", "imported", "hidden"].map(|name| import["result"][name].as_u64().unwrap_or(99))
    };
    assert_eq!(counts(&shown), [1, 1, 2], "{shown}");
    assert_eq!(landed(&world, &task, &shown).await, pairs(&[("+8613800140001", "shown")]));
    let all = import(&world, &task, "all.xlsx", file(), json!({"hidden_rows": "import"})).await;
    assert_eq!(counts(&all), [3, 3, 0], "{all}");
    world.end().await;
}

#[tokio::test]
async fn the_visible_sheet_with_the_templates_header_is_read() {
    let (world, task) = office().await;
    let file = "second_sheet_active.xlsx";
    let second = import(&world, &task, file, case(file), json!({})).await;
    assert_eq!(landed(&world, &task, &second).await, pairs(&[("+8613800150002", "")]), "{second}");

    let mut book = rust_xlsxwriter::Workbook::new();
    for name in ["Notes", "People", "Secret"] {
        let sheet = book.add_worksheet().set_name(name).expect("a name");
        if name == "Secret" {
            for (column, title) in (0..).zip(FIXED) {
                sheet.write(0, column, title).expect("a cell");
            }
            sheet.write(1, 0, "13800150009").expect("a cell");
            sheet.set_hidden(true);
        } else {
            sheet.write(0, 0, name).expect("a cell");
        }
    }
    let bytes = book.save_to_buffer().expect("a workbook");
    let none = import(&world, &task, "none.xlsx", bytes, json!({})).await;
    assert_eq!(none["problem"]["code"], "wrong_columns", "{none}");
    let detail = none["problem"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("“Notes”, “People”") && !detail.contains("Secret"), "{detail}");
    world.end().await;
}

#[tokio::test]
async fn a_wrong_type_or_name_in_json_is_told_with_its_pointer() {
    let (world, task) = office().await;
    let types =
        import(&world, &task, "json_wrong_types.json", case("json_wrong_types.json"), json!({}))
            .await;
    let rows = refused_rows(&world, &types).await;
    assert_eq!(rows[0][1..2], ["phone_number"], "{rows:?}");
    assert!(rows[0][3].contains("/numbers/0/phone_number is a number"), "{rows:?}");
    assert!(rows[1][3].contains("/numbers/1/variables/v is a number"), "{rows:?}");
    let nul =
        import(&world, &task, "nul_variable_name.json", case("nul_variable_name.json"), json!({}))
            .await;
    let rows = refused_rows(&world, &nul).await;
    assert_eq!((&*rows[0][1], &*rows[0][2]), ("variables", "a\\u{0}b"), "{nul}");
    let both = json!({"batch_name": "a\0b"});
    let answer = world.upload(&task, "a.csv", csv(&[header(&[])]), &both).await;
    assert_eq!(answer.told(), "422 invalid_input", "a NUL in a batch's name");
    world.end().await;
}

#[tokio::test]
async fn priorities_are_read_as_spreadsheets_write_them() {
    let (world, task) = office().await;
    let import = import(&world, &task, "prio.csv", case("prio.csv"), json!({})).await;
    let read: Vec<(String, u64)> = world
        .numbers(&task)
        .await
        .iter()
        .map(|number| {
            let given = number["variables"]["v"].as_str().unwrap_or_default().to_owned();
            (given, number["priority"].as_u64().unwrap_or(99))
        })
        .collect();
    let expected = [
        ("5", 5),
        ("5.0", 5),
        ("7", 7),
        ("1,000", 1_000),
        ("999999", 999_999),
        ("+5", 5),
        ("５", 5),
        ("00005", 5),
        ("5.00", 5),
    ];
    assert_eq!(read, expected.map(|(given, priority)| (given.to_owned(), priority)), "{import}");
    let told: Vec<(String, String)> = refused_rows(&world, &import)
        .await
        .into_iter()
        .map(|row| (row[2].clone(), row[3].clone()))
        .collect();
    for ((value, reason), (wanted, words)) in told.iter().zip([
        ("-1", "is below 0"),
        ("1000000", "is too high"),
        ("1e3", "is in scientific form"),
        ("5.5", "has a fraction"),
        ("0x10", "is not a number in digits"),
        ("high", "is not a number in digits"),
    ]) {
        assert_eq!(value, wanted, "{told:?}");
        assert!(reason.starts_with(words), "{reason}");
    }
    assert_eq!(told.len(), 6);
    world.end().await;
}

#[tokio::test]
async fn a_variable_with_the_name_of_a_column_is_refused_at_publication() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let navigation = json!({"name": "hello", "variables": [{"name": "Priority"}], "start": "hello",
        "nodes": [{"name": "hello", "kind": "play", "text": "Hello {{Priority}}"}]});
    let navigation = world.made("navigations", navigation).await;
    let answer =
        harness::ask(&world.api, "POST", &format!("navigations/{navigation}/publish"), json!({}))
            .await;
    assert_eq!(answer.told(), "422 invalid_input", "{}", answer.json());
    assert_eq!(answer.json()["errors"][0]["pointer"], "/variables/0/name", "{}", answer.json());
    world.end().await;
}

#[tokio::test]
async fn an_import_that_killed_its_worker_three_times_ends_and_says_so() {
    let (mut world, task) = office().await;
    world.stop_workers().await;
    let file = csv(&[header(&["v"]), vec![json!("13800000001")]]);
    let answer = world.upload(&task, "a.csv", file, &json!({"batch_name": "May"})).await;
    let id = answer.json()["id"].as_str().expect("an id").to_owned();
    let import: outbound::ids::ImportId = id.parse().expect("an import");
    for token in 0..3 {
        // A worker takes it and dies.
        let taken = storage::imports::take(world.store(), import, token, Duration::ZERO).await;
        assert!(taken.expect("a store").is_some(), "{token}");
    }
    world.run(&workers::Kind::WORK);
    let import = world.until_over(&format!("imports/{id}")).await;
    assert_eq!(
        (&import["status"], &import["problem"]["code"]),
        (&json!("failed"), &json!("gave_up"))
    );
    let detail = import["problem"]["detail"].as_str().expect("a detail");
    assert!(detail.contains("3 times"), "{detail}");
    world.end().await;
}
