//! XLSX, cell by cell: the first visible sheet that has the template's header.
//!
//! A sheet may claim a cell at its far end, so cells are taken as they come, never laid out as a grid.

use std::io::Read;
use std::path::Path;

use outbound::import::{CELL_CHARS_MAX, FORMULA_WITHOUT_RESULT, is_blank};
use quick_xml::events::{BytesStart, Event};

use crate::cell;
use crate::number_format::Shown;
use crate::source::{COLUMNS_MAX, Content, Rows, Seen, Stop, header, refused};
use crate::workbook::{self, Sheet, Workbook, Zip, within_a_cell};
use crate::xml::{Xml, add_reference, attribute, not_a_workbook, seen};

/// The last row that is looked at, for each row that there may be: the header, and room for empty ones.
const ROWS_LOOKED_AT: u64 = 2;
/// Columns of a sheet.
const SHEET_COLUMNS_MAX: usize = 16_384;
/// Sheets that an error names.
const SHEETS_TOLD_MAX: usize = 20;

pub fn read<C: Content>(path: &Path, rows: &mut Rows<'_, C>) -> Result<(), Stop> {
    let (mut zip, book) = workbook::open(path)?;
    let sheet = sheet_of(rows.rules, &mut zip, &book)?;
    let mut cells = Cells::new::<C>(&book, workbook::xml(&mut zip, sheet.part)?);
    while let Some((line, seen)) = cells.advance()? {
        rows.cells(line, &cells.row, seen)?;
    }
    Ok(())
}

/// The first visible sheet with the template's header; an error names all of them.
fn sheet_of<C: Content>(content: &C, zip: &mut Zip, book: &Workbook) -> Result<Sheet, Stop> {
    let mut faults = None;
    let mut empty = true;
    for sheet in &book.sheets {
        let mut cells = Cells::new::<C>(book, workbook::xml(zip, sheet.part)?);
        let Some(head) = first_row(&mut cells)? else { continue };
        empty = false;
        match content.header(&head) {
            Ok(_) => return Ok(sheet.clone()),
            Err(found) => drop(faults.get_or_insert(found)),
        }
    }
    match (faults, &book.sheets[..]) {
        (_, []) => Err(refused("no_sheet", "has no visible sheet")),
        (_, _) if empty => Err(refused("no_rows", "its sheets are empty")),
        (faults, sheets) => Err(told(header(faults.unwrap_or_default()), sheets)),
    }
}

/// A fault of the header, with the names of the sheets where it was looked for.
fn told(stop: Stop, sheets: &[Sheet]) -> Stop {
    match stop {
        Stop::Refused(mut problem) if sheets.len() > 1 => {
            let names: Vec<String> = sheets
                .iter()
                .take(SHEETS_TOLD_MAX)
                .map(|sheet| format!("“{}”", sheet.name))
                .collect();
            problem.detail = format!(
                "no visible sheet has the header of the template ({}); in the first: {}",
                names.join(", "),
                problem.detail
            );
            Stop::Refused(problem)
        }
        stop => stop,
    }
}

fn first_row<R: Read>(cells: &mut Cells<'_, R>) -> Result<Option<Vec<String>>, Stop> {
    while cells.advance()?.is_some() {
        if !is_blank(&cells.row) {
            return Ok(Some(std::mem::take(&mut cells.row)));
        }
    }
    Ok(None)
}

/// Reads one row after the other.
struct Cells<'a, R: Read> {
    book: &'a Workbook,
    xml: Xml<R>,
    /// Cells of the row that was read last.
    row: Vec<String>,
    /// The number of the row that was read last.
    line: u64,
    row_max: u64,
    digit_columns: usize,
}

/// A cell as its tag says it is.
#[derive(Default)]
struct Tag {
    column: usize,
    style: usize,
    kind: String,
}

impl<'a, R: Read> Cells<'a, R> {
    fn new<C: Content>(book: &'a Workbook, xml: Xml<R>) -> Self {
        let row_max = C::ROWS_MAX * ROWS_LOOKED_AT;
        Self { book, xml, row: Vec::new(), line: 0, row_max, digit_columns: C::DIGIT_COLUMNS }
    }

    /// Read the next row into `row`: its number, and whether people saw it.
    fn advance(&mut self) -> Result<Option<(u64, Seen)>, Stop> {
        self.row.clear();
        loop {
            match self.xml.next()? {
                Event::Start(element) if element.local_name().into_inner() == "row" => {
                    let hidden = attribute(&element, "hidden")?;
                    let hidden = hidden.is_some_and(|hidden| hidden == "1" || hidden == "true");
                    let flat = attribute(&element, "ht")?.and_then(|height| height.parse().ok());
                    let hidden = hidden || flat == Some(0.0_f64);
                    let line = match attribute(&element, "r")? {
                        Some(line) => {
                            line.parse().map_err(|_| out_of_place(&format!("row {line}")))?
                        }
                        None => self.line + 1,
                    };
                    if line <= self.line || line > self.row_max + 1 {
                        // An empty row far below is only formatted.
                        if self.cells(line)? {
                            return Err(self.out_of_order(line));
                        }
                        self.row.clear();
                        continue;
                    }
                    self.line = line;
                    self.cells(line)?;
                    return Ok(Some((line, if hidden { Seen::Hidden } else { Seen::Shown })));
                }
                Event::Eof => return Ok(None),
                _ => {}
            }
        }
    }

    /// A row with cells that is above the one before it, or too far below.
    fn out_of_order(&self, line: u64) -> Stop {
        let most = self.row_max;
        let detail =
            format!("has cells in row {line}; rows must follow one another, up to row {most}");
        refused("cell_out_of_place", detail)
    }

