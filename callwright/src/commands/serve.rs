//! `callwright serve`: the API.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use uuid::Uuid;
use workers::apart::apart;
use workers::presence::Presence;
use workers::{Kind, fleet};

use super::probes;
use crate::config::Config;
use crate::connections;
use crate::data_folder;
use crate::node::Node;

/// How long requests in flight may take when the API is stopped.
pub const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// Whether the process is alive.
const HEALTH: &str = "/health";

pub async fn run(config: &Config) -> Result<()> {
    let _temporary = data_folder::open(config)?;
    let node = Node::connect(config).await?;
    let stopping = CancellationToken::new();
    let metrics = probes::serve(config, &node, stopping.clone()).await?;
    let state = node.api(config);
    let requests = state.requests.clone();
    let (address, served) =
        listen(config.serve_listen, api::router(state), stopping.clone()).await?;
    let presence = presence(&node, metrics, stopping.clone());
    tokio::spawn(fleet::tell(node.store.clone(), node.queues.clone(), stopping.clone()));
    tracing::info!(%address, %metrics, "the API is served");
    let mut served = pin!(served);
    let ended = tokio::select! {
        ended = &mut served => Some(ended),
        () = asked_to_stop() => None,
    };
    stopping.cancel();
    if ended.is_none() {
        finish(served, &requests, ANSWERS_WITHIN).await;
    }
    presence.leave().await;
    node.store.close().await;
    ended.unwrap_or(Ok(()))
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

/// Let requests in flight come to their answers, for so long at most: one that is cut off may have come to
/// its commit, and its caller would not know.
pub async fn finish(
    served: impl Future<Output = Result<()>>,
    requests: &TaskTracker,
    limit: Duration,
) {
    requests.close();
    let quiet = async { tokio::join!(served, requests.wait()).0 };
    match tokio::time::timeout(limit, quiet).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the API ended badly"),
        Err(_) => tracing::warn!("some requests were not answered in time; they are cut off"),
    }
}

/// Bind, and give the address and the future that serves until it is told to stop.
///
/// Connections are carried by a thread of their own, and requests are answered on the common threads; only
/// [`HEALTH`] is answered at once. Whoever watches the process is not told that it is dead when it is busy.
pub async fn listen(
    address: SocketAddr,
    router: Router,
    stopping: CancellationToken,
) -> Result<(SocketAddr, impl Future<Output = Result<()>> + Send + 'static)> {
    let listener = TcpListener::bind(address).await.with_context(|| {
        format!("{address} can't be listened on; set PORT or CALLWRIGHT_LISTEN")
    })?;
    let address = listener.local_addr()?;
    let listener = listener.into_std()?;
    let common = Handle::current();
    let router = router.layer(from_fn(move |request: Request, next: Next| {
        let common = common.clone();
        async move {
            if request.uri().path() == HEALTH {
                return next.run(request).await;
            }
            // Dropped with the connection, as it would be without a task of its own.
            let answered = AbortOnDropHandle::new(common.spawn(next.run(request)));
            match answered.await {
                Ok(reply) => reply,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The common threads end.
                    Err(_) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
                },
            }
        }
    }));
    let served = apart("connections", async move {
        connections::serve(TcpListener::from_std(listener)?, router, stopping).await;
        Ok::<(), std::io::Error>(())
    })?;
    let served = async move { Ok(served.await.context("the thread of the connections ended")??) };
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

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use axum::routing::get;
    use tokio::sync::Notify;

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn health_is_told_while_every_common_thread_is_busy_and_other_requests_wait() {
        let router = Router::new()
            .route(HEALTH, get(|| async { "alive" }))
            .route("/work", get(|| async { "done" }));
        let stopping = CancellationToken::new();
        let local = SocketAddr::from(([127, 0, 0, 1], 0));
        let (address, served) = listen(local, router, stopping.clone()).await.expect("a port");
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = std::sync::mpsc::channel();
        tokio::spawn(async move {
            begun.send(()).expect("somebody waits");
            busy.recv().expect_err("it is over when the sender is dropped");
        });
        begins.recv().expect("the one common thread is busy");
        let asked = |path: &'static str| {
            std::thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).expect("connected");
                let request =
                    format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
                stream.write_all(request.as_bytes()).expect("sent");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("an answer");
                answer
            })
        };
        let work = asked("/work");
        assert!(asked(HEALTH).join().expect("it is told").ends_with("alive"));
        assert!(!work.is_finished(), "it waits for a thread");
        drop(free);
        assert!(work.join().expect("it is answered").ends_with("done"));
        stopping.cancel();
        served.await.expect("it ends");
    }

    /// A router whose answer comes when it is told to, and what tells that it was asked.
    fn slow(asked: &'static Notify, told: &'static Notify) -> Router {
        Router::new().route(
            "/",
            get(move || async move {
                asked.notify_one();
                told.notified().await;
                "done"
            }),
        )
    }

    #[tokio::test]
    async fn a_request_in_flight_is_answered_when_the_api_is_stopped_and_no_longer_than_the_limit()
    {
        static ASKED: Notify = Notify::const_new();
        static TOLD: Notify = Notify::const_new();
        let _ = rustls::crypto::ring::default_provider().install_default();
        for (limit_seconds, answered) in [(60, true), (0, false)] {
            let stopping = CancellationToken::new();
            let local = SocketAddr::from(([127, 0, 0, 1], 0));
            let (address, served) =
                listen(local, slow(&ASKED, &TOLD), stopping.clone()).await.expect("a port");
            let served = tokio::spawn(served);
            let request = tokio::spawn(reqwest::get(format!("http://{address}/")));
            ASKED.notified().await;
            stopping.cancel();
            let requests = TaskTracker::new();
            let served = async { served.await.unwrap_or_else(|error| Err(error.into())) };
            let limit = Duration::from_secs(limit_seconds);
            let finished = async {
                finish(served, &requests, limit).await;
                std::time::Instant::now()
            };
            let told = async {
                if answered {
                    TOLD.notify_one();
                }
            };
            tokio::join!(finished, told);
            if answered {
                let reply = request.await.expect("it ran").expect("it is answered");
                assert_eq!(reply.text().await.expect("a body"), "done");
            } else {
                assert!(!request.is_finished(), "it waits on");
                request.abort();
            }
        }
    }
}
