//! Files of numbers, read row by row in bounded memory.
//!
//! Reading blocks, so it runs on a thread of its own and hands over chunks. A fault of the whole file
//! (its header, its encoding, its size) refuses it; a fault of a row is that row's.

use std::path::Path;

use outbound::import::{
    BATCH_NUMBERS_MAX, Columns, ImportFormat, ImportProblem, ParsedRow, RowError, RowRules,
    is_blank, parse_row, read_header,
};
use tokio::sync::mpsc;

use super::{json, sheet, text};

/// Rows handed over at a time.
pub const CHUNK_ROWS: usize = 5_000;

/// A row of the file, by its line or row number from 1.
#[derive(Debug)]
pub struct ReadRow {
    pub line: u64,
    pub parsed: Result<ParsedRow, Vec<RowError>>,
}

/// Why no further rows come.
#[derive(Debug)]
pub enum Stop {
    /// The file is refused whole.
    Refused(ImportProblem),
    /// This machine could not read its own copy.
    Disk(std::io::Error),
    /// Whoever takes the rows went away.
    Cancelled,
}

impl From<std::io::Error> for Stop {
    fn from(error: std::io::Error) -> Self {
        Self::Disk(error)
    }
}

/// The file is refused.
pub fn refused(code: &str, detail: impl Into<String>) -> Stop {
    Stop::Refused(ImportProblem { code: code.into(), detail: detail.into(), faults: Vec::new() })
}

/// Read a file to its end. Blocks.
pub fn read(
    path: &Path,
    format: ImportFormat,
    rules: &RowRules,
    to: &mpsc::Sender<Vec<ReadRow>>,
) -> Result<(), Stop> {
    let mut rows = Rows { rules, to, chunk: Vec::new(), read: 0, columns: None };
    match format {
        ImportFormat::Xlsx => sheet::read(path, &mut rows)?,
        ImportFormat::Csv => text::read(path, &mut rows)?,
        ImportFormat::Json => json::read(path, &mut rows)?,
        ImportFormat::Ndjson => json::read_lines(path, &mut rows)?,
    }
    rows.finish()
}

/// Takes rows as a format finds them, judges them, and hands them over in chunks.
pub struct Rows<'a> {
    pub rules: &'a RowRules,
    to: &'a mpsc::Sender<Vec<ReadRow>>,
    chunk: Vec<ReadRow>,
    read: u64,
    columns: Option<Columns>,
}

impl Rows<'_> {
    /// A row of cells; the first is the header.
    pub fn cells(&mut self, line: u64, cells: &[String]) -> Result<(), Stop> {
        let Some(columns) = &self.columns else {
            let columns = read_header(cells).map_err(header)?;
            columns.check_variables(self.rules).map_err(header)?;
            self.columns = Some(columns);
            return Ok(());
        };
        if is_blank(cells) {
            return Ok(());
        }
        let parsed = parse_row(columns, cells, self.rules);
        self.row(line, parsed)
    }

    /// A row that was judged.
    pub fn row(&mut self, line: u64, parsed: Result<ParsedRow, Vec<RowError>>) -> Result<(), Stop> {
        self.read += 1;
        if self.read > BATCH_NUMBERS_MAX {
            return Err(refused(
                "too_many_rows",
                format!("has more than {BATCH_NUMBERS_MAX} rows; split it into several imports"),
            ));
        }
        self.chunk.push(ReadRow { line, parsed });
        if self.chunk.len() >= CHUNK_ROWS {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        let chunk = std::mem::take(&mut self.chunk);
        self.to.blocking_send(chunk).map_err(|_| Stop::Cancelled)
    }

    fn finish(mut self) -> Result<(), Stop> {
        if self.read == 0 {
            return Err(refused("no_rows", "has no rows below the header"));
        }
        if !self.chunk.is_empty() {
            self.hand_over()?;
        }
        Ok(())
    }
}

fn header(faults: Vec<outbound::fault::Fault>) -> Stop {
    let detail = faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; ");
    Stop::Refused(ImportProblem { code: "wrong_columns".into(), detail, faults })
}
