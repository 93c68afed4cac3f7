//! The other end of a session, as signalling has agreed on it.

use core::net::SocketAddr;
use std::fmt;

use crate::g711::Codec;

/// What an SDP answer (or a re-INVITE) says. Given again whenever it changes; what stays the same goes on
/// without a gap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where RTP goes until packets come from elsewhere. An unspecified address (`0.0.0.0`) or port 0 gets
    /// nothing.
    pub rtp: SocketAddr,
    /// Where RTCP goes; none: the port after `rtp`.
    pub rtcp: Option<SocketAddr>,
    /// What is sent. Both laws are understood, whichever is sent.
    pub codec: Codec,
    pub digits: DigitsBy,
    pub direction: Direction,
    /// None: plain RTP.
    pub srtp: Option<SrtpKeys>,
}

impl Peer {
    /// The other end of a stream: it has no address, and takes 8 kHz as it is.
    pub fn on_a_stream() -> Self {
        Self {
            rtp: SocketAddr::from(([0, 0, 0, 0], 0)),
            rtcp: None,
            codec: Codec::Pcma,
            digits: DigitsBy::Tones,
            direction: Direction::Both,
            srtp: None,
        }
    }
}

/// How digits are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitsBy {
    /// RFC 4733, with this payload type, sent and received.
    Event { payload_type: u8 },
    /// As tones in the audio, for a peer that takes no events.
    Tones,
}

/// Which way audio goes, as seen from here. Everything but [`Direction::Both`] counts as hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// `sendrecv`
    Both,
    /// `sendonly` of ours: what comes is not heard.
    SendOnly,
    /// `recvonly` of ours: nothing is sent.
    ReceiveOnly,
    /// `inactive`: nothing is sent, what comes is not heard.
    Neither,
}

impl Direction {
    pub fn sends(self) -> bool {
        matches!(self, Self::Both | Self::SendOnly)
    }

    pub fn hears(self) -> bool {
        matches!(self, Self::Both | Self::ReceiveOnly)
    }
}

/// Keys of SRTP by SDES (RFC 4568), one each way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    pub suite: SrtpSuite,
    /// What we encrypt with: the key of our own crypto line.
    pub ours: MasterKey,
    /// What the peer encrypts with: the key of its crypto line.
    pub theirs: MasterKey,
}

/// The suites of RFC 4568 that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SrtpSuite {
    /// `AES_CM_128_HMAC_SHA1_80`
    AesCm128HmacSha1_80,
    /// `AES_CM_128_HMAC_SHA1_32`
    AesCm128HmacSha1_32,
}

impl SrtpSuite {
    /// Its name in a crypto line.
    pub fn name(self) -> &'static str {
        match self {
            Self::AesCm128HmacSha1_80 => "AES_CM_128_HMAC_SHA1_80",
            Self::AesCm128HmacSha1_32 => "AES_CM_128_HMAC_SHA1_32",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        [Self::AesCm128HmacSha1_80, Self::AesCm128HmacSha1_32]
            .into_iter()
            .find(|suite| suite.name() == name)
    }
}

/// Bytes of a master key and of the salt after it.
pub const MASTER_KEY_BYTES: usize = 30;
pub const KEY_BYTES: usize = 16;

/// A master key with its salt: what a crypto line carries in base64 after `inline:`. It is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct MasterKey([u8; MASTER_KEY_BYTES]);

impl MasterKey {
    pub fn from_bytes(bytes: [u8; MASTER_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The bytes, for the crypto line.
    pub fn reveal(&self) -> &[u8; MASTER_KEY_BYTES] {
        &self.0
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MasterKey(…)")
    }
}
