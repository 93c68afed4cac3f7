//! The journal of a line: every INVITE, ring, answer and BYE, written before it is done.
//!
//! One line of JSON per entry, one `write` to a file that only this process appends to, so an entry is
//! whole or absent and survives `kill -9` (it is not fsynced: it proves what the software did, not what
//! the power supply did). No phone number is in it: a keyed hash stands for one, the same in every
//! process that shares the folder. [`check`] compares a journal with the database.

pub mod check;
pub mod truth;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId, TaskId, TrunkId};
use outbound::phone::Phone;
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The longest line that is read back.
const LINE_BYTES_MAX: u64 = 4_096;
const KEY_FILE: &str = "phone.key";
const KEY_BYTES: usize = 32;
const EXTENSION: &str = "jsonl";

/// What was about to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A call leaves for the network.
    Invite,
    /// The phone rings.
    Ring,
    Answer,
    /// The call is over, whoever ended it and in whatever phase (CANCEL and a final refusal too).
    Bye,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Business time.
    pub at: Time,
    /// Real time, microseconds since 1970: the order of entries across processes.
    pub real_us: i64,
    pub event: Event,
    pub attempt: AttemptId,
    pub token: i64,
    pub task: TaskId,
    pub trunk: TrunkId,
    pub enterprise: EnterpriseId,
    pub phone_hash: PhoneHash,
    /// The process that wrote it.
    pub worker: String,
    /// The customer's call that is handed to a person by this one; none: this is a customer's call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transfer_of: Option<AttemptId>,
}

/// Stands for one phone number within one enterprise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PhoneHash(pub u128);

impl From<PhoneHash> for String {
    fn from(hash: PhoneHash) -> Self {
        format!("{:032x}", hash.0)
    }
}

impl TryFrom<String> for PhoneHash {
    type Error = std::num::ParseIntError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        u128::from_str_radix(&text, 16).map(Self)
    }
}

/// The journal can't be read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    #[error("{path}: {source}")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{path}, line {line}: not a journal entry: {detail}")]
    Damaged { path: PathBuf, line: usize, detail: String },
}

/// One process's journal, shared by all of its calls.
#[derive(Debug)]
pub struct Journal {
    folder: PathBuf,
    worker: String,
    key: Hmac<Sha256>,
    file: Mutex<Appender>,
}

#[derive(Debug)]
struct Appender {
    file: File,
    buffer: Vec<u8>,
}

impl Journal {
    /// Open a new file for this process in `folder`, which is made if it is missing. The key of the
    /// phone hashes is made by the first process there, readable by its user only.
    pub fn open(folder: &Path, process: &str) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        let key = folder_key(folder)?;
        let key = Hmac::<Sha256>::new_from_slice(&key).map_err(io::Error::other)?;
        let safe: String = process
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
            .collect();
        let name = format!("{safe}.{}-{}.{EXTENSION}", real_us(), std::process::id());
        let file = OpenOptions::new().append(true).create_new(true).open(folder.join(name))?;
        let file = Mutex::new(Appender { file, buffer: Vec::with_capacity(1_024) });
        Ok(Self { folder: folder.to_owned(), worker: process.to_owned(), key, file })
    }

    /// Where all processes' journals lie.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The name of this process, as its entries carry it.
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// What stands for `phone` in this folder's journals.
    pub fn phone_hash(&self, enterprise: EnterpriseId, phone: Phone) -> PhoneHash {
        let mut mac = self.key.clone();
        mac.update(enterprise.uuid().as_bytes());
        mac.update(&phone.digits().to_be_bytes());
        let digest = mac.finalize().into_bytes();
        let mut head = [0; 16];
        head.copy_from_slice(&digest[..16]);
        PhoneHash(u128::from_be_bytes(head))
    }

    /// Write entries, in order, by one `write`. When it returns, they survive this process.
    pub fn append(&self, entries: &[Entry]) -> io::Result<()> {
        self.append_if(entries, || true).map(drop)
    }

    /// The same, if it `may` when the write's turn has come; else false, and nothing is written.
    pub fn append_if(&self, entries: &[Entry], may: impl FnOnce() -> bool) -> io::Result<bool> {
        let mut appender = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let Appender { file, buffer } = &mut *appender;
        buffer.clear();
        for entry in entries {
            serde_json::to_writer(&mut *buffer, entry)?;
            buffer.push(b'\n');
        }
        // The last thing before the write.
        if !may() {
            return Ok(false);
        }
        file.write_all(buffer).map(|()| true)
    }

    /// The last entry of an attempt, of whatever process; none when it was never placed. Reads the
    /// folder through: for the rare attempt whose worker was lost.
    pub fn last_of(&self, attempt: AttemptId) -> Result<Option<Entry>, JournalError> {
        let named = attempt.to_string();
        let mut entries = Vec::new();
        for path in files(&self.folder)? {
            read_file(&path, |line| line.contains(&named), &mut entries)?;
        }
        Ok(entries.into_iter().filter(|entry| entry.attempt == attempt).max_by_key(order))
    }
}

/// Real time, microseconds since 1970.
pub fn real_us() -> i64 {
    let gone = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(gone.as_micros()).unwrap_or(i64::MAX)
}

