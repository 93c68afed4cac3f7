//! How a body comes in: bounded in bytes and in time. A sender that stalls, or sends a letter a minute, would
//! otherwise hold its connection, and what its request has claimed, for as long as it likes.

use std::future::Future;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::{HeaderMap, StatusCode, header};
use tokio::time::Instant;

use crate::problem::Problem;

/// How long a sender may keep us waiting for the next piece.
pub const PIECE_WITHIN: Duration = Duration::from_secs(30);
/// Bytes a second that have to have come, on the average, once the first [`PIECE_WITHIN`] is over.
pub const BYTES_PER_SECOND_MIN: u64 = 8_192;

/// A body that is coming in.
#[derive(Debug)]
pub(crate) struct Arrival {
    begun: Instant,
    bytes: u64,
}

impl Arrival {
    pub fn begin() -> Self {
        Self { begun: Instant::now(), bytes: 0 }
    }

    /// Wait for the sender, but not forever.
    pub async fn piece<T>(&self, next: impl Future<Output = T>) -> Result<T, Problem> {
        let earned = Duration::from_secs(self.bytes / BYTES_PER_SECOND_MIN);
        let by = (Instant::now() + PIECE_WITHIN).min(self.begun + PIECE_WITHIN + earned);
        tokio::time::timeout_at(by, next).await.map_err(|_| {
            let detail = format!(
                "the body came too slowly: a piece has to come every {} s, and {BYTES_PER_SECOND_MIN} bytes a \
                 second on the average; send it again",
                PIECE_WITHIN.as_secs()
            );
            Problem::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", detail)
        })
    }

    /// So many bytes have come.
    pub fn came(&mut self, bytes: usize) {
        self.bytes += bytes as u64;
    }

    /// Bytes that have come.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// Read a body of `limit_bytes` at most.
pub(crate) async fn read(body: Body, limit_bytes: u64) -> Result<Bytes, Problem> {
    let (mut body, mut whole, mut arrival) =
        (body.into_data_stream(), BytesMut::new(), Arrival::begin());
    while let Some(piece) = arrival.piece(body.next()).await? {
        let piece = piece.map_err(|_| {
            Problem::malformed("", "incomplete_body", "ended before it was whole; send it again")
        })?;
        arrival.came(piece.len());
        if arrival.bytes() > limit_bytes {
            return Err(Problem::too_large(limit_bytes));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.freeze())
}

/// Refuse a body that is announced as larger than `limit_bytes` before reading any of it.
pub(crate) fn announced_size(headers: &HeaderMap, limit_bytes: u64) -> Result<(), Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    match announced.and_then(|text| text.parse::<u64>().ok()) {
        Some(bytes) if bytes > limit_bytes => Err(Problem::too_large(limit_bytes)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;

    /// What becomes of a body whose pieces of so many bytes come every so many seconds.
    async fn read_pieces(count: usize, bytes: usize, every_seconds: u64) -> Result<usize, u16> {
        let pieces = stream::iter(0..count).then(move |_| async move {
            tokio::time::sleep(Duration::from_secs(every_seconds)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'a'; bytes]))
        });
        let read = read(Body::from_stream(pieces), 1 << 20).await;
        read.map(|whole| whole.len()).map_err(|problem| problem.status.as_u16())
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_stalls_or_trickles_is_refused_and_a_slow_one_is_taken() {
        let begun = Instant::now();
        assert_eq!(read_pieces(1, 10, 3_600).await, Err(408), "it stalls");
        assert_eq!(read_pieces(1_000, 1, 20).await, Err(408), "it trickles");
        assert!(begun.elapsed() < Duration::from_secs(120), "{:?}", begun.elapsed());
        assert_eq!(read_pieces(20, 40_000, 4).await, Ok(800_000), "it is slow");
        assert_eq!(read_pieces(3, 500_000, 0).await, Err(413), "it is too large");
    }
}
