//! Files of numbers, read row by row in bounded memory.
//!
//! Reading blocks, so it runs on a thread of its own and hands over chunks. A fault of the whole file
//! (its header, its encoding, its size) refuses it; a fault of a row is that row's.

use std::path::Path;

use outbound::import::{
    BATCH_NUMBERS_MAX, CUSTOM_COLUMNS_MAX, Columns, FIXED_COLUMNS, HiddenRows, ImportFormat,
    ImportOptions, ImportProblem, ParsedRow, RowError, RowRules, is_blank, parse_row, read_header,
};

use super::{delimited, json, sheet};

/// Columns that are looked at; a cell past them is reported.
pub const COLUMNS_MAX: usize = FIXED_COLUMNS.len() + CUSTOM_COLUMNS_MAX + 1;

/// Rows handed over at a time.
const CHUNK_ROWS_MAX: usize = 5_000;
/// Bytes of cells handed over at a time, unless one row alone has more.
const CHUNK_BYTES_MAX: usize = 4 << 20;

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

/// Takes the rows of a file, chunk by chunk.
pub type Sink<'a> = dyn FnMut(Vec<ReadRow>) -> Result<(), Stop> + 'a;

/// What a file had besides its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that were hidden, and so left out.
    pub hidden: u64,
}

/// Whether people saw a row when the file was saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    Shown,
    Hidden,
}

/// Read a file to its end. Blocks.
pub fn read(
    path: &Path,
    options: &ImportOptions,
    rules: &RowRules,
    sink: &mut Sink<'_>,
) -> Result<Tally, Stop> {
    let hidden_rows = options.hidden_rows;
    let mut rows = Rows {
        rules,
        hidden_rows,
        sink,
        chunk: Vec::new(),
        chunk_bytes: 0,
        read: 0,
        tally: Tally::default(),
        columns: None,
    };
    match options.format {
        ImportFormat::Xlsx => sheet::read(path, &mut rows)?,
        ImportFormat::Csv => delimited::read(path, &options.encoding, &mut rows)?,
        ImportFormat::Json => json::read(path, &mut rows)?,
        ImportFormat::Ndjson => json::read_lines(path, &mut rows)?,
    }
    rows.finish()
}

/// Takes rows as a format finds them, judges them, and hands them over in chunks.
pub struct Rows<'a> {
    pub rules: &'a RowRules,
    hidden_rows: HiddenRows,
    sink: &'a mut Sink<'a>,
    chunk: Vec<ReadRow>,
    chunk_bytes: usize,
    read: u64,
    tally: Tally,
    columns: Option<Columns>,
}

impl Rows<'_> {
    /// A row of cells; the first that is not blank is the header.
    pub fn cells(&mut self, line: u64, cells: &[String], seen: Seen) -> Result<(), Stop> {
        if is_blank(cells) {
            return Ok(());
        }
        let Some(columns) = &self.columns else {
            let columns = read_header(cells).map_err(header)?;
            columns.check_variables(self.rules).map_err(header)?;
            self.columns = Some(columns);
            return Ok(());
        };
        if seen == Seen::Hidden && self.hidden_rows == HiddenRows::Skip {
            self.tally.hidden += 1;
            return Ok(());
        }
        let bytes = cells.iter().map(String::len).sum();
        let parsed = parse_row(columns, cells, self.rules);
        self.row(line, parsed, bytes)
    }

    /// A row that was judged, of so many bytes.
    pub fn row(
        &mut self,
        line: u64,
        parsed: Result<ParsedRow, Vec<RowError>>,
        bytes: usize,
    ) -> Result<(), Stop> {
        self.read += 1;
        if self.read > BATCH_NUMBERS_MAX {
            return Err(refused(
                "too_many_rows",
                format!("has more than {BATCH_NUMBERS_MAX} rows; split it into several imports"),
            ));
        }
        self.chunk.push(ReadRow { line, parsed });
        self.chunk_bytes += bytes;
        if self.chunk.len() >= CHUNK_ROWS_MAX || self.chunk_bytes >= CHUNK_BYTES_MAX {
            self.hand_over()?;
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), Stop> {
        self.chunk_bytes = 0;
        (self.sink)(std::mem::take(&mut self.chunk))
    }

    fn finish(mut self) -> Result<Tally, Stop> {
        if self.read == 0 {
            return Err(refused(
                "no_rows",
                match self.tally.hidden {
                    0 => "has no rows below the header".to_owned(),
                    hidden => format!(
                        "has no rows below the header but {hidden} hidden ones; show them, or import it \
                     with `hidden_rows`: `import`"
                    ),
                },
            ));
        }
        if !self.chunk.is_empty() {
            self.hand_over()?;
        }
        Ok(self.tally)
    }
}

/// The file is refused for its header row.
pub fn header(faults: Vec<outbound::fault::Fault>) -> Stop {
    let detail = faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; ");
    Stop::Refused(ImportProblem { code: "wrong_columns".into(), detail, faults })
}
