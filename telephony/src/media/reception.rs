//! What is known of a received stream by its sequence numbers (RFC 3550, appendices A.1, A.3 and A.8).

use std::time::Instant;

use super::frame::SAMPLES_A_MS;
use super::rtcp::Block;
use super::rtp::Packet;

/// A sequence number so far ahead starts the count anew, if the next one follows on it.
const DROPOUT_MAX: u16 = 3_000;
/// Packets before the newest that are remembered, to tell copies from late ones.
const REMEMBERED: u16 = 64;

/// What a packet is to its stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Next,
    /// Later ones came before it.
    Reordered,
    Duplicate,
}

/// One stream.
#[derive(Debug)]
pub(super) struct Reception {
    pub(super) ssrc: u32,
    first: u32,
    /// The newest sequence number, with the times that it wrapped above it.
    newest: u32,
    /// A bit for each of the newest packet and those before it.
    seen: u64,
    received: u32,
    /// Lost before the count began anew.
    lost_before: u32,
    /// The number after the last one that was far off.
    restart_at: Option<u16>,
    jitter: f64,
    transit: Option<(Instant, u32)>,
    reported: Reported,
}

/// What the last report of ours said.
#[derive(Debug, Default)]
struct Reported {
    expected: u32,
    received: u32,
}

impl Reception {
    pub(super) fn new(packet: &Packet<'_>) -> Self {
        // One wrap ahead, so that packets from before the first have a number too.
        let first = 1 << 16 | u32::from(packet.sequence);
        Self {
            ssrc: packet.ssrc,
            first,
            newest: first,
            seen: 0,
            received: 0,
            lost_before: 0,
            restart_at: None,
            jitter: 0.0,
            transit: None,
            reported: Reported::default(),
        }
    }

    pub(super) fn hear(&mut self, packet: &Packet<'_>) -> Order {
        let ahead = packet.sequence.wrapping_sub(self.newest as u16);
        let behind = ahead.wrapping_neg();
        if ahead == 0 || behind < REMEMBERED {
            let bit = 1 << behind;
            if self.seen & bit != 0 {
                return Order::Duplicate;
            }
            self.seen |= bit;
            self.received += 1;
            return if ahead == 0 { Order::Next } else { Order::Reordered };
        }
        if ahead < DROPOUT_MAX {
            self.newest = self.newest.wrapping_add(u32::from(ahead));
            let shifted = self.seen.checked_shl(u32::from(ahead)).unwrap_or(0);
            self.seen = shifted | 1;
            self.received += 1;
            self.restart_at = None;
            return Order::Next;
        }
        if self.restart_at == Some(packet.sequence) {
            let (jitter, lost_before) = (self.jitter, self.lost());
            *self = Self { jitter, lost_before, ..Self::new(packet) };
            return self.hear(packet);
        }
        self.restart_at = Some(packet.sequence.wrapping_add(1));
        Order::Reordered
    }

    /// A packet of audio came at this moment: how unevenly they come (A.8).
    pub(super) fn time(&mut self, timestamp: u32, at: Instant) {
        if let Some((before, last)) = self.transit.replace((at, timestamp)) {
            let apart = at.saturating_duration_since(before).as_secs_f64();
            let apart = apart * SAMPLES_A_MS as f64 * 1_000.0;
            let uneven = apart - f64::from(timestamp.wrapping_sub(last) as i32);
            // A pause or a jump of the sender is no jitter.
            if uneven.abs() < 8_000.0 {
                self.jitter += (uneven.abs() - self.jitter) / 16.0;
            }
        }
    }

    fn expected(&self) -> u32 {
        self.newest.wrapping_sub(self.first).wrapping_add(1)
    }

    /// Packets that are missing; copies do not count, so it is never negative.
    pub(super) fn lost(&self) -> u32 {
        self.lost_before + self.expected().saturating_sub(self.received)
    }

    pub(super) fn jitter_us(&self) -> u64 {
        (self.jitter * 1_000.0 / SAMPLES_A_MS as f64) as u64
    }

    /// The block of our next report.
    pub(super) fn block(&mut self, last_report: u32, delay: u32) -> Block {
        let expected = self.expected().wrapping_sub(self.reported.expected);
        let received = self.received.wrapping_sub(self.reported.received);
        let missing = expected.saturating_sub(received);
        let fraction = (missing << 8).checked_div(expected).unwrap_or(0);
        self.reported = Reported { expected: self.expected(), received: self.received };
        Block {
            ssrc: self.ssrc,
            fraction_lost: u8::try_from(fraction).unwrap_or(u8::MAX),
            lost: i32::try_from(self.lost()).unwrap_or(i32::MAX),
            // The extra wrap of `new` is not the peer's.
            highest_sequence: self.newest.wrapping_sub(1 << 16),
            jitter: self.jitter as u32,
            last_report,
            delay,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn packet(sequence: u16) -> Packet<'static> {
        Packet { marker: false, payload_type: 8, sequence, timestamp: 0, ssrc: 5, payload: &[] }
    }

    fn hear(sequences: impl IntoIterator<Item = u16>) -> (Reception, Vec<Order>) {
        let mut sequences = sequences.into_iter().peekable();
        let mut stream = Reception::new(&packet(*sequences.peek().unwrap()));
        let orders = sequences.map(|sequence| stream.hear(&packet(sequence))).collect();
        (stream, orders)
    }

    #[test]
    fn copies_and_packets_out_of_order_are_told_apart() {
        let (stream, orders) = hear([65_534, 65_535, 1, 0, 1, 0, 2]);
        use Order::{Duplicate, Next, Reordered};
        assert_eq!(orders, [Next, Next, Next, Reordered, Duplicate, Duplicate, Next]);
        assert_eq!(stream.lost(), 0);
    }

    #[test]
    fn what_is_missing_is_counted_and_reported_once() {
        let (mut stream, _) = hear((0..200).filter(|sequence| sequence % 4 != 1));
        assert_eq!(stream.lost(), 50);
        let block = stream.block(7, 8);
        assert_eq!((block.lost, block.fraction_lost, block.highest_sequence), (50, 64, 199));
        for sequence in 200..300 {
            stream.hear(&packet(sequence));
        }
        let block = stream.block(7, 8);
        assert_eq!((block.lost, block.fraction_lost, block.highest_sequence), (50, 0, 299));
    }

    #[test]
    fn one_stray_number_is_nothing_and_two_in_a_row_are_a_new_start() {
        let (stream, _) = hear([100, 101, 40_000, 102, 103]);
        assert_eq!(stream.lost(), 0);
        let (stream, _) = hear([100, 102, 40_000, 40_001, 40_002]);
        assert_eq!((stream.lost(), stream.newest as u16), (1, 40_002));
    }

    #[test]
    fn even_packets_have_no_jitter() {
        let (mut stream, _) = hear([0]);
        let start = Instant::now();
        for index in 0..100_u32 {
            stream.time(index * 160, start + Duration::from_millis(20) * index);
        }
        assert_eq!(stream.jitter_us(), 0);
        for index in 100..300_u32 {
            let late_ms = if index % 2 == 0 { 10 } else { 0 };
            let at = start + Duration::from_millis(20) * index + Duration::from_millis(late_ms);
            stream.time(index * 160, at);
        }
        assert!((9_000..11_000).contains(&stream.jitter_us()), "{}", stream.jitter_us());
    }
}
