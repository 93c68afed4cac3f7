//! How the media plane is set up: addresses, ports, threads, bounds.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

/// The most threads that one plane may have.
pub const SHARDS_MAX: usize = 64;
/// The longest time that received audio waits for packets that are under way.
pub const JITTER_MS_MAX: u32 = 200;

/// The settings of one media plane. [`MediaConfig::default`] is for calls on this machine: set `bind` for others.
#[derive(Debug, Clone)]
pub struct MediaConfig {
    /// The address that sockets are bound to.
    pub bind: IpAddr,
    /// The address that the peer is told to send to, where it is not `bind`: that of the NAT in front. Needed where
    /// `bind` is every address.
    pub external: Option<IpAddr>,
    /// Ports of calls. RTP takes the even ones, RTCP the one after each.
    pub ports: RangeInclusive<u16>,
    /// Threads that carry calls; each can fill a core.
    pub shards: usize,
    /// What the calls of one shard may need together, in microseconds of CPU time a second.
    pub shard_budget_us: u64,
    pub scheduling: Scheduling,
    /// How long received audio waits for packets that are late, in milliseconds.
    pub jitter_ms: u32,
    /// After so long without a packet an answered call that is not on hold gets
    /// [`WireSilent`](super::MediaEvent::WireSilent).
    pub wire_silent_after: Duration,
}

impl Default for MediaConfig {
    fn default() -> Self {
        Self {
            bind: IpAddr::from([127, 0, 0, 1]),
            external: None,
            ports: 20_000..=29_999,
            shards: 1,
            shard_budget_us: 700_000,
            scheduling: Scheduling::Normal,
            jitter_ms: 40,
            wire_silent_after: Duration::from_secs(30),
        }
    }
}

impl MediaConfig {
    /// What is wrong with these settings, if anything.
    pub fn fault(&self) -> Option<&'static str> {
        if self.shards == 0 || self.shards > SHARDS_MAX {
            Some("shards must be 1 to 64")
        } else if self.bind.is_unspecified() && self.external.is_none() {
            Some("bind is every address, so external must say which one peers send to")
        } else if self.ports.end().saturating_sub(*self.ports.start()) < 1 {
            Some("the port range must hold at least one even port and the one after it")
        } else if *self.ports.start() < 1_024 {
            Some("ports below 1024 are not for calls")
        } else if self.jitter_ms < 20 || self.jitter_ms > JITTER_MS_MAX {
            Some("jitter_ms must be 20 to 200")
        } else if self.wire_silent_after < Duration::from_millis(200) {
            Some("wire_silent_after must be 200 ms at least")
        } else {
            None
        }
    }
}

/// How the system schedules the threads that carry calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheduling {
    Normal,
    /// Ahead of every normal thread (`SCHED_FIFO`). It needs `CAP_SYS_NICE`; where that is missing the
    /// plane says so once in the log and goes on at normal priority.
    RealTime,
}
