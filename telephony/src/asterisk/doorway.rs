//! Where Asterisk connects to with AudioSocket.
//!
//! Each connection names its call first, by an id that is given out once and forgotten when it was used. Whoever names
//! none in time, or one that is not waited for, is shut out before any of its audio is looked at.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use ::wire::audio_socket::{self, HEADER_BYTES, Message};

/// How long a connection may take to name its call.
const NAME_WAIT: Duration = Duration::from_secs(3);
/// Connections that have not named their call yet, at most. More wait in the system's queue.
const STRANGERS_MAX: usize = 64;
/// After a failed accept, as where no file is free.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// A connection that has named its call, and what came with the name.
pub(super) struct Visitor {
    pub(super) stream: TcpStream,
    pub(super) bytes: Vec<u8>,
}

type Expected = Arc<Mutex<HashMap<Uuid, oneshot::Sender<Visitor>>>>;

/// See the module.
pub(super) struct Doorway {
    address: SocketAddr,
    expected: Expected,
    _stop: DropGuard,
}

/// A connection that is waited for. Dropping it waits no more.
pub(super) struct Expecting {
    pub(super) id: Uuid,
    visitor: oneshot::Receiver<Visitor>,
    expected: Expected,
}

impl Expecting {
    /// The connection; none when the doorway is shut.
    pub(super) async fn visitor(&mut self) -> Option<Visitor> {
        (&mut self.visitor).await.ok()
    }
}

impl Drop for Expecting {
    fn drop(&mut self) {
        locked(&self.expected).remove(&self.id);
    }
}

fn locked(
    expected: &Mutex<HashMap<Uuid, oneshot::Sender<Visitor>>>,
) -> MutexGuard<'_, HashMap<Uuid, oneshot::Sender<Visitor>>> {
    expected.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Doorway {
    pub(super) async fn open(bind: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(bind).await?;
        let address = listener.local_addr()?;
        let (expected, stop) = (Expected::default(), CancellationToken::new());
        let taking = take_connections(listener, Arc::clone(&expected));
        let stopped = stop.clone();
        tokio::spawn(async move { stopped.run_until_cancelled(taking).await });
        Ok(Self { address, expected, _stop: stop.drop_guard() })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Wait for the connection of a call, under an id that nobody can guess.
    pub(super) fn expect(&self) -> Expecting {
        let id = Uuid::from_bytes(rand::random());
        let (sender, visitor) = oneshot::channel();
        locked(&self.expected).insert(id, sender);
        Expecting { id, visitor, expected: Arc::clone(&self.expected) }
    }
}

async fn take_connections(listener: TcpListener, expected: Expected) {
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    loop {
        let Ok(stranger) = Arc::clone(&strangers).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection of AudioSocket can't be taken");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let expected = Arc::clone(&expected);
        tokio::spawn(async move {
            let named = tokio::time::timeout(NAME_WAIT, name_of(stream)).await;
            drop(stranger);
            let Ok(Some((id, visitor))) = named else {
                tracing::warn!("a connection of AudioSocket has not named its call");
                return;
            };
            let waiting = locked(&expected).remove(&id);
            match waiting {
                // The call may be over meanwhile; then the connection ends with it.
                Some(call) => drop(call.send(visitor)),
                None => tracing::warn!(
                    "a connection of AudioSocket names a call that is not waited for"
                ),
            }
        });
    }
}

/// The id that a connection begins with; none where it begins with anything else.
async fn name_of(mut stream: TcpStream) -> Option<(Uuid, Visitor)> {
    // Where this fails, frames may leave late.
    let _ = stream.set_nodelay(true);
    let mut bytes = vec![0; HEADER_BYTES + size_of::<Uuid>()];
    stream.read_exact(&mut bytes).await.ok()?;
    match audio_socket::parse(&bytes) {
        Ok(Some((Message::Id(id), _))) => Some((id, Visitor { stream, bytes: Vec::new() })),
        _ => None,
    }
}
