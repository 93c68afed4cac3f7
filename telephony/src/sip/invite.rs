//! The INVITE of an order, as its trunk wants it.

use outbound::trunk::{CallerIdHeader, Prack, SipHost, SipTrunk, TimerMode};
use rsipstack::dialog::authenticate::Credential;
use rsipstack::sip::typed::{From as FromHeader, To};
use rsipstack::sip::uri::{Auth, Tag};
use rsipstack::sip::{Header, Host, HostWithPort, Method, Param, Request, Scheme, Transport, Uri};

use super::dialog::Sequence;
use super::endpoint::{ALLOWED, Endpoint};
use super::flow::Flow;
use super::session_timer::{MIN_SECONDS, Refresher, SessionTimer};
use crate::carrier::Order;

/// Who we are to a trunk that knows nothing better.
const NOBODY: &str = "callwright";

/// What one INVITE says.
pub(super) struct Wording<'a> {
    pub(super) order: &'a Order,
    pub(super) trunk: &'a SipTrunk,
    pub(super) host: &'a SipHost,
    pub(super) call_id: &'a str,
    /// The same to each host that is tried, so that a far end that sees two knows them for one.
    pub(super) tag: &'a Tag,
    pub(super) offer: String,
}

impl Wording<'_> {
    pub(super) fn request(&self, endpoint: &Endpoint, flow: &Flow, sequence: &Sequence) -> Request {
        let Self { order, trunk, .. } = self;
        let callee = self.uri(trunk.callee_format.reveal(order.callee));
        let caller = trunk.caller_format.reveal(order.caller);
        let user = trunk.user.clone().unwrap_or_else(|| NOBODY.to_owned());
        let shown = match trunk.caller_id {
            CallerIdHeader::From => caller.clone(),
            CallerIdHeader::PAssertedIdentity | CallerIdHeader::RemotePartyId => user,
        };
        let from = FromHeader::from(self.uri(shown)).with_tag(self.tag.clone());
        let to = To::from(Uri { params: Vec::new(), ..callee.clone() });
        let mut request = endpoint.stack().make_request(
            Method::Invite,
            callee,
            endpoint.via(flow),
            from,
            to,
            sequence.next(),
            Some(self.call_id.to_owned().into()),
        );
        let headers = &mut request.headers;
        headers.push(Header::Contact(format!("<{}>", contact(endpoint, flow)).into()));
        headers.push(Header::Allow(ALLOWED.to_owned().into()));
        let identity = format!("<{}>", self.uri(caller));
        match trunk.caller_id {
            CallerIdHeader::From => {}
            CallerIdHeader::PAssertedIdentity => {
                headers.push(Header::PAssertedIdentity(identity.into()));
            }
            CallerIdHeader::RemotePartyId => {
                let party = format!("{identity};party=calling;screen=yes;privacy=off");
                headers.push(Header::Other("Remote-Party-ID".to_owned(), party));
            }
        }
        for header in self.extensions() {
            headers.push(header);
        }
        for (name, value) in &trunk.headers {
            headers.push(Header::Other(name.clone(), value.clone()));
        }
        headers.push(Header::ContentType("application/sdp".to_owned().into()));
        request.body = self.offer.clone().into_bytes();
        request
    }

    /// Reliable responses and session timers.
    fn extensions(&self) -> Vec<Header> {
        let Self { trunk, .. } = self;
        let mut supported = vec!["timer"];
        let mut headers = Vec::new();
        match trunk.prack {
            Prack::Off => {}
            Prack::Supported => supported.push("100rel"),
            Prack::Required => headers.push(Header::Require("100rel".to_owned().into())),
        }
        headers.push(Header::Supported(supported.join(", ").into()));
        if trunk.session_timer.mode == TimerMode::Ask {
            let seconds = trunk.session_timer.seconds;
            let timer = SessionTimer { seconds, refresher: Refresher::Us }.in_request();
            headers.push(Header::SessionExpires(timer.into()));
            headers.push(Header::MinSE(MIN_SECONDS.to_string().into()));
        }
        headers
    }

    fn uri(&self, user: String) -> Uri {
        let named = |name: &str| HostWithPort::from_name(name, None);
        let host = match &self.trunk.domain {
            Some(domain) => named(domain),
            None => HostWithPort::from_name(&self.host.host, self.host.port),
        };
        Uri { auth: Some(Auth { user, password: None }), ..Uri::from(host) }
    }
}

/// A registrar's or a host's own address.
pub(super) fn host_uri(trunk: &SipTrunk, host: &SipHost) -> Uri {
    match &trunk.domain {
        Some(domain) => Uri::from(HostWithPort::from_name(domain, None)),
        None => Uri::from(HostWithPort::from_name(&host.host, host.port)),
    }
}

/// Where the far end reaches us on this way.
pub(super) fn contact(endpoint: &Endpoint, flow: &Flow) -> Uri {
    let local = endpoint.local(flow);
    let params = match flow.transport() {
        Transport::Udp => Vec::new(),
        other => vec![Param::Transport(other)],
    };
    let auth = Some(Auth { user: NOBODY.to_owned(), password: None });
    Uri { scheme: Some(Scheme::Sip), auth, host_with_port: local.addr, params, headers: Vec::new() }
}

/// How we prove who we are.
pub(super) fn credential(trunk: &SipTrunk) -> Option<Credential> {
    let (user, password) = (trunk.user.as_ref()?, trunk.password.as_ref()?);
    Some(Credential {
        username: user.clone(),
        password: password.reveal().to_owned(),
        realm: None,
        auth_username: None,
    })
}

trait FromName {
    fn from_name(name: &str, port: Option<u16>) -> Self;
}

impl FromName for HostWithPort {
    fn from_name(name: &str, port: Option<u16>) -> Self {
        let host = match name.parse() {
            Ok(ip) => Host::IpAddr(ip),
            Err(_) => Host::Domain(name.to_owned().into()),
        };
        Self { host, port: port.map(Into::into) }
    }
}
