//! One bucket: a sidecar and a content file for each object, in folders by the hash of its key, and
//! the sorted keys in memory for lists.
//!
//! The sidecar decides: an object is what its sidecar says, from the moment that it is renamed into
//! place. A content file that no sidecar names is left over from a crash and removed at start.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File};
use std::io;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use super::disk::{self, Aside, hex};

const FOLDERS: usize = 256;

/// What a client tells of an object beside its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Headers {
    pub(super) content_type: Option<String>,
    pub(super) content_disposition: Option<String>,
    pub(super) content_encoding: Option<String>,
    pub(super) cache_control: Option<String>,
    #[serde(default)]
    pub(super) metadata: BTreeMap<String, String>,
}

/// The sidecar of an object.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Sidecar {
    pub(super) key: String,
    /// Name of the content file, in the same folder.
    pub(super) data: String,
    pub(super) bytes: u64,
    pub(super) etag: String,
    pub(super) modified_ms: i64,
    #[serde(flatten)]
    pub(super) headers: Headers,
}

/// An object as a list shows it.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) bytes: u64,
    pub(super) etag: String,
    pub(super) modified_ms: i64,
}

#[derive(Debug)]
pub(super) struct Bucket {
    folder: PathBuf,
    incoming: PathBuf,
    /// One lock a folder: what is read and what is replaced belong together.
    locks: Vec<Mutex<()>>,
    keys: RwLock<BTreeMap<String, Listed>>,
    indexed: watch::Sender<bool>,
}

impl Bucket {
    /// Open a bucket's folder. [`Bucket::index`] must follow.
    pub(super) fn open(folder: PathBuf, incoming: PathBuf) -> Self {
        Self {
            folder,
            incoming,
            locks: (0..FOLDERS).map(|_| Mutex::new(())).collect(),
            keys: RwLock::default(),
            indexed: watch::Sender::new(false),
        }
    }

    /// Make the folders of a new bucket, and open it.
    pub(super) fn create(folder: PathBuf, incoming: PathBuf) -> io::Result<Self> {
        disk::make_folder(&folder)?;
        for number in 0..FOLDERS {
            fs::create_dir_all(folder.join(format!("{number:02x}")))?;
        }
        disk::sync_folder(&folder)?;
        let bucket = Self::open(folder, incoming);
        bucket.indexed.send_replace(true);
        Ok(bucket)
    }

    /// Read all sidecars into the index, and clear what a crash left. Objects can be read and
    /// written meanwhile; lists wait for it.
    pub(super) fn index(&self) -> io::Result<()> {
        for number in 0..FOLDERS {
            let folder = self.folder.join(format!("{number:02x}"));
            fs::create_dir_all(&folder)?;
            let _lock = self.lock(number);
            self.index_folder(&folder)?;
        }
        self.indexed.send_replace(true);
        Ok(())
    }

