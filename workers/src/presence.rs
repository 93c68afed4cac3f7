//! Signs of life of a process, for `GET /v1/workers`, for `why` and for alerts: whoever runs the platform
//! learns within half a minute that nobody dials, dispatches or imports.

use std::net::SocketAddr;

use outbound::fleet::{Kind, SIGN_OF_LIFE_EVERY};
use storage::Store;
use storage::workers::{self, SignOfLife};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A process that gives signs of life until [`Presence::leave`].
#[derive(Debug)]
pub struct Presence {
    store: Store,
    id: String,
    left: CancellationToken,
    signs: JoinHandle<()>,
}

impl Presence {
    /// Give signs of life from now on. Once `stopping` is cancelled they say that the process takes
    /// nothing new. `calls` tells how many calls are up and how many may be.
    pub fn start(
        store: Store,
        id: String,
        kinds: Vec<Kind>,
        metrics: Option<SocketAddr>,
        stopping: CancellationToken,
        calls: impl Fn() -> (usize, usize) + Send + Sync + 'static,
    ) -> Self {
        let left = CancellationToken::new();
        let sign = SignOfLife {
            id: id.clone(),
            kinds,
            host: host(),
            pid: std::process::id(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            metrics: metrics.map(|address| address.to_string()),
            calls_up: 0,
            calls_max: 0,
            stopping: false,
        };
        let signs = tokio::spawn(give_signs(store.clone(), sign, left.clone(), stopping, calls));
        Self { store, id, left, signs }
    }

    /// The process ends in order: it gives no sign any more, and nobody waits for one.
    pub async fn leave(self) {
        self.left.cancel();
        if let Err(error) = self.signs.await {
            tracing::error!(%error, "the signs of life ended badly");
        }
        if let Err(error) = workers::leave(&self.store, &self.id).await {
            tracing::warn!(%error, "the end of this process was not written down");
        }
    }
}

async fn give_signs(
    store: Store,
    mut sign: SignOfLife,
    left: CancellationToken,
    stopping: CancellationToken,
    calls: impl Fn() -> (usize, usize) + Send + Sync,
) {
    let small = |calls: usize| u32::try_from(calls).unwrap_or(u32::MAX);
    loop {
        let (up, max) = calls();
        (sign.calls_up, sign.calls_max) = (small(up), small(max));
        sign.stopping = stopping.is_cancelled();
        if let Err(error) = workers::announce(&store, &sign).await {
            tracing::warn!(%error, "a sign of life was not written");
        }
        tokio::select! {
            () = left.cancelled() => return,
            () = stopping.cancelled(), if !sign.stopping => {}
            () = tokio::time::sleep(SIGN_OF_LIFE_EVERY) => {}
        }
    }
}

/// The machine's name; empty where it has none that can be read.
fn host() -> String {
    nix::unistd::gethostname().ok().and_then(|name| name.into_string().ok()).unwrap_or_default()
}
