//! Rows between the process that reads a file and the transaction that lands them: in a file, packed.
//!
//! The largest import that is allowed has 10 GB of text. So nobody holds it: the reading process writes chunks
//! of bounded size, each packed and behind its length, and the landing takes one after the other.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Error, ErrorKind, Read, Seek, Write};
use std::path::Path;

use flate2::Compression;
use flate2::read::DeflateDecoder;
use flate2::write::DeflateEncoder;
use outbound::Time;
use outbound::ids::CallerIdId;
use outbound::phone::Phone;
use outbound::suppression::Entry;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use storage::StoreError;
use storage::batches::{LandingRow, LandingRows};

/// Bytes of a chunk, packed and unpacked, at most: several times what the reader puts into one.
const CHUNK_BYTES_MAX: u64 = 64 << 20;
/// Bytes of all chunks, packed, at most.
pub const SPILL_BYTES_MAX: u64 = 12 << 30;

/// A good row of numbers, as it lies in the file.
#[derive(Serialize, Deserialize)]
pub struct Spilled {
    phone: u64,
    priority: u32,
    caller_id: Option<CallerIdId>,
    backups: Vec<u64>,
    variables: BTreeMap<String, String>,
    province: String,
    city: String,
}

impl From<LandingRow> for Spilled {
    fn from(row: LandingRow) -> Self {
        Self {
            phone: row.phone.digits(),
            priority: row.priority,
            caller_id: row.caller_id,
            backups: row.backups.into_iter().map(Phone::digits).collect(),
            variables: row.variables,
            province: row.province,
            city: row.city,
        }
    }
}

impl From<Spilled> for LandingRow {
    fn from(row: Spilled) -> Self {
        Self {
            phone: Phone::from_digits(row.phone),
            priority: row.priority,
            caller_id: row.caller_id,
            backups: row.backups.into_iter().map(Phone::from_digits).collect(),
            variables: row.variables,
            province: row.province,
            city: row.city,
        }
    }
}

/// A good row of a do-not-call list.
#[derive(Serialize, Deserialize)]
pub struct SpilledEntry {
    line: u64,
    phone: u64,
    reason: String,
    expires_at: Option<Time>,
}

impl SpilledEntry {
    pub fn new(line: u64, entry: Entry) -> Self {
        let Entry { phone, reason, expires_at } = entry;
        Self { line, phone: phone.digits(), reason, expires_at }
    }
}

/// The entry with its line.
impl From<SpilledEntry> for (u64, Entry) {
    fn from(row: SpilledEntry) -> Self {
        let SpilledEntry { line, phone, reason, expires_at } = row;
        (line, Entry { phone: Phone::from_digits(phone), reason, expires_at })
    }
}

/// Writes chunks.
pub struct Writer {
    file: BufWriter<File>,
    bytes: u64,
}

impl Writer {
    pub fn create(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: BufWriter::new(File::create(path)?), bytes: 0 })
    }

    pub fn write<Row: Serialize>(&mut self, rows: &[Row]) -> std::io::Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut packed = DeflateEncoder::new(Vec::new(), Compression::fast());
        serde_json::to_writer(&mut packed, rows)?;
        let packed = packed.finish()?;
        let length =
            u32::try_from(packed.len()).map_err(|_| Error::from(ErrorKind::FileTooLarge))?;
        self.bytes += u64::from(length) + 4;
        if self.bytes > SPILL_BYTES_MAX {
            return Err(Error::from(ErrorKind::FileTooLarge));
        }
        self.file.write_all(&length.to_le_bytes())?;
        self.file.write_all(&packed)
    }

    pub fn finish(mut self) -> std::io::Result<()> {
        self.file.flush()
    }
}

/// Gives chunks back, from the first.
pub struct Reader {
    /// None while a chunk is being read on another thread.
    file: Option<BufReader<File>>,
}

