//! What is counted on the media plane, for metrics, records and measurements.
//!
//! One thread writes each counter, any may read it.

use std::sync::atomic::{AtomicU64, Ordering};

/// Upper bounds of the lateness histogram, in milliseconds; one more bucket holds what is later.
pub const LATE_BOUNDS_MS: [u64; 5] = [1, 2, 5, 10, 20];

macro_rules! counted {
    ($(#[$about:meta])* $counts:ident, $counters:ident { $($(#[$doc:meta])* $name:ident,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
        pub struct $counts { $($(#[$doc])* pub $name: u64,)* }

        #[derive(Debug, Default)]
        pub(super) struct $counters { $(pub(super) $name: Counter,)* }

        impl $counters {
            pub(super) fn read(&self) -> $counts {
                $counts { $($name: self.$name.read(),)* }
            }
        }

        impl $counts {
            /// Both together.
            pub fn plus(self, other: Self) -> Self {
                Self { $($name: self.$name + other.$name,)* }
            }
        }
    };
}

counted! {
    /// One call's packets.
    CallCounts, CallCounters {
        packets_sent,
        bytes_sent,
        /// The operating system did not take a packet.
        send_failures,
        packets_received,
        /// Missing by their sequence numbers.
        packets_lost,
        /// Came after one of a higher sequence number.
        packets_reordered,
        packets_duplicate,
        /// Came after their time to be heard.
        packets_late,
        /// Frames that were heard with a gap filled in.
        frames_concealed,
        /// Milliseconds that the jitter buffer left out or put in, to follow the peer's clock.
        jitter_adjusted_ms,
        /// From a source other than the one the call is pinned to.
        packets_foreign,
        /// Neither RTP nor RTCP.
        packets_garbage,
        /// Of a payload type that was not agreed on.
        packets_unknown_type,
        /// SRTP or SRTCP that failed authentication, or came twice.
        packets_unauthentic,
        comfort_noise,
        /// The stream's SSRC changed.
        streams_changed,
        reports_sent,
        reports_received,
        /// Of our packets, by the peer's last report, in 1/256.
        peer_fraction_lost,
        peer_packets_lost,
        /// By the peer's last report; 0 before it.
        round_trip_us,
        /// Interarrival jitter (RFC 3550, section 6.4.1), in microseconds.
        jitter_us,
        /// For a recogniser that read too slowly.
        heard_frames_lost,
        /// Nobody took them.
        events_lost,
    }
}

counted! {
    /// One shard, since it started; or several together.
    ShardCounts, ShardCounters {
        calls,
        frames_sent,
        frames_late_5_ms,
        frames_late_10_ms,
        /// Frames that were left out because the thread was not run for too long.
        frames_skipped,
        /// Frames for which voice detection was left out, for want of time.
        voice_shed,
        /// CPU time of the shard's thread.
        cpu_us,
        /// Calls that a fault of the plane's own ended. None is expected.
        calls_broken,
    }
}

/// What one thread counts up and others read.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How late frames were sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lateness {
    /// Frames within each of [`LATE_BOUNDS_MS`] (and not the one before), then those later than all.
    pub frames: [u64; LATE_BOUNDS_MS.len() + 1],
}

#[derive(Debug, Default)]
pub(super) struct LatenessCounters([Counter; LATE_BOUNDS_MS.len() + 1]);

impl LatenessCounters {
    pub(super) fn add(&self, late_us: u64, frames: u64) {
        let bucket = LATE_BOUNDS_MS.iter().position(|bound| late_us <= bound * 1_000);
        self.0[bucket.unwrap_or(LATE_BOUNDS_MS.len())].add(frames);
    }

    pub(super) fn read(&self) -> Lateness {
        Lateness { frames: std::array::from_fn(|bucket| self.0[bucket].read()) }
    }
}

impl Lateness {
    /// Both together.
    pub fn plus(self, other: Self) -> Self {
        Self { frames: std::array::from_fn(|bucket| self.frames[bucket] + other.frames[bucket]) }
    }

    /// Frames that were later than this bound, which is one of [`LATE_BOUNDS_MS`].
    pub fn later_than(self, bound_ms: u64) -> u64 {
        let buckets = self.frames.iter().enumerate();
        let later =
            |bucket: usize| LATE_BOUNDS_MS.get(bucket).is_none_or(|bound| *bound > bound_ms);
        buckets.filter(|(bucket, _)| later(*bucket)).map(|(_, frames)| frames).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_counted_by_how_late_they_were() {
        let late = LatenessCounters::default();
        for us in [0, 1_000, 1_001, 4_999, 5_001, 12_000, 21_000] {
            late.add(us, 1);
        }
        let lateness = late.read();
        assert_eq!(lateness.frames, [2, 1, 1, 1, 1, 1]);
        assert_eq!((lateness.later_than(5), lateness.later_than(10)), (3, 2));
        assert_eq!(lateness.plus(lateness).later_than(20), 2);
    }

    #[test]
    fn counts_add_up() {
        let counters = ShardCounters::default();
        counters.frames_sent.add(3);
        counters.calls.set(2);
        let counts = counters.read();
        assert_eq!((counts.frames_sent, counts.plus(counts).frames_sent, counts.calls), (3, 6, 2));
    }
}
