//! CSV in UTF-8, with or without a byte order mark, or in GB18030.

use std::fs::File;
use std::io::{BufReader, Read, Seek};
use std::path::Path;

use encoding_rs::{Encoding, GB18030, UTF_8};

use super::source::{Rows, Stop, refused};

/// Bytes of one record, at most: a quote that is never closed must not swallow the file.
const RECORD_BYTES_MAX: usize = 1 << 20;
const READ_BYTES: usize = 1 << 16;

pub fn read(path: &Path, rows: &mut Rows<'_>) -> Result<(), Stop> {
    let mut file = File::open(path)?;
    let encoding = encoding_of(&mut file)?;
    file.rewind()?;
    let decoded = Decoded::new(BufReader::with_capacity(READ_BYTES, file), encoding);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(decoded);
    let mut record = csv::StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => return Ok(()),
            Err(error) => return Err(unreadable(error)),
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.as_slice().len() > RECORD_BYTES_MAX {
            return Err(refused(
                "row_too_long",
                format!(
                    "line {line} is longer than {RECORD_BYTES_MAX} bytes; is a quote not closed?"
                ),
            ));
        }
        let cells: Vec<String> = record.iter().map(str::to_owned).collect();
        rows.cells(line, &cells)?;
    }
}

/// UTF-8 when all of it is; else GB18030 when all of it is.
fn encoding_of(file: &mut File) -> Result<&'static Encoding, Stop> {
    for encoding in [UTF_8, GB18030] {
        file.rewind()?;
        let mut decoder = encoding.new_decoder();
        let mut from = vec![0; READ_BYTES];
        let mut to = String::with_capacity(READ_BYTES * 4);
        let whole = loop {
            let read = file.read(&mut from)?;
            to.clear();
            let (_, _, wrong) = decoder.decode_to_string(&from[..read], &mut to, read == 0);
            if wrong {
                break false;
            }
            if read == 0 {
                break true;
            }
        };
        if whole {
            return Ok(encoding);
        }
    }
    Err(refused("unknown_encoding", "is neither UTF-8 nor GB18030; save it as CSV UTF-8"))
}

fn unreadable(error: csv::Error) -> Stop {
    let line = error.position().map_or(0, csv::Position::line);
    match error.into_kind() {
        csv::ErrorKind::Io(error) => Stop::Disk(error),
        _ => refused("unreadable", format!("can't be read as CSV at line {line}")),
    }
}

/// A reader that gives UTF-8 whatever the file's encoding is.
struct Decoded<R> {
    inner: R,
    decoder: encoding_rs::Decoder,
    from: Vec<u8>,
    ready: Vec<u8>,
    given: usize,
    done: bool,
}

impl<R: Read> Decoded<R> {
    fn new(inner: R, encoding: &'static Encoding) -> Self {
        Self {
            inner,
            decoder: encoding.new_decoder_with_bom_removal(),
            from: vec![0; READ_BYTES],
            ready: Vec::new(),
            given: 0,
            done: false,
        }
    }
}

impl<R: Read> Read for Decoded<R> {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        while self.given == self.ready.len() && !self.done {
            let read = self.inner.read(&mut self.from)?;
            self.done = read == 0;
            let room = self.decoder.max_utf8_buffer_length(read).unwrap_or(READ_BYTES * 4);
            self.ready.resize(room, 0);
            let (_, _, written, _) =
                self.decoder.decode_to_utf8(&self.from[..read], &mut self.ready, self.done);
            self.ready.truncate(written);
            self.given = 0;
        }
        let count = to.len().min(self.ready.len() - self.given);
        to[..count].copy_from_slice(&self.ready[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}
