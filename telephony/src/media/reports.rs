//! RTCP of one session: reports each five seconds, a goodbye at the end, and what the peer's say.

use std::time::{Duration, Instant};

use super::counters::CallCounters;
use super::reception::Reception;
use super::rtcp::{self, Compound, Farewell, SenderInfo};

pub(super) const REPORT_EVERY: Duration = Duration::from_secs(5);
/// A round trip longer than this is a clock that was set, or a lie.
const ROUND_TRIP_MAX: Duration = Duration::from_secs(10);

/// What of our own stream a report says.
#[derive(Debug, Clone, Copy)]
pub(super) struct OwnStream {
    pub(super) ssrc: u32,
    pub(super) timestamp: u32,
    pub(super) packets: u32,
    pub(super) octets: u32,
}

#[derive(Debug)]
pub(super) struct Reports {
    /// What our reports' times count from. It is no time of day, which RFC 3550 allows.
    epoch: Instant,
    next_at: Instant,
    /// A name that says nothing of this machine (RFC 7022).
    name: String,
    /// The middle of the peer's last sender report, and when it came.
    peers: Option<(u32, Instant)>,
    reported_packets: u32,
}

impl Reports {
    pub(super) fn new(now: Instant) -> Self {
        // The first one comes somewhere in its time, so that calls that begin together do not report together.
        let first = REPORT_EVERY.mul_f64(0.5 + rand::random::<f64>() / 2.0);
        let name = format!("{:016x}", rand::random::<u64>());
        Self { epoch: now, next_at: now + first, name, peers: None, reported_packets: 0 }
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        now >= self.next_at
    }

    pub(super) fn write(
        &mut self,
        now: Instant,
        own: OwnStream,
        reception: Option<&mut Reception>,
        farewell: Farewell,
    ) -> Vec<u8> {
        self.next_at = now + REPORT_EVERY;
        let sender = SenderInfo {
            ssrc: own.ssrc,
            ntp: self.ntp(now),
            timestamp: own.timestamp,
            packets: own.packets,
            octets: own.octets,
        };
        let has_sent = own.packets != self.reported_packets;
        self.reported_packets = own.packets;
        let (last_report, delay) = self.peers.map_or((0, 0), |(middle, came_at)| {
            (middle, fraction(now.saturating_duration_since(came_at)))
        });
        let block = reception.map(|stream| stream.block(last_report, delay));
        rtcp::write(own.ssrc, has_sent.then_some(sender), block, &self.name, farewell)
    }

    /// The peer's report came.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        compound: &Compound,
        own_ssrc: u32,
        counters: &CallCounters,
    ) {
        counters.reports_received.add(1);
        if let Some(sender) = &compound.sender {
            self.peers = Some(((sender.ntp >> 16) as u32, now));
        }
        let Some(block) = compound.blocks.iter().find(|block| block.ssrc == own_ssrc) else {
            return;
        };
        counters.peer_fraction_lost.set(u64::from(block.fraction_lost));
        counters.peer_packets_lost.set(u64::try_from(block.lost).unwrap_or(0));
        if block.last_report != 0 {
            let middle = (self.ntp(now) >> 16) as u32;
            let trip = middle.wrapping_sub(block.last_report).wrapping_sub(block.delay);
            let trip_us = (u64::from(trip) * 1_000_000) >> 16;
            if u128::from(trip_us) < ROUND_TRIP_MAX.as_micros() {
                counters.round_trip_us.set(trip_us);
            }
        }
    }

    /// In 1/2³² s. It begins at a second, so that its middle is never 0, which says that none came.
    fn ntp(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.epoch) + Duration::from_secs(1);
        (since.as_secs() << 32) | ((u64::from(since.subsec_nanos()) << 32) / 1_000_000_000)
    }
}

/// In 1/65,536 s.
fn fraction(time: Duration) -> u32 {
    u32::try_from((time.as_micros() << 16) / 1_000_000).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::rtp::Packet;
    use super::*;

    const PACKET: Packet<'static> =
        Packet { marker: false, payload_type: 8, sequence: 1, timestamp: 0, ssrc: 0, payload: &[] };
    const OWN: OwnStream = OwnStream { ssrc: 1, timestamp: 160, packets: 2, octets: 320 };

    #[test]
    fn a_round_trip_is_what_two_reports_say() {
        let start = Instant::now();
        let (mut us, mut peer) = (Reports::new(start), Reports::new(start));
        let (ours, theirs) = (CallCounters::default(), CallCounters::default());
        let ms = Duration::from_millis;
        let report = us.write(start + ms(1_000), OWN, None, Farewell::GoesOn);
        // 30 ms there, 500 ms at the peer, 20 ms back.
        peer.hear(start + ms(1_030), &rtcp::parse(&report).unwrap(), 2, &theirs);
        let of_ours = Packet { ssrc: 1, ..PACKET };
        let mut reception = Reception::new(&of_ours);
        reception.hear(&of_ours);
        let own = OwnStream { ssrc: 2, ..OWN };
        let report = peer.write(start + ms(1_530), own, Some(&mut reception), Farewell::GoesOn);
        us.hear(start + ms(1_550), &rtcp::parse(&report).unwrap(), 1, &ours);
        let trip_us = ours.read().round_trip_us;
        assert!(trip_us.abs_diff(50_000) < 100, "{trip_us}");
        assert_eq!(ours.read().reports_received, 1);
    }

    #[test]
    fn who_sent_nothing_since_reports_only_what_it_received() {
        let start = Instant::now();
        let mut reports = Reports::new(start);
        assert!(!reports.is_due(start) && reports.is_due(start + REPORT_EVERY));
        let first = reports.write(start, OWN, None, Farewell::GoesOn);
        assert!(rtcp::parse(&first).unwrap().sender.is_some());
        assert!(!reports.is_due(start + Duration::from_millis(4_999)));
        let second = reports.write(start, OWN, None, Farewell::Goodbye);
        let second = rtcp::parse(&second).unwrap();
        assert_eq!((second.sender, second.goodbye), (None, Some(1)));
    }
}
