//! Where and how a SIP trunk calls.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::number_format::NumberFormat;
use super::sip_parts::{
    CallerIdHeader, Dtmf, Prack, Registration, SessionTimer, SipHost, SipTransport, Srtp,
    TransferBy, host_name,
};
use crate::fault::{FILLED_PATTERN, Fault, count, number, text};
use crate::secret::Secret;

/// Addresses of a trunk, at most.
const HOSTS_MAX: usize = 8;
/// Headers that a trunk adds to its INVITEs, at most.
const HEADERS_MAX: usize = 20;
/// The longest value of such a header, in characters.
const HEADER_CHARS_MAX: usize = 256;
/// The longest user name, in characters.
const USER_CHARS_MAX: usize = 128;
/// The longest list of certificates, in characters.
const CERTIFICATES_CHARS_MAX: usize = 65_536;

/// A SIP trunk or session border controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SipTrunk {
    /// Its addresses, 1–8, in the order they are tried. The next is tried only while no address has answered at all:
    /// never after the phone may have rung.
    #[schemars(length(min = 1, max = HOSTS_MAX))]
    pub hosts: Vec<SipHost>,
    #[serde(default)]
    pub transport: SipTransport,
    /// The name that TLS asks the far end to prove; none: the host's. Required where the host is an IP address.
    #[serde(default)]
    pub server_name: Option<String>,
    /// Certificates (PEM) that the far end's must come from; none: those that the machine trusts.
    #[serde(default)]
    #[schemars(length(max = CERTIFICATES_CHARS_MAX), regex(pattern = FILLED_PATTERN))]
    pub certificates: Option<String>,
    #[serde(default)]
    pub srtp: Srtp,
    /// The name that stands after the `@`; none: the host that is called.
    #[serde(default)]
    pub domain: Option<String>,
    /// Who we are, for digest authentication, registration, and `From` where the number stands elsewhere.
    #[serde(default)]
    #[schemars(length(min = 1, max = USER_CHARS_MAX))]
    pub user: Option<String>,
    #[serde(default)]
    pub password: Option<Secret>,
    #[serde(default)]
    pub registration: Option<Registration>,
    /// Seconds between two OPTIONS that look whether an address is well, 5–3,600; none: it is not asked.
    #[serde(default = "options_seconds")]
    #[schemars(range(min = 5, max = 3_600))]
    pub options_seconds: Option<u32>,
    #[serde(default)]
    pub caller_id: CallerIdHeader,
    /// How the number that is called is written.
    #[serde(default)]
    pub callee_format: NumberFormat,
    /// How our own number is written.
    #[serde(default)]
    pub caller_format: NumberFormat,
    /// Headers of each INVITE. At most 20.
    #[serde(default)]
    #[schemars(extend("maxProperties" = HEADERS_MAX))]
    pub headers: BTreeMap<String, String>,
    #[serde(default)]
    pub session_timer: SessionTimer,
    #[serde(default)]
    pub prack: Prack,
    #[serde(default)]
    pub dtmf: Dtmf,
    #[serde(default)]
    pub transfer: TransferBy,
}

fn options_seconds() -> Option<u32> {
    Some(30)
}

/// Headers that a call has of its own, in lower case.
const OWN_HEADERS: &[&str] = &[
    "accept",
    "allow",
    "authorization",
    "call-id",
    "contact",
    "content-disposition",
    "content-encoding",
    "content-length",
    "content-type",
    "cseq",
    "event",
    "expires",
    "from",
    "max-forwards",
    "min-se",
    "p-asserted-identity",
    "proxy-authorization",
    "rack",
    "record-route",
    "refer-to",
    "remote-party-id",
    "replaces",
    "require",
    "route",
    "rseq",
    "session-expires",
    "supported",
    "to",
    "user-agent",
    "via",
    // Their short forms.
    "b",
    "c",
    "e",
    "f",
    "i",
    "k",
    "l",
    "m",
    "o",
    "r",
    "s",
    "t",
    "u",
    "v",
    "x",
];

