//! An S3 service in our own process, for an installation that has none.
//!
//! It keeps objects as files in a folder and speaks S3 on loopback, so that there is one way to
//! reach objects: links, parts and expiry work as they do on a large service. An object is there
//! whole and on the disk, or not at all, whenever the process dies.
//!
//! The folder:
//! ```text
//! buckets/<bucket>/<2 hex>/<hash of key>.json           what the object is, and which file holds it
//! buckets/<bucket>/<2 hex>/<hash of key>.<id>.data      its content
//! uploads/<id>/upload.json, uploads/<id>/<part>-<md5>   parts of objects that are going up
//! incoming/<id>                                         files being written; cleared at start
//! ```

mod answer;
mod body;
mod bucket;
mod disk;
mod service;
mod shelf;
mod uploads;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::StoreError;
use shelf::Shelf;

/// Connections at a time; more wait to be accepted.
const CONNECTIONS_MAX: usize = 512;
/// A request's head must be whole after so long, and a connection without a request is closed. Clients that keep
/// connections open for longer find them closed, and open new ones.
const HEAD_WITHIN: Duration = Duration::from_secs(60);
/// Bytes of a request's head that are waited for, more or less. Signed links are long.
const HEAD_BYTES_MAX: usize = 128 << 10;
/// Header lines of a request.
const HEADERS_MAX: usize = 100;
/// How long requests that are under way may take once the service is told to stop.
const DRAIN: Duration = Duration::from_secs(10);
/// How often uploads that nobody finishes are looked for.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// The one key pair that the service lets in.
#[derive(Clone)]
pub struct KeyPair {
    pub access_key: String,
    pub secret_key: String,
}

/// The service, running. Dropped, it stops taking requests.
#[derive(Debug)]
pub struct Running {
    /// Where it listens: the port that was asked for, or the one that was free.
    pub addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Running {
    /// Take no more requests, let those under way end, and return.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait()).await.is_err() {
            tracing::warn!("object requests were cut off at the stop");
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serve the objects of `folder` at `addr` (port 0: any) to those who sign with `keys`.
///
/// Files that a crash left half-written are cleared, and uploads that nobody went on with for a day.
pub async fn start(folder: &Path, addr: SocketAddr, keys: KeyPair) -> Result<Running, StoreError> {
    let opened = folder.to_owned();
    let shelf = disk::blocking(move || Shelf::open(&opened, SystemTime::now()))
        .await
        .map_err(|error| StoreError::Unavailable(format!("object folder: {error}")))?;
    let listener = TcpListener::bind(addr).await.map_err(|error| {
        StoreError::Unavailable(format!("the object service can't listen at {addr}: {error}"))
    })?;
    let addr = listener.local_addr().map_err(|error| super::unavailable(&error))?;

    let mut builder = S3ServiceBuilder::new(service::Service(Arc::clone(&shelf)));
    builder.set_auth(SimpleAuth::from_single(keys.access_key, keys.secret_key));
    let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
    tasks.spawn(accept(listener, builder.build(), stop.clone(), tasks.clone()));
    tasks.spawn(sweep(shelf, stop.clone()));
    Ok(Running { addr, stop, tasks })
}

async fn accept(
    listener: TcpListener,
    service: S3Service,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let room = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = tokio::select! {
            () = stop.cancelled() => return,
            permit = Arc::clone(&room).acquire_owned() => permit,
        };
        let stream = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file handles, most likely: those in use must end first.
                    tracing::warn!(%error, "the object service can't accept a connection");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        let (service, stop) = (service.clone(), stop.clone());
        tasks.spawn(async move {
            serve(stream, service, stop).await;
            drop(permit);
        });
    }
}

async fn serve(stream: TcpStream, service: S3Service, stop: CancellationToken) {
    // Answers are small; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let mut server = auto::Builder::new(TokioExecutor::new()).http1_only();
    server
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    let connection = server.serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error, "an object connection broke");
    }
}

async fn sweep(shelf: Arc<Shelf>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(SWEEP_EVERY);
    ticks.tick().await;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = ticks.tick() => {}
        }
        let shelf = Arc::clone(&shelf);
        let swept = disk::blocking(move || shelf.uploads.clear_stale(SystemTime::now())).await;
        if let Err(error) = swept {
            tracing::warn!(%error, "stale uploads were not cleared");
        }
    }
}
