//! Numbers as the API takes them: one JSON object with `numbers`, or a number object a line.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Seek};
use std::path::Path;
use std::rc::Rc;

use outbound::import::{BATCH_NUMBERS_MAX, Json, RowError, parse_object};
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use crate::kind;
use crate::source::{Rows, Stop, refused};

/// Bytes of one number: a line of NDJSON, or an element of the list.
const NUMBER_BYTES_MAX: u64 = 1 << 20;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The text of the file, without its mark.
fn open(path: &Path) -> Result<BufReader<File>, Stop> {
    let mut file = File::open(path)?;
    kind::must_be_json(&mut file)?;
    file.rewind()?;
    let mut reader = BufReader::new(file);
    if reader.fill_buf()?.starts_with(BYTE_ORDER_MARK) {
        reader.consume(BYTE_ORDER_MARK.len());
    }
    Ok(reader)
}

/// Read `{"numbers": […]}` without holding it whole.
pub fn read(path: &Path, rows: &mut Rows<'_>) -> Result<(), Stop> {
    let mut stopped = None;
    let given = Rc::new(Cell::new(0));
    let reader = Bounded { inner: open(path)?, given: given.clone() };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = Document { rows, stopped: &mut stopped, given }
        .deserialize(&mut json)
        .and_then(|()| json.end());
    if let Some(stop) = stopped {
        return Err(stop);
    }
    read.map_err(|error| match error.io_error_kind() {
        Some(ErrorKind::FileTooLarge) => refused(
            "row_too_long",
            format!("line {}: a number is longer than {NUMBER_BYTES_MAX} bytes", error.line()),
        ),
        Some(kind) => Stop::Disk(kind.into()),
        None => refused(
            "unreadable",
            format!(
                "is not an object with a list `numbers` of number objects (line {}, column {})",
                error.line(),
                error.column()
            ),
        ),
    })
}

/// Read a number object a line.
pub fn read_lines(path: &Path, rows: &mut Rows<'_>) -> Result<(), Stop> {
    let mut reader = open(path)?;
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(NUMBER_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if line.len() as u64 > NUMBER_BYTES_MAX {
            return Err(refused(
                "row_too_long",
                format!("line {number} is longer than {NUMBER_BYTES_MAX} bytes"),
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let parsed = match serde_json::from_slice::<Json>(&line) {
            Ok(value) => parse_object(&value, "", rows.rules),
            Err(error) => Err(vec![not_json(&error)]),
        };
        rows.row(number, parsed, line.len())?;
    }
    Ok(())
}

fn not_json(error: &serde_json::Error) -> RowError {
    // The message of a JSON error may quote the row.
    RowError {
        column: String::new(),
        value: String::new(),
        reason: format!("is not a number object (column {} of the line)", error.column()),
    }
}

/// Gives bytes until a number has taken too many; whoever reads sets the count back.
struct Bounded<R> {
    inner: R,
    given: Rc<Cell<u64>>,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        if self.given.get() > NUMBER_BYTES_MAX {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        let read = self.inner.read(to)?;
        self.given.set(self.given.get() + read as u64);
        Ok(read)
    }
}

struct Document<'a, 'r> {
    rows: &'a mut Rows<'r>,
    stopped: &'a mut Option<Stop>,
    given: Rc<Cell<u64>>,
}

impl<'de> DeserializeSeed<'de> for Document<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with a list `numbers`")
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = false;
        while let Some(name) = map.next_key::<String>()? {
            if name != "numbers" || seen {
                return Err(serde::de::Error::custom("an unknown or repeated field"));
            }
            seen = true;
            map.next_value_seed(Numbers {
                rows: &mut *self.rows,
                stopped: &mut *self.stopped,
                given: self.given.clone(),
            })?;
        }
        if seen { Ok(()) } else { Err(serde::de::Error::missing_field("numbers")) }
    }
}

struct Numbers<'a, 'r> {
    rows: &'a mut Rows<'r>,
    stopped: &'a mut Option<Stop>,
    given: Rc<Cell<u64>>,
}

impl<'de> DeserializeSeed<'de> for Numbers<'_, '_> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Numbers<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a list of at most {BATCH_NUMBERS_MAX} number objects")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut number = 0;
        self.given.set(0);
        while let Some(element) = list.next_element::<Json>()? {
            let parsed = parse_object(&element, &format!("/numbers/{number}"), self.rows.rules);
            number += 1;
            let bytes = usize::try_from(self.given.replace(0)).unwrap_or(usize::MAX);
            if let Err(stop) = self.rows.row(number, parsed, bytes) {
                *self.stopped = Some(stop);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}
