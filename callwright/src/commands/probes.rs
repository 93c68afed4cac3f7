//! `/metrics`, `/health` and `/ready` of a process, on an address of their own, the same for every role.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::node::Node;
use crate::telemetry;

/// Serve them until the process stops; gives the address.
pub async fn serve(
    config: &Config,
    node: &Node,
    stopping: CancellationToken,
) -> Result<SocketAddr> {
    let pages = api::health::probes(node.api(), telemetry::metrics()?);
    let listener = config.metrics_listen.bind().await?;
    let address = listener.local_addr().context("the metrics have no address")?;
    tokio::spawn(async move {
        let served = axum::serve(listener, pages)
            .with_graceful_shutdown(async move { stopping.cancelled().await })
            .await;
        if let Err(error) = served {
            tracing::error!(%error, "metrics and health are told no more");
        }
    });
    Ok(address)
}
