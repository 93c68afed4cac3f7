//! Where a process is reached by the lines that ring real telephones.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;

use telephony::media::{MediaConfig, Scheduling};

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineAddresses {
    /// None: this process calls on no SIP trunk.
    pub sip: Option<SipAddresses>,
    pub asterisk: AsteriskAddresses,
}

/// Where a process is reached by SIP and RTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SipAddresses {
    /// For SIP over UDP and TCP. The voice comes to the same address.
    pub listen: SocketAddr,
    /// What far ends are told instead, where a NAT is in front.
    pub external: Option<IpAddr>,
    /// Ports for the voice; a call takes two.
    pub voice_ports: RangeInclusive<u16>,
    pub voice_priority: VoicePriority,
}

/// The priority of the threads that carry voice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum VoicePriority {
    #[default]
    Normal,
    /// Ahead of all others, where the system allows it.
    RealTime,
}

impl std::str::FromStr for VoicePriority {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "normal" => Ok(Self::Normal),
            "real_time" => Ok(Self::RealTime),
            _ => Err("is neither normal nor real_time"),
        }
    }
}

/// Where Asterisk reaches a process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct AsteriskAddresses {
    /// For AudioSocket. None: trunks with AudioSocket take no calls; those with a WebSocket need no address.
    pub listen: Option<SocketAddr>,
    /// What Asterisk is told instead, where a NAT is in front.
    pub told: Option<SocketAddr>,
    pub voice_priority: VoicePriority,
}

impl LineAddresses {
    /// How the voice is carried. Without SIP it needs no ports.
    pub(super) fn media(&self) -> MediaConfig {
        let priority =
            self.sip.as_ref().map_or(self.asterisk.voice_priority, |sip| sip.voice_priority);
        let scheduling = match priority {
            VoicePriority::Normal => Scheduling::Normal,
            VoicePriority::RealTime => Scheduling::RealTime,
        };
        match &self.sip {
            Some(sip) => MediaConfig {
                bind: sip.listen.ip(),
                external: sip.external,
                ports: sip.voice_ports.clone(),
                scheduling,
                ..MediaConfig::default()
            },
            None => MediaConfig {
                bind: Ipv4Addr::LOCALHOST.into(),
                scheduling,
                ..MediaConfig::default()
            },
        }
    }
}
