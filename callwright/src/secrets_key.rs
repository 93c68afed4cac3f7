//! The key that passwords are sealed with: from the environment, or from a file of the data folder that is made when it is
//! first needed. Processes of one installation on several machines are given the same one.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::{Context, Result};
use storage::sealing::{SEAL_KEY_BYTES, SealKey};
use uuid::Uuid;

use crate::config::Config;

const FILE: &str = "secrets.key";

/// From 64 hexadecimal digits.
pub fn parse(text: &str) -> Option<SealKey> {
    let text = text.trim();
    let right = text.len() == SEAL_KEY_BYTES * 2 && text.bytes().all(|b| b.is_ascii_hexdigit());
    if !right {
        return None;
    }
    let mut key = [0; SEAL_KEY_BYTES];
    for (at, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).ok()?;
    }
    Some(SealKey::new(key))
}

/// The key of this configuration.
pub fn of(config: &Config) -> Result<SealKey> {
    if let Some(key) = &config.secrets_key {
        return Ok(key.clone());
    }
    let path = config.data.join(FILE);
    if !path.exists() {
        make(&config.data, &path).with_context(|| format!("{} can't be made", path.display()))?;
    }
    let text = fs::read_to_string(&path).with_context(|| format!("{}", path.display()))?;
    parse(&text).with_context(|| format!("{} does not hold 64 hexadecimal digits", path.display()))
}

/// Two processes may start at once: the link is made once, and both read it.
fn make(data: &Path, path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(data)?;
    let draft = data.join(format!(".{FILE}.{}", Uuid::now_v7().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let digits: String =
        rand::random::<[u8; SEAL_KEY_BYTES]>().iter().map(|byte| format!("{byte:02x}")).collect();
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
    use super::*;

    #[test]
    fn the_key_of_a_data_folder_is_made_once_and_closed_to_others() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("data").display().to_string();
        let get = |name: &str| (name == "CALLWRIGHT_DATA").then(|| data.clone());
        let config = Config::read(&get).expect("right");
        let key = of(&config).expect("a key");
        assert_eq!(of(&config).expect("the same"), key);
        let mode = fs::metadata(config.data.join(FILE)).expect("a file").permissions().mode();
        assert_eq!(mode & 0o077, 0);
        let given = |name: &str| match name {
            "CALLWRIGHT_SECRETS_KEY" => Some("0f".repeat(32)),
            name => get(name),
        };
        let config = Config::read(&given).expect("right");
        assert_eq!(of(&config).expect("a key"), SealKey::new([15; 32]));
        let short = Config::read(&|name| (name == "CALLWRIGHT_SECRETS_KEY").then(|| "0f".into()));
        let said = short.expect_err("it is too short").to_string();
        assert!(said.contains("CALLWRIGHT_SECRETS_KEY: must be 64 hexadecimal digits"), "{said}");
    }
}
