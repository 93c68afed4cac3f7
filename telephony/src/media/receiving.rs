//! What becomes of a packet that was received: audio, a key press, noise, or nothing.

use std::time::Instant;

use super::counters::CallCounters;
use super::digit::Digit;
use super::dtmf::{self, KeyPresses};
use super::frame::Frame;
use super::g711::Codec;
use super::jitter::{Heard, Inserted, JitterBuffer};
use super::peer::{DigitsBy, Direction, Peer};
use super::reception::{Order, Reception};
use super::rtp::{COMFORT_NOISE, Packet};
use super::stream::Stamps;

/// The longest payload of audio: 200 ms.
const PAYLOAD_BYTES_MAX: usize = 1_600;

/// What a packet was, once it was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// Audio, noise or a part of a key press.
    Stream,
    /// The first packet of a key press.
    Digit(Digit),
    /// Not of this call; it does not count as a sign of life.
    Nothing,
}

pub(super) struct Receiving {
    jitter: JitterBuffer,
    stream: Option<Reception>,
    /// The SSRC of the last packet, where it was another than the stream's. A second one in a row is the new stream.
    other_ssrc: Option<u32>,
    presses: KeyPresses,
    /// Whether a gap is a loss; after comfort noise and during key presses it is not.
    gap: Gap,
    /// Packets lost on streams before this one.
    lost_before: u64,
    /// Of audio that comes without timestamps.
    stamps: Stamps,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gap {
    IsLoss,
    IsMeant,
}

impl Receiving {
    pub(super) fn new(jitter_ms: u32) -> Self {
        Self {
            jitter: JitterBuffer::new(jitter_ms),
            stream: None,
            other_ssrc: None,
            presses: KeyPresses::default(),
            gap: Gap::IsLoss,
            lost_before: 0,
            stamps: Stamps::default(),
        }
    }

    /// A packet came. `samples` is room to decode it in, which all calls of a shard share.
    pub(super) fn hear(
        &mut self,
        packet: &Packet<'_>,
        peer: &Peer,
        now: Instant,
        counters: &CallCounters,
        samples: &mut Vec<i16>,
    ) -> Content {
        let event = peer.digits == (DigitsBy::Event { payload_type: packet.payload_type });
        let codec = Codec::from_payload_type(packet.payload_type);
        let noise = packet.payload_type == COMFORT_NOISE;
        if !event && !noise && codec.is_none() {
            counters.packets_unknown_type.add(1);
            return Content::Nothing;
        }
        let Some(order) = self.order(packet, counters) else { return Content::Nothing };
        counters.packets_received.add(1);
        match order {
            Order::Next => {}
            Order::Reordered => counters.packets_reordered.add(1),
            Order::Duplicate => counters.packets_duplicate.add(1),
        }
        if event {
            self.gap = Gap::IsMeant;
            let digit = dtmf::parse(packet.payload)
                .and_then(|event| self.presses.hear(packet.timestamp, event));
            return digit.map_or(Content::Stream, Content::Digit);
        }
        if let Some(codec) = codec {
            self.gap = Gap::IsLoss;
            if let Some(stream) = &mut self.stream {
                stream.time(packet.timestamp, now);
                counters.jitter_us.set(stream.jitter_us());
            }
            if peer.direction.hears() {
                self.insert(packet, codec, counters, samples);
            }
        } else {
            self.gap = Gap::IsMeant;
            counters.comfort_noise.add(1);
        }
        Content::Stream
    }

    /// Audio came on a connection that keeps its order.
    pub(super) fn hear_samples(
        &mut self,
        samples: &[i16],
        direction: Direction,
        now: Instant,
        counters: &CallCounters,
    ) {
        counters.packets_received.add(1);
        let length = u32::try_from(samples.len()).unwrap_or(0);
        let timestamp = self.stamps.stamp(length, now);
        if direction.hears() && self.jitter.insert(timestamp, samples) == Inserted::Late {
            counters.packets_late.add(1);
        }
    }

    /// Where the packet stands in its stream; none where it is the first of another stream, which is believed at the
    /// second.
    fn order(&mut self, packet: &Packet<'_>, counters: &CallCounters) -> Option<Order> {
        match &mut self.stream {
            Some(stream) if stream.ssrc == packet.ssrc => {
                self.other_ssrc = None;
                let order = stream.hear(packet);
                counters.packets_lost.set(self.lost_before + u64::from(stream.lost()));
                Some(order)
            }
            Some(stream) => {
                if self.other_ssrc.replace(packet.ssrc) != Some(packet.ssrc) {
                    return None;
                }
                self.lost_before += u64::from(stream.lost());
                counters.streams_changed.add(1);
                self.jitter.reset();
                self.presses.forget();
                Some(self.begin(packet))
            }
            None => Some(self.begin(packet)),
        }
    }

    fn begin(&mut self, packet: &Packet<'_>) -> Order {
        self.other_ssrc = None;
        self.stream.insert(Reception::new(packet)).hear(packet)
    }

    fn insert(
        &mut self,
        packet: &Packet<'_>,
        codec: Codec,
        counters: &CallCounters,
        samples: &mut Vec<i16>,
    ) {
        let payload = &packet.payload[..packet.payload.len().min(PAYLOAD_BYTES_MAX)];
        samples.clear();
        codec.decode_all(payload, samples);
        if self.jitter.insert(packet.timestamp, samples) == Inserted::Late {
            counters.packets_late.add(1);
        }
    }

    /// The next 20 ms of what the peer said.
    pub(super) fn pull(&mut self, frame: &mut Frame, counters: &CallCounters) {
        let heard = self.jitter.pull(frame);
        if heard == Heard::Concealed && self.gap == Gap::IsLoss {
            counters.frames_concealed.add(1);
        }
        let adjusted_ms = self.jitter.take_adjusted_ms();
        if adjusted_ms > 0 {
            counters.jitter_adjusted_ms.add(adjusted_ms);
        }
    }

    pub(super) fn stream(&mut self) -> Option<&mut Reception> {
        self.stream.as_mut()
    }

    /// Whether the peer's BYE is of the stream that is heard.
    pub(super) fn is_stream(&self, ssrc: u32) -> bool {
        self.stream.as_ref().is_some_and(|stream| stream.ssrc == ssrc)
    }
}
