//! CSV: records of cells between commas, semicolons or tabs, with the lines that an editor shows.
//!
//! A quote that is never closed would make one cell of all further rows, so the file is refused with the
//! line where the quote opens.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use outbound::import::is_fixed_column;

use crate::encoding::{self, Decoded};
use crate::kind;
use crate::source::{COLUMNS_MAX, Content, Rows, Seen, Stop, refused};

/// Bytes of one record, at most: a quote that is never closed must not swallow the file.
const RECORD_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 1 << 16;
/// Bytes of the head that the delimiter is told from.
const HEAD_BYTES: u64 = 1 << 16;

pub fn read<C: Content>(path: &Path, encoding: &str, rows: &mut Rows<'_, C>) -> Result<(), Stop> {
    let mut file = File::open(path)?;
    kind::must_be_csv(&mut file)?;
    let encoding = encoding::of(&mut file, encoding)?;
    file.rewind()?;
    let mut text = Decoded::new(BufReader::with_capacity(READ_BYTES, file), encoding);
    let mut head = Vec::new();
    (&mut text).take(HEAD_BYTES).read_to_end(&mut head)?;
    let (delimiter, skipped) = delimiter(&head);
    let whole = Cursor::new(head.split_off(skipped)).chain(text);
    let line = if skipped > 0 { 2 } else { 1 };
    let mut records = Records::new(BufReader::with_capacity(READ_BYTES, whole), delimiter, line);
    while let Some(line) = records.advance()? {
        rows.cells(line, &records.cells, Seen::Shown)?;
    }
    Ok(())
}

/// The delimiter, and the bytes of a line `sep=;` that names it.
fn delimiter(head: &[u8]) -> (u8, usize) {
    let end = head.iter().position(|byte| b"\r\n".contains(byte)).unwrap_or(head.len());
    let line = head[..end].trim_ascii();
    let line = line.strip_prefix(b"\"").and_then(|line| line.strip_suffix(b"\"")).unwrap_or(line);
    let named = match line.split_at_checked(4) {
        Some((word, [delimiter])) if word.eq_ignore_ascii_case(b"sep=") => Some(*delimiter),
        // A tab was trimmed.
        Some((word, [])) if word.eq_ignore_ascii_case(b"sep=") => Some(b'\t'),
        _ => None,
    };
    if let Some(named) = named.filter(|named| named.is_ascii() && !named.is_ascii_alphanumeric()) {
        let ends = if head[end..].starts_with(b"\r\n") { 2 } else { 1 };
        return (named, (end + ends).min(head.len()));
    }
    let best = [b',', b';', b'\t'].into_iter().rev().max_by_key(|by| header_fit(head, *by));
    (best.unwrap_or(b','), 0)
}

/// How well the first record fits the template with this delimiter: its fixed columns, then its cells.
fn header_fit(head: &[u8], delimiter: u8) -> (usize, usize) {
    let mut records = Records::new(head, delimiter, 1);
    while let Ok(Some(_)) = records.advance() {
        if records.cells.iter().any(|cell| !cell.trim().is_empty()) {
            let fixed = records.cells.iter().filter(|cell| is_fixed_column(cell)).count();
            return (fixed, records.cells.len());
        }
    }
    (0, 0)
}

/// Reads one record after the other.
struct Records<R> {
    bytes: R,
    delimiter: u8,
    /// The line that the next byte is on.
    line: u64,
    /// Cells of the record that was read last.
    cells: Vec<String>,
    cell: Vec<u8>,
    /// Bytes of the record so far.
    size: usize,
}

/// Where in a cell the reader is.
#[derive(Clone, Copy, PartialEq)]
enum At {
    Start,
    Plain,
    /// Between quotes that opened on this line.
    Quoted(u64),
    /// Behind a quote that closes, or is the first of two.
    Behind(u64),
}

