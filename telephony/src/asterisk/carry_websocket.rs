//! Carries a call's voice over chan_websocket.
//!
//! Asterisk queues what it gets and plays it at its own pace. Marks between the frames tell how far it has come, so
//! that a playback that is stopped tells what was heard and not what was sent.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use outbound::trunk::AsteriskSound;
use tokio_tungstenite::tungstenite::Message;

use super::connection::{Carrier, VoiceRequest};
use super::server::Socket;
use crate::media::{Codec, FRAME_MS, Frame, FramesIn, FramesOut};
use ::wire::media_control::{self, Marks, MediaControl};

/// A connection that takes nothing for so long is over.
const WRITE_WAIT: Duration = Duration::from_secs(1);
/// A mark of our own after so many frames: 100 ms.
const MARK_FRAMES: u64 = 5;
/// Marks from here on are our own: the number of the frame before them.
const OWN_MARKS: u64 = 1 << 63;

struct Carrying {
    socket: Socket,
    sound: AsteriskSound,
    inward: FramesIn,
    carrier: Carrier,
    marks: Marks,
    sent_frames: u64,
    /// Asterisk's queue is full: what is sent now would be lost there.
    full: bool,
}

/// Carry until either side ends.
pub(super) async fn carry(
    socket: Socket,
    sound: AsteriskSound,
    (mut out, inward): (FramesOut, FramesIn),
    carrier: Carrier,
) {
    let marks = Marks::Unknown;
    let mut carrying =
        Carrying { socket, sound, inward, carrier, marks, sent_frames: 0, full: false };
    if !carrying.send_frame(&[0; 160]).await {
        return;
    }
    loop {
        let goes_on = tokio::select! {
            frame = out.next() => match frame {
                Some(frame) => carrying.send_frame(&frame).await,
                None => false,
            },
            message = carrying.socket.next() => match message {
                Some(Ok(message)) => carrying.hear(message).await,
                Some(Err(error)) => {
                    tracing::debug!(%error, "a media connection of Asterisk is over");
                    false
                }
                None => false,
            },
            Some(request) = carrying.carrier.requests.recv() => carrying.ask(request).await,
        };
        if !goes_on {
            break;
        }
    }
    // Where this does not get through, the end of the connection does.
    let _ = tokio::time::timeout(WRITE_WAIT, carrying.socket.close(None)).await;
}

impl Carrying {
    async fn send_frame(&mut self, frame: &Frame) -> bool {
        if self.full {
            self.inward.not_sent();
            return true;
        }
        if !self.send(Message::Binary(encode(frame, self.sound).into())).await {
            return false;
        }
        self.sent_frames += 1;
        if self.marks == Marks::Told && self.sent_frames.is_multiple_of(MARK_FRAMES) {
            let mark = media_control::mark(OWN_MARKS | self.sent_frames);
            return self.send(Message::Text(mark.into())).await;
        }
        true
    }

    async fn ask(&mut self, request: VoiceRequest) -> bool {
        match request {
            VoiceRequest::Mark(mark) if self.marks == Marks::Told => {
                self.send(Message::Text(media_control::mark(mark).into())).await
            }
            // An Asterisk without marks plays what it gets as it comes.
            VoiceRequest::Mark(mark) => {
                self.carrier.played(mark);
                true
            }
            VoiceRequest::Flush if self.marks == Marks::Told => {
                self.carrier.behind(0);
                self.send(Message::Text(media_control::flush().into())).await
            }
            VoiceRequest::Flush => true,
        }
    }

    async fn hear(&mut self, message: Message) -> bool {
        match message {
            // Audio may come before MEDIA_START.
            Message::Binary(bytes) => match decode(&bytes, self.sound) {
                Some(samples) => self.inward.give(samples),
                None => self.inward.refuse(),
            },
            Message::Text(text) => match media_control::parse(&text) {
                Some(control) => self.on(control),
                None => self.inward.refuse(),
            },
            Message::Close(_) => return false,
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
        }
        true
    }

    fn on(&mut self, control: MediaControl) {
        match control {
            MediaControl::Started(marks) => self.marks = marks,
            MediaControl::Xoff => self.full = true,
            MediaControl::Xon => self.full = false,
            MediaControl::MarkProcessed { mark } if mark >= OWN_MARKS => {
                let played = mark & !OWN_MARKS;
                self.carrier.behind(self.sent_frames.saturating_sub(played) * FRAME_MS);
            }
            MediaControl::MarkProcessed { mark } => self.carrier.played(mark),
            MediaControl::Other => {}
        }
    }

    async fn send(&mut self, message: Message) -> bool {
        let sent = tokio::time::timeout(WRITE_WAIT, self.socket.send(message)).await;
        matches!(sent, Ok(Ok(())))
    }
}

fn encode(frame: &Frame, sound: AsteriskSound) -> Vec<u8> {
    let law = |codec: Codec| frame.iter().map(|sample| codec.encode(*sample)).collect();
    match sound {
        AsteriskSound::Slin => frame.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        AsteriskSound::Alaw => law(Codec::Pcma),
        AsteriskSound::Ulaw => law(Codec::Pcmu),
    }
}

/// The samples of a message; none where it can't be of this sound.
fn decode(bytes: &[u8], sound: AsteriskSound) -> Option<Vec<i16>> {
    let law = |codec: Codec| bytes.iter().map(|byte| codec.decode(*byte)).collect();
    match sound {
        AsteriskSound::Slin => bytes.len().is_multiple_of(2).then(|| {
            bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
        }),
        AsteriskSound::Alaw => Some(law(Codec::Pcma)),
        AsteriskSound::Ulaw => Some(law(Codec::Pcmu)),
    }
}