    fn index_folder(&self, folder: &Path) -> io::Result<()> {
        let (mut named, mut damaged, mut contents) = (HashSet::new(), HashSet::new(), Vec::new());
        for entry in fs::read_dir(folder)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            let Some(stem) = name.strip_suffix(".json") else {
                contents.push(name);
                continue;
            };
            match read_sidecar(&folder.join(&name)) {
                Ok(Some(sidecar)) => {
                    named.insert(sidecar.data.clone());
                    self.note(&sidecar);
                }
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(file = %name, %error, "an object's sidecar can't be read");
                    damaged.insert(stem.to_owned());
                }
            }
        }
        for name in contents {
            let stem = name.split('.').next().unwrap_or_default();
            if !named.contains(&name) && !damaged.contains(stem) {
                disk::remove(&folder.join(&name))?;
            }
        }
        Ok(())
    }

    /// Make `aside` the content of an object, durably. What had the key before is replaced.
    pub(super) fn put(
        &self,
        key: &str,
        aside: Aside,
        bytes: u64,
        etag: String,
        headers: Headers,
    ) -> io::Result<Sidecar> {
        let place = Place::of(key);
        let folder = self.folder.join(place.folder());
        let sidecar = Sidecar {
            key: key.to_owned(),
            data: format!("{}.{}.data", place.hash, uuid::Uuid::now_v7().simple()),
            bytes,
            etag,
            modified_ms: now_ms(),
            headers,
        };
        let path = folder.join(format!("{}.json", place.hash));
        let _lock = self.lock(place.number);
        // A damaged one is replaced too; its content file is cleared at the next start.
        let before = read_sidecar(&path).unwrap_or_default();
        let data = folder.join(&sidecar.data);
        aside.place(&data)?;
        if let Err(error) = disk::replace(&self.incoming, &path, &serde_json::to_vec(&sidecar)?) {
            // It may have come into place all the same, when only the sync failed.
            let named = read_sidecar(&path).ok().flatten();
            if named.is_none_or(|named| named.data != sidecar.data) {
                let _ = disk::remove(&data);
            }
            return Err(error);
        }
        self.note(&sidecar);
        if let Some(before) = before {
            disk::remove(&folder.join(&before.data))?;
        }
        Ok(sidecar)
    }

    /// What an object is; none when there is no such object.
    pub(super) fn head(&self, key: &str) -> io::Result<Option<Sidecar>> {
        let place = Place::of(key);
        let path = self.folder.join(place.folder()).join(format!("{}.json", place.hash));
        let _lock = self.lock(place.number);
        read_sidecar(&path)
    }

    /// An object and its content, which stays readable even if the object is replaced meanwhile.
    pub(super) fn get(&self, key: &str) -> io::Result<Option<(Sidecar, File)>> {
        let place = Place::of(key);
        let folder = self.folder.join(place.folder());
        let _lock = self.lock(place.number);
        match read_sidecar(&folder.join(format!("{}.json", place.hash)))? {
            Some(sidecar) => {
                let file = File::open(folder.join(&sidecar.data))?;
                Ok(Some((sidecar, file)))
            }
            None => Ok(None),
        }
    }

    /// Delete an object, durably; one that is not there is no error.
    pub(super) fn delete(&self, key: &str) -> io::Result<()> {
        let place = Place::of(key);
        let folder = self.folder.join(place.folder());
        let path = folder.join(format!("{}.json", place.hash));
        let _lock = self.lock(place.number);
        let before = read_sidecar(&path).unwrap_or_default();
        disk::remove(&path)?;
        disk::sync_folder(&folder)?;
        self.keys.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        before.map_or(Ok(()), |before| disk::remove(&folder.join(&before.data)))
    }

    /// Returns once the index is whole.
    pub(super) async fn indexed(&self) {
        // The sender lives as long as the bucket.
        let _ = self.indexed.subscribe().wait_for(|indexed| *indexed).await;
    }

    /// Up to `limit` objects whose keys start with `prefix`, behind the key `after`.
    pub(super) fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<(String, Listed)> {
        let start = match after {
            Some(after) if after >= prefix => Bound::Excluded(after),
            _ => Bound::Included(prefix),
        };
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        keys.range::<str, _>((start, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .take(limit)
            .map(|(key, listed)| (key.clone(), listed.clone()))
            .collect()
    }

    fn note(&self, sidecar: &Sidecar) {
        let listed = Listed {
            bytes: sidecar.bytes,
            etag: sidecar.etag.clone(),
            modified_ms: sidecar.modified_ms,
        };
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        keys.insert(sidecar.key.clone(), listed);
    }

    fn lock(&self, number: usize) -> MutexGuard<'_, ()> {
        // What the lock guards is on the disk, and whole at any moment.
        self.locks[number].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where a key's files lie.
struct Place {
    hash: String,
    number: usize,
}

impl Place {
    fn of(key: &str) -> Self {
        let hash = Sha256::digest(key.as_bytes());
        Self { hash: hex(&hash), number: usize::from(hash[0]) }
    }

    fn folder(&self) -> &str {
        &self.hash[..2]
    }
}

fn read_sidecar(path: &Path) -> io::Result<Option<Sidecar>> {
    match fs::read(path) {
        Ok(content) => Ok(Some(serde_json::from_slice(&content)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

pub(super) fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
