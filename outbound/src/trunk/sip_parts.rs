//! The words and small parts of a SIP trunk's configuration.

use core::net::IpAddr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::fault::{Fault, number};

/// How packets reach the trunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SipTransport {
    #[default]
    Udp,
    Tcp,
    Tls,
}

/// Whether the voice is encrypted (SRTP, keys in the SDP by RFC 4568; only sensible over TLS).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Srtp {
    #[default]
    Off,
    /// Offered; a far end that does not take it is heard in the clear.
    Offered,
    /// A far end that does not take it gets no call.
    Required,
}

/// Where the caller's number is shown to the trunk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerIdHeader {
    #[default]
    From,
    /// RFC 3325; `From` has the trunk's user.
    PAssertedIdentity,
    /// The older header that some carriers still want; `From` has the trunk's user.
    RemotePartyId,
}

/// How keys that are pressed travel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dtmf {
    /// Events in the voice stream (RFC 4733).
    #[default]
    Rfc4733,
    /// SIP INFO requests. Those that come in are heard in both modes.
    Info,
}

/// How a customer is handed to a person.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TransferBy {
    /// A second call to the person, joined with the customer's here: both are heard and recorded.
    #[default]
    SecondCall,
    /// The far end is asked to call the person in our place (REFER, RFC 3515). What the two say is not recorded.
    Refer,
}

/// Reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Prack {
    Off,
    /// Told to the trunk; used where it asks.
    #[default]
    Supported,
    /// The trunk must use them.
    Required,
}

/// Whether session timers (RFC 4028) are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimerMode {
    /// Not asked for; one that the trunk asks for is kept.
    Accept,
    /// Asked for; a trunk without them is called all the same.
    #[default]
    Ask,
}

/// Session timers: a call whose other end is gone without a BYE ends, on both sides. They are asked for unless the trunk
/// says otherwise: nothing else ends the call at the trunk when our process is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SessionTimer {
    pub mode: TimerMode,
    /// How long a call may go on without a refresh, 90–86,400. A longer one that the trunk asks for is taken.
    #[schemars(range(min = 90, max = 86_400))]
    pub seconds: u32,
}

impl Default for SessionTimer {
    fn default() -> Self {
        Self { mode: TimerMode::Ask, seconds: 600 }
    }
}

/// The trunk wants to be told where we are before it takes calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Registration {
    /// How long a registration is asked to last, 60–86,400. It is renewed well before.
    #[schemars(range(min = 60, max = 86_400))]
    pub expires_seconds: u32,
}

impl Default for Registration {
    fn default() -> Self {
        Self { expires_seconds: 600 }
    }
}

/// One address of a trunk.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SipHost {
    /// A name or an IP address, without brackets.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[0-9A-Za-z.:-]+$"))]
    pub host: String,
    /// None: 5060, or 5061 over TLS.
    #[serde(default)]
    #[schemars(range(min = 1, max = 65_535))]
    pub port: Option<u16>,
}

impl SipHost {
    /// Whether the address is no name, so that TLS has nothing to ask for.
    pub fn is_ip(&self) -> bool {
        self.host.parse::<IpAddr>().is_ok()
    }

    pub(super) fn faults(&self, pointer: &str) -> Vec<Fault> {
        let mut faults = Vec::new();
        if !self.is_ip() {
            faults.extend(host_name(&format!("{pointer}/host"), &self.host));
        }
        faults.extend(
            self.port.and_then(|port| number(&format!("{pointer}/port"), port, 1, u16::MAX)),
        );
        faults
    }
}

/// What is wrong with the name of a host.
pub(super) fn host_name(pointer: &str, name: &str) -> Option<Fault> {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let right = name.len() <= 253 && name.split('.').all(label);
    let detail = "must be the name of a host, as sip.example.com";
    (!right).then(|| Fault::new(pointer, "not_a_host", detail))
}
