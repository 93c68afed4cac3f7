//! `callwright work`: job handlers and sweeps.

use anyhow::Result;
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use super::probes;
use crate::commands::serve::asked_to_stop;
use crate::config::Config;
use crate::data_folder;
use crate::node::Node;

/// Work on jobs until asked to stop; then take nothing new, let calls finish, and end. Asked a second time, it
/// hangs up.
#[derive(Debug, clap::Args)]
pub struct Work {
    /// Kinds of work
    #[arg(required = true)]
    kinds: Vec<Kind>,
}

impl Work {
    pub async fn run(self, config: &Config) -> Result<()> {
        let _temporary = data_folder::open(config)?;
        let node = Node::connect(config).await?;
        let stopping = CancellationToken::new();
        // A process that drains is asked for its metrics until its last call is over.
        let ended = CancellationToken::new();
        let metrics = probes::serve(config, &node, ended.clone()).await?;
        let env = node.environment(config, Some(metrics), stopping)?;
        let running = Running::start(env, &self.kinds)?;
        tracing::info!(kinds = ?self.kinds, %metrics, "working");
        asked_to_stop().await;
        tracing::info!("stopping");
        running.stop(asked_to_stop()).await;
        ended.cancel();
        node.store.close().await;
        Ok(())
    }
}
