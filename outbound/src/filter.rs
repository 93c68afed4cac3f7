//! The language of filters, a subset of AIP-160: `result = "answered" AND turns >= 6`.
//!
//! Comparisons are `field op value`, joined by `AND`, `OR`, `NOT` (or `-`) and brackets. Operators are
//! `=`, `!=`, `<`, `<=`, `>`, `>=`, and `:` for “contains”. Values are bare or quoted; `variables.name`
//! is a value of a map. `AND` and `OR` side by side need brackets: readers differ on which goes first.

mod lexer;
mod masked;
mod test;

use std::ops::Range;

use crate::filter::lexer::Lexer;
pub use crate::filter::masked::Unmasking;
pub use crate::filter::test::{Op, Test, Value};
use crate::mask;
use crate::record::{FIELDS, Field, FieldKind};

/// Characters of a filter, at most.
pub const FILTER_CHARS_MAX: usize = 4_000;
/// Comparisons in a filter, at most.
pub const TESTS_MAX: usize = 100;
/// Brackets and `NOT`s inside each other, at most.
pub const DEPTH_MAX: usize = 20;

/// A filter that reads, with values of their fields' kinds.
#[derive(Debug, Clone, PartialEq)]
pub enum Filter {
    /// Every one; of none, everything.
    All(Vec<Filter>),
    /// At least one.
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Test(Test),
}

/// Why a text is not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {detail}")]
pub struct FilterError {
    /// The character that the fault is at, from 1.
    pub column: usize,
    pub detail: String,
}

impl FilterError {
    fn new(column: usize, detail: impl Into<String>) -> Self {
        Self { column, detail: detail.into() }
    }
}

/// Read a filter over call records. Phone numbers are written in E.164. An empty text is a filter that
/// everything passes.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    parse_over(text, FIELDS, "")
}

/// Read a filter over some fields, with phone numbers also in the national form of `region`.
pub fn parse_over(
    text: &str,
    fields: &'static [Field],
    region: &str,
) -> Result<Filter, FilterError> {
    read(text, fields, region).map(|(filter, _)| filter)
}

/// A filter over call records as somebody sees it who sees no full numbers: what it compares phones and texts with
/// is masked. Times and ids stay.
pub fn masked(text: &str) -> String {
    let Ok((_, quotes)) = read(text, FIELDS, "") else { return mask::text(text) };
    let mut rest = text.chars();
    let (mut shown, mut place) = (String::new(), 0);
    for quote in quotes {
        shown.extend(rest.by_ref().take(quote.start - place));
        let quoted: String = rest.by_ref().take(quote.len()).collect();
        shown.push_str(&mask::text(&quoted));
        place = quote.end;
    }
    shown.extend(rest);
    shown
}

/// The filter, and where in the text a phone number may stand, by characters.
fn read(
    text: &str,
    fields: &'static [Field],
    region: &str,
) -> Result<(Filter, Vec<Range<usize>>), FilterError> {
    if text.chars().count() > FILTER_CHARS_MAX {
        let detail = format!("a filter has at most {FILTER_CHARS_MAX} characters");
        return Err(FilterError::new(FILTER_CHARS_MAX + 1, detail));
    }
    let mut reader =
        Reader { lexer: Lexer::new(text), fields, region, tests: 0, quotes: Vec::new() };
    if reader.lexer.at_end() {
        return Ok((Filter::All(Vec::new()), reader.quotes));
    }
    let filter = reader.expression(0)?;
    if !reader.lexer.at_end() {
        return Err(FilterError::new(reader.lexer.column(), "expected AND, OR or the end"));
    }
    Ok((filter, reader.quotes))
}

struct Reader<'a> {
    lexer: Lexer,
    fields: &'static [Field],
    region: &'a str,
    tests: usize,
    quotes: Vec<Range<usize>>,
}

impl Reader<'_> {
    fn expression(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let first = self.term(depth)?;
        let Some(joint) = self.joint() else {
            return Ok(first);
        };
        let mut parts = vec![first];
        loop {
            self.lexer.word();
            parts.push(self.term(depth)?);
            match self.joint() {
                Some(next) if next == joint => {}
                Some(_) => {
                    let detail =
                        "AND and OR side by side: put brackets around what belongs together";
                    return Err(FilterError::new(self.lexer.column(), detail));
                }
                None => break,
            }
        }
        Ok(if joint == "AND" { Filter::All(parts) } else { Filter::Any(parts) })
    }

    /// `AND` or `OR`, where it comes next. It stays to be read.
    fn joint(&mut self) -> Option<&'static str> {
        ["AND", "OR"].into_iter().find(|joint| self.lexer.next_word_is(joint))
    }

    fn term(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let column = self.lexer.column();
        if depth > DEPTH_MAX {
            let detail = format!("at most {DEPTH_MAX} brackets inside each other");
            return Err(FilterError::new(column, detail));
        }
        if self.lexer.next_word_is("NOT") {
            self.lexer.word();
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.lexer.take("-") {
            return Ok(Filter::Not(Box::new(self.term(depth + 1)?)));
        }
        if self.lexer.take("(") {
            let inner = self.expression(depth + 1)?;
            if !self.lexer.take(")") {
                return Err(FilterError::new(self.lexer.column(), "expected `)`"));
            }
            return Ok(inner);
        }
        self.tests += 1;
        if self.tests > TESTS_MAX {
            let detail = format!("a filter has at most {TESTS_MAX} comparisons");
            return Err(FilterError::new(column, detail));
        }
        self.comparison().map(Filter::Test)
    }

    fn comparison(&mut self) -> Result<Test, FilterError> {
        let column = self.lexer.column();
        let name = self.lexer.word();
        if name.is_empty() {
            return Err(FilterError::new(column, "expected the name of a field"));
        }
        let Some(field) = self.fields.iter().find(|field| field.name == name) else {
            return Err(FilterError::new(column, format!("there is no field `{name}`")));
        };
        let key = if self.lexer.take_close(".") { Some(self.key()?) } else { None };
        let op_column = self.lexer.column();
        let Some(op) = self.lexer.op() else {
            let detail = "expected an operator: = != < <= > >= or :";
            return Err(FilterError::new(op_column, detail));
        };
        let value_column = self.lexer.column();
        let value = self.lexer.value()?;
        if field.kind == FieldKind::Phone || field.may_quote_phones() {
            // From the name on, as the name of a variable may be a number.
            self.quotes.push(column - 1..self.lexer.place());
        }
        test::judge(field, key, op, &value, self.region).map_err(|fault| {
            let column = match fault.at {
                test::At::Field => column,
                test::At::Op => op_column,
                test::At::Value => value_column,
            };
            FilterError::new(column, fault.detail)
        })
    }

    fn key(&mut self) -> Result<String, FilterError> {
        let column = self.lexer.column();
        let key = match self.lexer.quoted()? {
            Some(key) => key,
            None => self.lexer.word(),
        };
        if key.is_empty() {
            return Err(FilterError::new(column, "expected a name after the dot"));
        }
        if key.contains('\0') {
            return Err(FilterError::new(column, "a name can't have a NUL character (U+0000)"));
        }
        Ok(key)
    }
}

#[cfg(test)]
mod tests;
