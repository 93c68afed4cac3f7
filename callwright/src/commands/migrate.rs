//! `callwright migrate`: the release step.

use anyhow::Result;

use crate::config::Config;
use crate::node;

pub async fn run(config: &Config) -> Result<()> {
    let store = node::store(config).await?;
    store.migrate().await?;
    storage::records::ensure_partitions(&store, config.clock.clock().now()).await?;
    super::say("the database is up to date")
}
