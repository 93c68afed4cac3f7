//! A ZIP that is written a stretch at a time. What is behind a stretch is gone from this machine: the next one,
//! perhaps of another process, needs only the directory of all that came before.
//!
//! A ZIP ends with its directory. Each stretch is ended with one, too, and the next stretch overwrites it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zip::read::{ArchiveOffset, Config};
use zip::result::ZipResult;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Fast: most of a recording is noise or silence, and more work makes little of it smaller.
const LEVEL: i64 = 1;
/// A file in a ZIP that is as large needs the long form of its header.
const LONG_BYTES_MIN: u64 = u32::MAX as u64;

/// The stretch that is being written.
pub(super) struct Archive {
    zip: ZipWriter<Tail>,
    written: Arc<AtomicU64>,
    folder: PathBuf,
}

/// A stretch that was ended: its files, then the directory of the whole ZIP so far.
pub(super) struct Stretch {
    tail: Tail,
    /// Bytes of its files.
    pub(super) data_bytes: u64,
    /// Bytes of its files and the directory.
    pub(super) bytes: u64,
    folder: PathBuf,
}

impl Archive {
    /// An empty ZIP. Its stretches lie in `folder`, as files without a name.
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let tail = Tail::new(folder, 0)?;
        let written = Arc::clone(&tail.written);
        Ok(Self { zip: ZipWriter::new(tail), written, folder: folder.to_owned() })
    }

    /// Go on behind `base` bytes of files that `directory` tells of.
    pub(super) fn go_on(folder: &Path, base: u64, directory: &[u8]) -> ZipResult<Self> {
        let mut tail = Tail::new(folder, base)?;
        tail.seek(SeekFrom::Start(base))?;
        tail.write_all(directory)?;
        let written = Arc::clone(&tail.written);
        written.store(0, Ordering::Relaxed);
        let config = Config { archive_offset: ArchiveOffset::Known(0) };
        let zip = ZipWriter::new_append_with_config(config, tail)?;
        Ok(Self { zip, written, folder: folder.to_owned() })
    }

    /// Packed bytes of this stretch so far, but for what the packer still holds.
    pub(super) fn bytes(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Add a file of so many bytes.
    pub(super) fn add(
        &mut self,
        name: &str,
        at: Option<DateTime>,
        bytes: u64,
        mut content: impl Read,
    ) -> ZipResult<()> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(LEVEL))
            .last_modified_time(at.unwrap_or_default())
            .large_file(bytes >= LONG_BYTES_MIN);
        self.zip.start_file(name, options)?;
        io::copy(&mut content, &mut self.zip)?;
        Ok(())
    }

    /// End the stretch.
    pub(super) fn end(self) -> ZipResult<Stretch> {
        let whole = self.zip.finish_into_readable()?;
        let end = whole.central_directory_start();
        let mut tail = whole.into_inner();
        let bytes = tail.seek(SeekFrom::End(0))? - tail.base;
        Ok(Stretch { data_bytes: end - tail.base, bytes, tail, folder: self.folder })
    }
}

impl Stretch {
    /// Its bytes from `at` on, `length` of them.
    pub(super) fn read(&self, at: u64, length: u64) -> io::Result<Vec<u8>> {
        let mut content = vec![0; usize::try_from(length).map_err(io::Error::other)?];
        self.tail.file.read_exact_at(&mut content, at)?;
        Ok(content)
    }

    /// The directory of the whole ZIP so far.
    pub(super) fn directory(&self) -> io::Result<Vec<u8>> {
        self.read(self.data_bytes, self.bytes - self.data_bytes)
    }

    /// Where its files end in the whole ZIP.
    pub(super) const fn end(&self) -> u64 {
        self.tail.base + self.data_bytes
    }

    /// The next stretch.
    pub(super) fn next(&self, directory: &[u8]) -> ZipResult<Archive> {
        Archive::go_on(&self.folder, self.end(), directory)
    }
}

/// The end of a file whose first `base` bytes are elsewhere.
struct Tail {
    file: File,
    base: u64,
    /// Where the next byte is read or written, from the start of the whole.
    at: u64,
    /// How far it was written, from its base.
    written: Arc<AtomicU64>,
}

impl Tail {
    fn new(folder: &Path, base: u64) -> io::Result<Self> {
        Ok(Self { file: tempfile::tempfile_in(folder)?, base, at: 0, written: Arc::default() })
    }

    /// Where that is in the file.
    fn place(&self) -> io::Result<u64> {
        let elsewhere = || io::Error::other("this part of the ZIP is not here any more");
        self.at.checked_sub(self.base).ok_or_else(elsewhere)
    }
}

impl Read for Tail {
    /// What is elsewhere reads as zeros: whoever looks for the directory looks from the end, by large steps.
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let elsewhere = self.base.saturating_sub(self.at);
        let read = if elsewhere > 0 {
            let zeros = into.len().min(usize::try_from(elsewhere).unwrap_or(usize::MAX));
            into[..zeros].fill(0);
            zeros
        } else {
            self.file.read_at(into, self.place()?)?
        };
        self.at += read as u64;
        Ok(read)
    }
}

impl Write for Tail {
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        let place = self.place()?;
        let written = self.file.write_at(content, place)?;
        self.at += written as u64;
        self.written.fetch_max(place + written as u64, Ordering::Relaxed);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Tail {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
            SeekFrom::End(by) => (self.base + self.file.metadata()?.len()).checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn a_zip_of_many_stretches_is_whole_and_each_stretch_needs_only_the_directory() {
        let folder = tempfile::tempdir().expect("a folder");
        let content = |n: usize| format!("recording {n} ").repeat(n + 1).into_bytes();
        let mut archive = Archive::new(folder.path()).expect("an archive");
        let mut whole = Vec::new();
        for n in 0..100 {
            let bytes = content(n);
            let size = bytes.len() as u64;
            archive.add(&format!("{n}.wav"), None, size, Cursor::new(bytes)).expect("added");
            if n % 7 == 3 {
                let stretch = archive.end().expect("ended");
                whole.extend(stretch.read(0, stretch.data_bytes).expect("its files"));
                let directory = stretch.directory().expect("a directory");
                archive =
                    Archive::go_on(folder.path(), stretch.end(), &directory).expect("goes on");
            }
        }
        let last = archive.end().expect("ended");
        whole.extend(last.read(0, last.bytes).expect("its files and the directory"));
        let mut zip = zip::ZipArchive::new(Cursor::new(whole)).expect("a ZIP");
        assert_eq!(zip.len(), 100);
        for n in 0..100 {
            let mut found = Vec::new();
            zip.by_index(n).expect("a file").read_to_end(&mut found).expect("read");
            assert_eq!(found, content(n));
        }
    }
}
