//! Writing what we offer and answer.

use core::net::{IpAddr, SocketAddr};
use std::fmt::Write;

use outbound::trunk::Srtp;

use super::{EVENT_PAYLOAD_TYPE, OwnKey, SessionDescription, key_text};
use crate::g711::Codec;
use crate::peer::{Direction, MasterKey};

/// Our end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Local {
    /// Where we receive RTP.
    pub rtp: SocketAddr,
    /// Names the session for as long as it lasts.
    pub session: u64,
    /// Rises with each description that differs from the one before.
    pub version: u64,
    /// In the order we prefer.
    pub codecs: Vec<Codec>,
    /// The payload type of keys; none: they are not offered.
    pub event: Option<u8>,
    /// Whether the voice is encrypted.
    pub srtp: Srtp,
    /// Keys that we encrypt with.
    pub keys: Vec<OwnKey>,
    /// As seen from us.
    pub direction: Direction,
}

impl Local {
    /// What we offer before we know anything of the far end; `new_key` gives keys that nobody can guess.
    pub fn new(
        rtp: SocketAddr,
        session: u64,
        codecs: Vec<Codec>,
        srtp: Srtp,
        new_key: impl FnMut() -> MasterKey,
    ) -> Self {
        let keys = if srtp == Srtp::Off { Vec::new() } else { OwnKey::offered(new_key) };
        let event = Some(EVENT_PAYLOAD_TYPE);
        Self { rtp, session, version: 1, codecs, event, srtp, keys, direction: Direction::Both }
    }
}

/// The description of our end. As an answer to `offer` it names each of its streams, and turns down all but the voice.
pub fn write(local: &Local, offer: Option<&SessionDescription>) -> String {
    let (family, ip) = (family(local.rtp.ip()), local.rtp.ip());
    let mut text = format!(
        "v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
        local.session, local.version
    );
    match offer {
        // Keys in a plain stream are an offer that may be passed over.
        None if local.srtp == Srtp::Required => text.push_str(&voice(local, "RTP/SAVP")),
        None => text.push_str(&voice(local, "RTP/AVP")),
        Some(offer) => {
            let place = offer.audio.as_ref().map(|audio| audio.place);
            for (at, section) in offer.sections.iter().enumerate() {
                if Some(at) == place {
                    text.push_str(&voice(local, &section.protocol));
                } else {
                    let (kind, protocol) = (&section.kind, &section.protocol);
                    let formats = if section.formats.is_empty() { "0" } else { &section.formats };
                    // Writing to a text does not fail.
                    let _ = write!(text, "m={kind} 0 {protocol} {formats}\r\n");
                }
            }
        }
    }
    text
}

fn voice(local: &Local, protocol: &str) -> String {
    let mut text = format!("m=audio {} {protocol}", local.rtp.port());
    for codec in &local.codecs {
        let _ = write!(text, " {}", payload_type(*codec));
    }
    if let Some(event) = local.event {
        let _ = write!(text, " {event}");
    }
    text.push_str("\r\n");
    for codec in &local.codecs {
        let _ = write!(text, "a=rtpmap:{} {}/8000\r\n", payload_type(*codec), name(*codec));
    }
    if let Some(event) = local.event {
        let _ = write!(text, "a=rtpmap:{event} telephone-event/8000\r\na=fmtp:{event} 0-15\r\n");
    }
    for OwnKey { tag, suite, key } in &local.keys {
        let _ = write!(text, "a=crypto:{tag} {} inline:{}\r\n", suite.name(), key_text(key));
    }
    let direction = match local.direction {
        Direction::Both => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::ReceiveOnly => "recvonly",
        Direction::Neither => "inactive",
    };
    let _ = write!(text, "a=ptime:20\r\na={direction}\r\n");
    text
}

fn family(ip: IpAddr) -> &'static str {
    if ip.is_ipv4() { "IP4" } else { "IP6" }
}

fn payload_type(codec: Codec) -> u8 {
    match codec {
        Codec::Pcmu => 0,
        Codec::Pcma => 8,
    }
}

fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::Pcmu => "PCMU",
        Codec::Pcma => "PCMA",
    }
}
