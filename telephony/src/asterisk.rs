//! Asterisk trunks: calls that an Asterisk server places for us, by its REST interface (ARI), with the voice over
//! chan_websocket or AudioSocket.
//!
//! [`Asterisk`] is the driver of all Asterisk trunks of a process. What it needs of a trunk comes with each order. A call is
//! one `POST /channels/{id}` under an id that is the attempt's: it is never repeated, and where its answer is lost the
//! channel is looked for by that id. What happens is told by the server's events; where those were lost, the call looks
//! how its channel is.
//!
//! What comes from the network is never trusted: each message is parsed by a pure function over bytes or text
//! ([`audio_socket`], [`media_control`], [`event`]), and what Asterisk can grow is bounded.

mod ari;
mod call;
mod carry_audio_socket;
mod carry_websocket;
mod connection;
mod doorway;
mod echo;
mod leg;
mod server;
mod servers;
mod voice;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clock::Clock;
use outbound::ids::TrunkId;
use outbound::trunk::TrunkConfig;
use tokio::sync::Semaphore;

use crate::carrier::{CarrierError, Order};
use crate::gate::{Driver, Permit};
use crate::media::Plane;
use crate::task_leg::TaskLeg;
use crate::voice::Voice;
use doorway::Doorway;
use server::{Link, Server};
use servers::Servers;
use voice::Door;

/// Calls that one process carries by default, at most.
const CALLS_MAX: usize = 4_000;

/// How Asterisk trunks are set up in a process.
#[derive(Debug, Clone)]
pub struct AsteriskSettings {
    /// Where Asterisk connects to with AudioSocket: an address that only it can reach. Port 0 takes a free one. None: trunks
    /// with AudioSocket take no calls.
    pub listen: Option<SocketAddr>,
    /// The address that Asterisk is told, where it is another.
    pub told: Option<SocketAddr>,
    /// Calls that are up at a time, at most. More are refused, and wait.
    pub calls_max: usize,
}

impl Default for AsteriskSettings {
    fn default() -> Self {
        Self { listen: None, told: None, calls_max: CALLS_MAX }
    }
}

/// Why Asterisk trunks can't be called on.
#[derive(Debug, thiserror::Error)]
pub enum CannotStart {
    #[error("AudioSocket can't listen: {0}")]
    Listen(#[from] std::io::Error),
    #[error("TLS can't be set up: {0}")]
    Tls(String),
}

/// Whether a trunk's server can be called on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AriHealth {
    /// It is not known yet.
    Unknown,
    Up,
    /// With the reason.
    Down(String),
}

/// The driver of Asterisk trunks. Clones share it.
#[derive(Clone)]
pub struct Asterisk {
    works: Arc<Works>,
}

/// What all calls share.
struct Works {
    plane: Arc<Plane>,
    voice: Arc<dyn Voice>,
    clock: Clock,
    door: Option<Door>,
    room: Arc<Semaphore>,
    servers: Servers,
    /// Servers that are kept connected because a trunk of theirs is in service.
    watched: Mutex<HashMap<TrunkId, Arc<Server>>>,
}

impl Asterisk {
    /// Listen, where there is an address for it. Calls take their audio from `plane`, and speak with `voice`.
    pub async fn start(
        settings: AsteriskSettings,
        plane: Arc<Plane>,
        voice: Arc<dyn Voice>,
        clock: Clock,
    ) -> Result<Self, CannotStart> {
        let door = match settings.listen {
            Some(listen) => {
                let doorway = Doorway::open(listen).await?;
                let told = settings.told.unwrap_or(doorway.address()).to_string();
                Some(Door { doorway: Arc::new(doorway), told })
            }
            None => None,
        };
        let servers = Servers::new().map_err(CannotStart::Tls)?;
        let room = Arc::new(Semaphore::new(settings.calls_max));
        let watched = Mutex::default();
        Ok(Self { works: Arc::new(Works { plane, voice, clock, door, room, servers, watched }) })
    }

    /// Where AudioSocket listens.
    pub fn address(&self) -> Option<SocketAddr> {
        self.works.door.as_ref().map(|door| door.doorway.address())
    }

    /// Keep a trunk's server connected from now on. A trunk that is watched already is watched by the new
    /// configuration.
    pub fn watch(&self, trunk: TrunkId, config: &TrunkConfig) {
        let Some(section) = &config.asterisk else { return };
        match self.works.servers.of(section) {
            Ok(server) => drop(self.works.watched().insert(trunk, server)),
            Err(error) => tracing::error!(error, %trunk, "an Asterisk trunk can't be watched"),
        }
    }

    /// Look no more.
    pub fn unwatch(&self, trunk: TrunkId) {
        self.works.watched().remove(&trunk);
    }

    /// Whether ARI answers for a watched trunk.
    pub fn health(&self, trunk: TrunkId) -> Option<AriHealth> {
        let link = self.works.watched().get(&trunk).map(|server| server.link())?;
        Some(match link {
            Link::Opening => AriHealth::Unknown,
            Link::Up => AriHealth::Up,
            Link::Down(reason) => AriHealth::Down(reason),
        })
    }
}

impl Driver for Asterisk {
    type Leg = TaskLeg;

    async fn ready(&self, order: Order, _: Permit) -> Result<TaskLeg, CarrierError> {
        leg::ready(&self.works, order).await
    }
}

impl Works {
    fn watched(&self) -> MutexGuard<'_, HashMap<TrunkId, Arc<Server>>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
