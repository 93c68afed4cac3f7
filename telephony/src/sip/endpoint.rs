//! The SIP stack of a process: its sockets, its transactions, and whose call a request belongs to.
//!
//! One for all trunks. Requests of calls that are up go to their calls; whoever else asks is refused politely.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rsipstack::EndpointBuilder;
use rsipstack::sip::typed::Via;
use rsipstack::sip::{Header, Method, Param, Request, StatusCode, Transport};
use rsipstack::transaction::endpoint::{EndpointInnerRef, EndpointOption};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::{Transaction, make_via_branch};
use rsipstack::transport::transport_layer::DomainResolver;
use rsipstack::transport::udp::UdpConnection;
use rsipstack::transport::{SipAddr, SipConnection, TcpListenerConnection, TransportLayer};
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::flow::{Flow, Flows, Target, Unreachable};
use super::{headers, tls};

/// Requests that wait for one call, at most.
const REQUESTS_MAX: usize = 16;
/// Requests of nobody's call that are answered at a time; more get no answer.
const STRANGERS_MAX: usize = 64;
/// How long an answer to a stranger is repeated until it is acknowledged.
const STRANGER_WAIT: Duration = Duration::from_secs(32);
/// A phone may ring for as long as a task says; the stack must not give up before.
const LONGEST_RING: Duration = Duration::from_secs(3_600);

/// What we understand.
pub(super) const ALLOWED: &str = "INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, NOTIFY, UPDATE";

/// The stack can't be started.
#[derive(Debug, thiserror::Error)]
#[error("SIP can't listen at {address}: {reason}")]
pub struct CannotListen {
    address: SocketAddr,
    reason: String,
}

/// See the module.
pub(super) struct Endpoint {
    stack: EndpointInnerRef,
    flows: Flows,
    udp: SipAddr,
    tcp: SipAddr,
    calls: Mutex<HashMap<String, mpsc::Sender<Transaction>>>,
    stop: CancellationToken,
}

impl Endpoint {
    /// Listen for UDP and TCP at one address, and tell far ends another, where a NAT is in front.
    pub(super) async fn start(
        bind: SocketAddr,
        external: Option<SocketAddr>,
        user_agent: &str,
    ) -> Result<Arc<Self>, CannotListen> {
        tls::choose_provider();
        let stop = CancellationToken::new();
        let failed =
            |reason: rsipstack::Error| CannotListen { address: bind, reason: reason.to_string() };
        let token = Some(stop.child_token());
        let udp = UdpConnection::create_connection(bind, external, token).await.map_err(failed)?;
        let bound = udp.get_addr().get_socketaddr().map_err(failed)?;
        let local =
            SocketAddr::new(bind.ip(), if external.is_some() { bind.port() } else { bound.port() });
        let tcp = TcpListenerConnection::new(local, Some(bound)).await.map_err(failed)?;
        let layer = TransportLayer::new_with_domain_resolver(stop.clone(), Box::new(System));
        let (udp, tcp) = (SipConnection::Udp(udp), SipConnection::TcpListener(tcp));
        layer.add_transport(udp.clone());
        layer.add_transport(tcp.clone());
        let option = EndpointOption { timerc: LONGEST_RING, ..EndpointOption::default() };
        let endpoint = EndpointBuilder::new()
            .with_user_agent(user_agent)
            .with_transport_layer(layer)
            .with_cancel_token(stop.clone())
            .with_option(option)
            .build();
        let incoming = endpoint.incoming_transactions().map_err(failed)?;
        let this = Arc::new(Self {
            stack: endpoint.inner.clone(),
            flows: Flows::new(udp.clone(), stop.clone()),
            udp: udp.get_addr().clone(),
            tcp: tcp.get_addr().clone(),
            calls: Mutex::default(),
            stop,
        });
        tokio::spawn(async move { endpoint.serve().await });
        tokio::spawn(receive(Arc::downgrade(&this), incoming));
        Ok(this)
    }

    pub(super) fn stack(&self) -> &EndpointInnerRef {
        &self.stack
    }

