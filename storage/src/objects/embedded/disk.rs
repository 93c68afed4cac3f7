//! Files that survive a crash: written aside, synced, renamed into place, and the folder synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Run file work off the async threads.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

/// Make the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Make a folder and its name durable; one that is there is left alone.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        Ok(()) => folder.parent().map_or(Ok(()), sync_folder),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// A file aside, removed unless it was moved into place.
#[derive(Debug)]
pub(super) struct Aside {
    path: PathBuf,
    moved: bool,
}

impl Aside {
    pub(super) fn new(incoming: &Path) -> Self {
        Self { path: incoming.join(uuid::Uuid::now_v7().to_string()), moved: false }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Move the file, which must be synced, to `target`, durably.
    pub(super) fn place(mut self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        self.moved = true;
        target.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        if !self.moved {
            // It may never have been made; what stays is cleared at the next start.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Replace `target` by `content`, whole or not at all.
pub(super) fn replace(incoming: &Path, target: &Path, content: &[u8]) -> io::Result<()> {
    let aside = Aside::new(incoming);
    let mut file = File::create_new(aside.path())?;
    file.write_all(content)?;
    file.sync_all()?;
    aside.place(target)
}

/// Remove a file; one that is not there is no error.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Lower-case hex digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
