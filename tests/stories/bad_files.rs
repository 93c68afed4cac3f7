//! Files that are refused, or of which a row is: what is said, and that nothing landed.

use std::io::{Cursor, Write};

use harness::World;
use harness::files::{FIXED, csv, header, read_csv, workbook};
use serde_json::{Map, Value, json};
use zip::write::SimpleFileOptions;

fn cells(texts: &[&str]) -> Vec<Value> {
    texts.iter().map(|text| Value::from(*text)).collect()
}

/// A world with a task whose navigation needs `customerName`, and what there is before any import.
async fn dealership() -> (World, String) {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let navigation = json!({"name": "hello", "variables": [{"name": "customerName", "required": true}],
        "start": "hello", "nodes": [{"name": "hello", "kind": "play", "text": "Hello {{customerName}}"}]});
    let navigation = world.made("navigations", navigation).await;
    world.post(&format!("navigations/{navigation}/publish"), json!({})).await;
    let task = world.task("spring", json!({"navigation": navigation})).await;
    (world, task)
}

/// Everything but the import itself, and that it was asked for.
async fn rest(world: &World, witness: &callwright::client::Api) -> Map<String, Value> {
    let mut found = world.everything(witness).await;
    found.retain(|name, _| name != "audit" && !name.starts_with("imports of"));
    found
}

/// A workbook of parts as they are given.
fn parts(parts: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        zip.start_file(*name, SimpleFileOptions::default()).expect("a part");
        zip.write_all(bytes).expect("a part's bytes");
    }
    zip.finish().expect("a ZIP").into_inner()
}

/// A workbook whose one sheet is this XML.
fn sheet(xml: Vec<u8>) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let relation = |id: &str, kind: &str, target: &str| {
        format!(
            "<Relationships xmlns=\"{package}\"><Relationship Id=\"{id}\" Type=\"{office}/{kind}\" Target=\"{target}\"/></Relationships>"
        )
    };
    let book = format!(
        "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"S\" sheetId=\"1\" r:id=\"rId1\"/></sheets></workbook>"
    );
    parts(&[
        ("_rels/.rels", relation("rId1", "officeDocument", "xl/workbook.xml").into_bytes()),
        ("xl/workbook.xml", book.into_bytes()),
        (
            "xl/_rels/workbook.xml.rels",
            relation("rId1", "worksheet", "worksheets/sheet1.xml").into_bytes(),
        ),
        ("xl/worksheets/sheet1.xml", xml),
    ])
}

/// A sheet with the right header and one row, and then this.
fn sheet_and(more: &str) -> Vec<u8> {
    let cell =
        |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let head: String = ["A1", "B1", "C1", "D1", "E1"]
        .iter()
        .zip(FIXED.iter().chain(&["customerName"]))
        .map(|(at, name)| cell(at, name))
        .collect();
    let row = cell("A2", "13800001001") + &cell("E2", "Li");
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let xml = format!(
        "<worksheet xmlns=\"{main}\"><dimension ref=\"A1:XFD1048576\"/><sheetData><row r=\"1\">{head}</row><row r=\"2\">{row}</row>{more}</sheetData></worksheet>"
    );
    sheet(xml.into_bytes())
}