impl SipTrunk {
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = [
            count("/sip/hosts", self.hosts.len(), 1, HOSTS_MAX),
            self.server_name.as_ref().and_then(|name| host_name("/sip/server_name", name)),
            self.domain.as_ref().and_then(|domain| domain_fault(domain)),
            self.certificates.as_ref().and_then(|pem| certificates_fault(pem)),
            self.user.as_ref().and_then(|user| user_fault(user)),
            self.password.as_ref().and_then(|secret| secret.fault("/sip/password")),
            self.registration.and_then(|registration| {
                let pointer = "/sip/registration/expires_seconds";
                number(pointer, registration.expires_seconds, 60, 86_400)
            }),
            self.options_seconds.and_then(|every| number("/sip/options_seconds", every, 5, 3_600)),
            self.callee_format.fault("/sip/callee_format"),
            self.caller_format.fault("/sip/caller_format"),
            count("/sip/headers", self.headers.len(), 0, HEADERS_MAX),
            number("/sip/session_timer/seconds", self.session_timer.seconds, 90, 86_400),
        ]
        .into_iter()
        .flatten()
        .collect();
        for (place, host) in self.hosts.iter().take(HOSTS_MAX).enumerate() {
            faults.extend(host.faults(&format!("/sip/hosts/{place}")));
        }
        let headers = self.headers.iter().take(HEADERS_MAX);
        faults.extend(headers.filter_map(|(name, value)| header_fault(name, value)));
        faults.extend(self.missing());
        faults
    }

    /// What other settings make necessary.
    fn missing(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        let by_address = self.hosts.iter().take(HOSTS_MAX).any(SipHost::is_ip);
        if self.transport == SipTransport::Tls && by_address && self.server_name.is_none() {
            let detail = "is required: TLS can't ask an IP address to prove who it is";
            faults.push(Fault::new("/sip/server_name", "required", detail));
        }
        if self.user.is_none() && (self.password.is_some() || self.registration.is_some()) {
            let detail = "is required with a password and for a registration";
            faults.push(Fault::new("/sip/user", "required", detail));
        }
        faults
    }
}

fn domain_fault(domain: &str) -> Option<Fault> {
    let is_ip = domain.parse::<core::net::IpAddr>().is_ok();
    host_name("/sip/domain", domain).filter(|_| !is_ip)
}

fn certificates_fault(pem: &str) -> Option<Fault> {
    let pointer = "/sip/certificates";
    let has_one = pem.contains("-----BEGIN CERTIFICATE-----");
    let detail = "must hold certificates in PEM, each from BEGIN CERTIFICATE to END CERTIFICATE";
    text(pointer, pem, 1, CERTIFICATES_CHARS_MAX)
        .or_else(|| (!has_one).then(|| Fault::new(pointer, "not_a_certificate", detail)))
}

fn user_fault(user: &str) -> Option<Fault> {
    let right = (1..=USER_CHARS_MAX).contains(&user.len())
        && user.bytes().all(|b| b.is_ascii_graphic() && !b"\"\\<>@:;,?".contains(&b));
    let detail = "must be 1 to 128 letters, digits and signs of ASCII, none of \" \\ < > @ : ; , ?";
    (!right).then(|| Fault::new("/sip/user", "not_a_sip_user", detail))
}

fn header_fault(name: &str, value: &str) -> Option<Fault> {
    let shown: String = name.chars().take(32).collect();
    let pointer = format!("/sip/headers/{}", shown.replace('~', "~0").replace('/', "~1"));
    let named = (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !named {
        let detail = "must be named by 1 to 64 letters, digits, - and _";
        return Some(Fault::new(pointer, "not_a_header", detail));
    }
    if OWN_HEADERS.contains(&name.to_ascii_lowercase().as_str()) {
        let detail = "is a header that each call has of its own; take it out";
        return Some(Fault::new(pointer, "own_header", detail));
    }
    let printable = value.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
    let right = (1..=HEADER_CHARS_MAX).contains(&value.len()) && printable;
    let detail = "must be 1 to 256 characters of ASCII in one line";
    (!right).then(|| Fault::new(pointer, "not_a_header_value", detail))
}
