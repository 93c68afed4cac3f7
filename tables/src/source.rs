//! Files of numbers, read row by row in bounded memory.
//!
//! Reading blocks, so it runs on a thread of its own and hands over chunks. A fault of the whole file
//! (its header, its encoding, its size) refuses it; a fault of a row is that row's.

use std::path::Path;

use outbound::fault::Fault;
use outbound::import::{
    BATCH_NUMBERS_MAX, CUSTOM_COLUMNS_MAX, Columns, FIXED_COLUMNS, HiddenRows, ImportFormat,
    ImportOptions, ImportProblem, ParsedRow, RowError, RowRules, is_blank, parse_row, read_header,
};
use outbound::suppression;

use crate::{delimited, json, sheet};

/// Columns that are looked at; a cell past them is reported.
pub const COLUMNS_MAX: usize = FIXED_COLUMNS.len() + CUSTOM_COLUMNS_MAX + 1;

/// Rows handed over at a time.
const CHUNK_ROWS_MAX: usize = 5_000;
/// Bytes of cells handed over at a time, unless one row alone has more.
const CHUNK_BYTES_MAX: usize = 4 << 20;

/// A row of the file, by its line or row number from 1.
#[derive(Debug)]
pub struct ReadRow<Row = ParsedRow> {
    pub line: u64,
    pub parsed: Result<Row, Vec<RowError>>,
}

/// What the rows of a file are, and how they are judged.
pub trait Content {
    type Columns;
    type Row;
    /// Rows of a file, at most.
    const ROWS_MAX: u64;
    /// Columns from the left that hold digits, whatever their cells are formatted as.
    const DIGIT_COLUMNS: usize;

    /// The columns, if this is the header row.
    fn header(&self, cells: &[String]) -> Result<Self::Columns, Vec<Fault>>;

    /// What is wrong with columns that a header row has.
    fn check(&self, _: &Self::Columns) -> Result<(), Vec<Fault>> {
        Ok(())
    }

    fn row(&self, columns: &Self::Columns, cells: &[String]) -> Result<Self::Row, Vec<RowError>>;
}

/// Numbers of a task.
impl Content for RowRules {
    type Columns = Columns;
    type Row = ParsedRow;
    const ROWS_MAX: u64 = BATCH_NUMBERS_MAX;
    const DIGIT_COLUMNS: usize = FIXED_COLUMNS.len();

    fn header(&self, cells: &[String]) -> Result<Columns, Vec<Fault>> {
        read_header(cells)
    }

    fn check(&self, columns: &Columns) -> Result<(), Vec<Fault>> {
        columns.check_variables(self)
    }

    fn row(&self, columns: &Columns, cells: &[String]) -> Result<ParsedRow, Vec<RowError>> {
        parse_row(columns, cells, self)
    }
}

/// Entries of a do-not-call list.
impl Content for suppression::RowRules {
    type Columns = suppression::Columns;
    type Row = suppression::Entry;
    const ROWS_MAX: u64 = suppression::FILE_ROWS_MAX;
    const DIGIT_COLUMNS: usize = 1;

    fn header(&self, cells: &[String]) -> Result<suppression::Columns, Vec<Fault>> {
        suppression::read_header(cells)
    }

    fn row(
        &self,
        columns: &suppression::Columns,
        cells: &[String],
    ) -> Result<suppression::Entry, Vec<RowError>> {
        suppression::read_row(*columns, cells, self)
    }
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
pub type Sink<'a, Row = ParsedRow> = dyn FnMut(Vec<ReadRow<Row>>) -> Result<(), Stop> + 'a;

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

/// Read a file of numbers to its end. Blocks.
pub fn read(
    path: &Path,
    options: &ImportOptions,
    rules: &RowRules,
    sink: &mut Sink<'_>,
) -> Result<Tally, Stop> {
    let mut rows = Rows::new(rules, options.hidden_rows, sink);
    match options.format {
        ImportFormat::Xlsx => sheet::read(path, &mut rows)?,
        ImportFormat::Csv => delimited::read(path, &options.encoding, &mut rows)?,
        ImportFormat::Json => json::read(path, &mut rows)?,
        ImportFormat::Ndjson => json::read_lines(path, &mut rows)?,
    }
    rows.finish()
}

/// Read the file of a do-not-call list to its end. Blocks.
pub fn read_suppressions(
    path: &Path,
    options: &suppression::FileOptions,
    rules: &suppression::RowRules,
    sink: &mut Sink<'_, suppression::Entry>,
) -> Result<Tally, Stop> {
    let mut rows = Rows::new(rules, options.hidden_rows, sink);
    match options.format {
        suppression::TableFormat::Xlsx => sheet::read(path, &mut rows)?,
        suppression::TableFormat::Csv => delimited::read(path, &options.encoding, &mut rows)?,
    }
    rows.finish()
}

/// Takes rows as a format finds them, judges them, and hands them over in chunks.
pub struct Rows<'a, C: Content = RowRules> {
    pub rules: &'a C,
    hidden_rows: HiddenRows,
    sink: &'a mut Sink<'a, C::Row>,
    chunk: Vec<ReadRow<C::Row>>,
    chunk_bytes: usize,
    read: u64,
    tally: Tally,
    columns: Option<C::Columns>,
}

impl<'a, C: Content> Rows<'a, C> {
    fn new(rules: &'a C, hidden_rows: HiddenRows, sink: &'a mut Sink<'a, C::Row>) -> Self {
        Self {
            rules,
            hidden_rows,
            sink,
            chunk: Vec::new(),
            chunk_bytes: 0,
            read: 0,
            tally: Tally::default(),
            columns: None,
        }
    }

    /// A row of cells; the first that is not blank is the header.
    pub fn cells(&mut self, line: u64, cells: &[String], seen: Seen) -> Result<(), Stop> {
        if is_blank(cells) {
            return Ok(());
        }
        let Some(columns) = &self.columns else {
            let columns = self.rules.header(cells).map_err(header)?;
            self.rules.check(&columns).map_err(header)?;
            self.columns = Some(columns);
            return Ok(());
        };
        if seen == Seen::Hidden && self.hidden_rows == HiddenRows::Skip {
            self.tally.hidden += 1;
            return Ok(());
        }
        let bytes = cells.iter().map(String::len).sum();
        let parsed = self.rules.row(columns, cells);
        self.row(line, parsed, bytes)
    }

    /// A row that was judged, of so many bytes.
    pub fn row(
        &mut self,
        line: u64,
        parsed: Result<C::Row, Vec<RowError>>,
        bytes: usize,
    ) -> Result<(), Stop> {
        self.read += 1;
        if self.read > C::ROWS_MAX {
            return Err(refused(
                "too_many_rows",
                format!("has more than {} rows; split it into several imports", C::ROWS_MAX),
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
pub fn header(faults: Vec<Fault>) -> Stop {
    let detail = faults.iter().map(|fault| fault.detail.as_str()).collect::<Vec<_>>().join("; ");
    Stop::Refused(ImportProblem { code: "wrong_columns".into(), detail, faults })
}
