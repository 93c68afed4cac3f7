//! Where providers, tools and `http` nodes may lead: addresses of tenants, which must not reach into the operator's network.
//!
//! A host whose address is private, of this machine or of the link is refused, unless the operator has allowed it by name.
//! It is looked at when the connection is made, so that a name that changes its address gets no further. Redirects are not
//! followed.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use url::{Host, Url};

use crate::failure::SpeechError;

/// To connect may take so long.
const CONNECT_MAX: Duration = Duration::from_secs(5);
/// The largest message of a provider.
const MESSAGE_BYTES_MAX: usize = 1 << 20;

/// A connection to a provider.
pub type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The way out.
#[derive(Debug, Clone)]
pub struct Reach {
    allowed: Arc<Allowed>,
    http: reqwest::Client,
}

/// Hosts that may be private, as names or addresses in lower case.
#[derive(Debug)]
struct Allowed(Vec<String>);

impl Reach {
    /// `private_hosts`: names and addresses that tenants may reach although they are private.
    pub fn new(private_hosts: &[String]) -> Result<Self, SpeechError> {
        let hosts = private_hosts.iter().map(|host| host.trim().to_lowercase()).collect();
        let allowed = Arc::new(Allowed(hosts));
        // It fails where the process has chosen one before, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .dns_resolver(Arc::new(Guarded(Arc::clone(&allowed))))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_MAX)
            .no_proxy()
            .build()
            .map_err(SpeechError::failed)?;
        Ok(Self { allowed, http })
    }

    /// A request by HTTP to an address of a tenant.
    pub fn request(
        &self,
        method: reqwest::Method,
        url: &str,
    ) -> Result<reqwest::RequestBuilder, SpeechError> {
        let url = Url::parse(url).map_err(|_| SpeechError::NotAllowed("it is no URL".into()))?;
        self.allowed.literal(&url)?;
        Ok(self.http.request(method, url))
    }

    /// A WebSocket to an address of a tenant.
    pub async fn web_socket(&self, request: impl IntoClientRequest) -> Result<Socket, SpeechError> {
        let request = request.into_client_request().map_err(SpeechError::failed)?;
        let url = Url::parse(&request.uri().to_string());
        let url = url.map_err(|_| SpeechError::NotAllowed("it is no URL".into()))?;
        self.allowed.literal(&url)?;
        let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let port = url.port_or_known_default().unwrap_or(443);
        let connecting = async {
            let found = tokio::net::lookup_host((host.as_str(), port)).await;
            let found: Vec<SocketAddr> = found.map_err(SpeechError::failed)?.collect();
            let admitted = self.allowed.admitted(&host, &found)?;
            let stream = TcpStream::connect(&admitted[..]).await.map_err(SpeechError::failed)?;
            stream.set_nodelay(true).map_err(SpeechError::failed)?;
            let bounds = WebSocketConfig::default()
                .max_message_size(Some(MESSAGE_BYTES_MAX))
                .max_frame_size(Some(MESSAGE_BYTES_MAX));
            let opened = client_async_tls_with_config(request, stream, Some(bounds), None).await;
            opened.map(|(socket, _)| socket).map_err(SpeechError::failed)
        };
        tokio::time::timeout(CONNECT_MAX, connecting).await.map_err(|_| SpeechError::TimedOut)?
    }
}

impl Allowed {
    fn names(&self, host: &str) -> bool {
        self.0.iter().any(|allowed| *allowed == host.to_lowercase())
    }

    /// An address that stands in the URL itself is never looked up, so it is judged here.
    fn literal(&self, url: &Url) -> Result<(), SpeechError> {
        let address: IpAddr = match url.host() {
            Some(Host::Ipv4(address)) => address.into(),
            Some(Host::Ipv6(address)) => address.into(),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(SpeechError::NotAllowed("it has no host".into())),
        };
        if is_public(address) || self.names(&address.to_string()) {
            return Ok(());
        }
        Err(SpeechError::NotAllowed("it is a private address".into()))
    }

