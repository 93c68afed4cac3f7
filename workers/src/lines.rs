//! The lines of a process: the simulated one, Asterisk trunks, and SIP trunks where the process has an address for them.
//!
//! What such a trunk needs beside its configuration, its password, is read every few seconds with all of them. Trunks
//! are registered and watched from then on.

mod addresses;
mod health;
mod watchers;

use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use clock::Clock;
use outbound::ids::{AttemptId, TrunkId};
use outbound::trunk::health::TrunkHealth;
use outbound::trunk::{Driver, TrunkConfig};
use storage::trunks::RealLine;
use storage::{Store, StoreError, trunks};
use telephony::asterisk::{Asterisk, AsteriskSettings};
use telephony::carrier::{Call, Carrier, CarrierError, Order};
use telephony::gate::Gate;
use telephony::journal::Journal;
use telephony::media::{Plane, PlaneCounts};
use telephony::simulated::{Simulated, SimulatedCarrier};
use telephony::sip::{Sip, SipSettings};
use telephony::voice::Voice;
use tokio::sync::OnceCell;

use crate::decided::Decided;
use crate::environment::Environment;
use crate::voice::SpokenVoice;
use watchers::Watchers;

pub use addresses::{AsteriskAddresses, LineAddresses, SipAddresses, VoicePriority};

/// Between two looks at the configuration and the health of trunks that ring real telephones.
const LOOK: Duration = Duration::from_secs(5);

/// See the module.
pub struct Lines {
    store: Store,
    clock: Clock,
    journal: Arc<Journal>,
    /// What each call asks right before its INVITE.
    decided: Arc<Decided>,
    simulated: SimulatedCarrier,
    addresses: LineAddresses,
    voice: SpokenVoice,
    /// Opened when they are first needed: a process that does not dial opens no port.
    sip: OnceCell<Gate<Sip>>,
    asterisk: OnceCell<Gate<Asterisk>>,
    sound: OnceCell<Sound>,
    known: Mutex<HashMap<TrunkId, KnownTrunk>>,
}

struct KnownTrunk {
    version: i64,
    config: TrunkConfig,
}

