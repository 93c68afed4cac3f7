//! PostgreSQL and Redis as child processes on private ports and a data folder, for a laptop and for
//! tests. A child dies with its parent, whatever ends the parent.

pub mod addresses;
mod child;
pub mod lock;
mod orphan;
mod postgres;
mod redis;
mod set_up;

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use rand::distr::{Alphanumeric, SampleString};

pub use child::Child;
pub use lock::FolderLock;
pub use postgres::{Postgres, Rights};
pub use redis::Redis;

/// Ports that are tried, at most.
const PORTS_TRIED_MAX: u32 = 200;

/// A TCP port of the loopback interface that nothing listens on at this moment. It lies below those that
/// the system gives to clients, so that none of them takes it before a server does.
pub fn free_port() -> Result<u16> {
    for _ in 0..PORTS_TRIED_MAX {
        let port = rand::random_range(20_000..32_000);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    anyhow::bail!("no free port on 127.0.0.1")
}

/// The secret kept in `folder` under `name`, made when there is none yet. Only its owner can read it.
pub fn secret(folder: &Path, name: &str) -> Result<String> {
    let path = folder.join(name);
    if path.exists() {
        let secret = std::fs::read_to_string(&path)
            .with_context(|| format!("{} can't be read", path.display()))?;
        return Ok(secret.trim().to_owned());
    }
    let secret = new_secret();
    write_private(&path, &secret)?;
    Ok(secret)
}

/// Letters and digits that nobody guesses.
fn new_secret() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 40)
}

/// Write a file that only its owner can read. It is there whole or not at all: who is killed meanwhile leaves
/// no half of a secret behind.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    let written = || {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(true)
            .mode(0o600)
            .open(&draft)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    written().with_context(|| format!("{} can't be written", path.display()))
}

/// The program `name`: in `folders`, else on the PATH.
fn find_program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders
        .iter()
        .cloned()
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Servers that refuse to run as root are run as this user then.
#[derive(Debug, Clone, Copy)]
pub struct ServerUser {
    uid: nix::unistd::Uid,
    gid: nix::unistd::Gid,
}

impl ServerUser {
    /// `postgres` or `nobody` for root; none for anyone else, who runs servers as themselves.
    pub fn find() -> Result<Option<Self>> {
        if !nix::unistd::geteuid().is_root() {
            return Ok(None);
        }
        for name in ["postgres", "nobody"] {
            if let Some(user) = nix::unistd::User::from_name(name)? {
                return Ok(Some(Self { uid: user.uid, gid: user.gid }));
            }
        }
        anyhow::bail!("neither a user `postgres` nor `nobody` exists; PostgreSQL can't run as root")
    }
}

/// Make a folder that only the server's user can enter.
fn server_folder(path: &Path, user: Option<ServerUser>) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path).with_context(|| format!("{} can't be made", path.display()))?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o700))?;
    if let Some(user) = user {
        nix::unistd::chown(path, Some(user.uid), Some(user.gid))
            .with_context(|| format!("{} can't be given to the server's user", path.display()))?;
        check_reachable(path, user)?;
    }
    Ok(())
}

/// A folder below one that is closed to the server's user (`/root`) would only fail later, obscurely.
fn check_reachable(path: &Path, user: ServerUser) -> Result<()> {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
        let data = std::fs::metadata(folder)?;
        let mode = data.permissions().mode();
        let open = mode & 0o001 != 0
            || (data.uid() == user.uid.as_raw() && mode & 0o100 != 0)
            || (data.gid() == user.gid.as_raw() && mode & 0o010 != 0);
        anyhow::ensure!(
            open,
            "the server's user can't pass {}; set CALLWRIGHT_DATA to a folder it can reach, \
             as /var/lib/callwright",
            folder.display()
        );
    }
    Ok(())
}