#[tokio::test]
async fn a_file_that_cant_be_read_right_is_refused_whole_and_says_why() {
    let (world, task) = dealership().await;
    let witness = world.key("admin", &[]).await;
    let good = cells(&["13800001001", "", "", "", "Li"]);
    let with_head = |head: Vec<Value>| csv(&[head, good.clone()]);
    let head = || header(&["customerName"]);
    let mut many = vec![head()];
    many.extend(
        (0..100_001_u64).map(|at| cells(&[&(13_900_000_000 + at).to_string(), "", "", "", "Li"])),
    );
    let renamed = cells(&["Phone", "Priority", "Caller ID", "Backup Numbers", "customerName"]);
    let missing = cells(&["Phone Number", "Caller ID", "Backup Numbers", "customerName"]);
    let cased = cells(&["phone number", "Priority", "Caller ID", "Backup Numbers", "customerName"]);
    let far = sheet_and("<row r=\"1048576\"><c r=\"XFD1048576\"><v>1</v></c></row>");
    let bomb = sheet([b"<worksheet><sheetData>".to_vec(), vec![b' '; (1 << 30) + 1]].concat());
    let rows = [
        (
            "no header",
            "a.csv",
            csv(&[good.clone(), good.clone()]),
            "wrong_columns",
            "/header/0 renamed_column",
            "`Phone Number`",
        ),
        (
            "renamed",
            "a.csv",
            with_head(renamed),
            "wrong_columns",
            "/header/0 renamed_column",
            "`Phone` is in its place",
        ),
        (
            "other case",
            "a.csv",
            with_head(cased),
            "wrong_columns",
            "/header/0 renamed_column",
            "`phone number`",
        ),
        (
            "missing",
            "a.xlsx",
            workbook(&[missing, good.clone()]),
            "wrong_columns",
            "/header/1 missing_column",
            "`Priority` is missing",
        ),
        (
            "repeated",
            "a.csv",
            with_head(header(&["customerName", "customerName"])),
            "wrong_columns",
            "/header/5 repeated_column",
            "`customerName` is there twice",
        ),
        (
            "fixed repeated",
            "a.csv",
            with_head(header(&["customerName", "Priority"])),
            "wrong_columns",
            "/header/5 repeated_column",
            "`Priority` is there twice",
        ),
        (
            "a variable that nobody gives",
            "a.csv",
            with_head(header(&["CustomerName"])),
            "wrong_columns",
            "/header missing_variable",
            "`customerName`: add a column",
        ),
        ("100,001 rows", "a.csv", csv(&many), "too_many_rows", "", "100000"),
        ("only a header", "a.csv", csv(&[head()]), "no_rows", "", "no rows"),
        ("no workbook", "a.xlsx", b"PK\x03\x04nonsense".to_vec(), "unreadable", "", "XLSX"),
        (
            "no encoding",
            "a.csv",
            [csv(&[head()]), vec![0xff, 0xff, b'\n']].concat(),
            "unknown_encoding",
            "",
            "UTF-8",
        ),
        ("no JSON", "a.json", b"{\"numbers\": [".to_vec(), "unreadable", "", "numbers"),
        ("one cell at XFD1048576", "a.xlsx", far, "cell_out_of_place", "", "row 1048576"),
        ("a ZIP bomb", "a.xlsx", bomb, "unpacks_too_large", "", "1073741824 bytes"),
    ];
    let before = rest(&world, &witness).await;
    for (what, file, bytes, code, fault, words) in rows {
        let import = world
            .imported(&task, file, bytes, &json!({"batch_name": "May", "start": "auto"}))
            .await;
        let problem = &import["problem"];
        assert_eq!(
            (&import["status"], &problem["code"]),
            (&json!("failed"), &json!(code)),
            "{what}: {import}"
        );
        let first = &problem["faults"][0];
        let found = first["pointer"]
            .as_str()
            .map(|at| format!("{at} {}", first["code"].as_str().unwrap_or("?")));
        assert_eq!(found.unwrap_or_default(), fault, "{what}: {import}");
        let detail = problem["detail"].as_str().expect("a detail");
        assert!(detail.contains(words), "{what}: `{words}` in {detail}");
        assert!(!import.to_string().contains("13800001001"), "{what} shows no number: {import}");
        assert_eq!((&import["result"], &import["batch"]), (&Value::Null, &Value::Null), "{what}");
    }
    assert_eq!(rest(&world, &witness).await, before, "nothing landed, nothing was started");
    world.end().await;
}

#[tokio::test]
async fn a_cell_far_to_the_right_is_an_error_of_its_row_and_takes_no_memory() {
    let (world, task) = dealership().await;
    let bytes = sheet_and(
        "<row r=\"3\"><c r=\"A3\" t=\"str\"><v>13800001002</v></c><c r=\"E3\" t=\"str\"><v>Wang</v></c><c r=\"XFD3\"><v>1</v></c></row>",
    );
    let import = world.imported(&task, "a.xlsx", bytes, &json!({"batch_name": "May"})).await;
    let result = &import["result"];
    assert_eq!((&result["imported"], &result["invalid"]), (&json!(1), &json!(1)), "{import}");
    world.end().await;
}