/// All entries of all processes of a folder, in the order they were written.
///
/// A last line without its end is left out: its act was not done.
pub fn read_all(folder: &Path) -> Result<Vec<Entry>, JournalError> {
    let mut entries = Vec::new();
    for path in files(folder)? {
        read_file(&path, |_| true, &mut entries)?;
    }
    entries.sort_by_key(order);
    Ok(entries)
}

fn order(entry: &Entry) -> (i64, AttemptId, Event) {
    (entry.real_us, entry.attempt, entry.event)
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, JournalError> {
    let unreadable = |source| JournalError::Unreadable { path: folder.to_owned(), source };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|found| found == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn read_file(
    path: &Path,
    wanted: impl Fn(&str) -> bool,
    into: &mut Vec<Entry>,
) -> Result<(), JournalError> {
    let unreadable = |source| JournalError::Unreadable { path: path.to_owned(), source };
    let mut reader = BufReader::with_capacity(1 << 16, File::open(path).map_err(unreadable)?);
    let mut line = String::new();
    for number in 1.. {
        line.clear();
        let read = (&mut reader).take(LINE_BYTES_MAX).read_line(&mut line).map_err(unreadable)?;
        if read == 0 || !line.ends_with('\n') && (read as u64) < LINE_BYTES_MAX {
            break;
        }
        if !wanted(&line) {
            continue;
        }
        let entry = serde_json::from_str(&line).map_err(|error| JournalError::Damaged {
            path: path.to_owned(),
            line: number,
            detail: error.to_string(),
        })?;
        into.push(entry);
    }
    Ok(())
}

/// The folder's key; made once, by a link, so that two processes that start together agree.
fn folder_key(folder: &Path) -> io::Result<[u8; KEY_BYTES]> {
    let path = folder.join(KEY_FILE);
    if !path.exists() {
        let draft = folder.join(format!("{KEY_FILE}.{}-{}", real_us(), std::process::id()));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(&rand::random::<[u8; KEY_BYTES]>())?;
        file.sync_all()?;
        let linked = fs::hard_link(&draft, &path);
        fs::remove_file(&draft)?;
        match linked {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
    }
    let mut key = [0; KEY_BYTES];
    File::open(&path)?.read_exact(&mut key)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    fn entry(journal: &Journal, event: Event, real_us: i64) -> Entry {
        let enterprise = clock::new_id::<EnterpriseId>();
        Entry {
            at: Time::UNIX_EPOCH + TimeDelta::microseconds(real_us),
            real_us,
            event,
            attempt: clock::new_id::<AttemptId>(),
            token: 1,
            task: clock::new_id::<TaskId>(),
            trunk: clock::new_id::<TrunkId>(),
            enterprise,
            phone_hash: journal.phone_hash(enterprise, Phone::from_digits(8_613_800_000_001)),
            worker: journal.worker().to_owned(),
            transfer_of: None,
        }
    }

    #[test]
    fn entries_of_all_processes_read_back_in_the_order_they_were_written() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (Journal::open(folder.path(), "a/1"), Journal::open(folder.path(), "b"));
        let (one, other) = (one.unwrap(), other.unwrap());
        let (first, second) = (entry(&one, Event::Invite, 10), entry(&other, Event::Ring, 20));
        other.append(std::slice::from_ref(&second)).unwrap();
        one.append(std::slice::from_ref(&first)).unwrap();
        assert_eq!(read_all(folder.path()).unwrap(), [first, second]);
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_damaged_one_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        let whole = entry(&journal, Event::Invite, 10);
        journal.append(std::slice::from_ref(&whole)).unwrap();
        journal.file.lock().unwrap().file.write_all(b"{\"at\":").unwrap();
        assert_eq!(read_all(folder.path()).unwrap(), [whole]);
        journal.file.lock().unwrap().file.write_all(b"\n").unwrap();
        assert!(matches!(read_all(folder.path()), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn a_phone_has_one_hash_in_all_processes_and_another_in_each_enterprise() {
        let folder = tempfile::tempdir().unwrap();
        let one = Journal::open(folder.path(), "a").unwrap();
        let other = Journal::open(folder.path(), "b").unwrap();
        let (here, there) = (clock::new_id::<EnterpriseId>(), clock::new_id::<EnterpriseId>());
        let phone = Phone::from_digits(8_613_800_000_001);
        assert_eq!(one.phone_hash(here, phone), other.phone_hash(here, phone));
        assert_ne!(one.phone_hash(here, phone), one.phone_hash(there, phone));
    }

    #[test]
    fn what_may_not_be_when_its_turn_has_come_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        let invite = entry(&journal, Event::Invite, 10);
        assert!(!journal.append_if(std::slice::from_ref(&invite), || false).unwrap());
        assert!(journal.append_if(std::slice::from_ref(&invite), || true).unwrap());
        assert_eq!(read_all(folder.path()).unwrap(), [invite]);
    }

    #[test]
    fn no_digit_of_a_phone_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(folder.path(), "a").unwrap();
        journal.append(&[entry(&journal, Event::Invite, 10)]).unwrap();
        let text = fs::read_to_string(&files(folder.path()).unwrap()[0]).unwrap();
        assert!(!text.contains("13800000001"), "{text}");
    }
}