    /// The addresses of a host that may be reached.
    fn admitted(&self, host: &str, found: &[SocketAddr]) -> Result<Vec<SocketAddr>, SpeechError> {
        let open = |address: &&SocketAddr| {
            is_public(address.ip()) || self.names(host) || self.names(&address.ip().to_string())
        };
        let admitted: Vec<SocketAddr> = found.iter().filter(open).copied().collect();
        if admitted.is_empty() {
            return Err(SpeechError::NotAllowed("its host has a private address".into()));
        }
        Ok(admitted)
    }
}

/// Looks names up, and leaves private addresses out.
struct Guarded(Arc<Allowed>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted = allowed.admitted(name.as_str(), &found)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// An address of the open network: not of this machine, its link, a private network, or a range with a meaning of its own.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [one, two, ..] = v4.octets();
            let shared = one == 100 && (64..128).contains(&two);
            let special = one == 0 || one >= 240 || (one == 198 && (two == 18 || two == 19));
            let protocol = one == 192 && two == 0 && v4.octets()[2] == 0;
            !(v4.is_loopback()
                || v4.is_private()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.is_documentation()
                || shared
                || special
                || protocol)
        }
        IpAddr::V6(v6) => {
            if let Some(v4) = v6.to_ipv4_mapped() {
                return is_public(v4.into());
            }
            let first = v6.segments()[0];
            // Global unicast is 2000::/3; documentation, 6to4 and Teredo lead elsewhere.
            let global = first & 0xe000 == 0x2000;
            let elsewhere =
                first == 0x2002 || (first == 0x2001 && matches!(v6.segments()[1], 0 | 0xdb8));
            global && !elsewhere
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_are_told_from_public_ones() {
        for (address, public) in [
            ("8.8.8.8", true),
            ("127.0.0.1", false),
            ("127.255.0.1", false),
            ("10.1.2.3", false),
            ("172.16.0.1", false),
            ("172.32.0.1", true),
            ("192.168.1.1", false),
            ("169.254.169.254", false),
            ("100.64.0.1", false),
            ("100.128.0.1", true),
            ("0.0.0.0", false),
            ("198.18.0.1", false),
            ("192.0.0.8", false),
            ("203.0.113.7", false),
            ("224.0.0.1", false),
            ("255.255.255.255", false),
            ("::1", false),
            ("::", false),
            ("fe80::1", false),
            ("fd00::1", false),
            ("ff02::1", false),
            ("::ffff:10.0.0.1", false),
            ("::ffff:8.8.8.8", true),
            ("64:ff9b::7f00:1", false),
            ("2002:7f00:1::", false),
            ("2001:db8::1", false),
            ("2606:4700::1111", true),
        ] {
            assert_eq!(is_public(address.parse().unwrap()), public, "{address}");
        }
    }

    #[tokio::test]
    async fn a_tenant_does_not_reach_into_the_operators_network() {
        let closed = Reach::new(&[]).unwrap();
        for url in
            ["http://127.0.0.1:1/", "http://[::1]:1/", "http://0x7f000001/", "http://2130706433/"]
        {
            let refused = closed.request(reqwest::Method::GET, url).unwrap_err();
            assert!(matches!(refused, SpeechError::NotAllowed(_)), "{url}: {refused}");
        }
        // A name is judged by what it leads to.
        let request = closed.request(reqwest::Method::GET, "http://localhost:1/").unwrap();
        let error = request.send().await.unwrap_err();
        assert!(format!("{error:?}").contains("private"), "{error:?}");
        let socket = closed.web_socket("ws://localhost:1/").await;
        assert!(matches!(socket, Err(SpeechError::NotAllowed(_))));
        let socket = closed.web_socket("ws://127.0.0.1:1/").await;
        assert!(matches!(socket, Err(SpeechError::NotAllowed(_))));
    }

    #[tokio::test]
    async fn a_host_that_the_operator_allows_is_reached() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        for (allowed, host) in [("127.0.0.1", "127.0.0.1"), ("Localhost", "localhost")] {
            let open = Reach::new(&[allowed.to_owned()]).unwrap();
            let request = open.request(reqwest::Method::GET, &format!("http://{host}:{port}/"));
            let sending = tokio::spawn(request.unwrap().send());
            listener.accept().await.unwrap();
            sending.abort();
        }
    }
}
