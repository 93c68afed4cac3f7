//! The error file: row, column, value and reason of what was refused, as CSV.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use outbound::import::RowError;
use outbound::spreadsheet::defuse;

/// Refused rows that the file tells of; the count goes on.
const ROWS_TOLD_MAX: u64 = 100_000;
/// Bytes after which it tells no more.
const BYTES_MAX: u64 = 64 << 20;

pub struct ErrorFile {
    csv: csv::Writer<File>,
    rows: u64,
    bytes: u64,
}

impl ErrorFile {
    pub fn create(path: &Path) -> std::io::Result<Self> {
        let mut file = File::create(path)?;
        // The mark tells spreadsheets that it is UTF-8.
        file.write_all("\u{feff}".as_bytes())?;
        let mut csv = csv::Writer::from_writer(file);
        csv.write_record(["Row", "Column", "Value", "Reason"])?;
        Ok(Self { csv, rows: 0, bytes: 0 })
    }

    pub fn row(&mut self, line: u64, errors: &[RowError]) -> std::io::Result<()> {
        self.rows += 1;
        if self.rows > ROWS_TOLD_MAX || self.bytes > BYTES_MAX {
            return Ok(());
        }
        for error in errors {
            let line = line.to_string();
            let (column, value) = (defuse(&error.column), defuse(&error.value));
            self.csv.write_record([&line, &column, &value, &error.reason])?;
            self.bytes += (column.len() + value.len() + error.reason.len()) as u64;
            if self.bytes > BYTES_MAX {
                let more = "the file of errors is full: more errors are counted and not told";
                self.csv.write_record([&line, "", "", more])?;
                break;
            }
        }
        Ok(())
    }

    pub fn finish(mut self) -> std::io::Result<()> {
        self.csv.flush()
    }
}
