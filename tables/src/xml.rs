//! XML of a workbook's parts, event by event, with a bound on each.
//!
//! A parser holds an event whole: a text of 20 MB, or a tag of a million attributes, would be in memory
//! before anybody could judge it. So a part gives only so many bytes to an event.

use std::cell::Cell;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read};
use std::rc::Rc;

use outbound::spreadsheet::CELL_UNITS_MAX;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::source::{Stop, refused};

/// Bytes of one event: the longest text of a cell fits, each of its 32,767 characters written long.
const EVENT_BYTES_MAX: u64 = 256 << 10;

/// Elements and texts of a part, one after the other.
pub struct Xml<R: Read> {
    reader: Reader<Bounded<BufReader<R>>>,
    left: Rc<Cell<u64>>,
    buffer: Vec<u8>,
}

impl<R: Read> Xml<R> {
    pub fn new(part: R) -> Self {
        let left = Rc::new(Cell::new(EVENT_BYTES_MAX));
        let inner = Bounded { inner: BufReader::with_capacity(1 << 16, part), left: left.clone() };
        let mut reader = Reader::from_reader(inner);
        reader.config_mut().expand_empty_elements = true;
        Self { reader, left, buffer: Vec::new() }
    }

    /// The next event; `Eof` at the end.
    pub fn next(&mut self) -> Result<Event<'_>, Stop> {
        self.left.set(EVENT_BYTES_MAX);
        self.buffer.clear();
        self.reader.read_event_into(&mut self.buffer).map_err(unreadable)
    }
}

/// What a broken part means for the import.
pub fn unreadable(error: quick_xml::Error) -> Stop {
    match error {
        quick_xml::Error::Io(error) => broken(&error),
        _ => not_a_workbook(),
    }
}

/// What an error means that came while a part was unpacked.
pub fn broken(error: &Error) -> Stop {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::FileTooLarge, _) => too_long(),
        (_, Some(code)) => Stop::Disk(Error::from_raw_os_error(code)),
        _ => not_a_workbook(),
    }
}

pub fn not_a_workbook() -> Stop {
    refused("unreadable", "can't be read as an XLSX workbook")
}

pub fn too_long() -> Stop {
    refused(
        "cell_too_long",
        format!("has a cell of more than {CELL_UNITS_MAX} characters, which no spreadsheet writes"),
    )
}

/// An attribute by its name, without its prefix.
pub fn attribute(element: &BytesStart<'_>, name: &str) -> Result<Option<String>, Stop> {
    for attribute in element.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| not_a_workbook())?;
        if attribute.key.local_name().into_inner() == name {
            let value = attribute.normalized_value(XmlVersion::default()).map_err(unreadable)?;
            return Ok(Some(value.into_owned()));
        }
    }
    Ok(None)
}

/// Adds the character that `&…;` stands for.
pub fn add_reference(reference: &BytesRef<'_>, text: &mut String) -> Result<(), Stop> {
    let named = match reference.as_ref() {
        "lt" => Some('<'),
        "gt" => Some('>'),
        "amp" => Some('&'),
        "apos" => Some('\''),
        "quot" => Some('"'),
        _ => reference.resolve_char_ref().map_err(unreadable)?,
    };
    text.push(named.ok_or_else(not_a_workbook)?);
    Ok(())
}

/// A text as people see it: spreadsheets write `_x000D_` for a character that XML can't have.
pub fn seen(text: &str) -> String {
    let mut seen = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("_x") {
        seen.push_str(&rest[..at]);
        let code =
            rest.get(at + 2..at + 6).filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        let code = code.filter(|_| rest[at + 6..].starts_with('_'));
        let sign = code.and_then(|code| char::from_u32(u32::from_str_radix(code, 16).ok()?));
        match sign {
            Some(sign) => {
                seen.push(sign);
                rest = &rest[at + 7..];
            }
            None => {
                seen.push_str("_x");
                rest = &rest[at + 2..];
            }
        }
    }
    seen.push_str(rest);
    seen
}

/// Gives bytes as long as there are any left to give.
struct Bounded<R> {
    inner: R,
    left: Rc<Cell<u64>>,
}

impl<R: BufRead> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let ready = self.fill_buf()?;
        let count = ready.len().min(to.len());
        to[..count].copy_from_slice(&ready[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Bounded<R> {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        let left = usize::try_from(self.left.get()).unwrap_or(usize::MAX);
        let ready = self.inner.fill_buf()?;
        if left == 0 && !ready.is_empty() {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        Ok(&ready[..ready.len().min(left)])
    }

    fn consume(&mut self, count: usize) {
        self.left.set(self.left.get().saturating_sub(count as u64));
        self.inner.consume(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_xml_cant_have_is_read_as_spreadsheets_write_it() {
        for (text, read) in [
            ("a_x000D_b", "a\rb"),
            ("a_x0000_b", "a\0b"),
            ("_x005F_x0041_", "_x0041_"),
            ("_x00", "_x00"),
            ("_xZZZZ_", "_xZZZZ_"),
            ("max_x", "max_x"),
        ] {
            assert_eq!(seen(text), read, "{text}");
        }
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_before_it_is_held() {
        let part = format!("<t>{}</t>", "A".repeat(1 << 20));
        let mut xml = Xml::new(part.as_bytes());
        assert!(matches!(xml.next(), Ok(Event::Start(_))));
        match xml.next() {
            Err(Stop::Refused(problem)) => assert_eq!(problem.code, "cell_too_long"),
            other => panic!("{other:?}"),
        }
        assert!(xml.buffer.capacity() < 1 << 20);
    }
}