/// What lines that carry sound share.
#[derive(Clone)]
struct Sound {
    plane: Arc<Plane>,
    voice: Arc<dyn Voice>,
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
        addresses: LineAddresses,
        voice: SpokenVoice,
    ) -> Self {
        let journal = Arc::new(journal);
        let decided = Arc::new(Decided::default());
        let simulated = Gate::looking(
            Simulated::new(clock.clone()),
            clock.clone(),
            Arc::clone(&journal),
            decided.clone(),
        );
        let (sip, asterisk, sound) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        let known = Mutex::default();
        Self {
            store,
            clock,
            journal,
            decided,
            simulated,
            addresses,
            voice,
            sip,
            asterisk,
            sound,
            known,
        }
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
        let opened = self.sip.get_or_try_init(|| self.open_sip()).await;
        opened.map_err(CarrierError::Refused)
    }

    async fn open_sip(&self) -> Result<Gate<Sip>, String> {
        let Some(SipAddresses { listen, external, .. }) = self.addresses.sip else {
            return Err("this process has no address for SIP: set CALLWRIGHT_SIP_LISTEN".into());
        };
        let settings = SipSettings {
            external: external.map(|address| SocketAddr::new(address, listen.port())),
            ..SipSettings::at(listen)
        };
        let Sound { plane, voice } = self.sound().await?;
        let sip = Sip::start(settings, plane, voice, self.clock.clone()).await;
        let sip = sip.map_err(|error| error.to_string())?;
        tracing::info!(address = ?sip.address(), "SIP is open");
        let (clock, journal) = (self.clock.clone(), Arc::clone(&self.journal));
        Ok(Gate::looking(sip, clock, journal, self.decided.clone()))
    }

    /// The line of Asterisk trunks, opened by whoever needs it first.
    async fn asterisk(&self) -> Result<&Gate<Asterisk>, CarrierError> {
        let opened = self.asterisk.get_or_try_init(|| self.open_asterisk()).await;
        opened.map_err(CarrierError::Refused)
    }

    async fn open_asterisk(&self) -> Result<Gate<Asterisk>, String> {
        let AsteriskAddresses { listen, told, .. } = self.addresses.asterisk;
        let settings = AsteriskSettings { listen, told, ..AsteriskSettings::default() };
        let Sound { plane, voice } = self.sound().await?;
        let asterisk = Asterisk::start(settings, plane, voice, self.clock.clone()).await;
        let asterisk = asterisk.map_err(|error| error.to_string())?;
        tracing::info!(audiosocket = ?asterisk.address(), "Asterisk trunks can be called on");
        let (clock, journal) = (self.clock.clone(), Arc::clone(&self.journal));
        Ok(Gate::looking(asterisk, clock, journal, self.decided.clone()))
    }

    /// What the voice of calls has counted, once there was one.
    pub fn voice(&self) -> Option<PlaneCounts> {
        self.sound.get().map(|sound| sound.plane.counts())
    }

    /// What carries and makes the voice of all calls of this process.
    async fn sound(&self) -> Result<Sound, String> {
        let open = || async {
            let config = self.addresses.media();
            let plane = Plane::start(config).map_err(|error| error.to_string())?;
            Ok(Sound { plane: Arc::new(plane), voice: Arc::new(self.voice.clone()) })
        };
        self.sound.get_or_try_init(open).await.cloned()
    }

    /// Read the trunks that ring real telephones, and watch those that are new or were changed.
    async fn look(&self) -> Result<(), StoreError> {
        let lines = trunks::real_lines(&self.store).await?;
        if lines.is_empty() && self.known().is_empty() {
            return Ok(());
        }
        let watchers = self.watchers(&lines).await;
        let mut known = self.known();
        let there: BTreeSet<TrunkId> = lines.iter().map(|line| line.trunk).collect();
        known.retain(|trunk, before| {
            let stays = there.contains(trunk);
            if !stays {
                watchers.unwatch(*trunk, before.config.driver);
            }
            stays
        });
        for line in lines {
            let before = known.get(&line.trunk);
            if before.is_some_and(|before| before.version == line.version) {
                continue;
            }
            if let Some(before) = before.filter(|before| before.config.driver != line.config.driver)
            {
                watchers.unwatch(line.trunk, before.config.driver);
            }
            if watchers.watch(&line) {
                let trunk = KnownTrunk { version: line.version, config: line.config };
                known.insert(line.trunk, trunk);
            }
        }
        for trunk in known.keys() {
            watchers.tell_health(*trunk);
        }
        if let Some(counts) = self.voice() {
            watchers::tell_voice(&counts);
        }
        Ok(())
    }

    /// The lines that these trunks need, opened where they can be.
    async fn watchers(&self, lines: &[RealLine]) -> Watchers<'_> {
        let needs = |driver| lines.iter().any(|line| line.config.driver == driver);
        let mut watchers = Watchers { sip: self.sip.get(), asterisk: self.asterisk.get() };
        if watchers.sip.is_none() && needs(Driver::Sip) {
            watchers.sip = opened(self.sip().await);
        }
        if watchers.asterisk.is_none() && needs(Driver::Asterisk) {
            watchers.asterisk = opened(self.asterisk().await);
        }
        watchers
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
            Driver::Asterisk => {
                let gate = self.asterisk().await?;
                let line = self.with_secrets(&order).await?;
                gate.originate(Order { line, ..order }).await
            }
        }
    }

    async fn hang_up_lost(&self, attempt: AttemptId) -> bool {
        let by_sip = self.sip.get().is_some_and(|gate| gate.hang_up_here(attempt));
        if by_sip || self.asterisk.get().is_some_and(|gate| gate.hang_up_here(attempt)) {
            return true;
        }
        self.simulated.hang_up_lost(attempt).await
    }
}

fn opened<G>(gate: Result<&G, CarrierError>) -> Option<&G> {
    gate.inspect_err(|error| tracing::warn!(%error, "there are trunks that can't be called on"))
        .ok()
}

/// Keep the trunks that ring real telephones registered and watched until the process stops.
pub(crate) async fn keep(env: Environment) {
    while !env.stopping.is_cancelled() {
        let looked = env.lines.look().await;
        let told = match looked {
            Ok(()) => health::tell(&env.store, &env.worker, &env.lines.health()).await,
            Err(error) => Err(error),
        };
        if let Err(error) = told {
            tracing::warn!(%error, "trunks are looked at later");
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = env.stopping.cancelled() => {}
        }
    }
    health::leave(&env.store, &env.worker).await;
}
