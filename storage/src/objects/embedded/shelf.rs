//! The whole folder: its buckets, and the uploads that are under way.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use super::bucket::Bucket;
use super::disk;
use super::uploads::Uploads;

#[derive(Debug)]
pub(super) struct Shelf {
    pub(super) incoming: PathBuf,
    pub(super) uploads: Uploads,
    buckets_folder: PathBuf,
    buckets: RwLock<BTreeMap<String, Arc<Bucket>>>,
}

impl Shelf {
    /// Open the folder, make it if needed, and clear what a crash left behind.
    pub(super) fn open(folder: &Path, now: SystemTime) -> io::Result<Arc<Self>> {
        fs::create_dir_all(folder)?;
        let [incoming, uploads, buckets] =
            ["incoming", "uploads", "buckets"].map(|name| folder.join(name));
        for folder in [&incoming, &uploads, &buckets] {
            disk::make_folder(folder)?;
        }
        for entry in fs::read_dir(&incoming)? {
            let path = entry?.path();
            if path.is_dir() { fs::remove_dir_all(&path)? } else { fs::remove_file(&path)? }
        }
        let shelf = Arc::new(Self {
            uploads: Uploads::new(uploads, incoming.clone()),
            incoming,
            buckets_folder: buckets,
            buckets: RwLock::default(),
        });
        shelf.uploads.clear_stale(now)?;
        shelf.open_buckets()?;
        Ok(shelf)
    }

    fn open_buckets(self: &Arc<Self>) -> io::Result<()> {
        let mut opened = BTreeMap::new();
        for entry in fs::read_dir(&self.buckets_folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            opened.insert(name, Arc::new(Bucket::open(entry.path(), self.incoming.clone())));
        }
        *self.buckets.write().unwrap_or_else(PoisonError::into_inner) = opened.clone();
        std::thread::Builder::new().name("object-index".into()).spawn(move || {
            for (name, bucket) in opened {
                if let Err(error) = bucket.index() {
                    tracing::error!(bucket = %name, %error, "a bucket can't be indexed");
                }
            }
        })?;
        Ok(())
    }

    pub(super) fn bucket(&self, name: &str) -> Option<Arc<Bucket>> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    pub(super) fn bucket_names(&self) -> Vec<String> {
        self.buckets.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Make a bucket; false when it was there.
    pub(super) fn create_bucket(&self, name: &str) -> io::Result<bool> {
        let mut buckets = self.buckets.write().unwrap_or_else(PoisonError::into_inner);
        if buckets.contains_key(name) {
            return Ok(false);
        }
        let bucket = Bucket::create(self.buckets_folder.join(name), self.incoming.clone())?;
        buckets.insert(name.to_owned(), Arc::new(bucket));
        Ok(true)
    }
}
