//! `callwright work`: job handlers and sweeps.

use anyhow::Result;
use axum::Router;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use workers::{Kind, Running};

use crate::commands::serve::{asked_to_stop, listen};
use crate::config::Config;
use crate::node::Node;
use crate::telemetry;

/// Work on jobs until asked to stop; then take nothing new, let calls finish, and end.
#[derive(Debug, clap::Args)]
pub struct Work {
    /// Kinds of work
    #[arg(required = true)]
    kinds: Vec<Kind>,
    /// Serve metrics and health at this address, as 127.0.0.1:9101
    #[arg(long)]
    metrics: Option<std::net::SocketAddr>,
}

impl Work {
    pub async fn run(self, config: &Config) -> Result<()> {
        let metrics = telemetry::metrics()?;
        let node = Node::connect(config).await?;
        let stopping = CancellationToken::new();
        if let Some(address) = self.metrics {
            let pages = Router::new()
                .route("/metrics", get(move || async move { metrics.render() }))
                .route("/health", get(|| async { "ok" }));
            let (_, served) = listen(address, pages, stopping.clone()).await?;
            tokio::spawn(served);
        }
        let running = Running::start(node.environment(config, stopping)?, &self.kinds);
        tracing::info!(kinds = ?self.kinds, "working");
        asked_to_stop().await;
        tracing::info!("stopping");
        running.stop().await;
        node.store.close().await;
        Ok(())
    }
}
