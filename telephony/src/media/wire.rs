//! A call's two sockets, and from whom packets are taken.
//!
//! RTP is symmetric: whatever the SDP says, packets go to where the first good one came from, and from then on only
//! that source is heard. Else anyone who finds the port could talk into a call. A re-INVITE that moves the peer's
//! address lets a new source in.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::MediaError;
use super::peer::Peer;
use super::ports::Sockets;
use super::rtp::{self, Kind};
use super::session::Shared;
use super::srtp::Srtp;

/// The longest packet that is read; of a longer one the rest is lost, and it fails to parse or is too long.
const PACKET_BYTES_MAX: usize = 2_048;
/// After the peer has moved, packets of its old address are still heard for so long, but pin nothing.
const MOVING: Duration = Duration::from_secs(1);

/// Where a shard reads packets into.
pub(super) struct Scratch {
    raw: Box<[u8; PACKET_BYTES_MAX]>,
    /// The packet, decrypted.
    pub(super) packet: Vec<u8>,
    /// What came on a stream, which has no packets.
    pub(super) samples: Vec<i16>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        let raw = Box::new([0; PACKET_BYTES_MAX]);
        Self { raw, packet: Vec::with_capacity(PACKET_BYTES_MAX), samples: Vec::new() }
    }
}

/// What one look at a socket gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// Nothing waits.
    Nothing,
    /// A packet that is not for this call; there may be more.
    Refused,
    Rtp {
        from: SocketAddr,
    },
    Rtcp,
    /// Audio of a stream.
    Samples,
}

pub(super) struct Wire {
    sockets: Sockets,
    shared: Arc<Shared>,
    peer: Option<Peer>,
    srtp: Option<Box<Srtp>>,
    pinned: Option<SocketAddr>,
    /// The source that the call was pinned to before the peer moved, and until when that matters.
    moved_from: Option<(SocketAddr, Instant)>,
}

impl Wire {
    pub(super) fn new(sockets: Sockets, shared: Arc<Shared>) -> Self {
        Self { sockets, shared, peer: None, srtp: None, pinned: None, moved_from: None }
    }

    pub(super) fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// What was agreed has changed. Keys that stayed the same keep their state.
    pub(super) fn connect(&mut self, peer: Peer, now: Instant) -> Result<(), MediaError> {
        let same_keys = match (&self.srtp, &peer.srtp) {
            (Some(srtp), Some(keys)) => srtp.keys() == keys,
            (None, None) => true,
            _ => false,
        };
        if !same_keys {
            self.srtp = peer.srtp.clone().map(Srtp::new).transpose()?.map(Box::new);
        }
        if self.peer.as_ref().is_some_and(|before| before.rtp != peer.rtp) {
            self.moved_from = self.pinned.take().map(|source| (source, now + MOVING));
        }
        self.peer = Some(peer);
        Ok(())
    }

    /// Encrypt a packet, where that was agreed on. Whether it may be sent.
    pub(super) fn protect(&mut self, packet: &mut Vec<u8>) -> bool {
        self.srtp.as_mut().is_none_or(|srtp| srtp.protect_rtp(packet).is_ok())
    }

    pub(super) fn send_rtp(&self, packet: &[u8]) {
        let Some(to) = self.pinned.or(self.peer.as_ref().map(|peer| peer.rtp)) else { return };
        if to.port() == 0 || to.ip().is_unspecified() {
            return;
        }
        let counters = &self.shared.counters;
        match self.sockets.rtp.send_to(packet, to) {
            Ok(_) => {
                counters.packets_sent.add(1);
                counters.bytes_sent.add(packet.len() as u64);
            }
            Err(_) => counters.send_failures.add(1),
        }
    }

    pub(super) fn send_rtcp(&mut self, mut packet: Vec<u8>) {
        let Some(peer) = &self.peer else { return };
        // Behind a NAT the port after that of RTP is the best guess.
        let to = match (self.pinned, peer.rtcp) {
            (Some(source), _) if source.ip() != peer.rtp.ip() => next_port(source),
            (_, Some(rtcp)) => rtcp,
            (_, None) => next_port(peer.rtp),
        };
        if to.port() == 0 || to.ip().is_unspecified() {
            return;
        }
        if let Some(srtp) = &mut self.srtp
            && srtp.protect_rtcp(&mut packet).is_err()
        {
            return self.shared.counters.send_failures.add(1);
        }
        match self.sockets.rtcp.send_to(&packet, to) {
            Ok(_) => self.shared.counters.reports_sent.add(1),
            Err(_) => self.shared.counters.send_failures.add(1),
        }
    }

    /// Look once at the socket of RTP. The packet is in `scratch`.
    pub(super) fn receive(&mut self, scratch: &mut Scratch) -> Received {
        let (length, from) = match self.sockets.rtp.recv_from(&mut *scratch.raw) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
            // What a peer's system says of an earlier packet of ours.
            Err(_) => return Received::Refused,
        };
        let counters = &self.shared.counters;
        if self.peer.is_none() {
            return Received::Refused;
        }
        if self.pinned.is_some_and(|pinned| pinned != from) {
            counters.packets_foreign.add(1);
            return Received::Refused;
        }
        let bytes = &scratch.raw[..length];
        let kind = rtp::kind(bytes);
        if kind == Kind::Neither {
            counters.packets_garbage.add(1);
            return Received::Refused;
        }
        copy(bytes, &mut scratch.packet);
        let opened = match (&mut self.srtp, kind) {
            (None, _) => Ok(()),
            (Some(srtp), Kind::Rtcp) => srtp.open_rtcp(&mut scratch.packet),
            (Some(srtp), _) => srtp.open_rtp(&mut scratch.packet),
        };
        if opened.is_err() {
            counters.packets_unauthentic.add(1);
            return Received::Refused;
        }
        if kind == Kind::Rtcp { Received::Rtcp } else { Received::Rtp { from } }
    }

    /// Look once at the socket of RTCP. Reports come from anywhere, as they change nothing but figures; but from the
    /// peer's address only, once that is known.
    pub(super) fn receive_rtcp(&mut self, scratch: &mut Scratch) -> Received {
        let (length, from) = match self.sockets.rtcp.recv_from(&mut *scratch.raw) {
            Ok(received) => received,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Received::Nothing,
            Err(_) => return Received::Refused,
        };
        let Some(peer) = &self.peer else { return Received::Refused };
        let known = [Some(peer.rtp.ip()), peer.rtcp.map(|rtcp| rtcp.ip())];
        if !known.contains(&Some(from.ip()))
            && self.pinned.map(|pinned| pinned.ip()) != Some(from.ip())
        {
            self.shared.counters.packets_foreign.add(1);
            return Received::Refused;
        }
        copy(&scratch.raw[..length], &mut scratch.packet);
        if let Some(srtp) = &mut self.srtp
            && srtp.open_rtcp(&mut scratch.packet).is_err()
        {
            self.shared.counters.packets_unauthentic.add(1);
            return Received::Refused;
        }
        Received::Rtcp
    }

    /// A good packet came from here: the call is the source's from now on.
    pub(super) fn pin(&mut self, from: SocketAddr, now: Instant) {
        if self.pinned.is_some() {
            return;
        }
        if self.moved_from.is_some_and(|(old, until)| old == from && now < until) {
            return;
        }
        self.pinned = Some(from);
        self.moved_from = None;
    }
}

fn copy(bytes: &[u8], to: &mut Vec<u8>) {
    to.clear();
    to.extend_from_slice(bytes);
}

fn next_port(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip(), address.port().saturating_add(1))
}
