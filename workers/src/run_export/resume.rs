//! Where a ZIP of recordings goes on when its worker died: what went up is not packed again.
//!
//! After each stretch an object beside the file says how far it is, and the export's row names that object. A
//! worker that goes on reads the records that come behind: they are those of its own moment, so a call that
//! ended meanwhile may be in the file, too.

use bytes::Bytes;
use outbound::ids::AttemptId;
use serde::{Deserialize, Serialize};
use storage::StoreError;
use storage::exports::{self, Export};
use storage::objects::parts::{Parts, SavedParts};
use storage::objects::{Objects, keys};
use storage::records::RecordCursor;
use tokio::task::spawn_blocking;
use zip::DateTime;

use super::archive::{Archive, Stretch};
use super::{Halt, Run};
use crate::Environment;

/// A part that goes up, but for the last of a stretch, which may be twice as large.
const PART_BYTES: u64 = 16 << 20;
/// A stretch is this large at least.
const STRETCH_BYTES_MIN: u64 = 32 << 20;
/// And it is so many times as large as the directory, which is saved with each.
const DIRECTORIES_MIN: u64 = 4;
/// The largest state that is read back: a directory of two million recordings.
const SAVED_BYTES_MAX: u64 = 256 << 20;

/// How far it is, as it is kept beside the file; the directory of the ZIP follows in the same object.
#[derive(Debug, Serialize, Deserialize)]
struct Saved {
    upload: SavedParts,
    /// The last record that is done, and how many were.
    after: RecordCursor,
    rows: u64,
    missing: Vec<(AttemptId, String)>,
}

/// A ZIP that goes to the object store, and can be gone on with.
pub(super) struct Packing {
    archive: Option<Archive>,
    parts: Parts,
    /// A stretch of so many packed bytes is sent and saved.
    stretch_bytes: u64,
    /// Names of recordings that the object store does not have any more.
    pub(super) missing: Vec<(AttemptId, String)>,
    key: String,
}

impl Packing {
    /// Go on where the last worker was, or begin under `key`.
    pub(super) async fn open(run: &mut Run<'_>, key: &str) -> Result<Self, Halt> {
        if let Some(saved) = &run.export.checkpoint
            && let Some(packing) = Self::go_on(run, saved).await?
        {
            return Ok(packing);
        }
        let archive = Archive::new(run.env.spool.folder()).map_err(Halt::file)?;
        let parts = run.env.objects.begin_parts(key, "application/zip").await?;
        Ok(Self {
            archive: Some(archive),
            parts,
            stretch_bytes: STRETCH_BYTES_MIN,
            missing: Vec::new(),
            key: key.to_owned(),
        })
    }

    /// None: what was saved is gone, so all of it is made again.
    async fn go_on(run: &mut Run<'_>, at: &str) -> Result<Option<Self>, Halt> {
        let Some(content) = read(&run.env.objects, at).await? else { return Ok(None) };
        let Some(line) = content.iter().position(|byte| *byte == b'\n') else { return Ok(None) };
        let Ok(saved) = serde_json::from_slice::<Saved>(&content[..line]) else { return Ok(None) };
        let (key, base) = (saved.upload.key().to_owned(), saved.upload.bytes());
        let Some(parts) = run.env.objects.go_on_with_parts(saved.upload).await? else {
            return Ok(None);
        };
        let folder = run.env.spool.folder().to_owned();
        let directory_bytes = (content.len() - line - 1) as u64;
        let archive = blocking(move || Archive::go_on(&folder, base, &content[line + 1..]));
        let archive = archive.await?.map_err(Halt::file)?;
        run.go_on_behind(saved.after, saved.rows);
        tracing::info!(export = %run.export.id, rows = saved.rows, "a ZIP is gone on with");
        Ok(Some(Self {
            archive: Some(archive),
            parts,
            stretch_bytes: stretch_bytes(directory_bytes),
            missing: saved.missing,
            key,
        }))
    }

