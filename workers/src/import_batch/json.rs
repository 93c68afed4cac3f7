//! Numbers as the API takes them: one JSON object with `numbers`, or a number object a line.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use outbound::import::{BATCH_NUMBERS_MAX, NumberInput, RowError, parse_input};
use serde::Deserialize;
use serde::de::{DeserializeSeed, SeqAccess, Visitor};

use super::source::{Rows, Stop, refused};

/// Bytes of one line of NDJSON.
const LINE_BYTES_MAX: u64 = 1 << 18;

/// Read `{"numbers": […]}` without holding it whole.
pub fn read(path: &Path, rows: &mut Rows<'_>) -> Result<(), Stop> {
    let mut stopped = None;
    let reader = BufReader::new(File::open(path)?);
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read =
        Document { rows, stopped: &mut stopped }.deserialize(&mut json).and_then(|()| json.end());
    if let Some(stop) = stopped {
        return Err(stop);
    }
    read.map_err(|error| match error.io_error_kind() {
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
    let mut reader = BufReader::new(File::open(path)?);
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        let read = reader.by_ref().take(LINE_BYTES_MAX + 1).read_until(b'\n', &mut line)?;
        if read == 0 {
            break;
        }
        if line.len() as u64 > LINE_BYTES_MAX {
            return Err(refused(
                "row_too_long",
                format!("line {number} is longer than {LINE_BYTES_MAX} bytes"),
            ));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let mut json = serde_json::Deserializer::from_slice(&line);
        let parsed = match object(&mut json).and_then(|input| json.end().map(|()| input)) {
            Ok(input) => parse_input(&input, rows.rules),
            Err(error) => Err(vec![not_a_number(&error)]),
        };
        rows.row(number, parsed)?;
    }
    Ok(())
}

fn not_a_number(error: &serde_json::Error) -> RowError {
    // The message of a JSON error may quote the row.
    RowError {
        column: String::new(),
        value: String::new(),
        reason: format!("is not a number object (column {} of the line)", error.column()),
    }
}

struct Document<'a, 'r> {
    rows: &'a mut Rows<'r>,
    stopped: &'a mut Option<Stop>,
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
            map.next_value_seed(Numbers { rows: &mut *self.rows, stopped: &mut *self.stopped })?;
        }
        if seen { Ok(()) } else { Err(serde::de::Error::missing_field("numbers")) }
    }
}

struct Numbers<'a, 'r> {
    rows: &'a mut Rows<'r>,
    stopped: &'a mut Option<Stop>,
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
        while let Some(element) = list.next_element::<Element>()? {
            number += 1;
            let parsed = match element {
                Element::Number(input) => parse_input(&input, self.rows.rules),
                Element::Other(_) => Err(vec![RowError {
                    column: String::new(),
                    value: String::new(),
                    reason: "is not a number object: phone_number is required, and no field but \
                             priority, caller_id, backup_numbers and variables is known"
                        .into(),
                }]),
            };
            if let Err(stop) = self.rows.row(number, parsed) {
                *self.stopped = Some(stop);
                return Err(serde::de::Error::custom("stopped"));
            }
        }
        Ok(())
    }
}

/// One wrong element is that row's fault, not the file's.
#[derive(Deserialize)]
#[serde(untagged)]
enum Element {
    Number(#[serde(deserialize_with = "object")] NumberInput),
    Other(serde::de::IgnoredAny),
}

/// A number object, and no list: a list would be read as the object's fields in their order.
fn object<'de, D: serde::Deserializer<'de>>(json: D) -> Result<NumberInput, D::Error> {
    struct Object;
    impl<'de> Visitor<'de> for Object {
        type Value = NumberInput;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("a number object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<NumberInput, A::Error> {
            NumberInput::deserialize(serde::de::value::MapAccessDeserializer::new(map))
        }
    }
    json.deserialize_map(Object)
}
