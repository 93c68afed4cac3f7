//! `callwright serve`: the API.

use std::future::Future;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use uuid::Uuid;
use workers::presence::Presence;
use workers::{Kind, fleet};

use super::probes;
use crate::config::Config;
use crate::node::Node;

pub async fn run(config: &Config) -> Result<()> {
    let node = Node::connect(config).await?;
    let stopping = CancellationToken::new();
    let metrics = probes::serve(config, &node, stopping.clone()).await?;
    let (address, served) =
        listen(config.listen, api::router(node.api()), stopping.clone()).await?;
    let presence = presence(&node, metrics, stopping.clone());
    tokio::spawn(fleet::tell(node.store.clone(), node.queues.clone(), stopping.clone()));
    tracing::info!(%address, %metrics, "the API is served");
    let ended = tokio::select! {
        ended = served => ended,
        () = asked_to_stop() => Ok(()),
    };
    stopping.cancel();
    presence.leave().await;
    node.store.close().await;
    ended
}

/// Signs of life of a process that serves the API.
pub fn presence(node: &Node, metrics: SocketAddr, stopping: CancellationToken) -> Presence {
    Presence::start(
        node.store.clone(),
        format!("web-{}", Uuid::now_v7().simple()),
        vec![Kind::Serve],
        Some(metrics),
        stopping,
        || (0, 0),
    )
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
