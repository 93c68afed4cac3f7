//! A gate of TCP before a server: open, slow, halted as a server that hangs, or shut as one that is down.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const CHUNK_BYTES: usize = 32 * 1_024;
/// How much later each chunk comes through a slow gate.
const SLOW: Duration = Duration::from_millis(400);

/// What passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    Open,
    Slow,
    /// Connections stand, and nothing comes through.
    Halted,
    Shut,
}

/// The gate. Dropped, it lets nothing through any more.
#[derive(Debug)]
pub struct Gate {
    pub address: SocketAddr,
    passage: watch::Sender<Passage>,
}

impl Gate {
    /// Listen at a free port, and pass everything on to `server`.
    pub async fn before(server: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (passage, seen) = watch::channel(Passage::Open);
        tokio::spawn(accept(listener, server, seen));
        Ok(Self { address, passage })
    }

    pub fn set(&self, passage: Passage) {
        self.passage.send_replace(passage);
    }

    /// Set it, and open it again after a while.
    pub fn set_for(&self, passage: Passage, span: Duration) {
        self.set(passage);
        let sender = self.passage.clone();
        tokio::spawn(async move {
            tokio::time::sleep(span).await;
            sender.send_replace(Passage::Open);
        });
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, passage: watch::Receiver<Passage>) {
    while let Ok((client, _)) = listener.accept().await {
        if *passage.borrow() == Passage::Shut {
            continue;
        }
        let mut shut = passage.clone();
        let passage = passage.clone();
        tokio::spawn(async move {
            tokio::select! {
                // Connections that stand when the gate shuts are cut.
                _ = shut.wait_for(|passage| *passage == Passage::Shut) => {}
                () = carry(client, server, passage) => {}
            }
        });
    }
}

async fn carry(client: TcpStream, server: SocketAddr, passage: watch::Receiver<Passage>) {
    let Ok(server) = TcpStream::connect(server).await else { return };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    tokio::join!(
        copy(from_client, to_server, passage.clone()),
        copy(from_server, to_client, passage)
    );
}

async fn copy(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut passage: watch::Receiver<Passage>,
) {
    let mut chunk = vec![0; CHUNK_BYTES];
    while let Ok(read @ 1..) = from.read(&mut chunk).await {
        if *passage.borrow() == Passage::Slow {
            tokio::time::sleep(SLOW).await;
        }
        if passage.wait_for(|passage| *passage != Passage::Halted).await.is_err() {
            break;
        }
        if to.write_all(&chunk[..read]).await.is_err() {
            break;
        }
    }
    // The other side reads its end.
    let _ = to.shutdown().await;
}
