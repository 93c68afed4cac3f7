//! XLSX in constant memory, split by sheets past 1,048,575 rows. It is written on a thread of its own into
//! a temporary file, which then goes up.

use std::io::BufWriter;

use chrono_tz::Tz;
use outbound::record::{Cell, Field, cell};
use rust_xlsxwriter::{Format, Workbook, Worksheet, XlsxError};
use tokio::sync::mpsc;

use super::{Halt, Run, conversation_text, shown};

/// Rows of a sheet below its head.
const SHEET_ROWS_MAX: u32 = 1_048_575;
/// Characters of a cell.
const CELL_CHARS_MAX: usize = 32_767;
/// Chunks that wait for the writer.
const CHUNKS_WAITING_MAX: usize = 2;

/// A cell as a sheet holds it: numbers as numbers, all else as text.
enum SheetCell {
    Number(f64),
    Text(String),
}

type SheetRow = Vec<SheetCell>;

pub async fn write(run: &mut Run<'_>, key: &str, zone: Tz) -> Result<u64, Halt> {
    let (fields, shown) = (run.export.options.columns(), shown(run.export));
    let file = tempfile::NamedTempFile::new().map_err(Halt::file)?;
    let path = file.path().to_owned();
    let (rows, waiting) = mpsc::channel::<Vec<SheetRow>>(CHUNKS_WAITING_MAX);
    let heads = fields.clone();
    let writer = tokio::task::spawn_blocking(move || book(file, &heads, waiting));
    loop {
        let chunk = run.next().await?;
        if chunk.is_empty() {
            break;
        }
        let chunk = chunk.iter().map(|view| {
            let text = conversation_text(view, shown);
            let cells = fields
                .iter()
                .map(|field| sheet_cell(cell(&view.record, &text, field, shown), zone));
            cells.collect::<SheetRow>()
        });
        if rows.send(chunk.collect()).await.is_err() {
            // The writer failed: its error says why.
            break;
        }
    }
    drop(rows);
    let file = writer.await.map_err(Halt::file)?.map_err(Halt::file)?;
    let kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
    let bytes = run.env.objects.put_file(key, kind, &path).await?;
    drop(file);
    Ok(bytes)
}

fn sheet_cell(cell: Cell, zone: Tz) -> SheetCell {
    match cell {
        Cell::Number(number) => SheetCell::Number(number),
        // A cell of type text is never run, so nothing has to be put before it but by `text`'s own rule.
        other => SheetCell::Text(other.text(zone).chars().take(CELL_CHARS_MAX).collect()),
    }
}

fn book(
    file: tempfile::NamedTempFile,
    fields: &[&'static Field],
    mut rows: mpsc::Receiver<Vec<SheetRow>>,
) -> Result<tempfile::NamedTempFile, XlsxError> {
    let mut book = Workbook::new();
    let head = Format::new().set_bold();
    let mut sheet = book.add_worksheet_with_constant_memory()?;
    titles(sheet, fields, &head)?;
    let mut at = 0;
    while let Some(chunk) = rows.blocking_recv() {
        for row in chunk {
            if at == SHEET_ROWS_MAX {
                sheet = book.add_worksheet_with_constant_memory()?;
                titles(sheet, fields, &head)?;
                at = 0;
            }
            at += 1;
            for (column, cell) in (0..).zip(row) {
                match cell {
                    SheetCell::Number(number) => sheet.write_number(at, column, number)?,
                    SheetCell::Text(text) if text.is_empty() => continue,
                    SheetCell::Text(text) => sheet.write_string(at, column, text)?,
                };
            }
        }
    }
    book.save_to_writer(BufWriter::new(file.as_file()))?;
    Ok(file)
}

fn titles(
    sheet: &mut Worksheet,
    fields: &[&'static Field],
    head: &Format,
) -> Result<(), XlsxError> {
    for (column, field) in (0..).zip(fields) {
        sheet.write_string_with_format(0, column, field.title, head)?;
    }
    sheet.set_freeze_panes(1, 0)?;
    Ok(())
}
