//! Files of numbers to import, and exported files, opened as their reader would.

use std::io::{Cursor, Read};

use calamine::Reader;
use rust_xlsxwriter::Workbook;
use serde_json::Value;

/// The fixed columns of an import file.
pub const FIXED: [&str; 4] = ["Phone Number", "Priority", "Caller ID", "Backup Numbers"];

/// A header row, with custom columns behind the fixed ones.
pub fn header(custom: &[&str]) -> Vec<Value> {
    FIXED.iter().chain(custom).map(|name| Value::from(*name)).collect()
}

/// A workbook of one sheet: numbers as number cells, texts as texts, null as nothing.
pub fn workbook(rows: &[Vec<Value>]) -> Vec<u8> {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    for (row, cells) in (0..).zip(rows) {
        for (column, cell) in (0..).zip(cells) {
            match cell {
                Value::Null => {}
                Value::Number(number) => {
                    sheet
                        .write_number(row, column, number.as_f64().expect("a number"))
                        .expect("a cell");
                }
                other => {
                    let text = other.as_str().map_or_else(|| other.to_string(), str::to_owned);
                    sheet.write_string(row, column, text).expect("a cell");
                }
            }
        }
    }
    book.save_to_buffer().expect("a workbook")
}

/// The same rows as CSV.
pub fn csv(rows: &[Vec<Value>]) -> Vec<u8> {
    let mut lines = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    for row in rows {
        let cells = row.iter().map(|cell| match cell {
            Value::Null => String::new(),
            other => other.as_str().map_or_else(|| other.to_string(), str::to_owned),
        });
        lines.write_record(cells).expect("a line");
    }
    lines.into_inner().expect("a file")
}

/// The lines of a CSV, its byte order mark taken off.
pub fn read_csv(bytes: &[u8]) -> Vec<Vec<String>> {
    let text = std::str::from_utf8(bytes).expect("UTF-8");
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
    let lines =
        reader.records().map(|line| line.expect("a line").iter().map(str::to_owned).collect());
    lines.collect()
}

/// The rows of the first sheet of a workbook, as texts; dates as `2026-12-01 10:00:00`.
pub fn read_workbook(bytes: &[u8]) -> Vec<Vec<String>> {
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let name = book.sheet_names().first().cloned().expect("a sheet");
    let sheet = book.worksheet_range(&name).expect("a sheet");
    sheet.rows().map(|row| row.iter().map(shown).collect()).collect()
}

fn shown(cell: &calamine::Data) -> String {
    let calamine::Data::DateTime(time) = cell else { return cell.to_string() };
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    format!("{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
}

/// Whether a cell of the first sheet of a workbook, by row and column, holds a date and not a text that looks
/// like one.
pub fn is_date(bytes: &[u8], row: u32, column: u32) -> bool {
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let name = book.sheet_names().first().cloned().expect("a sheet");
    let sheet = book.worksheet_range(&name).expect("a sheet");
    matches!(sheet.get_value((row, column)), Some(calamine::Data::DateTime(time)) if time.is_datetime())
}

/// The formulas of the first sheet of a workbook: what a spreadsheet would run.
pub fn formulas(bytes: &[u8]) -> Vec<String> {
    let mut book: calamine::Xlsx<_> =
        calamine::open_workbook_from_rs(Cursor::new(bytes)).expect("a workbook");
    let name = book.sheet_names().first().cloned().expect("a sheet");
    let sheet = book.worksheet_formula(&name).expect("a sheet");
    sheet
        .cells()
        .map(|(_, _, formula)| formula.clone())
        .filter(|formula| !formula.is_empty())
        .collect()
}

/// The entries of a ZIP, by name.
pub fn read_zip(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).expect("a ZIP");
    let read = (0..zip.len()).map(|at| {
        let mut entry = zip.by_index(at).expect("an entry");
        let (name, mut bytes) = (entry.name().expect("a name").to_string(), Vec::new());
        entry.read_to_end(&mut bytes).expect("an entry's bytes");
        (name, bytes)
    });
    read.collect()
}
