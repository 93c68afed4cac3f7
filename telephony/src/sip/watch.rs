//! Whether trunks are well: OPTIONS to each of their hosts, and registration where a trunk wants it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use outbound::ids::TrunkId;
use outbound::trunk::health::HostError;
use outbound::trunk::{SipHost, SipTrunk};
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::typed::{Contact, From as FromHeader, To};
use rsipstack::sip::uri::Auth;
use rsipstack::sip::{Header, Method, Request, Response, Uri};
use rsipstack::transaction::{make_tag, random_text};
use tokio_util::sync::CancellationToken;

use super::dialog::Sequence;
use super::endpoint::Endpoint;
use super::exchange::exchange;
use super::flow::{Flow, Target};
use super::headers;
use super::health::{Health, HostHealth, Registered, TrunkHealth};
use super::invite::{contact, credential, host_uri};

/// How long a host may take to answer.
const ANSWER_WAIT: Duration = Duration::from_secs(4);
/// Between two tries to register, at least and at most.
const RETRY: Duration = Duration::from_secs(5);
const RETRY_MAX: Duration = Duration::from_secs(120);
/// A registration is renewed after this part of it.
const RENEW_PERCENT: u32 = 80;

/// The trunks that are watched.
#[derive(Default)]
pub(super) struct Watches {
    trunks: Mutex<HashMap<TrunkId, Watch>>,
}

