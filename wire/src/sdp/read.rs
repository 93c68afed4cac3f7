//! Reading what the far end describes.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::key_from;
use crate::peer::{Direction, MasterKey, SrtpSuite};

/// The longest description that is read, in bytes.
const BYTES_MAX: usize = 16_384;
/// Streams of a description, at most.
const SECTIONS_MAX: usize = 16;
/// Payload types and keys of a stream, at most. Later ones are not looked at.
const FORMATS_MAX: usize = 32;
const KEYS_MAX: usize = 8;

/// What the far end describes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDescription {
    /// All of its streams, in order, so that an answer can name each.
    pub sections: Vec<Section>,
    /// The first audio stream that is not turned down.
    pub audio: Option<Audio>,
}

/// One stream, as an answer that turns it down repeats it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub kind: String,
    pub port: u16,
    pub protocol: String,
    pub formats: String,
}

/// The voice stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Audio {
    /// Its place among the sections.
    pub place: usize,
    /// An unspecified address is the hold of old phones.
    pub rtp: SocketAddr,
    pub rtcp: Option<SocketAddr>,
    /// SRTP, by its protocol.
    pub secure: bool,
    /// In the order that the far end prefers.
    pub formats: Vec<Format>,
    /// As seen from the far end.
    pub direction: Direction,
    pub keys: Vec<Crypto>,
    /// Milliseconds of voice in a packet, where the far end asks for some.
    pub packet_ms: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    pub payload_type: u8,
    pub encoding: Encoding,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Pcmu,
    Pcma,
    /// Keys that are pressed (RFC 4733), at 8 kHz.
    Event,
    ComfortNoise,
    Other,
}

/// A key of the far end, in a suite that is spoken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crypto {
    pub tag: u32,
    pub suite: SrtpSuite,
    pub key: MasterKey,
}

/// It is no session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session description: {0}")]
pub struct NotSdp(&'static str);

/// Read a description. Lines that are not known are not looked at.
pub fn read(body: &[u8]) -> Result<SessionDescription, NotSdp> {
    if body.len() > BYTES_MAX {
        return Err(NotSdp("it is too long"));
    }
    let text = std::str::from_utf8(body).map_err(|_| NotSdp("it is not text"))?;
    let mut reader = Reader::default();
    let mut lines = text.lines().map(|line| line.trim_end_matches('\r'));
    if lines.next().map(str::trim) != Some("v=0") {
        return Err(NotSdp("it does not start with v=0"));
    }
    for line in lines {
        let Some((kind, value)) = line.split_once('=') else { continue };
        match kind {
            "c" => reader.connection(value),
            "m" => reader.section(value)?,
            "a" => reader.attribute(value),
            _ => {}
        }
    }
    reader.finish()
}

#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    address: Option<IpAddr>,
    direction: Option<Direction>,
    draft: Option<Draft>,
}

/// The voice stream while its lines are read.
struct Draft {
    place: usize,
    port: u16,
    secure: bool,
    formats: Vec<Format>,
    address: Option<IpAddr>,
    direction: Option<Direction>,
    rtcp: Option<(u16, Option<IpAddr>)>,
    keys: Vec<Crypto>,
    packet_ms: Option<u32>,
}

impl Reader {
    /// The voice stream, if its lines are being read.
    fn open(&mut self) -> Option<&mut Draft> {
        let last = self.sections.len().checked_sub(1)?;
        self.draft.as_mut().filter(|draft| draft.place == last)
    }

    fn connection(&mut self, value: &str) {
        let Some(address) = address(value) else { return };
        if self.sections.is_empty() {
            self.address = Some(address);
        } else if let Some(draft) = self.open() {
            draft.address = Some(address);
        }
    }

    fn section(&mut self, value: &str) -> Result<(), NotSdp> {
        if self.sections.len() == SECTIONS_MAX {
            return Err(NotSdp("it has too many streams"));
        }
        let mut words = value.split_ascii_whitespace();
        let (Some(kind), Some(port), Some(protocol)) = (words.next(), words.next(), words.next())
        else {
            return Err(NotSdp("a stream lacks its port or protocol"));
        };
        // `49170/2` asks for two ports; the first is taken.
        let port = port.split('/').next().and_then(|port| port.parse().ok());
        let port: u16 = port.ok_or(NotSdp("a stream's port is no number"))?;
        let formats: Vec<&str> = words.take(FORMATS_MAX).collect();
        let secure = protocol.eq_ignore_ascii_case("RTP/SAVP");
        let plain = protocol.eq_ignore_ascii_case("RTP/AVP");
        if self.draft.is_none() && port != 0 && kind == "audio" && (secure || plain) {
            self.draft = Some(Draft {
                place: self.sections.len(),
                port,
                secure,
                formats: formats.iter().filter_map(|word| well_known(word)).collect(),
                address: None,
                direction: None,
                rtcp: None,
                keys: Vec::new(),
                packet_ms: None,
            });
        }
        self.sections.push(Section {
            kind: kind.to_owned(),
            port,
            protocol: protocol.to_owned(),
            formats: formats.join(" "),
        });
        Ok(())
    }

