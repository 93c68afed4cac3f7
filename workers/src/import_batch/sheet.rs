//! XLSX, cell by cell: the first sheet.
//!
//! A workbook is a ZIP that may unpack to anything, and a sheet may claim a cell at its far end. So what it
//! unpacks to is counted before it is opened, and cells are taken as they come, never laid out as a grid.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use calamine::{Reader, Style, Xlsx, XlsxError};
use outbound::import::{CUSTOM_COLUMNS_MAX, FIXED_COLUMNS};

use super::cell::{self, Shown};
use super::source::{Rows, Stop, refused};

/// Bytes that the shared strings may unpack to: calamine holds all of them.
const STRINGS_BYTES_MAX: u64 = 64 << 20;
/// Bytes that a workbook may unpack to.
const UNPACKED_BYTES_MAX: u64 = 1 << 30;
/// Parts of a workbook.
const PARTS_MAX: usize = 1_000;
/// Columns that are looked at; a cell past them is reported.
const COLUMNS_MAX: usize = FIXED_COLUMNS.len() + CUSTOM_COLUMNS_MAX + 1;
/// The last row that is looked at: rows of a batch, the header, and room for empty ones.
const ROW_MAX: u32 = 200_000;

pub fn read(path: &Path, rows: &mut Rows<'_>) -> Result<(), Stop> {
    check_unpacked(path)?;
    let file = BufReader::new(File::open(path)?);
    let mut book: Xlsx<_> = Xlsx::new(file).map_err(unreadable)?;
    let name = book.sheet_names().first().cloned();
    let name = name.ok_or_else(|| refused("no_sheet", "has no sheet"))?;
    let mut cells = book.worksheet_cells_reader(&name).map_err(unreadable)?;
    let shown: Vec<Shown> = cells.styles().iter().map(shown).collect();
    let mut row = Vec::new();
    let mut at: Option<u32> = None;
    while let Some((cell, style)) = cells.next_cell_with_style_id().map_err(unreadable)? {
        let (line, column) = cell.get_position();
        let shown = shown.get(style).copied().unwrap_or(Shown::Number);
        let value = cell::text(cell.get_value(), shown);
        if value.is_empty() {
            continue;
        }
        if at.is_some_and(|at| line < at) || line > ROW_MAX {
            return Err(refused(
                "cell_out_of_place",
                format!(
                    "has a cell in row {}; rows must follow one another up to row {ROW_MAX}",
                    line + 1
                ),
            ));
        }
        if at != Some(line) {
            if let Some(at) = at {
                rows.cells(u64::from(at) + 1, &row)?;
            }
            row.clear();
            at = Some(line);
        }
        // All cells past the last column that is looked at are kept as one, which is enough to say so.
        let column = usize::try_from(column).unwrap_or(usize::MAX).min(COLUMNS_MAX);
        if row.len() <= column {
            row.resize(column + 1, String::new());
        }
        row[column] = value;
    }
    match at {
        Some(at) => rows.cells(u64::from(at) + 1, &row),
        None => Err(refused("no_rows", "its first sheet is empty")),
    }
}

fn shown(style: &Style) -> Shown {
    style.number_format.as_ref().map_or(Shown::Number, |format| Shown::by(&format.format_code))
}

fn unreadable(error: XlsxError) -> Stop {
    match error {
        XlsxError::Io(error) => Stop::Disk(error),
        XlsxError::Password => refused("encrypted", "is protected by a password; save it without"),
        _ => refused("unreadable", "can't be read as an XLSX workbook"),
    }
}

/// Unpack every part into nothing, counting.
fn check_unpacked(path: &Path) -> Result<(), Stop> {
    let broken = |_| refused("unreadable", "can't be read as an XLSX workbook");
    let mut zip = zip::ZipArchive::new(BufReader::new(File::open(path)?)).map_err(broken)?;
    if zip.len() > PARTS_MAX {
        return Err(refused("too_many_parts", format!("has more than {PARTS_MAX} parts")));
    }
    let mut unpacked = 0;
    for at in 0..zip.len() {
        let part = zip.by_index(at).map_err(broken)?;
        let left = UNPACKED_BYTES_MAX - unpacked;
        let strings = part.name().is_ok_and(|name| name.ends_with("sharedStrings.xml"));
        let most = if strings { STRINGS_BYTES_MAX.min(left) } else { left };
        let read = std::io::copy(&mut part.take(most + 1), &mut std::io::sink())
            .map_err(|_| refused("unreadable", "can't be read as an XLSX workbook"))?;
        if read > most {
            return Err(refused(
                "unpacks_too_large",
                format!(
                    "unpacks to more than {UNPACKED_BYTES_MAX} bytes, or its texts to more than \
                     {STRINGS_BYTES_MAX}"
                ),
            ));
        }
        unpacked += read;
    }
    Ok(())
}
