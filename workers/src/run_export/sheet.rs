//! XLSX in constant memory, split by sheets past 1,048,575 rows. It is written on a thread of its own into
//! a temporary file, which then goes up.
//!
//! A cell of type text is never run, so it holds its text as it is. What is too long for a cell is cut; the
//! export counts such cells, and a note at the head of their column tells of them.

use std::io::BufWriter;

use chrono_tz::Tz;
use outbound::export::Column;
use outbound::record::{Cell, Shown};
use outbound::spreadsheet::{CELL_UNITS_MAX, fitting};
use rust_xlsxwriter::{ExcelDateTime, Format, Note, Workbook, Worksheet, XlsxError};
use tokio::sync::mpsc;

use super::{Halt, Run, shown};

/// Rows of a sheet below its head.
const SHEET_ROWS_MAX: u32 = 1_048_575;
/// Chunks that wait for the writer.
const CHUNKS_WAITING_MAX: usize = 2;

/// How times are shown.
const TIME_FORMAT: &str = "yyyy-mm-dd hh:mm:ss";
/// Width of a column of times, in characters: a narrower one would show `####`.
const TIME_WIDTH: f64 = 20.0;

/// A cell as a sheet holds it: numbers as numbers, times as times, all else as text.
enum SheetCell {
    Number(f64),
    /// On the enterprise's wall clock: a sheet knows no zones.
    Time(ExcelDateTime),
    Text(String),
}

type SheetRow = Vec<SheetCell>;

pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<u64, Halt> {
    let (columns, shown) = (run.columns.clone(), shown(run.export));
    let file = tempfile::NamedTempFile::new().map_err(Halt::file)?;
    let path = file.path().to_owned();
    let (rows, waiting) = mpsc::channel::<Vec<SheetRow>>(CHUNKS_WAITING_MAX);
    let heads = columns.clone();
    let writer = tokio::task::spawn_blocking(move || book(file, &heads, zone, shown, waiting));
    loop {
        let chunk = run.next().await?;
        if chunk.is_empty() {
            break;
        }
        let chunk = chunk.iter().map(|view| {
            let text = view.conversation_text(shown);
            let cells = columns
                .iter()
                .map(|column| sheet_cell(column.cell(&view.record, &text, shown), zone));
            cells.collect::<SheetRow>()
        });
        if rows.send(chunk.collect()).await.is_err() {
            // The writer failed: its error says why.
            break;
        }
    }
    drop(rows);
    let (file, cells_cut) = writer.await.map_err(Halt::file)?.map_err(Halt::file)?;
    run.cells_cut = cells_cut;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let bytes = run.env.objects.put_file(key, kind, &path).await?;
    drop(file);
    Ok(bytes)
}

fn sheet_cell(cell: Cell, zone: Tz) -> SheetCell {
    match cell {
        Cell::Number(number) => SheetCell::Number(number),
        Cell::Time(at) => {
            let wall = at.with_timezone(&zone).naive_local().and_utc().timestamp();
            // A year that no sheet has is told as text.
            match ExcelDateTime::from_timestamp(wall) {
                Ok(time) => SheetCell::Time(time),
                Err(_) => SheetCell::Text(cell.text(zone)),
            }
        }
        other => SheetCell::Text(other.text(zone)),
    }
}

/// Write the workbook. Gives it back with the number of cells that were cut.
fn book(
    file: tempfile::NamedTempFile,
    columns: &[Column],
    zone: Tz,
    shown: Shown,
    mut rows: mpsc::Receiver<Vec<SheetRow>>,
) -> Result<(tempfile::NamedTempFile, u64), XlsxError> {
    let mut book = Workbook::new();
    // By itself it would use the folder of the system, where other temporary files of ours don't lie.
    book.set_tempdir(tempfile::env::temp_dir())?;
    let time = Format::new().set_num_format(TIME_FORMAT);
    let mut sheet = book.add_worksheet_with_constant_memory()?;
    titles(sheet, columns, zone, shown)?;
    let (mut at, mut all_cut) = (0, 0);
    let mut cut = vec![0; columns.len()];
    while let Some(chunk) = rows.blocking_recv() {
        for row in chunk {
            if at == SHEET_ROWS_MAX {
                all_cut += tell_cut(sheet, &mut cut)?;
                sheet = book.add_worksheet_with_constant_memory()?;
                titles(sheet, columns, zone, shown)?;
                at = 0;
            }
            at += 1;
            for ((column, cell), cut) in (0..).zip(row).zip(&mut cut) {
                match cell {
                    SheetCell::Number(number) => sheet.write_number(at, column, number)?,
                    SheetCell::Time(at_time) => {
                        sheet.write_datetime_with_format(at, column, at_time, &time)?
                    }
                    SheetCell::Text(text) if text.is_empty() => continue,
                    SheetCell::Text(text) => {
                        let fits = fitting(&text);
                        *cut += u64::from(fits.len() < text.len());
                        sheet.write_string(at, column, fits)?
                    }
                };
            }
        }
    }
    all_cut += tell_cut(sheet, &mut cut)?;
    book.save_to_writer(BufWriter::new(file.as_file()))?;
    Ok((file, all_cut))
}

/// The head, and over each column of times a note of the zone whose clock they are of.
fn titles(
    sheet: &mut Worksheet,
    columns: &[Column],
    zone: Tz,
    shown: Shown,
) -> Result<(), XlsxError> {
    let head = Format::new().set_bold();
    for (at, column) in (0..).zip(columns) {
        sheet.write_string_with_format(0, at, column.title(shown), &head)?;
        if column.is_time() {
            sheet.set_column_width(at, TIME_WIDTH)?;
            note(sheet, at, format!("Time zone: {zone}"))?;
        }
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}

/// A note at the head of each column that has cells which were cut. Gives their number in all, and counts
/// from 0 again, for the next sheet.
fn tell_cut(sheet: &mut Worksheet, cut: &mut [u64]) -> Result<u64, XlsxError> {
    let mut all = 0;
    for (at, cells) in (0..).zip(cut) {
        let cells = std::mem::take(cells);
        if cells > 0 {
            let which =
                if cells == 1 { "1 cell is".to_owned() } else { format!("{cells} cells are") };
            let told = format!(
                "{which} cut in this column: a cell holds {CELL_UNITS_MAX} characters at most. An export as CSV \
                 has them whole."
            );
            note(sheet, at, told)?;
        }
        all += cells;
    }
    Ok(all)
}

fn note(sheet: &mut Worksheet, column: u16, text: String) -> Result<(), XlsxError> {
    sheet.insert_note(0, column, &Note::new(text).add_author_prefix(false))?;
    Ok(())
}
