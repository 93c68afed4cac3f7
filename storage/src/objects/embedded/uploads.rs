//! Objects that come in parts: a folder each, until they are completed or aborted.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use s3s::crypto::{Checksum as _, Md5};
use s3s::{S3Result, s3_error};
use serde::{Deserialize, Serialize};

use super::body::internal;
use super::bucket::Headers;
use super::disk::{self, Aside, hex};

/// An upload that got no part for so long is given up.
const STALE_AFTER: Duration = Duration::from_secs(86_400);
/// Every part but the last has this many bytes at least.
const PART_BYTES_MIN: u64 = 5 * 1024 * 1024;
/// Uploads under way at a time.
const UPLOADS_MAX: usize = 10_000;
pub(super) const PART_NUMBER_MAX: i32 = 10_000;

#[derive(Debug)]
pub(super) struct Uploads {
    folder: PathBuf,
    incoming: PathBuf,
    /// Held while names in an upload's folder change.
    names: Mutex<()>,
}

/// What an upload will be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct UploadPlan {
    pub(super) bucket: String,
    pub(super) key: String,
    pub(super) started_ms: i64,
    pub(super) headers: Headers,
}

/// One part that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartHere {
    pub(super) number: i32,
    pub(super) md5: String,
    pub(super) bytes: u64,
    pub(super) modified: SystemTime,
}

/// The parts of an upload in one file.
pub(super) struct Joined {
    pub(super) aside: Aside,
    pub(super) bytes: u64,
    pub(super) etag: String,
}

impl Uploads {
    pub(super) fn new(folder: PathBuf, incoming: PathBuf) -> Self {
        Self { folder, incoming, names: Mutex::new(()) }
    }

    pub(super) fn create(&self, plan: &UploadPlan) -> S3Result<String> {
        if fs::read_dir(&self.folder).map_err(internal)?.count() >= UPLOADS_MAX {
            return Err(s3_error!(SlowDown, "too many uploads are under way"));
        }
        let id = uuid::Uuid::now_v7().simple().to_string();
        let folder = self.folder.join(&id);
        disk::make_folder(&folder).map_err(internal)?;
        let content = serde_json::to_vec(plan).map_err(|error| s3_error!(error, InternalError))?;
        disk::replace(&self.incoming, &folder.join("upload.json"), &content).map_err(internal)?;
        Ok(id)
    }

    /// The plan of an upload, if `bucket` and `key` are its own.
    pub(super) fn plan(&self, id: &str, bucket: &str, key: &str) -> S3Result<UploadPlan> {
        let plan = self.read_plan(id).map_err(internal)?;
        plan.filter(|plan| plan.bucket == bucket && plan.key == key)
            .ok_or_else(|| s3_error!(NoSuchUpload))
    }

