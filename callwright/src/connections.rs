//! Connections to the API: how many there may be, and how long each may take for what it has to say.
//!
//! Whoever opens connections and says nothing, or a letter a minute, would otherwise keep out everybody else.

mod wire;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::middleware::AddExtension;
use axum::{Extension, Router};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Layer;

pub use wire::TAKEN_WITHIN;
use wire::{Framed, Wire};

/// Connections at a time; others wait until one ends.
pub const CONNECTIONS_MAX: usize = 4_096;
/// Connections of one address at a time; the next is closed at once. A proxy on this machine has no such limit.
pub const OF_ONE_ADDRESS_MAX: usize = 256;
/// A request's head must be whole after so long, and a connection without a request is closed.
pub const HEAD_WITHIN: Duration = Duration::from_secs(30);
/// Bytes of a request's head that are waited for, more or less; the API itself counts them.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Header lines of a request.
pub const HEADERS_MAX: usize = 100;
/// Where no connection can be accepted (no file descriptor is left), the next try is made so much later.
const RETRY: Duration = Duration::from_millis(100);

/// The router, with the address of who asks.
type Service = AddExtension<Router, ConnectInfo<SocketAddr>>;

/// Serve until it is told to stop, and then until the requests under way are answered.
pub async fn serve(listener: TcpListener, router: Router, stopping: CancellationToken) {
    let all = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let addresses = Addresses::default();
    let open = TaskTracker::new();
    loop {
        let accepted = async {
            let room = Arc::clone(&all).acquire_owned().await;
            (room, listener.accept().await)
        };
        let (room, accepted) = tokio::select! {
            accepted = accepted => accepted,
            () = stopping.cancelled() => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(RETRY).await;
                continue;
            }
        };
        let Some(place) = addresses.enter(peer.ip()) else { continue };
        let Ok(room) = room else { break };
        let service = Extension(ConnectInfo(peer)).layer(router.clone());
        let stopping = stopping.clone();
        open.spawn(async move {
            carry(stream, service, stopping).await;
            drop((room, place));
        });
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Answer one connection, until its peer ends it; or until it is told to stop, and then for the request under way.
async fn carry(stream: TcpStream, service: Service, stopping: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new()).http1_only();
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let (wire, framing) = Wire::new(stream);
    let service = TowerToHyperService::new(Framed::new(service, framing));
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(wire), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stopping.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A peer that breaks off is no fault of ours.
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection ended");
    }
}

/// How many connections each address has.
#[derive(Debug, Clone, Default)]
struct Addresses(Arc<Mutex<HashMap<IpAddr, usize>>>);

impl Addresses {
    /// None: it has as many as it may.
    fn enter(&self, address: IpAddr) -> Option<Place> {
        let mut addresses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = addresses.entry(address).or_default();
        if *count >= OF_ONE_ADDRESS_MAX && !address.is_loopback() {
            return None;
        }
        *count += 1;
        Some(Place { addresses: self.clone(), address })
    }
}

/// One connection of an address, until it is dropped.
#[derive(Debug)]
struct Place {
    addresses: Addresses,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut addresses = self.addresses.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = addresses.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                addresses.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn echo(body: String) -> String {
        body
    }

    async fn start(router: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let stopping = CancellationToken::new();
        let served = tokio::spawn(serve(listener, router, stopping.clone()));
        (address, stopping, served)
    }

    /// What a server answers to these bytes, until it closes.
    async fn whole_answer(bytes: &[u8]) -> String {
        let router = Router::new().route("/", get(|| async { "here" }).post(echo));
        let (address, stopping, served) = start(router).await;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        stream.write_all(bytes).await.expect("sent");
        let mut answer = Vec::new();
        // One that is cut off with bytes unread is reset, which is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        stopping.cancel();
        served.await.expect("it ends");
        String::from_utf8_lossy(&answer).into_owned()
    }

