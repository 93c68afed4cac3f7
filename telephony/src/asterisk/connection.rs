//! The connection that carries a call's voice, as the call holds it: what it tells, and what it is asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::mpsc;

/// Requests that wait for the connection, which takes them at once.
const REQUESTS_MAX: usize = 64;
/// News that wait for the call.
const NEWS_MAX: usize = 256;

/// What the connection tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VoiceNews {
    /// What was sent before this mark is played.
    Played {
        mark: u64,
    },
    Closed,
}

/// What the connection is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VoiceRequest {
    Mark(u64),
    /// Throw away what waits to be played.
    Flush,
}

/// The call's end.
pub(super) struct Connection {
    requests: Option<mpsc::Sender<VoiceRequest>>,
    news: mpsc::Receiver<VoiceNews>,
    behind_ms: Arc<AtomicU64>,
    closed: bool,
}

/// The carrying task's end.
pub(super) struct Carrier {
    pub(super) requests: mpsc::Receiver<VoiceRequest>,
    news: mpsc::Sender<VoiceNews>,
    behind_ms: Arc<AtomicU64>,
}

/// Whether a kind of connection can tell what was played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echoes {
    Marks,
    Nothing,
}

pub(super) fn channel(echoes: Echoes) -> (Connection, Carrier) {
    let (sender, requests) = mpsc::channel(REQUESTS_MAX);
    let (told, news) = mpsc::channel(NEWS_MAX);
    let behind_ms = Arc::new(AtomicU64::new(0));
    let requested = (echoes == Echoes::Marks).then_some(sender);
    let connection =
        Connection { requests: requested, news, behind_ms: Arc::clone(&behind_ms), closed: false };
    (connection, Carrier { requests, news: told, behind_ms })
}

impl Connection {
    /// What happens next; after its end nothing. Cancel safe.
    pub(super) async fn next(&mut self) -> VoiceNews {
        if self.closed {
            return std::future::pending().await;
        }
        let news = self.news.recv().await.unwrap_or(VoiceNews::Closed);
        self.closed = news == VoiceNews::Closed;
        news
    }

    /// Whether the mark is on its way. A connection that knows no marks, or is over, takes none.
    pub(super) fn mark(&self, mark: u64) -> bool {
        let requests = self.requests.as_ref().filter(|_| !self.closed);
        requests.is_some_and(|requests| requests.try_send(VoiceRequest::Mark(mark)).is_ok())
    }

    /// Throw away what waits to be played; tells how much that is, in milliseconds.
    pub(super) fn flush(&self) -> u64 {
        let Some(requests) = &self.requests else { return 0 };
        // One that is full or over has nothing to play any more.
        let _ = requests.try_send(VoiceRequest::Flush);
        self.behind_ms.load(Ordering::Relaxed)
    }
}

impl Carrier {
    pub(super) fn played(&self, mark: u64) {
        // The call waits for its marks with a deadline.
        let _ = self.news.try_send(VoiceNews::Played { mark });
    }

    /// So much was sent and is not played yet.
    pub(super) fn behind(&self, ms: u64) {
        self.behind_ms.store(ms, Ordering::Relaxed);
    }
}
