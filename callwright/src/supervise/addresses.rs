//! Where the servers of `up` are, for commands that run beside it: `jobs` and `check-journal` talk to them
//! past the API.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use storage::StoreConfig;

use super::{lock, write_private};
use crate::config::{ClockSource, Config};

/// The addresses of one run of `up`, passwords and all: the file is for its owner only.
#[derive(Debug, Serialize, Deserialize)]
struct Addresses {
    database: Option<String>,
    redis: Option<String>,
}

fn place(data: &Path) -> PathBuf {
    data.join("servers.json")
}

/// Leave them in the data folder.
pub fn leave(data: &Path, database: Option<&str>, redis: Option<&str>) -> Result<()> {
    let addresses =
        Addresses { database: database.map(str::to_owned), redis: redis.map(str::to_owned) };
    write_private(&place(data), &serde_json::to_string_pretty(&addresses)?)
}

/// The configuration, with what `up` left where it names nothing; the business time of `up` with it.
pub fn beside_up(mut config: Config) -> Result<Config> {
    if config.database.is_some() && config.redis.is_some() {
        return Ok(config);
    }
    let path = place(&config.data);
    let Ok(kept) = std::fs::read(&path) else { return Ok(config) };
    // What an earlier run left leads nowhere any more.
    anyhow::ensure!(
        lock::is_held(&config.data),
        "`callwright up` does not run on the folder {}; start it, or set DATABASE_URL and REDIS_URL",
        config.data.display()
    );
    let unreadable = || format!("{} can't be read", path.display());
    let addresses: Addresses = serde_json::from_slice(&kept).with_context(unreadable)?;
    if config.database.is_none() {
        config.database = addresses.database.map(StoreConfig::new);
        if let Ok(setting) = std::fs::read_to_string(config.data.join("clock")) {
            config.clock = ClockSource::Setting(setting.parse().with_context(unreadable)?);
        }
    }
    config.redis = config.redis.or(addresses.redis);
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(data: &Path) -> Config {
        let data = data.display().to_string();
        Config::read(&|name| (name == "CALLWRIGHT_DATA").then(|| data.clone())).unwrap()
    }

    #[tokio::test]
    async fn commands_beside_up_find_its_servers_and_its_time() {
        let data = tempfile::tempdir().unwrap();
        let alone = beside_up(config(data.path())).unwrap();
        assert!(alone.database.is_none() && alone.redis.is_none());

        leave(data.path(), Some("postgres://a@127.0.0.1/callwright"), Some("redis://127.0.0.1"))
            .unwrap();
        let setting = "2026-12-01T00:00:00Z=2026-12-01T10:00:00Z*30";
        std::fs::write(data.path().join("clock"), setting).unwrap();
        let stopped = beside_up(config(data.path())).unwrap_err().to_string();
        assert!(stopped.starts_with("`callwright up` does not run on the folder"), "{stopped}");
        let _up = lock::FolderLock::take(data.path(), "up").await.unwrap();
        let found = beside_up(config(data.path())).unwrap();
        assert_eq!(found.redis.as_deref(), Some("redis://127.0.0.1"));
        assert!(found.database.is_some());
        let ClockSource::Setting(clock) = found.clock else { panic!("{:?}", found.clock) };
        assert!(clock.to_string().ends_with("*30"), "{clock}");

        let chosen = Config { redis: Some("redis://elsewhere".into()), ..config(data.path()) };
        assert_eq!(beside_up(chosen).unwrap().redis.as_deref(), Some("redis://elsewhere"));
    }
}
