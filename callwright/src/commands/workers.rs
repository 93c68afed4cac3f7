//! `callwright workers`: which processes work, and which are gone.

use anyhow::Result;

use super::Connection;
use crate::config::Config;

const COLUMNS: [&str; 8] = [
    "state",
    "kinds",
    "host",
    "pid",
    "version",
    "calls up=calls_up",
    "metrics",
    "last sign=seen_at",
];

/// Which processes work on what, and which gave no sign of life for 20 seconds.
#[derive(Debug, clap::Args)]
pub struct Workers {
    #[command(flatten)]
    connection: Connection,
}

impl Workers {
    pub async fn run(self, config: &Config) -> Result<()> {
        let api = self.connection.api(config)?;
        let list = api.get("workers").await?;
        let rows = list["data"].as_array().cloned().unwrap_or_default();
        self.connection.print_rows(&api, &rows, &COLUMNS).await
    }
}