struct Watch {
    health: Arc<Mutex<TrunkHealth>>,
    stop: CancellationToken,
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Watches {
    pub(super) fn start(&self, id: TrunkId, trunk: &SipTrunk, endpoint: &Arc<Endpoint>) {
        let unknown = |host: &SipHost| HostHealth {
            host: host.clone(),
            health: Health::Unknown,
            since: Instant::now(),
            last_error: None,
        };
        let registered =
            if trunk.registration.is_some() { Registered::Asking } else { Registered::NotAsked };
        let health = TrunkHealth { hosts: trunk.hosts.iter().map(unknown).collect(), registered };
        let health = Arc::new(Mutex::new(health));
        let stop = CancellationToken::new();
        let asked = Asked {
            endpoint: Arc::clone(endpoint),
            trunk: Arc::new(trunk.clone()),
            health: Arc::clone(&health),
            sequence: Sequence::new(),
            call_id: format!("{}.watch", random_text(22)),
        };
        if let Some(seconds) = trunk.options_seconds {
            let every = Duration::from_secs(seconds.into());
            for place in 0..trunk.hosts.len() {
                let watching = asked.clone().options(place, every);
                tokio::spawn(stop.clone().run_until_cancelled_owned(watching));
            }
        }
        if let Some(registration) = trunk.registration {
            tokio::spawn(asked.register(registration.expires_seconds, stop.clone()));
        }
        self.trunks().insert(id, Watch { health, stop });
    }

    pub(super) fn stop(&self, id: TrunkId) {
        self.trunks().remove(&id);
    }

    pub(super) fn health(&self, id: TrunkId) -> Option<TrunkHealth> {
        self.trunks().get(&id).map(|watch| locked(&watch.health).clone())
    }

    /// The hosts of a trunk as they are tried: those that are known to be down last.
    pub(super) fn in_order(&self, id: TrunkId, trunk: &SipTrunk) -> VecDeque<SipHost> {
        let health = self.health(id);
        let is_down = |host: &SipHost| {
            let hosts = health.iter().flat_map(|health| &health.hosts);
            hosts.into_iter().any(|known| known.host == *host && known.health == Health::Down)
        };
        let (down, up): (Vec<SipHost>, Vec<SipHost>) =
            trunk.hosts.iter().cloned().partition(is_down);
        up.into_iter().chain(down).collect()
    }

    fn trunks(&self) -> MutexGuard<'_, HashMap<TrunkId, Watch>> {
        self.trunks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the questions to one trunk are made from.
#[derive(Clone)]
struct Asked {
    endpoint: Arc<Endpoint>,
    trunk: Arc<SipTrunk>,
    health: Arc<Mutex<TrunkHealth>>,
    sequence: Sequence,
    call_id: String,
}

impl Asked {
    async fn options(self, place: usize, every: Duration) {
        loop {
            let asked = Instant::now();
            let answer = match self.flow(place).await {
                Some(flow) => self
                    .ask(Method::Options, place, &flow, Vec::new())
                    .await
                    .ok_or(HostError::NoAnswer),
                None => Err(HostError::Unreachable),
            };
            // Whatever it says but that it takes no calls: it is there.
            let is_up = answer.and_then(|answer| match answer.status_code.code() {
                408 | 503 => Err(HostError::TakesNoCalls),
                _ => Ok(asked.elapsed()),
            });
            self.note(place, is_up);
            tokio::time::sleep(every).await;
        }
    }

    /// A host has answered in this time, or is down.
    fn note(&self, place: usize, answer: Result<Duration, HostError>) {
        let mut known = locked(&self.health);
        let Some(host) = known.hosts.get_mut(place) else { return };
        let health = match answer {
            Ok(round_trip) => Health::Up { round_trip },
            Err(_) => Health::Down,
        };
        if (host.health == Health::Down) != (health == Health::Down)
            || host.health == Health::Unknown
        {
            host.since = Instant::now();
            if let Err(error) = answer {
                tracing::warn!(host = %host.host.host, ?error, "a host of a SIP trunk is down");
            }
        }
        host.health = health;
        host.last_error = answer.err().or(host.last_error);
    }

    /// Register, and renew it before it ends, until it is not wanted any more.
    async fn register(self, expires_seconds: u32, stop: CancellationToken) {
        let (mut expires, mut retry) = (expires_seconds, RETRY);
        loop {
            let asking = self.register_once(expires);
            let Some(answer) = stop.run_until_cancelled(asking).await else { break };
            let code = answer.as_ref().map(|answer| answer.status_code.code());
            let wait = match (code, answer) {
                (Some(200..=299), Some(answer)) => {
                    let granted = granted(&answer).unwrap_or(expires).max(1);
                    let granted = Duration::from_secs(granted.into());
                    self.registered(Registered::Until(Instant::now() + granted));
                    retry = RETRY;
                    granted * RENEW_PERCENT / 100
                }
                (Some(423), Some(answer)) => {
                    let least = headers::value(&answer, "min-expires");
                    let least = least.and_then(|least| least.trim().parse::<u32>().ok());
                    expires = least.unwrap_or(expires).clamp(expires, 86_400);
                    RETRY / 5
                }
                (sip_code, _) => {
                    self.registered(Registered::Refused { sip_code });
                    tracing::warn!(?sip_code, "a SIP trunk takes no registration");
                    let wait = retry;
                    retry = (retry * 2).min(RETRY_MAX);
                    wait
                }
            };
            if stop.run_until_cancelled(tokio::time::sleep(wait)).await.is_none() {
                break;
            }
        }
        // Whether it is taken back or runs out: nobody waits for it.
        let _ = tokio::time::timeout(ANSWER_WAIT, self.register_once(0)).await;
    }

    fn registered(&self, registered: Registered) {
        locked(&self.health).registered = registered;
    }

    /// Register with the first host that answers. Those that are known to be down are asked last.
    async fn register_once(&self, expires: u32) -> Option<Response> {
        let is_down = |place: &usize| {
            let health = locked(&self.health);
            health.hosts.get(*place).is_some_and(|host| host.health == Health::Down)
        };
        let (down, up): (Vec<usize>, Vec<usize>) = (0..self.trunk.hosts.len()).partition(is_down);
        for place in up.into_iter().chain(down) {
            let Some(flow) = self.flow(place).await else { continue };
            let contact = contact(&self.endpoint, &flow);
            let with = vec![
                Header::Contact(format!("<{contact}>;expires={expires}").into()),
                Header::Expires(expires.to_string().into()),
            ];
            let answer = self.ask(Method::Register, place, &flow, with).await;
            if answer.is_some() {
                return answer;
            }
        }
        None
    }

    async fn flow(&self, place: usize) -> Option<Flow> {
        let target = Target::of(&self.trunk, self.trunk.hosts.get(place)?);
        self.endpoint.flow(&target).await.ok()
    }

    async fn ask(
        &self,
        method: Method,
        place: usize,
        flow: &Flow,
        with: Vec<Header>,
    ) -> Option<Response> {
        let request = self.request(method, self.trunk.hosts.get(place)?, flow, with);
        let credential = credential(&self.trunk);
        let (endpoint, sequence) = (&self.endpoint, &self.sequence);
        let asking = exchange(endpoint, flow, request, credential.as_ref(), sequence);
        tokio::time::timeout(ANSWER_WAIT, asking).await.ok().flatten()
    }

    fn request(&self, method: Method, host: &SipHost, flow: &Flow, with: Vec<Header>) -> Request {
        let registrar = host_uri(&self.trunk, host);
        let user = self.trunk.user.clone().unwrap_or_else(|| "callwright".to_owned());
        let ours = Uri { auth: Some(Auth { user, password: None }), ..registrar.clone() };
        let theirs = if method == Method::Register { ours.clone() } else { registrar.clone() };
        let mut request = self.endpoint.stack().make_request(
            method,
            registrar,
            self.endpoint.via(flow),
            FromHeader::from(ours).with_tag(make_tag()),
            To::from(theirs),
            self.sequence.next(),
            Some(format!("{}.{method}", self.call_id).into()),
        );
        request.headers.extend(with);
        request
    }
}

/// How long the registrar keeps us, in seconds: by our contact, else for all.
fn granted(answer: &Response) -> Option<u32> {
    let contacts = answer.contact_headers();
    let listed =
        contacts.iter().filter_map(|contact| Contact::parse_header_list(contact.value()).ok());
    let ours = listed.flatten().filter_map(|contact| contact.expires()).min();
    ours.or_else(|| headers::value(answer, "expires")?.trim().parse().ok())
}

fn locked(health: &Mutex<TrunkHealth>) -> MutexGuard<'_, TrunkHealth> {
    health.lock().unwrap_or_else(PoisonError::into_inner)
}
