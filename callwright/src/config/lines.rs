//! The part of the configuration that lines to the phone network need.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::str::FromStr;

use workers::lines::{AsteriskAddresses, SipAddresses, VoicePriority};

use super::Reader;

/// Where far ends reach this process by SIP; none: it calls on no SIP trunk.
pub(super) fn sip(reader: &mut Reader<'_>) -> Option<SipAddresses> {
    reader.text("CALLWRIGHT_SIP_LISTEN")?;
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 5060));
    let listen =
        reader.value("CALLWRIGHT_SIP_LISTEN", nowhere, "write ADDRESS:PORT, as 192.0.2.10:5060");
    let external = reader.text("CALLWRIGHT_SIP_EXTERNAL").and_then(|text| match text.parse() {
        Ok(address) => Some(address),
        Err(_) => {
            let fault =
                format!("CALLWRIGHT_SIP_EXTERNAL: {text} is no IP address; write 203.0.113.5");
            reader.faults.push(fault);
            None
        }
    });
    if listen.ip().is_unspecified() && external.is_none() {
        let fault = "CALLWRIGHT_SIP_LISTEN: far ends are told this address, so it can't be all of them; name one, or \
                     set CALLWRIGHT_SIP_EXTERNAL";
        reader.faults.push(fault.into());
    }
    let VoicePorts(voice_ports) = reader.value(
        "CALLWRIGHT_VOICE_PORTS",
        VoicePorts(20_000..=29_999),
        "write FIRST-LAST, as 20000-29999",
    );
    let voice_priority = voice_priority(reader);
    Some(SipAddresses { listen, external, voice_ports, voice_priority })
}

fn voice_priority(reader: &mut Reader<'_>) -> VoicePriority {
    reader.value("CALLWRIGHT_VOICE_PRIORITY", VoicePriority::Normal, "write one of them")
}

/// Where Asterisk reaches this process.
pub(super) fn asterisk(reader: &mut Reader<'_>, sip: Option<&SipAddresses>) -> AsteriskAddresses {
    let nowhere = SocketAddr::from(([127, 0, 0, 1], 9_092));
    let mut address = |name: &str| {
        reader.text(name)?;
        Some(reader.value(name, nowhere, "write ADDRESS:PORT, as 192.0.2.10:9092"))
    };
    let listen = address("CALLWRIGHT_ASTERISK_LISTEN");
    let told = address("CALLWRIGHT_ASTERISK_EXTERNAL");
    if listen.is_some_and(|listen| listen.ip().is_unspecified()) && told.is_none() {
        let fault = "CALLWRIGHT_ASTERISK_LISTEN: Asterisk is told this address, so it can't be all of them; name one, or \
                     set CALLWRIGHT_ASTERISK_EXTERNAL";
        reader.faults.push(fault.into());
    }
    let voice_priority = match sip {
        Some(sip) => sip.voice_priority,
        None => voice_priority(reader),
    };
    AsteriskAddresses { listen, told, voice_priority }
}

/// Ports from the first to the last.
struct VoicePorts(RangeInclusive<u16>);

impl FromStr for VoicePorts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port >= 1_024);
        let range = text.split_once('-').and_then(|(first, last)| port(first).zip(port(last)));
        match range {
            Some((first, last)) if first < last => Ok(Self(first..=last)),
            _ => Err("is no range of ports from 1024 to 65535"),
        }
    }
}
