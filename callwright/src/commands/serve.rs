//! `callwright serve`: the API.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::Config;
use crate::node::Node;
use crate::telemetry;

pub async fn run(config: &Config) -> Result<()> {
    let metrics = telemetry::metrics()?;
    let node = Node::connect(config).await?;
    let stopping = CancellationToken::new();
    let (address, served) =
        listen(config.listen, api::router(node.api(Some(metrics))), stopping.clone()).await?;
    tracing::info!(%address, "the API is served");
    tokio::select! {
        ended = served => return ended,
        () = asked_to_stop() => stopping.cancel(),
    }
    node.store.close().await;
    Ok(())
}

/// Bind, and give the address and the future that serves until it is told to stop.
pub async fn listen(
    address: SocketAddr,
    router: Router,
    stopping: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = Result<()>> + Send + 'static)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{address} can't be listened on; set PORT or CALLWRIGHT_LISTEN")
    })?;
    let address = listener.local_addr()?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let served = async move {
        axum::serve(listener, service)
            .with_graceful_shutdown(async move { stopping.cancelled().await })
            .await
            .context("the API ended")
    };
    Ok((address, served))
}

/// Resolves at Ctrl-C or SIGTERM.
pub async fn asked_to_stop() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminated) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated.recv() => {}
    }
}
