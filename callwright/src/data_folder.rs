//! The data folder: it holds phone numbers, recordings and passwords, so it is closed to every other user of the
//! machine, and so is every file that this program makes.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use nix::sys::stat::Mode;
use uuid::Uuid;

use crate::config::Config;

/// Whoever is not the owner.
const OTHERS: u32 = 0o077;
/// Folders that all users share have this bit: /tmp.
const STICKY: u32 = 0o1000;
/// What lies in a data folder. It is closed at each start: somebody may have opened or copied it.
const NAMES: [&str; 13] = [
    "callwright.lock",
    "client.json",
    "clock",
    "downloads",
    "journal",
    "objects",
    "postgres.log",
    "redis.log",
    "reminders.xlsx",
    "secrets.key",
    "servers.json",
    "spool",
    "tmp",
];

/// From now on this process and its children make files for their owner alone. Gives what was set before.
pub fn close_umask() -> Mode {
    nix::sys::stat::umask(Mode::S_IRWXG | Mode::S_IRWXO)
}

/// Make the folder of a configuration, close it, and take a folder in it for temporary files.
pub fn open(config: &Config) -> Result<TemporaryFolder> {
    make(&config.data)?;
    for folder in [&config.spool, &config.journal] {
        if folder.exists() {
            close(folder)?;
        }
    }
    TemporaryFolder::take(&config.data)
}

/// Make the folder if it is not there, and close it and what lies in it to other users.
///
/// PostgreSQL and Redis refuse to run as root: for root, their user may pass the folder (0711) and list nothing.
pub fn make(data: &Path) -> Result<()> {
    let mode = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
    let missing: Vec<&Path> = data.ancestors().take_while(|folder| !folder.exists()).collect();
    fs::create_dir_all(data).with_context(|| format!("{} can't be made", data.display()))?;
    for folder in missing {
        fs::set_permissions(folder, Permissions::from_mode(mode))?;
    }
    let known = fs::metadata(data)?;
    anyhow::ensure!(
        known.mode() & STICKY == 0,
        "{} is shared by all users; set CALLWRIGHT_DATA to a folder of Callwright's own",
        data.display()
    );
    if known.mode() & 0o777 != mode {
        set_mode(data, mode)?;
    }
    NAMES
        .iter()
        .map(|name| data.join(name))
        .filter(|path| path.exists())
        .try_for_each(|path| close(&path))
}

/// Take every right of others away.
fn close(path: &Path) -> Result<()> {
    let mode = fs::metadata(path)?.mode();
    if mode & OTHERS == 0 { Ok(()) } else { set_mode(path, mode & !OTHERS) }
}

/// Set the mode. A file of another user can't be closed by us; the log tells that user what to do.
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    match fs::set_permissions(path, Permissions::from_mode(mode & 0o7777)) {
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            let path = path.display();
            tracing::warn!(%path, "other users may read it, and it is another user's: run chmod go= on it");
            Ok(())
        }
        set => set.with_context(|| format!("{} can't be closed to others", path.display())),
    }
}

/// A folder for the temporary files of this process, below `tmp` of the data folder. Imported files and exports
/// pass through it, so nothing of it may outlive its process.
///
/// It goes when this is dropped. After a kill -9 the next process that starts removes it: a lock beside the folder
/// tells whether its process still runs, since several processes share a data folder.
#[derive(Debug)]
pub struct TemporaryFolder {
    path: PathBuf,
    lock: PathBuf,
    _held: File,
}

impl TemporaryFolder {
    /// Clear what dead processes left, take a folder, and make it the one of all temporary files.
    fn take(data: &Path) -> Result<Self> {
        let all = data.join("tmp");
        let taken = || {
            make_folder(&all)?;
            clear(&all)?;
            Self::new(&all)
        };
        let taken = taken()
            .with_context(|| format!("{} can't be used for temporary files", all.display()))?;
        // A second one in this process would find the first in its place, which does as well.
        let _ = tempfile::env::override_temp_dir(&taken.path);
        Ok(taken)
    }

    /// The lock is taken before the folder is there, so that no other process finds the folder without it.
    fn new(all: &Path) -> std::io::Result<Self> {
        let path = all.join(Uuid::now_v7().simple().to_string());
        let lock = lock_of(&path);
        let held = File::create_new(&lock)?;
        held.lock()?;
        fs::create_dir(&path)?;
        Ok(Self { path, lock, _held: held })
    }
}

impl Drop for TemporaryFolder {
    fn drop(&mut self) {
        // When this fails, the next process removes it.
        let _ = fs::remove_dir_all(&self.path);
        let _ = fs::remove_file(&self.lock);
    }
}

/// Make a folder for its owner alone; one that is there is left alone.
pub fn make_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))
}

fn lock_of(folder: &Path) -> PathBuf {
    folder.with_extension("lock")
}

/// Remove the folders whose process is gone.
fn clear(all: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(all)? {
        let folder = entry?.path();
        if !folder.is_dir() {
            continue;
        }
        let lock = lock_of(&folder);
        let lives = match File::open(&lock) {
            Ok(file) => file.try_lock().is_err(),
            Err(_) => false,
        };
        if !lives {
            // Another process may clear it at the same time.
            let _ = fs::remove_dir_all(&folder);
            let _ = fs::remove_file(&lock);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o7777
    }

    #[test]
    fn a_folder_that_is_open_is_closed_and_a_shared_one_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("deep/data");
        make(&data).expect("made");
        let outside = if nix::unistd::geteuid().is_root() { 0o711 } else { 0o700 };
        assert_eq!((mode(&data), mode(&folder.path().join("deep"))), (outside, outside));

        // As folders for temporary files are made.
        fs::set_permissions(&data, Permissions::from_mode(0o700)).expect("closed");
        make(&data).expect("made");
        assert_eq!(mode(&data), outside, "the servers' own user has to pass");

        fs::write(data.join("postgres.log"), "values").expect("written");
        fs::create_dir(data.join("objects")).expect("made");
        for (path, open) in [("", 0o755), ("postgres.log", 0o644), ("objects", 0o755)] {
            let set = fs::set_permissions(data.join(path), Permissions::from_mode(open));
            set.expect("opened");
        }
        make(&data).expect("closed");
        assert_eq!(mode(&data), outside);
        assert_eq!((mode(&data.join("postgres.log")), mode(&data.join("objects"))), (0o600, 0o700));

        fs::set_permissions(&data, Permissions::from_mode(0o1777)).expect("shared");
        let refused = make(&data).expect_err("it is shared").to_string();
        assert!(refused.contains("CALLWRIGHT_DATA"), "{refused}");
        assert_eq!(mode(&data), 0o1777, "it is left as it was");
    }

    #[test]
    fn temporary_files_of_a_killed_process_go_at_the_next_start_and_those_of_a_living_one_stay() {
        let all = tempfile::tempdir().expect("a folder");
        let lives = TemporaryFolder::new(all.path()).expect("taken");
        // As kill -9 leaves it: the file of the lock is there, and nobody holds it.
        let killed = TemporaryFolder::new(all.path()).expect("taken");
        fs::write(killed.path.join("numbers.csv"), "8613800000001").expect("written");
        killed._held.unlock().expect("unlocked");
        let left = killed.path.clone();
        std::mem::forget(killed);
        fs::create_dir(all.path().join("without-a-lock")).expect("made");

        clear(all.path()).expect("cleared");
        assert!(!left.exists() && !all.path().join("without-a-lock").exists());
        assert!(lives.path.exists());
        let path = lives.path.clone();
        drop(lives);
        assert!(!path.exists() && !lock_of(&path).exists());
    }
}