    fn read_plan(&self, id: &str) -> io::Result<Option<UploadPlan>> {
        let Some(folder) = self.folder_of(id) else { return Ok(None) };
        match fs::read(folder.join("upload.json")) {
            Ok(content) => Ok(Some(serde_json::from_slice(&content)?)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Ids are ours: anything else names no upload, and no path outside the folder.
    fn folder_of(&self, id: &str) -> Option<PathBuf> {
        let is_id = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| self.folder.join(id))
    }

    /// Add a part, in place of one with the same number.
    pub(super) fn add_part(&self, id: &str, number: i32, md5: &str, aside: Aside) -> S3Result<()> {
        let folder = self.folder_of(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let _names = self.names();
        if !folder.join("upload.json").exists() {
            return Err(s3_error!(NoSuchUpload));
        }
        let name = part_name(number, md5);
        let before = self.part_files(&folder).map_err(internal)?;
        aside.place(&folder.join(&name)).map_err(internal)?;
        for other in before {
            let other_name = part_name(other.number, &other.md5);
            if other.number == number && other_name != name {
                disk::remove(&folder.join(other_name)).map_err(internal)?;
            }
        }
        Ok(())
    }

    /// The parts that are here, by number.
    pub(super) fn parts(&self, id: &str) -> S3Result<Vec<PartHere>> {
        let folder = self.folder_of(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        self.part_files(&folder).map_err(internal)
    }

    fn part_files(&self, folder: &Path) -> io::Result<Vec<PartHere>> {
        let mut parts = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some((number, md5)) = name.split_once('-') else { continue };
            let Ok(number) = number.parse() else { continue };
            let metadata = entry.metadata()?;
            let modified = metadata.modified()?;
            parts.push(PartHere { number, md5: md5.to_owned(), bytes: metadata.len(), modified });
        }
        parts.sort_by_key(|part| part.number);
        Ok(parts)
    }

    /// Check the parts that the client names, and join them. The upload stays until [`Self::remove`].
    pub(super) fn join(&self, id: &str, wanted: &[(i32, String)]) -> S3Result<Joined> {
        let folder = self.folder_of(id).ok_or_else(|| s3_error!(NoSuchUpload))?;
        let here = self.parts(id)?;
        let chosen = choose(&here, wanted)?;
        let aside = Aside::new(&self.incoming);
        let mut md5 = Md5::new();
        let mut joined = File::create_new(aside.path()).map_err(internal)?;
        let mut bytes = 0;
        for part in &chosen {
            md5.update(&unhex(&part.md5));
            let path = folder.join(part_name(part.number, &part.md5));
            let mut file = File::open(path).map_err(internal)?;
            bytes += io::copy(&mut file, &mut joined).map_err(internal)?;
        }
        joined.sync_all().map_err(internal)?;
        let etag = format!("{}-{}", hex(md5.finalize().as_ref()), chosen.len());
        Ok(Joined { aside, bytes, etag })
    }

    /// Forget an upload and free its parts; one that is not there is no error.
    pub(super) fn remove(&self, id: &str) -> io::Result<()> {
        let Some(folder) = self.folder_of(id) else { return Ok(()) };
        let _names = self.names();
        match fs::remove_dir_all(folder) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Uploads of a bucket whose keys start with `prefix`, by key and id.
    pub(super) fn list(&self, bucket: &str, prefix: &str) -> io::Result<Vec<(String, UploadPlan)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let id = entry?.file_name().to_string_lossy().into_owned();
            if let Some(plan) = self.read_plan(&id)?
                && plan.bucket == bucket
                && plan.key.starts_with(prefix)
            {
                found.push((id, plan));
            }
        }
        found.sort_by(|a, b| (&a.1.key, &a.0).cmp(&(&b.1.key, &b.0)));
        Ok(found)
    }

    /// Give up uploads that got no part for a day.
    pub(super) fn clear_stale(&self, now: SystemTime) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            // The folder changes with every part.
            let age = now.duration_since(entry.metadata()?.modified()?).unwrap_or_default();
            if age >= STALE_AFTER {
                let id = entry.file_name().to_string_lossy().into_owned();
                tracing::info!(upload = %id, "a stale upload is cleared");
                self.remove(&id)?;
            }
        }
        Ok(())
    }

    fn names(&self) -> MutexGuard<'_, ()> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn choose<'a>(here: &'a [PartHere], wanted: &[(i32, String)]) -> S3Result<Vec<&'a PartHere>> {
    if wanted.is_empty() {
        return Err(s3_error!(InvalidRequest, "an upload needs at least one part"));
    }
    if wanted.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return Err(s3_error!(InvalidPartOrder));
    }
    let mut chosen = Vec::with_capacity(wanted.len());
    for (number, md5) in wanted {
        let part = here.iter().find(|part| part.number == *number && part.md5 == *md5);
        chosen.push(part.ok_or_else(|| s3_error!(InvalidPart))?);
    }
    let all_but_last = &chosen[..chosen.len() - 1];
    if all_but_last.iter().any(|part| part.bytes < PART_BYTES_MIN) {
        return Err(s3_error!(EntityTooSmall));
    }
    Ok(chosen)
}

fn part_name(number: i32, md5: &str) -> String {
    format!("{number:05}-{md5}")
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .filter_map(|place| u8::from_str_radix(&text[2 * place..2 * place + 2], 16).ok())
        .collect()
}