    /// Where it listens.
    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.udp.get_socketaddr().ok()
    }

    /// A way to an address.
    pub(super) async fn flow(&self, target: &Target) -> Result<Flow, Unreachable> {
        self.flows.to(target, &self.stack.transport_layer).await
    }

    /// Our own address as far ends see it on this way.
    pub(super) fn local(&self, flow: &Flow) -> SipAddr {
        match flow.transport() {
            Transport::Udp => self.udp.clone(),
            Transport::Tcp => self.tcp.clone(),
            // Nobody can open a connection to us: requests must come back on this one.
            _ => flow.connection.get_addr().clone(),
        }
    }

    pub(super) fn via(&self, flow: &Flow) -> Via {
        let transport = flow.transport();
        let mut params = vec![make_via_branch(), Param::Rport(None)];
        if flow.connection.is_reliable() {
            // RFC 5923: our requests may come back on this connection.
            params.push(Param::Other("alias".into(), None));
        }
        let version = rsipstack::sip::Version::V2;
        Via { version, transport, uri: self.local(flow).addr.into(), params }
    }

    /// A transaction that sends `request` when it is told to. None: the request lacks what each must have.
    pub(super) fn client(&self, flow: &Flow, request: Request) -> Option<Transaction> {
        let key = TransactionKey::from_request(&request, TransactionRole::Client).ok()?;
        let connection = Some(flow.connection.clone());
        let mut transaction =
            Transaction::new_client(key, request, Arc::clone(&self.stack), connection);
        transaction.destination = Some(flow.destination.clone());
        Some(transaction)
    }

    /// From now on requests with this Call-ID go to the returned receiver, until the guard is dropped.
    pub(super) fn own(self: &Arc<Self>, call_id: &str) -> (Owned, mpsc::Receiver<Transaction>) {
        let (sender, requests) = mpsc::channel(REQUESTS_MAX);
        self.calls().insert(call_id.to_owned(), sender);
        (Owned { endpoint: Arc::clone(self), call_id: call_id.to_owned() }, requests)
    }

    /// Calls that requests go to.
    pub(super) fn owned(&self) -> usize {
        self.calls().len()
    }

    fn calls(&self) -> std::sync::MutexGuard<'_, HashMap<String, mpsc::Sender<Transaction>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Give a request to its call. It comes back where there is none, or where the call has too many.
    fn give(&self, transaction: Transaction) -> Option<Transaction> {
        let call =
            headers::call_id(&transaction.original).and_then(|id| self.calls().get(id).cloned());
        match call {
            Some(call) => call.try_send(transaction).err().map(|refused| match refused {
                mpsc::error::TrySendError::Full(back) | mpsc::error::TrySendError::Closed(back) => {
                    back
                }
            }),
            None => Some(transaction),
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A call's claim on the requests with its Call-ID.
pub(super) struct Owned {
    endpoint: Arc<Endpoint>,
    call_id: String,
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.endpoint.calls().remove(&self.call_id);
    }
}

async fn receive(
    endpoint: std::sync::Weak<Endpoint>,
    mut incoming: rsipstack::transaction::TransactionReceiver,
) {
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    while let Some(transaction) = incoming.recv().await {
        let Some(endpoint) = endpoint.upgrade() else { return };
        let Some(stranger) = endpoint.give(transaction) else { continue };
        // More than that get no answer: an answer to each would help whoever floods us.
        if let Ok(room) = Arc::clone(&strangers).try_acquire_owned() {
            tokio::spawn(async move {
                let answered = tokio::time::timeout(STRANGER_WAIT, answer_stranger(stranger)).await;
                drop((room, answered));
            });
        }
    }
}

/// The answer to a request that belongs to no call that is up.
async fn answer_stranger(mut transaction: Transaction) {
    let request = &transaction.original;
    let in_dialog = headers::to_tag(request).is_some();
    let (status, allow) = match request.method {
        Method::Options => (StatusCode::OK, true),
        _ if in_dialog => (StatusCode::CallTransactionDoesNotExist, false),
        // We only place calls.
        Method::Invite => (StatusCode::Forbidden, false),
        _ => (StatusCode::MethodNotAllowed, true),
    };
    let allowed: Vec<Header> =
        if allow { vec![Header::Allow(ALLOWED.to_owned().into())] } else { Vec::new() };
    reply(&mut transaction, status, allowed, None).await;
    // An INVITE that is refused is acknowledged.
    while transaction.original.method == Method::Invite && transaction.receive().await.is_some() {}
}

/// Answer a request. One that can't be answered any more is not: its sender will ask again, or give up.
pub(super) async fn reply(
    transaction: &mut Transaction,
    status: StatusCode,
    headers: Vec<Header>,
    body: Option<String>,
) {
    let method = transaction.original.method;
    let answered = transaction.reply_with(status, headers, body.map(String::into_bytes)).await;
    if let Err(error) = answered {
        let cause = kind(&error);
        tracing::debug!(%method, cause, "a SIP request could not be answered");
    }
}

/// What kind of error it is. Its text may hold an address with a phone number.
pub(super) fn kind(error: &rsipstack::Error) -> &'static str {
    match error {
        rsipstack::Error::IoError(_) => "I/O",
        rsipstack::Error::TransportLayerError(..) => "transport",
        rsipstack::Error::TransactionError(..) => "transaction",
        rsipstack::Error::DnsResolutionError(_) => "name",
        _ => "message",
    }
}

/// Names as the machine resolves them.
struct System;

#[async_trait::async_trait]
impl DomainResolver for System {
    async fn resolve(&self, target: &SipAddr) -> rsipstack::Result<SipAddr> {
        let unknown = || rsipstack::Error::DnsResolutionError(target.addr.to_string());
        let host = target.addr.host.to_string();
        let port = target.addr.port.map_or(5060, |port| port.value());
        let mut found = tokio::net::lookup_host((host.as_str(), port)).await?;
        let address = found.next().ok_or_else(unknown)?;
        Ok(SipAddr { r#type: target.r#type, addr: address.into() })
    }
}
