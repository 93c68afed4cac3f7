//! One process a data folder: the second is told who has it, and where to find it.
//!
//! The lock is the kernel's (`flock`), so it ends with its process, also by kill -9. What the file says is only
//! for the message.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

const NAME: &str = "callwright.lock";
/// Somebody may only be looking whether it is held, which takes no time.
const TRIES_MAX: u32 = 10;
const TRY_EVERY: Duration = Duration::from_millis(30);

/// Who has a folder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `up` or `services`.
    pub command: String,
    pub pid: u32,
    /// Where its API is, once it listens.
    pub address: Option<SocketAddr>,
}

/// A data folder that this process has for itself, until it drops this.
#[derive(Debug)]
pub struct FolderLock {
    file: File,
    holder: Holder,
}

impl FolderLock {
    /// Take the folder, or say who has it.
    pub async fn take(data: &Path, command: &str) -> Result<Self> {
        let path = place(data);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(&path)
            .with_context(|| format!("{} can't be opened", path.display()))?;
        for _ in 0..TRIES_MAX {
            match file.try_lock() {
                Ok(()) => {
                    let holder =
                        Holder { command: command.into(), pid: std::process::id(), address: None };
                    let mut lock = Self { file, holder };
                    lock.write()?;
                    return Ok(lock);
                }
                Err(TryLockError::WouldBlock) => tokio::time::sleep(TRY_EVERY).await,
                Err(TryLockError::Error(error)) => {
                    return Err(error)
                        .with_context(|| format!("{} can't be locked", path.display()));
                }
            }
        }
        bail!(in_use(data, read(&mut file).as_ref()))
    }

    /// Tell those who come later where the API is.
    pub fn listens_at(&mut self, address: SocketAddr) -> Result<()> {
        self.holder.address = Some(address);
        self.write()
    }

    fn write(&mut self) -> Result<()> {
        let text = serde_json::to_string(&self.holder)?;
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(text.as_bytes())?;
        Ok(())
    }
}

/// Some process has the folder at this moment.
pub fn is_held(data: &Path) -> bool {
    let Ok(file) = File::open(place(data)) else { return false };
    matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

fn place(data: &Path) -> PathBuf {
    data.join(NAME)
}

/// None while it is being written.
fn read(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).ok()?;
    file.read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

fn in_use(data: &Path, holder: Option<&Holder>) -> String {
    let data = data.display();
    let Some(Holder { command, pid, address }) = holder else {
        return format!("another Callwright is already running on the folder {data}");
    };
    let whereabouts = match (address, command.as_str()) {
        (Some(address), _) => {
            format!("its API is at http://{address} (documentation: http://{address}/docs)")
        }
        (None, "up") => "it is still starting".to_owned(),
        (None, _) => "it has no API of its own".to_owned(),
    };
    format!(
        "already running: `callwright {command}` (process {pid}) has the folder {data}; {whereabouts}. \
         Stop it (kill {pid}), or choose another folder (CALLWRIGHT_DATA; --data of `services`)"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_comes_second_is_told_where_the_first_is() {
        let data = tempfile::tempdir().unwrap();
        assert!(!is_held(data.path()));
        let mut first = FolderLock::take(data.path(), "up").await.unwrap();
        assert!(is_held(data.path()));
        let refused = FolderLock::take(data.path(), "up").await.unwrap_err().to_string();
        assert!(refused.contains("it is still starting"), "{refused}");
        first.listens_at(SocketAddr::from(([127, 0, 0, 1], 8080))).unwrap();
        let refused = FolderLock::take(data.path(), "services").await.unwrap_err().to_string();
        let pid = std::process::id();
        for part in
            ["already running: `callwright up`", "http://127.0.0.1:8080", &format!("process {pid}")]
        {
            assert!(refused.contains(part), "{part} is not in: {refused}");
        }
        drop(first);
        FolderLock::take(data.path(), "services").await.unwrap();
    }

    #[tokio::test]
    async fn the_file_of_a_process_that_was_killed_holds_nobody_off() {
        let data = tempfile::tempdir().unwrap();
        std::fs::write(place(data.path()), r#"{"command":"up","pid":1,"address":null}"#).unwrap();
        FolderLock::take(data.path(), "up").await.unwrap();
        // Nor does one that was cut short.
        std::fs::write(place(data.path()), "{\"comm").unwrap();
        FolderLock::take(data.path(), "up").await.unwrap();
    }
}