impl<R: BufRead> Records<R> {
    fn new(bytes: R, delimiter: u8, line: u64) -> Self {
        Self { bytes, delimiter, line, cells: Vec::new(), cell: Vec::new(), size: 0 }
    }

    /// Read the next record into `cells`; the line where it begins, or none at the end of the file.
    fn advance(&mut self) -> Result<Option<u64>, Stop> {
        self.cells.clear();
        self.cell.clear();
        self.size = 0;
        let first = self.line;
        let mut at = At::Start;
        let mut any = false;
        loop {
            let Some(byte) = self.next()? else {
                if let At::Quoted(opened) = at {
                    return Err(unclosed(opened));
                }
                if any {
                    self.end_cell();
                }
                return Ok(any.then_some(first));
            };
            any = true;
            at = match (at, byte) {
                (At::Quoted(opened), b'"') => At::Behind(opened),
                (At::Quoted(opened), _) => {
                    self.push(byte, at)?;
                    if self.ends_line(byte)? {
                        self.line += 1;
                    }
                    At::Quoted(opened)
                }
                (_, b'\r' | b'\n') => {
                    // The line end of Windows is two bytes.
                    if byte == b'\r' && self.peek()? == Some(b'\n') {
                        self.bytes.consume(1);
                    }
                    self.line += 1;
                    self.end_cell();
                    return Ok(Some(first));
                }
                (_, _) if byte == self.delimiter => {
                    self.end_cell();
                    At::Start
                }
                (At::Start, b'"') => At::Quoted(self.line),
                (At::Behind(opened), b'"') => {
                    self.push(byte, at)?;
                    At::Quoted(opened)
                }
                (At::Behind(opened), _) if opened != self.line && byte != b' ' => {
                    return Err(swallowed(opened, self.line));
                }
                (At::Behind(_), b' ') => at,
                (_, _) => {
                    self.push(byte, at)?;
                    At::Plain
                }
            };
        }
    }

    /// This byte is the last of its line.
    fn ends_line(&mut self, byte: u8) -> Result<bool, Stop> {
        Ok(byte == b'\n' || (byte == b'\r' && self.peek()? != Some(b'\n')))
    }

    fn next(&mut self) -> Result<Option<u8>, Stop> {
        let byte = self.peek()?;
        if byte.is_some() {
            self.bytes.consume(1);
        }
        Ok(byte)
    }

    fn peek(&mut self) -> Result<Option<u8>, Stop> {
        Ok(self.bytes.fill_buf()?.first().copied())
    }

    fn push(&mut self, byte: u8, at: At) -> Result<(), Stop> {
        self.size += 1;
        if self.size > RECORD_BYTES_MAX {
            return Err(match at {
                At::Quoted(opened) | At::Behind(opened) => refused(
                    "row_too_long",
                    format!(
                        "a quote opens on line {opened} and is not closed within {RECORD_BYTES_MAX} bytes"
                    ),
                ),
                _ => refused(
                    "row_too_long",
                    format!("line {} is longer than {RECORD_BYTES_MAX} bytes", self.line),
                ),
            });
        }
        self.cell.push(byte);
        Ok(())
    }

    fn end_cell(&mut self) {
        let cell = String::from_utf8_lossy(&self.cell).into_owned();
        self.cell.clear();
        // All cells past the last column that is looked at are kept as one, which is enough to say so.
        match self.cells.get_mut(COLUMNS_MAX) {
            Some(_) if cell.trim().is_empty() => {}
            Some(last) => *last = cell,
            None => self.cells.push(cell),
        }
    }
}

fn unclosed(opened: u64) -> Stop {
    refused(
        "unclosed_quote",
        format!("a quote opens on line {opened} and is never closed; close it, or take it out"),
    )
}

