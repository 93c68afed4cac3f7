//! The folder where recordings wait for their upload.
//!
//! It carries an id of its own. A recording's job goes to the queue of that id, which only workers
//! with this folder read: a courier on another machine never looks for a file it can't have.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outbound::ids::AttemptId;
use uuid::Uuid;

/// A folder of recordings that are not yet safe.
#[derive(Debug, Clone)]
pub struct Spool {
    folder: Arc<PathBuf>,
    id: Arc<str>,
}

impl Spool {
    /// Open `folder`, made when it is new.
    pub fn open(folder: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        let name = folder.join("spool.id");
        // Two processes may open a new folder at once: the link is made once, and the loser reads it.
        if !name.exists() {
            let draft = folder.join(format!(".spool.{}", Uuid::now_v7().simple()));
            std::fs::write(&draft, Uuid::now_v7().simple().to_string())?;
            let linked = std::fs::hard_link(&draft, &name);
            std::fs::remove_file(&draft)?;
            if let Err(error) = linked
                && error.kind() != std::io::ErrorKind::AlreadyExists
            {
                return Err(error);
            }
        }
        let id = std::fs::read_to_string(&name)?.trim().to_owned();
        Ok(Self { folder: Arc::new(folder.to_owned()), id: id.into() })
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// For files that have no name.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the recording of an attempt is, or is to be.
    pub fn path(&self, attempt: AttemptId) -> PathBuf {
        self.folder.join(format!("{attempt}.wav"))
    }

    /// Recordings, and drafts of them, that nobody has written to for `age`.
    pub fn older_than(&self, age: Duration) -> std::io::Result<Vec<(AttemptId, PathBuf)>> {
        let mut old = Vec::new();
        for entry in std::fs::read_dir(&*self.folder)? {
            let path = entry?.path();
            let recording =
                matches!(path.extension().and_then(OsStr::to_str), Some("wav" | "opus" | "part"));
            let attempt =
                path.file_stem().and_then(OsStr::to_str).and_then(|name| name.parse().ok());
            let Some(attempt) = attempt.filter(|_| recording) else { continue };
            // One that is gone meanwhile was uploaded.
            let Ok(written) = std::fs::metadata(&path).and_then(|data| data.modified()) else {
                continue;
            };
            if written.elapsed().is_ok_and(|gone_by| gone_by >= age) {
                old.push((attempt, path));
            }
        }
        Ok(old)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spool_folder_keeps_its_id() {
        let folder = tempfile::tempdir().expect("a folder");
        let first = Spool::open(folder.path()).expect("opens");
        let again = Spool::open(folder.path()).expect("opens again");
        assert_eq!(first.id(), again.id());
        assert_eq!(first.id().len(), 32);
    }
}
