//! Where the key of an installation comes from: it is given, or lies in a file that is made when it is first needed.
//! Processes of one installation on several machines are given the same one.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use super::{SEAL_KEY_BYTES, SealKey};
use crate::StoreError;

/// See the module.
#[derive(Debug, Clone)]
pub enum SealKeySource {
    Given(SealKey),
    File(PathBuf),
}

/// The key, once somebody has needed it. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Sealing {
    source: Option<SealKeySource>,
    key: Arc<OnceLock<SealKey>>,
}

impl Sealing {
    pub(crate) fn by(source: Option<SealKeySource>) -> Self {
        Self { source, key: Arc::default() }
    }

    pub(crate) fn key(&self) -> Result<&SealKey, StoreError> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let key = match &self.source {
            Some(SealKeySource::Given(key)) => key.clone(),
            Some(SealKeySource::File(path)) => of_file(path)
                .map_err(|error| StoreError::Unavailable(format!("{}: {error}", path.display())))?,
            None => {
                let missing = "there is no key to seal passwords with";
                return Err(StoreError::Unavailable(missing.into()));
            }
        };
        Ok(self.key.get_or_init(|| key))
    }
}

fn of_file(path: &Path) -> io::Result<SealKey> {
    if !path.exists() {
        make(path)?;
    }
    let text = fs::read_to_string(path)?;
    let wrong = || io::Error::new(ErrorKind::InvalidData, "it does not hold 64 hexadecimal digits");
    SealKey::from_hex(&text).ok_or_else(wrong)
}

/// Two processes may need it at once: the link is made once, and both read it.
fn make(path: &Path) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let draft = folder.join(format!(".secrets.{:016x}", rand::random::<u64>()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let bytes: [u8; SEAL_KEY_BYTES] = rand::random();
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    file.write_all(digits.as_bytes())?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_file_is_made_when_it_is_needed_once_and_closed_to_others() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/secrets.key");
        let source = || Sealing::by(Some(SealKeySource::File(path.clone())));
        let first = source();
        assert!(!path.exists(), "nobody has needed it");
        let key = first.key().unwrap().clone();
        assert_eq!(source().key().unwrap(), &key);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        fs::write(&path, "0f").unwrap();
        let told = source().key().unwrap_err().to_string();
        assert!(told.contains("64 hexadecimal digits"), "{told}");
        assert!(Sealing::by(None).key().is_err());
    }
}