    fn attribute(&mut self, value: &str) {
        let (name, rest) = value.split_once(':').unwrap_or((value, ""));
        let direction = match name.trim_end() {
            "sendrecv" => Some(Direction::Both),
            "sendonly" => Some(Direction::SendOnly),
            "recvonly" => Some(Direction::ReceiveOnly),
            "inactive" => Some(Direction::Neither),
            _ => None,
        };
        if self.sections.is_empty() {
            self.direction = direction.or(self.direction);
            return;
        }
        let Some(draft) = self.open() else { return };
        draft.direction = direction.or(draft.direction);
        match name {
            "rtpmap" => draft.map(rest),
            "rtcp" => draft.rtcp = rtcp(rest),
            "ptime" => draft.packet_ms = rest.trim().parse().ok(),
            "crypto" if draft.keys.len() < KEYS_MAX => draft.keys.extend(crypto(rest)),
            _ => {}
        }
    }

    fn finish(self) -> Result<SessionDescription, NotSdp> {
        let Some(draft) = self.draft else {
            return Ok(SessionDescription { sections: self.sections, audio: None });
        };
        let address = draft.address.or(self.address);
        let address = address.ok_or(NotSdp("the voice has no IP address"))?;
        let audio = Audio {
            place: draft.place,
            rtp: SocketAddr::new(address, draft.port),
            rtcp: draft.rtcp.map(|(port, own)| SocketAddr::new(own.unwrap_or(address), port)),
            secure: draft.secure,
            formats: draft.formats,
            direction: draft.direction.or(self.direction).unwrap_or(Direction::Both),
            keys: draft.keys,
            packet_ms: draft.packet_ms,
        };
        Ok(SessionDescription { sections: self.sections, audio: Some(audio) })
    }
}

impl Draft {
    /// `101 telephone-event/8000`: what a payload type means.
    fn map(&mut self, value: &str) {
        let Some((payload_type, name)) = value.split_once(' ') else { return };
        let Ok(payload_type) = payload_type.trim().parse::<u8>() else { return };
        let mut parts = name.trim().split('/');
        let (name, rate) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let encoding = match (name.to_ascii_lowercase().as_str(), rate) {
            ("pcmu", "8000") => Encoding::Pcmu,
            ("pcma", "8000") => Encoding::Pcma,
            ("telephone-event", "8000") => Encoding::Event,
            ("cn", "8000") => Encoding::ComfortNoise,
            _ => Encoding::Other,
        };
        let named = self.formats.iter_mut().find(|format| format.payload_type == payload_type);
        if let Some(format) = named {
            format.encoding = encoding;
        }
    }
}

/// A payload type as it is without a map (RFC 3551).
fn well_known(word: &str) -> Option<Format> {
    let payload_type: u8 = word.parse().ok().filter(|payload_type| *payload_type < 128)?;
    let encoding = match payload_type {
        0 => Encoding::Pcmu,
        8 => Encoding::Pcma,
        13 => Encoding::ComfortNoise,
        _ => Encoding::Other,
    };
    Some(Format { payload_type, encoding })
}

/// `IN IP4 192.0.2.1`, also with the time to live of a multicast address after it.
fn address(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace();
    let (net, _, address) = (words.next()?, words.next()?, words.next()?);
    let address = address.split('/').next()?;
    (net == "IN").then(|| address.parse().ok()).flatten()
}

/// `53020` or `53020 IN IP4 192.0.2.1`.
fn rtcp(value: &str) -> Option<(u16, Option<IpAddr>)> {
    let (port, rest) = value.trim().split_once(' ').unwrap_or((value.trim(), ""));
    Some((port.parse().ok()?, address(rest)))
}

/// `1 AES_CM_128_HMAC_SHA1_80 inline:…`, if its suite is spoken and it has no parameter that changes the packets.
fn crypto(value: &str) -> Option<Crypto> {
    let mut words = value.split_ascii_whitespace();
    let tag = words.next()?.parse().ok()?;
    let suite = SrtpSuite::from_name(words.next()?)?;
    let key = key_from(words.next()?.strip_prefix("inline:")?)?;
    let changes =
        words.any(|word| word.starts_with("UNENCRYPTED") || word == "UNAUTHENTICATED_SRTP");
    (!changes).then_some(Crypto { tag, suite, key })
}

/// The address of an old phone's hold.
pub(super) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
