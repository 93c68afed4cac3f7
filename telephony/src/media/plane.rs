//! The media plane of one process: its shards, its ports, and the way in.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use super::budget::{Budget, Room};
use super::call::NewCall;
use super::counters::{Lateness, ShardCounts};
use super::event::{self, SessionEvents};
use super::path::Way;
use super::ports::Ports;
use super::session::{self, Session, SessionSpec};
use super::shard::Shard;
use super::stream::{self, FramesIn, FramesOut};
use super::writer::Writer;
use super::{MediaConfig, MediaError};

/// Carries the audio of calls on threads of its own. When it is dropped, calls that are up go on to their end.
#[derive(Debug)]
pub struct Plane {
    config: MediaConfig,
    ports: Arc<Ports>,
    shards: Vec<(Shard, Arc<Budget>)>,
    writer: Writer,
}

/// What a plane has counted since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlaneCounts {
    pub shards: ShardCounts,
    pub lateness: Lateness,
    /// Pairs of ports that no call has.
    pub ports_free: u64,
    /// How many more calls have room, whose noise is left alone.
    pub calls_free: u64,
    /// What a call is taken to cost, in microseconds of CPU time a second: by the shard where it costs most.
    pub call_us: u64,
    pub recordings_failed: u64,
    /// Seconds of recordings that wait for the disk, of all calls together.
    pub recording_seconds_waiting: u64,
}

impl Plane {
    pub fn start(config: MediaConfig) -> Result<Self, MediaError> {
        if let Some(fault) = config.fault() {
            return Err(MediaError::Settings(fault));
        }
        let writer = Writer::start().map_err(MediaError::Thread)?;
        let ports = Ports::new(config.bind, &config.ports);
        let shard = |number| {
            let budget = Budget::new(config.shard_budget_us);
            Shard::start(number, &config, Arc::clone(&budget), writer.clone())
                .map(|shard| (shard, budget))
                .map_err(MediaError::Thread)
        };
        let shards = (0..config.shards).map(shard).collect::<Result<_, _>>()?;
        Ok(Self { config, ports, shards, writer })
    }

    /// Take room and ports for a call, before its INVITE: the SDP needs the address.
    ///
    /// [`MediaError::NoRoom`] and [`MediaError::NoPort`] mean: wait until a call ends.
    pub fn open(&self, spec: SessionSpec) -> Result<(Session, SessionEvents), MediaError> {
        let (shard, room) = self.take_room(&spec)?;
        let sockets = self.ports.open()?;
        let bound = sockets.rtp.local_addr().map_err(MediaError::Socket)?;
        let external = self.config.external.unwrap_or(bound.ip());
        let announced = SocketAddr::new(external, bound.port());
        let (session, mailbox) = session::new(announced, bound);
        let (outbox, events) = event::channel();
        shard.add(NewCall { spec, way: Way::Rtp(sockets), room, mailbox, outbox })?;
        Ok((session, events))
    }

    /// Take room for a call whose audio a connection of the caller's own carries, frame by frame. It needs no ports.
    pub fn open_stream(
        &self,
        spec: SessionSpec,
    ) -> Result<(Session, SessionEvents, FramesOut, FramesIn), MediaError> {
        let (shard, room) = self.take_room(&spec)?;
        let nowhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let (session, mailbox) = session::new(nowhere, nowhere);
        let (ends, out, inward) = stream::channel(&mailbox.shared);
        let (outbox, events) = event::channel();
        shard.add(NewCall { spec, way: Way::Stream(ends), room, mailbox, outbox })?;
        Ok((session, events, out, inward))
    }

    fn take_room(&self, spec: &SessionSpec) -> Result<(&Shard, Room), MediaError> {
        // The emptiest shard; another call may take its room first, then the next is asked.
        let mut shards: Vec<_> = self.shards.iter().collect();
        shards.sort_by_key(|(_, budget)| std::cmp::Reverse(budget.free_us()));
        let taken = shards
            .into_iter()
            .find_map(|(shard, budget)| budget.take(spec.noise).map(|room| (shard, room)));
        taken.ok_or(MediaError::NoRoom)
    }

    pub fn counts(&self) -> PlaneCounts {
        let mut counts = PlaneCounts {
            ports_free: self.ports.free_count() as u64,
            recordings_failed: self.writer.failed(),
            recording_seconds_waiting: self.writer.waiting(),
            ..PlaneCounts::default()
        };
        for (shard, budget) in &self.shards {
            counts.calls_free += budget.calls_free();
            counts.call_us = counts.call_us.max(budget.call_us());
            counts.shards = counts.shards.plus(shard.counts());
            counts.lateness = counts.lateness.plus(shard.lateness());
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::super::session::Request;
    use super::super::{Noise, VoiceActivity};
    use super::*;

    #[tokio::test]
    async fn a_fault_ends_its_own_call_and_no_other() {
        let plane = Plane::start(MediaConfig::default()).unwrap();
        let spec =
            SessionSpec { noise: Noise::Untouched, recording: None, voice: VoiceActivity::Off };
        let mut sessions: Vec<_> = (0..3).map(|_| plane.open(spec.clone()).unwrap()).collect();
        let (broken, mut events) = sessions.remove(1);
        broken.request(Request::Panic).unwrap();
        assert_eq!(events.next().await, None);
        assert!(matches!(broken.close().await, Err(MediaError::Over)));
        for (session, _) in sessions {
            session.close().await.unwrap();
        }
        let counts = plane.counts().shards;
        assert_eq!((counts.calls_broken, counts.calls), (1, 0));
        // Its place is taken again, and works.
        let (session, _events) = plane.open(spec).unwrap();
        session.close().await.unwrap();
    }
}
