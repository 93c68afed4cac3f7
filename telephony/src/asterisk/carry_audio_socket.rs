//! Carries a call's voice over AudioSocket.
//!
//! Asterisk plays what comes as it comes: it has no queue to throw away and no pace of its own. So each frame leaves when
//! the media plane's clock has it due, and none before.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::connection::Carrier;
use crate::media::{FRAME_SAMPLES, FramesIn, FramesOut};
use ::wire::audio_socket::{self, HEADER_BYTES, Message, PAYLOAD_BYTES_MAX};

/// A connection that takes nothing for so long is over.
const WRITE_WAIT: Duration = Duration::from_secs(1);
const READ_BYTES_MAX: usize = 2 * (HEADER_BYTES + PAYLOAD_BYTES_MAX);

/// Which kinds of audio a trunk's Asterisk sends, and which one it gets.
pub(super) struct Kinds {
    pub(super) known: BTreeMap<u8, u32>,
    pub(super) own: u8,
}

/// Carry until either side ends. `before` is what came with the first message.
pub(super) async fn carry(
    stream: TcpStream,
    before: Vec<u8>,
    kinds: Kinds,
    (mut out, inward): (FramesOut, FramesIn),
    carrier: Carrier,
) {
    let (read, mut write) = stream.into_split();
    // A peer that waits for our first frame, as Asterisk does, would be silent for ever.
    if !send(&mut write, kinds.own, &[0; FRAME_SAMPLES]).await {
        return;
    }
    let own = kinds.own;
    tokio::select! {
        () = hear(read, before, &kinds.known, &inward) => {}
        () = speak(&mut write, own, &mut out, &inward) => {}
    }
    // The call is told by the end of the channel.
    drop(carrier);
}

async fn speak(write: &mut OwnedWriteHalf, kind: u8, out: &mut FramesOut, inward: &FramesIn) {
    while let Some(frame) = out.next().await {
        if !send(write, kind, &frame).await {
            inward.not_sent();
            return;
        }
    }
    // The call is over. Where this does not get through, the end of the connection does.
    let farewell = write.write_all(&[0, 0, 0]);
    let _ = tokio::time::timeout(WRITE_WAIT, farewell).await;
}

async fn send(write: &mut OwnedWriteHalf, kind: u8, samples: &[i16]) -> bool {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + samples.len() * 2);
    audio_socket::write_audio(kind, samples, &mut bytes);
    let written = tokio::time::timeout(WRITE_WAIT, write.write_all(&bytes)).await;
    matches!(written, Ok(Ok(())))
}

async fn hear(
    mut read: OwnedReadHalf,
    mut bytes: Vec<u8>,
    known: &BTreeMap<u8, u32>,
    inward: &FramesIn,
) {
    loop {
        loop {
            let (message, length) = match audio_socket::parse(&bytes) {
                Ok(Some(whole)) => whole,
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "an AudioSocket connection can't be read any further");
                    inward.refuse();
                    return;
                }
            };
            match message {
                Message::HangUp => return,
                Message::Audio { kind, payload } => {
                    match audio_socket::samples(kind, payload, known) {
                        Some(samples) => inward.give(samples),
                        None => inward.refuse(),
                    }
                }
                Message::Error(code) => tracing::warn!(code, "AudioSocket tells of an error"),
                // ARI tells of keys; a second id means nothing.
                Message::Digit(_) | Message::Id(_) | Message::Other { .. } => {}
            }
            bytes.drain(..length);
        }
        if bytes.len() >= READ_BYTES_MAX {
            return;
        }
        match read.read_buf(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