impl Reader {
    pub fn open(path: &Path) -> std::io::Result<Self> {
        Ok(Self { file: Some(BufReader::new(File::open(path)?)) })
    }

    /// The next rows, as they were written; an empty chunk is the end.
    pub async fn chunk<Row: DeserializeOwned + Send + 'static>(
        &mut self,
    ) -> Result<Vec<Row>, StoreError> {
        self.with(chunk).await
    }

    /// Do something with the file where it may block.
    async fn with<T: Send + 'static>(
        &mut self,
        act: impl FnOnce(&mut BufReader<File>) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::Damaged("the rows of an import are gone".into());
        let mut file = self.file.take().ok_or_else(gone)?;
        let acted = tokio::task::spawn_blocking(move || (act(&mut file), file)).await;
        let (done, file) = acted.map_err(|_| gone())?;
        self.file = Some(file);
        done.map_err(|error| StoreError::Damaged(format!("the rows of an import: {error}")))
    }
}

impl LandingRows for Reader {
    async fn rewind(&mut self) -> Result<(), StoreError> {
        self.with(BufReader::rewind).await
    }

    async fn next(&mut self) -> Result<Vec<LandingRow>, StoreError> {
        let rows: Vec<Spilled> = self.chunk().await?;
        Ok(rows.into_iter().map(LandingRow::from).collect())
    }
}

fn chunk<Row: DeserializeOwned>(file: &mut BufReader<File>) -> std::io::Result<Vec<Row>> {
    let mut length = [0; 4];
    match file.read_exact(&mut length) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Ok(Vec::new()),
        Err(error) => return Err(error),
    }
    let packed = file.take(u64::from(u32::from_le_bytes(length)).min(CHUNK_BYTES_MAX));
    let unpacked = BufReader::new(DeflateDecoder::new(packed).take(CHUNK_BYTES_MAX));
    Ok(serde_json::from_reader(unpacked)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(digits: u64) -> LandingRow {
        LandingRow {
            phone: Phone::from_digits(digits),
            priority: 5,
            caller_id: Some(clock::new_id::<CallerIdId>()),
            backups: vec![Phone::from_digits(8_613_800_000_009)],
            variables: BTreeMap::from([("v".into(), "李\"明".repeat(300))]),
            province: "Beijing".into(),
            city: String::new(),
        }
    }

    #[tokio::test]
    async fn rows_come_back_as_they_were_and_can_be_read_again() {
        let path = tempfile::NamedTempFile::new().expect("a file");
        let rows: Vec<LandingRow> = (1..=7).map(|at| row(8_613_800_000_000 + at)).collect();
        let mut writer = Writer::create(path.path()).expect("a file");
        for chunk in rows.chunks(3) {
            let chunk: Vec<Spilled> = chunk.iter().cloned().map(Spilled::from).collect();
            writer.write(&chunk).expect("written");
        }
        writer.finish().expect("written");
        let mut reader = Reader::open(path.path()).expect("a file");
        for _ in 0..2 {
            reader.rewind().await.expect("at the start");
            let mut back = Vec::new();
            loop {
                let chunk = reader.next().await.expect("a chunk");
                if chunk.is_empty() {
                    break;
                }
                back.extend(chunk);
            }
            assert_eq!(back, rows);
        }
    }

    #[tokio::test]
    async fn a_file_that_ends_within_a_chunk_is_an_error_and_no_end() {
        let path = tempfile::NamedTempFile::new().expect("a file");
        let mut writer = Writer::create(path.path()).expect("a file");
        writer.write(&[Spilled::from(row(8_613_800_000_001))]).expect("written");
        writer.finish().expect("written");
        let whole = std::fs::metadata(path.path()).expect("a file").len();
        File::options()
            .write(true)
            .open(path.path())
            .and_then(|file| file.set_len(whole - 9))
            .expect("cut");
        let mut reader = Reader::open(path.path()).expect("a file");
        assert!(reader.next().await.is_err());
    }
}