    /// The first line of it.
    async fn answer(bytes: &[u8]) -> String {
        whole_answer(bytes).await.lines().next().unwrap_or_default().to_owned()
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_or_has_too_many_lines_is_refused() {
        let right = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        assert_eq!(answer(right).await, "HTTP/1.1 200 OK");
        let long =
            format!("GET / HTTP/1.1\r\nHost: x\r\nA: {}\r\n\r\n", "a".repeat(HEAD_BYTES_MAX * 8));
        // The answer may be lost, as the connection is closed with bytes unread.
        let refused = |answer: String| answer.is_empty() || answer.starts_with("HTTP/1.1 431");
        assert!(refused(answer(long.as_bytes()).await), "too large");
        let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "A: a\r\n".repeat(HEADERS_MAX));
        assert!(refused(answer(many.as_bytes()).await), "too many");
    }

    #[tokio::test]
    async fn a_bare_lf_in_a_head_is_refused_also_behind_other_requests_and_one_in_a_body_is_not() {
        let first = "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na\n\nb";
        let last = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        let statuses = async |bytes: String| {
            let answer = whole_answer(bytes.as_bytes()).await;
            let statuses = answer.split("HTTP/1.1 ").skip(1).map(|rest| rest[..3].to_owned());
            statuses.collect::<Vec<_>>()
        };
        assert_eq!(statuses(format!("{first}{first}{last}")).await, ["200", "200", "200"]);
        let bare = last.replace("x\r\n", "x\n");
        assert_eq!(statuses(bare.clone()).await, ["400"]);
        assert_eq!(statuses(format!("{first}{bare}")).await, ["200", "400"]);
        let ends = last.replace("\r\n\r\n", "\r\n\n");
        assert_eq!(statuses(format!("{first}{ends}{last}")).await, ["200", "400"]);
        // Behind chunks nothing is taken for a request any more.
        let chunks =
            "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n\n\r\n0\r\n\r\n";
        let answer = whole_answer(format!("{chunks}{last}").as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{answer}");
        assert!(answer.to_lowercase().contains("connection: close"), "{answer}");
    }

    #[tokio::test]
    async fn requests_that_wait_for_each_other_share_a_connection() {
        let router = Router::new().route("/", get(|| async { "here" }).post(echo));
        let (address, stopping, served) = start(router).await;
        let mut stream = TcpStream::connect(address).await.expect("connected");
        for n in 0..3 {
            // The head and the body come apart, and the head in two pieces.
            let pieces =
                ["POST / HTTP/1.1\r\nHost: x\r\nContent-Le", "ngth: 2\r\n\r\n", &format!("\n{n}")];
            for piece in pieces {
                stream.write_all(piece.as_bytes()).await.expect("sent");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            let mut answer = vec![0; 1_000];
            let bytes = stream.read(&mut answer).await.expect("an answer");
            let answer = String::from_utf8_lossy(&answer[..bytes]).into_owned();
            assert!(
                answer.starts_with("HTTP/1.1 200") && answer.ends_with(&format!("\n{n}")),
                "{answer}"
            );
        }
        drop(stream);
        stopping.cancel();
        served.await.expect("it ends");
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_closed() {
        // Time goes on by itself while everybody waits.
        assert_eq!(answer(b"GET / HTTP/1.1\r\nHo").await, "");
        assert_eq!(answer(b"").await, "");
    }

    #[test]
    fn one_address_has_its_share_of_connections_and_gives_it_back() {
        let addresses = Addresses::default();
        let stranger: IpAddr = [192, 0, 2, 7].into();
        let mut places: Vec<Place> =
            (0..OF_ONE_ADDRESS_MAX).map_while(|_| addresses.enter(stranger)).collect();
        assert_eq!(places.len(), OF_ONE_ADDRESS_MAX);
        assert!(addresses.enter(stranger).is_none(), "it has its share");
        assert!(addresses.enter([192, 0, 2, 8].into()).is_some(), "others have theirs");
        assert!(addresses.enter([127, 0, 0, 1].into()).is_some());
        places.pop();
        assert!(addresses.enter(stranger).is_some());
        places.clear();
        assert!(addresses.0.lock().expect("it is whole").is_empty(), "nothing is kept of it");
    }
}
