//! How a call's audio reaches its peer: RTP on sockets of its own, or a stream that a task carries.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::MediaError;
use super::frame::Frame;
use super::peer::Peer;
use super::ports::Sockets;
use super::session::Shared;
use super::stream::{StreamEnds, StreamWire};
use super::wire::{Received, Scratch, Wire};

/// What a path is made of.
#[derive(Debug)]
pub(super) enum Way {
    Rtp(Sockets),
    Stream(StreamEnds),
}

/// See the module.
pub(super) enum Path {
    Rtp(Wire),
    Stream(StreamWire),
}

impl Path {
    pub(super) fn new(way: Way, shared: Arc<Shared>) -> Self {
        match way {
            Way::Rtp(sockets) => Self::Rtp(Wire::new(sockets, shared)),
            Way::Stream(ends) => Self::Stream(StreamWire::new(ends, shared)),
        }
    }

    pub(super) fn peer(&self) -> Option<&Peer> {
        match self {
            Self::Rtp(wire) => wire.peer(),
            Self::Stream(wire) => wire.peer(),
        }
    }

    /// What was agreed has changed.
    pub(super) fn connect(&mut self, peer: Peer, now: Instant) -> Result<(), MediaError> {
        match self {
            Self::Rtp(wire) => wire.connect(peer, now),
            Self::Stream(wire) => {
                wire.connect(peer);
                Ok(())
            }
        }
    }

    /// Encrypt a packet, where that was agreed on. Whether it may be sent.
    pub(super) fn protect(&mut self, packet: &mut Vec<u8>) -> bool {
        match self {
            Self::Rtp(wire) => wire.protect(packet),
            Self::Stream(_) => true,
        }
    }

    /// Send 20 ms, as the packet that was built of them or as they are.
    pub(super) fn send(&self, packet: &[u8], frame: &Frame) {
        match self {
            Self::Rtp(wire) => wire.send_rtp(packet),
            Self::Stream(wire) => wire.send(frame),
        }
    }

    /// A stream has no reports.
    pub(super) fn send_report(&mut self, packet: Vec<u8>) {
        match self {
            Self::Rtp(wire) => wire.send_rtcp(packet),
            Self::Stream(_) => {}
        }
    }

    /// Look once at what has come. It is in `scratch`.
    pub(super) fn receive(&mut self, scratch: &mut Scratch) -> Received {
        match self {
            Self::Rtp(wire) => wire.receive(scratch),
            Self::Stream(wire) => wire.receive(scratch),
        }
    }

    pub(super) fn receive_report(&mut self, scratch: &mut Scratch) -> Received {
        match self {
            Self::Rtp(wire) => wire.receive_rtcp(scratch),
            Self::Stream(_) => Received::Nothing,
        }
    }

    /// A good packet came from here: the call is the source's from now on.
    pub(super) fn pin(&mut self, from: SocketAddr, now: Instant) {
        if let Self::Rtp(wire) = self {
            wire.pin(from, now);
        }
    }
}
