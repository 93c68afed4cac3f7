//! SRTP and SRTCP (RFC 3711) around the library's contexts: what to keep, what to refuse.
//!
//! The library keeps a state for each SSRC that it is shown, also of packets that fail authentication. A peer could
//! grow that without end, so each stream gets a context of its own here, and only once a packet of it was authentic.
//! The library also takes SRTCP whose encryption bit is clear without looking at its tag; such packets are refused
//! here.

use std::collections::VecDeque;

use rtp::header::Header;
use webrtc_srtp::context::Context;
use webrtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use webrtc_srtp::protection_profile::ProtectionProfile;

use super::MediaError;
use super::peer::{KEY_BYTES, MasterKey, SrtpKeys, SrtpSuite};
use super::rtp::{HEADER_BYTES, header_bytes};

/// Streams of one peer that are remembered. Their packets can't be played again; those of older ones could.
const STREAMS_MAX: usize = 4;
/// How far back a packet may come (RFC 3711 asks for 64 at least).
const REPLAY_WINDOW: usize = 128;
/// The index and the tag of SRTCP, and the header that is not encrypted.
const RTCP_TAIL_BYTES: usize = 4 + 10;
const RTCP_HEADER_BYTES: usize = 8;

/// A new master key from the operating system's randomness.
pub fn random_key() -> MasterKey {
    MasterKey::from_bytes(rand::random())
}

/// Both directions of a session's encryption.
pub(super) struct Srtp {
    keys: SrtpKeys,
    ours: Context,
    theirs: VecDeque<Stream>,
}

/// The context of one stream of the peer.
struct Stream {
    ssrc: u32,
    context: Context,
}

/// A packet that is not authentic, came before, or is no packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unauthentic;

impl Srtp {
    pub(super) fn new(keys: SrtpKeys) -> Result<Self, MediaError> {
        let ours = context(keys.suite, &keys.ours)?;
        Ok(Self { keys, ours, theirs: VecDeque::new() })
    }

    pub(super) fn keys(&self) -> &SrtpKeys {
        &self.keys
    }

    /// Encrypt a packet of ours in place.
    pub(super) fn protect_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), Unauthentic> {
        let header = plain_header(packet).ok_or(Unauthentic)?;
        let protected = self.ours.encrypt_rtp_with_header(packet, &header);
        replace(packet, &protected.map_err(|_| Unauthentic)?);
        Ok(())
    }

    /// Decrypt a packet of the peer in place.
    pub(super) fn open_rtp(&mut self, packet: &mut Vec<u8>) -> Result<(), Unauthentic> {
        let header = plain_header(packet).ok_or(Unauthentic)?;
        let ssrc = header.ssrc;
        self.of_stream(ssrc, packet, |context, packet| {
            context.decrypt_rtp_with_header(packet, &header).ok().map(|plain| plain.to_vec())
        })
    }

    pub(super) fn protect_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), Unauthentic> {
        let protected = self.ours.encrypt_rtcp(packet).map_err(|_| Unauthentic)?;
        replace(packet, &protected);
        Ok(())
    }

    pub(super) fn open_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), Unauthentic> {
        let encrypted = packet
            .len()
            .checked_sub(RTCP_TAIL_BYTES)
            .filter(|tail| *tail >= RTCP_HEADER_BYTES)
            .is_some_and(|tail| packet[tail] & 0x80 != 0);
        if !encrypted {
            return Err(Unauthentic);
        }
        let ssrc = u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]);
        self.of_stream(ssrc, packet, |context, packet| {
            context.decrypt_rtcp(packet).ok().map(|plain| plain.to_vec())
        })
    }

    /// Open a packet with the context of its stream, or with a new one that is kept only if that succeeds.
    fn of_stream(
        &mut self,
        ssrc: u32,
        packet: &mut Vec<u8>,
        open: impl FnOnce(&mut Context, &[u8]) -> Option<Vec<u8>>,
    ) -> Result<(), Unauthentic> {
        if let Some(stream) = self.theirs.iter_mut().find(|stream| stream.ssrc == ssrc) {
            *packet = open(&mut stream.context, packet).ok_or(Unauthentic)?;
            return Ok(());
        }
        let mut context = context(self.keys.suite, &self.keys.theirs).map_err(|_| Unauthentic)?;
        *packet = open(&mut context, packet).ok_or(Unauthentic)?;
        if self.theirs.len() == STREAMS_MAX {
            self.theirs.pop_front();
        }
        self.theirs.push_back(Stream { ssrc, context });
        Ok(())
    }
}

fn context(suite: SrtpSuite, key: &MasterKey) -> Result<Context, MediaError> {
    let profile = match suite {
        SrtpSuite::AesCm128HmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
        SrtpSuite::AesCm128HmacSha1_32 => ProtectionProfile::Aes128CmHmacSha1_32,
    };
    let (key, salt) = key.reveal().split_at(KEY_BYTES);
    let (rtp, rtcp) =
        (srtp_replay_protection(REPLAY_WINDOW), srtcp_replay_protection(REPLAY_WINDOW));
    Context::new(key, salt, profile, Some(rtp), Some(rtcp))
        .map_err(|_| MediaError::Unfit("the SRTP key does not suit its suite"))
}

/// What the library needs of a header: its length, given as sources, whatever is in it, and where the packet
/// stands in its stream. Its own parser is not shown what a peer sent.
fn plain_header(packet: &[u8]) -> Option<Header> {
    let length = header_bytes(packet)?;
    Some(Header {
        version: 2,
        sequence_number: u16::from_be_bytes([packet[2], packet[3]]),
        timestamp: u32::from_be_bytes([packet[4], packet[5], packet[6], packet[7]]),
        ssrc: u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]),
        csrc: vec![0; (length - HEADER_BYTES) / 4],
        ..Header::default()
    })
}

fn replace(packet: &mut Vec<u8>, with: &[u8]) {
    packet.clear();
    packet.extend_from_slice(with);
}

#[cfg(test)]
#[path = "srtp_tests.rs"]
mod tests;
