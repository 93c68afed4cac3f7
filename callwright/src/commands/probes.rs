//! `/metrics`, `/health` and `/ready` of a process, on an address of their own, the same for every role.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use workers::apart::apart;

use crate::config::Config;
use crate::connections;
use crate::node::Node;
use crate::telemetry;

/// Serve them until the process stops; gives the address. They have a thread of their own: a process whose
/// threads are all at work is alive.
pub async fn serve(
    config: &Config,
    node: &Node,
    stopping: CancellationToken,
) -> Result<SocketAddr> {
    let pages = api::health::probes(node.api(config), telemetry::metrics()?);
    let listener = config.metrics_listen.bind().await?;
    let address = listener.local_addr().context("the metrics have no address")?;
    let listener = listener.into_std()?;
    let served = apart("probes", async move {
        connections::serve(TcpListener::from_std(listener)?, pages, stopping).await;
        Ok::<(), std::io::Error>(())
    })?;
    tokio::spawn(async move {
        match served.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::error!(%error, "metrics and health are told no more"),
            Err(_) => tracing::error!("the thread that tells metrics and health ended"),
        }
    });
    Ok(address)
}