#[tokio::test]
async fn a_row_that_cant_be_called_is_told_with_column_value_and_reason() {
    let (world, task) = dealership().await;
    let witness = world.key("admin", &[]).await;
    let backups = |count: u64| {
        (0..count).map(|at| (13_900_002_000 + at).to_string()).collect::<Vec<_>>().join(",")
    };
    let (six, seven) = (backups(6), backups(7));
    let long = "x".repeat(1_001);
    let before = rest(&world, &witness).await;
    for (what, row, column, reason) in [
        ("a phone of letters", ["someone", "", "", "", "Li"], "Phone Number", "phone number"),
        ("no phone", ["", "", "", "", "Li"], "Phone Number", ""),
        ("a phone of one digit", ["1", "", "", "", "Li"], "Phone Number", ""),
        ("seven backups", ["13800001001", "", "", &seven, "Li"], "Backup Numbers", "at most 6"),
        (
            "a backup of letters",
            ["13800001001", "", "", "13900002000,me", "Li"],
            "Backup Numbers",
            "",
        ),
        (
            "a priority over the highest",
            ["13800001001", "1000000", "", "", "Li"],
            "Priority",
            "0 to 999999",
        ),
        ("a priority below 0", ["13800001001", "-1", "", "", "Li"], "Priority", "0 to 999999"),
        (
            "a required variable that is empty",
            ["13800001001", "", "", "", ""],
            "customerName",
            "needs this variable",
        ),
        (
            "a value that is too long",
            ["13800001001", "", "", "", &long],
            "customerName",
            "1000 characters",
        ),
    ] {
        let rows = [header(&["customerName"]), cells(&row)];
        for (file, bytes) in [("a.csv", csv(&rows)), ("a.xlsx", workbook(&rows))] {
            let import = world.imported(&task, file, bytes, &json!({"batch_name": "May"})).await;
            // A row in which nothing is left but a wrong phone is still a row.
            assert_eq!(import["result"]["invalid"], 1, "{what}: {import}");
            let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
            let errors = read_csv(&world.bytes(&path).await);
            assert_eq!((&*errors[1][0], &*errors[1][1]), ("2", column), "{what}");
            assert!(errors[1][3].contains(reason), "{what}: {errors:?}");
        }
    }
    assert_eq!(rest(&world, &witness).await, before, "nothing landed");
    let rows = [header(&["customerName"]), cells(&["13800001001", "999999", "", &six, "Li"])];
    let import = world.imported(&task, "a.csv", csv(&rows), &json!({"batch_name": "May"})).await;
    assert_eq!(import["result"]["imported"], 1, "the limits themselves are allowed: {import}");
    world.end().await;
}

#[tokio::test]
async fn numbers_of_the_api_are_judged_as_rows_are() {
    let (world, task) = dealership().await;
    let good = json!({"phone_number": "13800001001", "variables": {"customerName": "Li"}});
    let with = |more: Value| {
        let mut number = good.clone();
        number
            .as_object_mut()
            .expect("an object")
            .extend(more.as_object().expect("an object").clone());
        number
    };
    let numbers = vec![
        good.clone(),
        with(json!({"phone_number": "someone"})),
        with(json!({"backup_numbers": vec!["13900002000"; 7]})),
        with(json!({"priority": 1_000_000})),
        with(json!({"priority": "high"})),
        with(json!({"prio": 1})),
        json!({"phone_number": "13800001002"}),
        json!("13800001003"),
        json!(["13800001004", 0, null, [], {"customerName": "Li"}]),
    ];
    let import = world.import_numbers(&task, &json!({"batch_name": "May"}), numbers).await;
    let result = &import["result"];
    assert_eq!(
        (&result["rows"], &result["imported"], &result["invalid"]),
        (&json!(9), &json!(1), &json!(8)),
        "{import}"
    );
    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    let errors = read_csv(&world.bytes(&path).await);
    let told: Vec<_> = errors[1..].iter().map(|line| (&*line[0], &*line[1])).collect();
    let wanted = [
        ("2", "phone_number"),
        ("3", "backup_numbers"),
        ("4", "priority"),
        ("5", "priority"),
        ("6", "prio"),
        ("7", "customerName"),
        ("8", ""),
        ("9", ""),
    ];
    assert_eq!(told, wanted);

    // A line of NDJSON is one number object, whole and nothing behind it.
    let lines = "[\"13800001005\"]\n{\"phone_number\": \"13800001006\"} x\n{\"phone_number\": \"1380000100\n";
    let options = json!({"batch_name": "June"});
    let import = world.imported(&task, "a.ndjson", lines.as_bytes().to_vec(), &options).await;
    let result = &import["result"];
    assert_eq!((&result["rows"], &result["invalid"]), (&json!(3), &json!(3)), "{import}");
    let list = json!(["July"]);
    let upload = world.upload(&task, "a.ndjson", lines.as_bytes().to_vec(), &list).await;
    assert_eq!(upload.told(), "400 malformed_request", "options are an object");
    world.end().await;
}
