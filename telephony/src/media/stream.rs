//! The audio of a call that another connection than RTP carries: two bounded queues between that connection's task and
//! the shard, which keeps the clock.
//!
//! Each 20 ms the shard puts a frame into one queue, and takes what has come from the other. Where the connection does
//! not keep up, frames are lost and counted; nothing piles up and is played late.

use ::wire::frame::HEARD_SAMPLES_MAX;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::frame::Frame;
use super::peer::Peer;
use super::session::Shared;
use super::wire::{Received, Scratch};

/// Frames that wait for the connection, a fifth of a second. It has them in its hand at once where it is well.
const TO_SEND_MAX: usize = 10;
/// Pieces that wait for the shard, which takes all each 20 ms.
const HEARD_MAX: usize = 64;

/// What the call sends, for the connection that carries it.
#[derive(Debug)]
pub struct FramesOut(mpsc::Receiver<Frame>);

impl FramesOut {
    /// The next frame, when it is due on the wire; none when the session is over. Cancel safe.
    pub async fn next(&mut self) -> Option<Frame> {
        self.0.recv().await
    }
}

/// Where the connection puts what it receives.
#[derive(Debug)]
pub struct FramesIn {
    pieces: mpsc::Sender<Vec<i16>>,
    shared: Arc<Shared>,
}

impl FramesIn {
    /// Give what has come, 8 kHz, in the order of the connection. What is longer than [`HEARD_SAMPLES_MAX`] is cut.
    pub fn give(&self, mut samples: Vec<i16>) {
        samples.truncate(HEARD_SAMPLES_MAX);
        if let Err(TrySendError::Full(_)) = self.pieces.try_send(samples) {
            self.shared.counters.packets_late.add(1);
        }
    }

    /// What came was no audio that is understood.
    pub fn refuse(&self) {
        self.shared.counters.packets_garbage.add(1);
    }

    /// The connection could not take a frame.
    pub fn not_sent(&self) {
        self.shared.counters.send_failures.add(1);
    }
}

/// The shard's ends.
#[derive(Debug)]
pub(super) struct StreamEnds {
    frames: mpsc::Sender<Frame>,
    pieces: mpsc::Receiver<Vec<i16>>,
}

pub(super) fn channel(shared: &Arc<Shared>) -> (StreamEnds, FramesOut, FramesIn) {
    let (frames, to_send) = mpsc::channel(TO_SEND_MAX);
    let (heard, pieces) = mpsc::channel(HEARD_MAX);
    let inward = FramesIn { pieces: heard, shared: Arc::clone(shared) };
    (StreamEnds { frames, pieces }, FramesOut(to_send), inward)
}

/// A stream as the call's way to its peer.
pub(super) struct StreamWire {
    ends: StreamEnds,
    shared: Arc<Shared>,
    peer: Option<Peer>,
}

impl StreamWire {
    pub(super) fn new(ends: StreamEnds, shared: Arc<Shared>) -> Self {
        Self { ends, shared, peer: None }
    }

    pub(super) fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    pub(super) fn connect(&mut self, peer: Peer) {
        self.peer = Some(peer);
    }

    pub(super) fn send(&self, frame: &Frame) {
        let counters = &self.shared.counters;
        match self.ends.frames.try_send(*frame) {
            Ok(()) => {
                counters.packets_sent.add(1);
                counters.bytes_sent.add(size_of_val(frame) as u64);
            }
            Err(_) => counters.send_failures.add(1),
        }
    }

    pub(super) fn receive(&mut self, scratch: &mut Scratch) -> Received {
        match self.ends.pieces.try_recv() {
            Ok(_) if self.peer.is_none() => Received::Refused,
            Ok(samples) => {
                scratch.samples = samples;
                Received::Samples
            }
            Err(_) => Received::Nothing,
        }
    }
}

/// Gives timestamps to audio that comes without: each piece follows on the one before, unless the sender paused.
#[derive(Debug, Default)]
pub(super) struct Stamps {
    /// The end of the last piece, and when it came.
    last: Option<(u32, Instant)>,
}

/// After so long without audio, in samples (200 ms), what comes is taken as a new stretch. Shorter gaps are the
/// connection's own unevenness, which the jitter buffer is for.
const PAUSE_SAMPLES: u32 = 1_600;

impl Stamps {
    /// The timestamp of a piece of so many samples that came now.
    pub(super) fn stamp(&mut self, samples: u32, now: Instant) -> u32 {
        let timestamp = self.last.map_or(0, |(end, came_at)| {
            let apart_ms = now.saturating_duration_since(came_at).as_millis();
            let apart = u32::try_from(apart_ms).unwrap_or(u32::MAX).saturating_mul(8);
            let pause = if apart > PAUSE_SAMPLES { apart.saturating_sub(samples) } else { 0 };
            end.wrapping_add(pause)
        });
        self.last = Some((timestamp.wrapping_add(samples), now));
        timestamp
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pieces_follow_on_each_other_and_a_pause_stays_as_long_as_it_was() {
        let (mut stamps, start) = (Stamps::default(), Instant::now());
        let at = |ms: u64| start + Duration::from_millis(ms);
        assert_eq!(stamps.stamp(160, at(0)), 0);
        // Late and early ones are still in their order.
        assert_eq!(stamps.stamp(160, at(90)), 160);
        assert_eq!(stamps.stamp(160, at(91)), 320);
        // A second without audio.
        assert_eq!(stamps.stamp(160, at(1_111)), 480 + 1_020 * 8 - 160);
    }

    #[test]
    fn a_connection_that_does_not_keep_up_loses_frames_and_no_memory() {
        let shared = Arc::new(Shared::default());
        let (ends, mut out, inward) = channel(&shared);
        let mut wire = StreamWire::new(ends, Arc::clone(&shared));
        for _ in 0..TO_SEND_MAX + 3 {
            wire.send(&[0; 160]);
        }
        for _ in 0..HEARD_MAX + 2 {
            inward.give(vec![0; HEARD_SAMPLES_MAX + 1]);
        }
        let counts = shared.counters.read();
        assert_eq!((counts.packets_sent, counts.send_failures), (TO_SEND_MAX as u64, 3));
        assert_eq!(counts.packets_late, 2);
        let mut scratch = Scratch::new();
        // Nothing is heard of who is not connected.
        assert_eq!(wire.receive(&mut scratch), Received::Refused);
        wire.connect(Peer::on_a_stream());
        assert_eq!(wire.receive(&mut scratch), Received::Samples);
        assert_eq!(scratch.samples.len(), HEARD_SAMPLES_MAX);
        assert!(out.0.try_recv().is_ok());
    }
}