    /// Add a file of so many bytes.
    pub(super) async fn add(
        &mut self,
        name: String,
        at: Option<DateTime>,
        bytes: u64,
        content: impl std::io::Read + Send + 'static,
    ) -> Result<(), Halt> {
        let mut archive = self.take()?;
        let added = blocking(move || (archive.add(&name, at, bytes, content), archive));
        let (added, archive) = added.await?;
        self.archive = Some(archive);
        added.map_err(Halt::file)
    }

    /// All up to this record is in, so many rows. Send it up and save it, when it has become enough.
    pub(super) async fn done(
        &mut self,
        (env, export): (&Environment, &Export),
        after: RecordCursor,
        rows: u64,
    ) -> Result<(), Halt> {
        if self.archive.as_ref().is_none_or(|archive| archive.bytes() < self.stretch_bytes) {
            return Ok(());
        }
        let archive = self.take()?;
        let ended = blocking(move || {
            let stretch = archive.end().map_err(Halt::file)?;
            let directory = stretch.directory().map_err(Halt::file)?;
            let next = stretch.next(&directory).map_err(Halt::file)?;
            Ok::<_, Halt>((stretch, directory, next))
        });
        let (stretch, directory, next) = ended.await??;
        self.archive = Some(next);
        let data_bytes = stretch.data_bytes;
        self.send(stretch, data_bytes).await?;
        let (upload, missing) = (self.parts.saved().clone(), self.missing.clone());
        let saved = Saved { upload, after, rows, missing };
        let mut content = serde_json::to_vec(&saved).map_err(Halt::file)?;
        content.push(b'\n');
        content.extend_from_slice(&directory);
        let key = keys::export_checkpoint(export.enterprise, export.id, export.token);
        env.objects.put(&key, "application/octet-stream", content).await?;
        exports::checkpoint(&env.store, export.id, export.token, &key).await?;
        self.stretch_bytes = stretch_bytes(directory.len() as u64);
        Ok(())
    }

    /// Send the rest up, and make the file visible; gives its key and its bytes.
    pub(super) async fn finish(mut self) -> Result<(String, u64), Halt> {
        let archive = self.take()?;
        let stretch = blocking(move || archive.end()).await?.map_err(Halt::file)?;
        let rest = stretch.bytes;
        self.send(stretch, rest).await?;
        Ok((self.key, self.parts.complete().await?))
    }

    /// Send so many bytes of a stretch, in parts none of which is small but the last of the file.
    async fn send(&mut self, stretch: Stretch, bytes: u64) -> Result<(), Halt> {
        let stretch = std::sync::Arc::new(stretch);
        let mut at = 0;
        while at < bytes {
            let left = bytes - at;
            let length = if left < 2 * PART_BYTES { left } else { PART_BYTES };
            let of = std::sync::Arc::clone(&stretch);
            let part = blocking(move || of.read(at, length)).await?.map_err(Halt::file)?;
            self.parts.send(Bytes::from(part)).await?;
            at += length;
        }
        Ok(())
    }

    fn take(&mut self) -> Result<Archive, Halt> {
        self.archive.take().ok_or_else(|| Halt::file("a step before broke it off"))
    }
}

fn stretch_bytes(directory_bytes: u64) -> u64 {
    STRETCH_BYTES_MIN.max(DIRECTORIES_MIN * directory_bytes)
}

/// What was saved under a key; none when it is gone, or is more than we would have written.
async fn read(objects: &Objects, key: &str) -> Result<Option<Vec<u8>>, Halt> {
    let mut body = match objects.get(key).await {
        Ok(body) if body.bytes <= SAVED_BYTES_MAX => body,
        Ok(_) | Err(StoreError::NotFound(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut content = Vec::new();
    while let Some(piece) = body.next().await? {
        content.extend_from_slice(&piece);
    }
    Ok(Some(content))
}

/// Packing takes a while, and must not hold up what else this thread does.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Halt> {
    spawn_blocking(work).await.map_err(Halt::file)
}
