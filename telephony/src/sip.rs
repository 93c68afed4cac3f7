//! SIP trunks: calls to a carrier, a session border controller or a PBX (RFC 3261), with voice by RTP.
//!
//! [`Sip`] is the driver of all SIP trunks of a process: one stack, one pair of sockets, a task a call. What it needs
//! of a trunk comes with each order. The stack is `rsipstack`'s transactions and transports; dialogs are ours, so
//! that each answer is acknowledged and none is left alone, whatever crosses what. Nothing of the stack shows outside
//! of this module.
//!
//! An order goes to the trunk's next host only while no host has answered anything at all. After the first response
//! the phone may have rung, and nothing is retried.

mod call;
mod dialog;
mod endpoint;
mod exchange;
mod flow;
mod headers;
mod health;
mod invite;
mod inviting;
mod leg;
mod referring;
mod session_timer;
mod tls;
mod watch;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use clock::Clock;
use outbound::ids::TrunkId;
use outbound::trunk::{SipHost, SipTrunk, TrunkConfig};

use crate::carrier::{CarrierError, Order};
use crate::gate::{Driver, Permit};
use crate::media::{Plane, RecordingFormat, RecordingSpec};
use crate::task_leg::TaskLeg;
use crate::voice::Voice;
use endpoint::Endpoint;
use flow::{Flow, Target};
use watch::Watches;

pub use ::wire::sdp;
pub use endpoint::CannotListen;
pub use health::{Health, HostHealth, Registered, TrunkHealth};

/// Calls that one process carries by default, at most.
const CALLS_MAX: usize = 4_000;

/// How SIP is set up in a process.
#[derive(Debug, Clone)]
pub struct SipSettings {
    /// Where packets come in, by UDP and TCP. Port 0 takes a free one.
    pub bind: SocketAddr,
    /// Where far ends are told to send, when a NAT is in front.
    pub external: Option<SocketAddr>,
    pub user_agent: String,
    /// Calls that are up at a time, at most. More are refused, and wait.
    pub calls_max: usize,
    /// The shortest session interval that is kept, in seconds (RFC 4028: 90). Shorter ones are for tests.
    pub session_seconds_min: u32,
}

impl SipSettings {
    pub fn at(bind: SocketAddr) -> Self {
        Self {
            bind,
            external: None,
            user_agent: "Callwright".to_owned(),
            calls_max: CALLS_MAX,
            session_seconds_min: session_timer::MIN_SECONDS,
        }
    }
}

/// The driver of SIP trunks. Clones share it.
#[derive(Clone)]
pub struct Sip {
    works: Arc<Works>,
}

/// What all calls share.
struct Works {
    settings: SipSettings,
    endpoint: Arc<Endpoint>,
    plane: Arc<Plane>,
    voice: Arc<dyn Voice>,
    clock: Clock,
    watches: Watches,
}

impl Sip {
    /// Listen. Calls take their audio from `plane`, and speak with `voice`.
    pub async fn start(
        settings: SipSettings,
        plane: Arc<Plane>,
        voice: Arc<dyn Voice>,
        clock: Clock,
    ) -> Result<Self, CannotListen> {
        let SipSettings { bind, external, .. } = settings;
        let endpoint = Endpoint::start(bind, external, &settings.user_agent).await?;
        let watches = Watches::default();
        let works = Works { settings, endpoint, plane, voice, clock, watches };
        Ok(Self { works: Arc::new(works) })
    }

    /// Where it listens, as far ends are told.
    pub fn address(&self) -> Option<SocketAddr> {
        self.works.endpoint.address()
    }

    /// Register with a trunk and look whether it is well, as its configuration says, from now on. A trunk that is
    /// watched already is watched by the new configuration.
    pub fn watch(&self, trunk: TrunkId, config: &TrunkConfig) {
        if let Some(sip) = &config.sip {
            self.works.watches.start(trunk, sip, &self.works.endpoint);
        }
    }

    /// Take the registration back, and look no more.
    pub fn unwatch(&self, trunk: TrunkId) {
        self.works.watches.stop(trunk);
    }

    /// How a watched trunk is.
    pub fn health(&self, trunk: TrunkId) -> Option<TrunkHealth> {
        self.works.watches.health(trunk)
    }
}

impl Driver for Sip {
    type Leg = TaskLeg;

    async fn ready(&self, order: Order, permit: Permit) -> Result<TaskLeg, CarrierError> {
        leg::ready(&self.works, order, permit).await
    }
}

impl Works {
    fn section(order: &Order) -> Result<Arc<SipTrunk>, CarrierError> {
        let section = order.line.sip.clone().map(Arc::new);
        section
            .ok_or_else(|| CarrierError::Refused("the trunk has no SIP configuration".to_owned()))
    }

    /// The first host that a packet can be sent to. It is taken out of `hosts`, with those before it.
    async fn first_reached(
        &self,
        trunk: &SipTrunk,
        hosts: &mut VecDeque<SipHost>,
    ) -> Option<(SipHost, Flow)> {
        while let Some(host) = hosts.pop_front() {
            match self.endpoint.flow(&Target::of(trunk, &host)).await {
                Ok(flow) => return Some((host, flow)),
                Err(error) => {
                    tracing::warn!(host = %host.host, %error, "a host of a SIP trunk can't be reached");
                }
            }
        }
        None
    }

    fn recording(order: &Order) -> Option<RecordingSpec> {
        let path = order.recording.clone()?;
        Some(RecordingSpec { path, format: RecordingFormat::Wav })
    }
}
