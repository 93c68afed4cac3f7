//! A workbook as people fill it: dates, sums, ticks and merged cells arrive as they are seen.

use harness::World;
use harness::files::{FIXED, read_csv};
use rust_xlsxwriter::{ExcelDateTime, Format, Formula, Workbook};
use serde_json::{Value, json};

const COLUMNS: [&str; 7] = ["day", "moment", "time", "sum", "share", "vip", "total"];

/// A sheet with the template's head, and rows that a person filled in their own way.
fn workbook() -> Result<Vec<u8>, rust_xlsxwriter::XlsxError> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (column, name) in (0..).zip(FIXED.iter().chain(&COLUMNS)) {
        sheet.write(0, column, *name)?;
    }
    let [day, moment, time, percent] = ["dd/mm/yyyy", "d mmm yyyy h:mm AM/PM", "h:mm AM/PM", "0%"]
        .map(|f| Format::new().set_num_format(f));
    sheet.write_number(1, 0, 13_800_000_001.0)?;
    sheet.write_number_with_format(1, 1, 5.0, &Format::new().set_num_format("0.00"))?;
    sheet.write_datetime_with_format(1, 4, ExcelDateTime::from_ymd(2026, 1, 1)?, &day)?;
    let at_nine = ExcelDateTime::from_ymd(2026, 1, 1)?.and_hms(9, 0, 0)?;
    sheet.write_datetime_with_format(1, 5, at_nine, &moment)?;
    sheet.write_datetime_with_format(1, 6, ExcelDateTime::from_hms(17, 30, 0)?, &time)?;
    sheet.write_number(1, 7, 0.1 + 0.2)?;
    sheet.write_number_with_format(1, 8, 0.15, &percent)?;
    sheet.write_boolean(1, 9, true)?;
    sheet.write_formula(1, 10, Formula::new("=6*7").set_result("42"))?;
    // Row 3 stays empty; row 4 ends early and has a blank, formatted cell behind its last word.
    sheet.write_number_with_format(3, 0, 1.38e10, &Format::new().set_num_format("0.00E+00"))?;
    sheet.write(3, 4, "tomorrow")?;
    sheet.write_blank(3, 12, &day)?;
    // Merged cells: their value is in the first of them.
    sheet.write(4, 0, "13800000003")?;
    sheet.merge_range(4, 4, 5, 4, "soon", &Format::new())?;
    sheet.write(5, 0, "13800000004")?;
    sheet.write(6, 0, "13800000005")?;
    sheet.write_formula(6, 10, Formula::new("=1/0").set_result("#DIV/0!"))?;
    book.save_to_buffer()
}

#[tokio::test]
async fn cells_arrive_as_people_see_them() {
    let world = World::at("2026-12-01T10:00:00+08:00").await;
    let task = world.task("spreadsheet", json!({})).await;
    let bytes = workbook().expect("a workbook");
    let import = world.imported(&task, "people.xlsx", bytes, &json!({"batch_name": "May"})).await;
    let result = &import["result"];
    assert_eq!(
        (&result["rows"], &result["imported"], &result["invalid"]),
        (&json!(5), &json!(4), &json!(1)),
        "{import}"
    );
    let numbers = world.numbers(&task).await;
    let told = |at: usize| (numbers[at]["phone_number"].clone(), numbers[at]["variables"].clone());
    assert_eq!(numbers[0]["priority"], 5);
    assert_eq!(
        told(0),
        (
            json!("+8613800000001"),
            json!({"day": "2026-01-01", "moment": "2026-01-01 09:00", "time": "17:30", "sum": "0.3",
                "share": "15%", "vip": "TRUE", "total": "42"})
        )
    );
    assert_eq!(told(1), (json!("+8613800000000"), json!({"day": "tomorrow"})));
    assert_eq!(told(2), (json!("+8613800000003"), json!({"day": "soon"})));
    assert_eq!(told(3), (json!("+8613800000004"), json!({})), "the rest of a merged cell is empty");

    let path = format!("imports/{}/errors", import["id"].as_str().expect("an id"));
    let errors = read_csv(&world.bytes(&path).await);
    let error: Vec<Value> = errors[1].iter().map(|cell| json!(cell)).collect();
    let reason = "is a spreadsheet's error; mend its formula";
    assert_eq!(
        error,
        [json!("7"), json!("total"), json!("#DIV/0!"), json!(reason)],
        "a robot never says it"
    );
    world.end().await;
}
