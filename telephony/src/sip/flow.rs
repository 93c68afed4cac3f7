//! How packets reach one address: the UDP socket, or a connection that is kept open and shared by all calls.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use outbound::trunk::{SipHost, SipTransport, SipTrunk};
use rsipstack::sip::{Host, Transport, Uri};
use rsipstack::transport::tcp::TcpConnection;
use rsipstack::transport::tls::TlsConnection;
use rsipstack::transport::{SipAddr, SipConnection, TransportLayer};
use tokio_util::sync::CancellationToken;

use super::tls;

/// How long opening a connection may take.
const CONNECT_WAIT: Duration = Duration::from_secs(4);
/// Addresses that connections are kept to, at most.
const KEPT_MAX: usize = 1_024;

/// No packet can be sent there.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub(super) struct Unreachable(String);

/// A way to one address.
#[derive(Debug, Clone)]
pub(super) struct Flow {
    pub(super) connection: SipConnection,
    /// Where a datagram goes.
    pub(super) destination: SipAddr,
}

impl Flow {
    pub(super) fn transport(&self) -> Transport {
        self.connection.transport()
    }

    /// Whether its connection is still open. The UDP socket always is.
    pub(super) fn is_open(&self) -> bool {
        !self.connection.is_reliable()
            || self.connection.cancel_token().is_none_or(|closed| !closed.is_cancelled())
    }
}

/// An address, and how TLS makes sure of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Target {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) transport: SipTransport,
    pub(super) server_name: Option<String>,
    pub(super) certificates: Option<String>,
}

impl Target {
    pub(super) fn of(trunk: &SipTrunk, host: &SipHost) -> Self {
        Self {
            host: host.host.clone(),
            port: host.port,
            transport: trunk.transport,
            server_name: trunk.server_name.clone(),
            certificates: trunk.certificates.clone(),
        }
    }

    /// The next hop of a dialog on this trunk; its own transport is the trunk's unless it names one.
    pub(super) fn hop(trunk: &SipTrunk, uri: &Uri) -> Self {
        let named = uri.params.iter().find_map(|param| match param {
            rsipstack::sip::Param::Transport(Transport::Udp) => Some(SipTransport::Udp),
            rsipstack::sip::Param::Transport(Transport::Tcp) => Some(SipTransport::Tcp),
            rsipstack::sip::Param::Transport(Transport::Tls) => Some(SipTransport::Tls),
            _ => None,
        });
        let transport = match (trunk.transport, named) {
            // `transport=tcp` is also written for TLS over it.
            (SipTransport::Tls, _) => SipTransport::Tls,
            (own, named) => named.unwrap_or(own),
        };
        let host = match uri.host() {
            Host::IpAddr(ip) => ip.to_string(),
            Host::Domain(domain) => domain.0.clone(),
        };
        let port = uri.host_with_port.port.map(|port| port.value());
        let (server_name, certificates) = (trunk.server_name.clone(), trunk.certificates.clone());
        Self { host, port, transport, server_name, certificates }
    }

    fn port(&self) -> u16 {
        self.port.unwrap_or(match self.transport {
            SipTransport::Udp | SipTransport::Tcp => 5060,
            SipTransport::Tls => 5061,
        })
    }
}

type Kept = Arc<tokio::sync::Mutex<Option<SipConnection>>>;

/// The connections of a process.
pub(super) struct Flows {
    udp: SipConnection,
    kept: Mutex<HashMap<(SocketAddr, Target), Kept>>,
    stop: CancellationToken,
}

impl Flows {
    pub(super) fn new(udp: SipConnection, stop: CancellationToken) -> Self {
        Self { udp, kept: Mutex::default(), stop }
    }

    /// A way to an address, opened if there is none.
    pub(super) async fn to(
        &self,
        target: &Target,
        layer: &TransportLayer,
    ) -> Result<Flow, Unreachable> {
        let address = self.resolve(target).await?;
        let destination = |transport| SipAddr { r#type: Some(transport), addr: address.into() };
        let transport = match target.transport {
            SipTransport::Udp => {
                let destination = destination(Transport::Udp);
                return Ok(Flow { connection: self.udp.clone(), destination });
            }
            SipTransport::Tcp => Transport::Tcp,
            SipTransport::Tls => Transport::Tls,
        };
        let destination = destination(transport);
        let kept = self.kept(address, target);
        // Calls to one address wait for one connection; other addresses are not held up.
        let mut kept = kept.lock().await;
        if let Some(connection) = kept.as_ref() {
            let flow = Flow { connection: connection.clone(), destination: destination.clone() };
            if flow.is_open() {
                return Ok(flow);
            }
        }
        let connection = self.connect(target, &destination).await?;
        layer.add_connection(connection.clone());
        *kept = Some(connection.clone());
        Ok(Flow { connection, destination })
    }

    fn kept(&self, address: SocketAddr, target: &Target) -> Kept {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            // The connections stay open for the calls that have them.
            kept.clear();
        }
        Arc::clone(kept.entry((address, target.clone())).or_default())
    }

    async fn connect(
        &self,
        target: &Target,
        destination: &SipAddr,
    ) -> Result<SipConnection, Unreachable> {
        let stop = Some(self.stop.child_token());
        let opening = async {
            match target.transport {
                SipTransport::Tls => {
                    let name = target.server_name.as_ref().unwrap_or(&target.host);
                    let config = tls::config(name, target.certificates.as_deref());
                    let opened =
                        TlsConnection::connect(destination, Some(&config), None, stop).await;
                    opened.map(SipConnection::Tls).map_err(|error| Unreachable(error.to_string()))
                }
                SipTransport::Tcp | SipTransport::Udp => {
                    let opened = TcpConnection::connect(destination, stop).await;
                    opened.map(SipConnection::Tcp).map_err(|error| Unreachable(error.to_string()))
                }
            }
        };
        let opened = tokio::time::timeout(CONNECT_WAIT, opening).await;
        opened.unwrap_or_else(|_| Err(Unreachable("the connection was not taken in time".into())))
    }

    /// The first address of a host that our socket can reach.
    async fn resolve(&self, target: &Target) -> Result<SocketAddr, Unreachable> {
        let port = target.port();
        if let Ok(ip) = target.host.parse::<IpAddr>() {
            return Ok(SocketAddr::new(ip, port));
        }
        let looking = tokio::net::lookup_host((target.host.as_str(), port));
        let found = tokio::time::timeout(CONNECT_WAIT, looking).await;
        let found = found.map_err(|_| Unreachable("its name was not found in time".into()))?;
        let mut found = found.map_err(|error| Unreachable(error.to_string()))?;
        let ours_is_v4 = self.udp.get_addr().get_socketaddr().is_ok_and(|own| own.is_ipv4());
        let address = found.find(|address| {
            target.transport != SipTransport::Udp || address.is_ipv4() == ours_is_v4
        });
        address.ok_or_else(|| Unreachable("its name has no address that can be reached".into()))
    }
}