fn swallowed(opened: u64, closed: u64) -> Stop {
    refused(
        "unclosed_quote",
        format!(
            "a quote opens on line {opened}, and the next quote, on line {closed}, does not end a cell; \
             close the first, or take it out"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str, delimiter: u8) -> Result<Vec<(u64, Vec<String>)>, Stop> {
        let mut records = Records::new(text.as_bytes(), delimiter, 1);
        let mut all = Vec::new();
        while let Some(line) = records.advance()? {
            all.push((line, records.cells.clone()));
        }
        Ok(all)
    }

    fn lines(text: &str) -> Vec<(u64, String)> {
        let all = records(text, b',').expect("records").into_iter();
        all.map(|(line, cells)| (line, cells.join("|"))).collect()
    }

    #[test]
    fn a_row_is_named_by_the_line_that_an_editor_shows() {
        for ends in ["\n", "\r\n", "\r"] {
            let text = ["a,b", "", "\"one", "two\",c", "", "d"].join(ends);
            let told: Vec<(u64, String)> = lines(&text);
            let at: Vec<u64> =
                told.iter().filter(|(_, text)| !text.is_empty()).map(|(l, _)| *l).collect();
            assert_eq!(at, [1, 3, 6], "{ends:?}");
            assert_eq!(told[2].1, format!("one{ends}two|c"));
        }
    }

    #[test]
    fn quotes_are_read_as_spreadsheets_write_them() {
        for (text, cells) in [
            ("\"a\"\"b\",c", "a\"b|c"),
            ("\"\",", "|"),
            ("a \"b\" c", "a \"b\" c"),
            ("\"a\" b,c", "ab|c"),
            ("\"a,b\" ,c", "a,b|c"),
            ("a,", "a|"),
        ] {
            assert_eq!(lines(text), [(1, cells.to_owned())], "{text}");
        }
        assert_eq!(lines(""), []);
        assert_eq!(lines("a\n").len(), 1, "a last line end begins no row");
    }

    #[test]
    fn a_quote_that_is_not_closed_refuses_the_file_with_its_line() {
        let long = format!("a\nb,\"{}", "x\n".repeat(RECORD_BYTES_MAX));
        for (text, code, words) in [
            ("a\nb,\"c\nd,e\n", "unclosed_quote", "opens on line 2 and is never closed"),
            ("a\nb,\"c\nd,\"e\"\n", "unclosed_quote", "on line 2, and the next quote, on line 3"),
            (&*long, "row_too_long", "opens on line 2"),
        ] {
            match records(text, b',') {
                Err(Stop::Refused(problem)) => {
                    assert_eq!(problem.code, code);
                    assert!(problem.detail.contains(words), "{}", problem.detail);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_delimiter_is_told_from_the_header_and_named_by_sep() {
        let head = |by: &str| ["Phone Number", "Priority", "Caller ID", "Backup Numbers"].join(by);
        for (text, by, skipped) in [
            (head(","), b',', 0),
            (head(";"), b';', 0),
            (head("\t"), b'\t', 0),
            (format!("\r\n{}", head(";")), b';', 0),
            (format!("{};a,b,c,d,e,f", head(";")), b';', 0),
            (format!("\"{}\"", head("\";\"")), b';', 0),
            (format!("sep=;\r\n{}", head(";")), b';', 7),
            (format!("\"sep=,\"\n{}", head(",")), b',', 8),
            (format!("SEP=\t\n{}", head("\t")), b'\t', 6),
            (format!("sep=|\n{}", head("|")), b'|', 6),
            ("a;b;c".to_owned(), b';', 0),
            ("Phone Number".to_owned(), b',', 0),
            (String::new(), b',', 0),
        ] {
            assert_eq!(delimiter(text.as_bytes()), (by, skipped), "{text:?}");
        }
    }

    #[test]
    fn cells_far_to_the_right_are_kept_as_one() {
        let wide = format!("{}x", ",".repeat(200_000));
        let all = records(&wide, b',').expect("records");
        assert_eq!(all[0].1.len(), COLUMNS_MAX + 1);
        assert_eq!(all[0].1.last().map(String::as_str), Some("x"));
    }
}
