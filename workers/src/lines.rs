//! The lines of a process: the simulated one, and SIP trunks where the process has an address for them.
//!
//! What a SIP trunk needs beside its configuration, its password, is read every few seconds with all of them. Trunks
//! are registered and watched from then on.

mod health;

use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clock::Clock;
use outbound::ids::{AttemptId, TrunkId};
use outbound::trunk::health::TrunkHealth;
use outbound::trunk::{Driver, TrunkConfig};
use speech::cached::Cached;
use speech::espeak::Espeak;
use storage::{Store, StoreError, trunks};
use telephony::carrier::{Call, Carrier, CarrierError, Order};
use telephony::gate::Gate;
use telephony::journal::Journal;
use telephony::media::{MediaConfig, Plane, Scheduling};
use telephony::simulated::{Simulated, SimulatedCarrier};
use telephony::sip::{Sip, SipSettings};
use tokio::sync::OnceCell;

use crate::decided::Decided;
use crate::environment::Environment;
use crate::voice::SpokenVoice;

/// Between two looks at the configuration and the health of SIP trunks.
const LOOK: Duration = Duration::from_secs(5);

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

/// See the module.
pub struct Lines {
    store: Store,
    clock: Clock,
    journal: Arc<Journal>,
    /// What each call asks right before its INVITE.
    decided: Arc<Decided>,
    simulated: SimulatedCarrier,
    addresses: Option<SipAddresses>,
    /// Opened when it is first needed: a process that does not dial opens no port.
    sip: OnceCell<Gate<Sip>>,
    known: Mutex<HashMap<TrunkId, KnownTrunk>>,
}

struct KnownTrunk {
    version: i64,
    config: TrunkConfig,
}

impl std::fmt::Debug for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lines").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

impl Lines {
    pub fn new(
        store: Store,
        clock: Clock,
        journal: Journal,
        addresses: Option<SipAddresses>,
    ) -> Self {
        let journal = Arc::new(journal);
        let decided = Arc::new(Decided::default());
        let simulated = Gate::looking(
            Simulated::new(clock.clone()),
            clock.clone(),
            Arc::clone(&journal),
            decided.clone(),
        );
        let (sip, known) = (OnceCell::new(), Mutex::default());
        Self { store, clock, journal, decided, simulated, addresses, sip, known }
    }

    /// What was decided about calls that are about to leave.
    pub fn decided(&self) -> &Arc<Decided> {
        &self.decided
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TrunkId, KnownTrunk>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The SIP line, opened by whoever needs it first.
    async fn sip(&self) -> Result<&Gate<Sip>, CarrierError> {
        let opened = self.sip.get_or_try_init(|| self.open()).await;
        opened.map_err(CarrierError::Refused)
    }

    async fn open(&self) -> Result<Gate<Sip>, String> {
        let Some(addresses) = &self.addresses else {
            return Err("this process has no address for SIP: set CALLWRIGHT_SIP_LISTEN".into());
        };
        let SipAddresses { listen, external, voice_ports, voice_priority } = addresses.clone();
        let plane = Plane::start(MediaConfig {
            bind: listen.ip(),
            external,
            ports: voice_ports,
            scheduling: match voice_priority {
                VoicePriority::Normal => Scheduling::Normal,
                VoicePriority::RealTime => Scheduling::RealTime,
            },
            ..MediaConfig::default()
        })
        .map_err(|error| error.to_string())?;
        let settings = SipSettings {
            external: external.map(|address| SocketAddr::new(address, listen.port())),
            ..SipSettings::at(listen)
        };
        let voice = Arc::new(SpokenVoice::new(Cached::new(Espeak::default())));
        let sip = Sip::start(settings, Arc::new(plane), voice, self.clock.clone()).await;
        let sip = sip.map_err(|error| error.to_string())?;
        tracing::info!(address = ?sip.address(), "SIP is open");
        let (clock, journal) = (self.clock.clone(), Arc::clone(&self.journal));
        Ok(Gate::looking(sip, clock, journal, self.decided.clone()))
    }

    /// Read the SIP trunks, and watch those that are new or were changed.
    async fn look(&self) -> Result<(), StoreError> {
        let lines = trunks::sip_lines(&self.store).await?;
        if lines.is_empty() && self.known().is_empty() {
            return Ok(());
        }
        let gate = match self.sip().await {
            Ok(gate) => gate,
            Err(error) => {
                tracing::warn!(%error, trunks = lines.len(), "there are SIP trunks that can't be called on");
                return Ok(());
            }
        };
        let sip = gate.driver();
        let mut known = self.known();
        let there: BTreeSet<TrunkId> = lines.iter().map(|line| line.trunk).collect();
        known.retain(|trunk, _| {
            let stays = there.contains(trunk);
            if !stays {
                sip.unwatch(*trunk);
            }
            stays
        });
        for line in lines {
            let same = known.get(&line.trunk).is_some_and(|seen| seen.version == line.version);
            if !same {
                sip.watch(line.trunk, &line.config);
                known.insert(line.trunk, KnownTrunk { version: line.version, config: line.config });
            }
        }
        Ok(())
    }

    /// How the SIP trunks are, as far as they are watched.
    fn health(&self) -> Vec<(TrunkId, TrunkHealth)> {
        let Some(gate) = self.sip.get() else { return Vec::new() };
        let (sip, now) = (gate.driver(), Instant::now());
        let known = self.known();
        let seen = known.keys().filter_map(|trunk| Some((*trunk, sip.health(*trunk)?.told(now))));
        seen.collect()
    }

    /// The trunk as it was ordered, with its password.
    async fn with_secrets(&self, order: &Order) -> Result<Arc<TrunkConfig>, CarrierError> {
        if !self.known().contains_key(&order.trunk) {
            // It was made since the last look.
            let looked = self.look().await;
            looked.map_err(|error| CarrierError::Refused(error.to_string()))?;
        }
        let known = self.known();
        let Some(trunk) = known.get(&order.trunk) else {
            return Err(CarrierError::Refused("the trunk's password can't be read".into()));
        };
        let mut line = TrunkConfig::clone(&order.line);
        line.reunite(&trunk.config.secrets());
        Ok(Arc::new(line))
    }
}

#[async_trait]
impl Carrier for Lines {
    async fn originate(&self, order: Order) -> Result<Box<dyn Call>, CarrierError> {
        match order.line.driver {
            Driver::Simulated => self.simulated.originate(order).await,
            Driver::Sip => {
                let gate = self.sip().await?;
                let line = self.with_secrets(&order).await?;
                gate.originate(Order { line, ..order }).await
            }
        }
    }

    async fn hang_up_lost(&self, attempt: AttemptId) -> bool {
        if let Some(sip) = self.sip.get()
            && sip.hang_up_here(attempt)
        {
            return true;
        }
        self.simulated.hang_up_lost(attempt).await
    }
}

/// Keep the SIP trunks registered and watched until the process stops.
pub(crate) async fn keep(env: Environment) {
    while !env.stopping.is_cancelled() {
        let looked = env.lines.look().await;
        let told = match looked {
            Ok(()) => health::tell(&env.store, &env.worker, &env.lines.health()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::warn!(%error, "SIP trunks are looked at later");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = env.stopping.cancelled() => {}
        }
    }
    health::leave(&env.store, &env.worker).await;
}