    /// The cells up to the row's end; whether any has something in it.
    fn cells(&mut self, line: u64) -> Result<bool, Stop> {
        let mut next = 0;
        loop {
            let tag = match self.xml.next()? {
                Event::Start(element) if element.local_name().into_inner() == "c" => {
                    tag(&element, next, line)?
                }
                Event::End(element) if element.local_name().into_inner() == "row" => {
                    return Ok(!is_blank(&self.row));
                }
                Event::Eof => return Err(not_a_workbook()),
                _ => continue,
            };
            next = tag.column + 1;
            let text = self.text(&tag)?;
            if text.is_empty() {
                continue;
            }
            // All cells past the last column that is looked at are kept as one, which is enough to say so.
            let column = tag.column.min(COLUMNS_MAX);
            if self.row.len() <= column {
                self.row.resize(column + 1, String::new());
            }
            self.row[column] = text;
        }
    }

    /// What stands in the cell whose tag was read.
    fn text(&mut self, tag: &Tag) -> Result<String, Stop> {
        let (mut value, mut inline) = (None::<String>, String::new());
        let mut formula = false;
        // The element that the reader is in, and how deep in hints that nobody sees.
        let (mut within, mut hints) = (String::new(), 0_u32);
        loop {
            let into = match within.as_str() {
                "v" => value.get_or_insert_default(),
                _ => &mut inline,
            };
            match self.xml.next()? {
                Event::Start(element) => {
                    within = element.local_name().into_inner().to_owned();
                    formula |= within == "f";
                    hints += u32::from(within == "rPh");
                    if within == "v" {
                        value.get_or_insert_default();
                    }
                }
                Event::End(element) => {
                    let name = element.local_name();
                    hints -= u32::from(name.into_inner() == "rPh" && hints > 0);
                    if name.into_inner() == "c" {
                        break;
                    }
                    within.clear();
                }
                Event::Text(piece) if is_text(&within, hints) => {
                    into.push_str(&piece.xml10_content())
                }
                Event::CData(piece) if is_text(&within, hints) => {
                    into.push_str(&piece.xml10_content())
                }
                Event::GeneralRef(sign) if is_text(&within, hints) => add_reference(&sign, into)?,
                Event::Eof => return Err(not_a_workbook()),
                _ => {}
            }
            within_a_cell(&inline)?;
        }
        let computed = value.as_ref().is_some_and(|value| tag.kind == "str" || !value.is_empty());
        if formula && !computed && inline.is_empty() {
            return Ok(FORMULA_WITHOUT_RESULT.to_owned());
        }
        let text = self.shown(tag, &value.unwrap_or_default(), &inline)?;
        // A row is bounded by its cells; one character too many is enough to say so.
        Ok(match text.char_indices().nth(CELL_CHARS_MAX + 1) {
            Some((end, _)) => text[..end].to_owned(),
            None => text,
        })
    }

    fn shown(&self, tag: &Tag, value: &str, inline: &str) -> Result<String, Stop> {
        Ok(match tag.kind.as_str() {
            "s" if value.is_empty() => String::new(),
            "s" => {
                let at = value.trim().parse().map_err(|_| not_a_workbook())?;
                self.book.texts.get(at).ok_or_else(not_a_workbook)?.to_owned()
            }
            "inlineStr" => seen(inline),
            "str" => seen(value),
            "b" => match value.trim() {
                "" => String::new(),
                "0" | "false" => "FALSE".to_owned(),
                _ => "TRUE".to_owned(),
            },
            "e" => value.to_owned(),
            "d" => cell::iso_date(value),
            _ => match value.trim().parse::<f64>() {
                Ok(number) => self.number(tag, number),
                Err(_) => seen(value),
            },
        })
    }

    fn number(&self, tag: &Tag, number: f64) -> String {
        let format = self.book.formats.get(tag.style).unwrap_or(&Shown::General);
        if tag.column < self.digit_columns {
            // Phones and priorities are neither dates nor shares, whatever their cells are formatted as.
            return format.digits(number);
        }
        cell::shown(number, format, self.book.is_1904)
    }
}

/// Only these hold what is seen in a cell.
fn is_text(within: &str, hints: u32) -> bool {
    hints == 0 && matches!(within, "v" | "t")
}

fn tag(element: &BytesStart<'_>, next: usize, line: u64) -> Result<Tag, Stop> {
    let column = match attribute(element, "r")? {
        Some(place) => {
            let (column, row) = place_of(&place).ok_or_else(|| out_of_place(&place))?;
            if row != line || column < next {
                return Err(out_of_place(&place));
            }
            column
        }
        None => next,
    };
    let style = attribute(element, "s")?.and_then(|style| style.parse().ok()).unwrap_or(0);
    Ok(Tag { column, style, kind: attribute(element, "t")?.unwrap_or_default() })
}

/// `B7` as column 1 and row 7.
fn place_of(place: &str) -> Option<(usize, u64)> {
    let digits = place.find(|c: char| c.is_ascii_digit())?;
    let (letters, row) = place.split_at(digits);
    let mut column = 0;
    for letter in letters.bytes() {
        let value = letter.to_ascii_uppercase().checked_sub(b'A').filter(|value| *value < 26)?;
        column = column * 26 + usize::from(value) + 1;
        if column > SHEET_COLUMNS_MAX {
            return None;
        }
    }
    Some((column.checked_sub(1)?, row.parse().ok()?))
}

fn out_of_place(place: &str) -> Stop {
    let place: String = place.chars().take(32).collect();
    refused("cell_out_of_place", format!("has a cell in {place}; cells must follow one another"))
}
