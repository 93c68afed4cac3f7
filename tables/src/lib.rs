//! Files of numbers, and of do-not-call lists, as people have them: CSV, workbooks, JSON. Read row by row, in bounded memory.
//!
//! Whatever the file is, the reader ends: with its rows, or with a fault that names what to mend. It trusts
//! nothing that a file says of itself. `fuzz/` looks for files that it does not survive.

pub mod cell;
mod delimited;
mod encoding;
mod json;
mod kind;
pub mod number_format;
mod sheet;
mod source;
#[cfg(test)]
mod tests;
mod workbook;
mod xml;

pub use source::{ReadRow, Sink, Stop, Tally, read, read_suppressions};
