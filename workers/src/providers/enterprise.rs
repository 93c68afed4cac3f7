//! The providers of one enterprise, read again every few seconds.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use outbound::ids::{EnterpriseId, ProviderId};
use speech::SpeechError;
use speech::providers::{Places, Provider};
use speech::recognisers::falling_back::NamedRecogniser;
use speech::synthesisers::falling_back::NamedSynthesiser;
use storage::{Store, providers};
use tokio::sync::Mutex;

/// A new key or address holds after so long.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// See the module.
pub(super) struct Enterprise {
    id: EnterpriseId,
    store: Store,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    read_at: Option<Instant>,
    providers: HashMap<String, Built>,
}

/// A provider, and who was made of it.
#[derive(Clone)]
struct Built {
    id: ProviderId,
    version: i64,
    provider: Provider,
    hears: Option<NamedRecogniser>,
    speaks: Option<NamedSynthesiser>,
}

impl Enterprise {
    pub(super) fn new(id: EnterpriseId, store: Store) -> Self {
        Self { id, store, known: Mutex::default() }
    }

    /// The recogniser of this name, made once for each version of its configuration; none where there is none.
    pub(super) async fn hears(
        &self,
        name: &str,
        make: impl FnOnce(&Provider) -> Option<NamedRecogniser>,
    ) -> Result<Option<NamedRecogniser>, SpeechError> {
        let mut known = self.known.lock().await;
        self.look(&mut known).await?;
        let Some(built) = known.providers.get_mut(name) else { return Ok(None) };
        if built.hears.is_none() {
            built.hears = make(&built.provider);
        }
        Ok(built.hears.clone())
    }

    /// The synthesiser of this name; the text names its version.
    pub(super) async fn speaks(
        &self,
        name: &str,
        make: impl FnOnce(&Provider, &str) -> Option<NamedSynthesiser>,
    ) -> Result<Option<NamedSynthesiser>, SpeechError> {
        let mut known = self.known.lock().await;
        self.look(&mut known).await?;
        let Some(built) = known.providers.get_mut(name) else { return Ok(None) };
        if built.speaks.is_none() {
            built.speaks = make(&built.provider, &format!("{} {}", built.id, built.version));
        }
        Ok(built.speaks.clone())
    }

    /// Read them, where they were not read lately. While the database is away, what was read stays.
    async fn look(&self, known: &mut Known) -> Result<(), SpeechError> {
        if known.read_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return Ok(());
        }
        let read = match providers::all_for(&self.store, self.id).await {
            Ok(read) => read,
            Err(error) if known.read_at.is_some() => {
                tracing::warn!(%error, enterprise = %self.id, "providers stay as they were");
                known.read_at = Some(Instant::now());
                return Ok(());
            }
            Err(error) => return Err(SpeechError::failed(error)),
        };
        known.read_at = Some(Instant::now());
        let mut before = std::mem::take(&mut known.providers);
        for one in read {
            let name = one.config.name.clone();
            let old = before.remove(&name).filter(|old| old.id == one.id);
            let built = match old {
                Some(old) if old.version == one.version => old,
                old => {
                    // What is open with it counts on.
                    let places = old.map_or_else(Arc::default, |old| old.provider.places);
                    Built::of(one, places)
                }
            };
            known.providers.insert(name, built);
        }
        Ok(())
    }
}

impl Built {
    fn of(one: providers::Provider, places: Arc<Places>) -> Self {
        let provider = Provider { config: Arc::new(one.config), places };
        Self { id: one.id, version: one.version, provider, hears: None, speaks: None }
    }
}

#[async_trait]
impl speech::providers::Providers for Enterprise {
    async fn find(&self, name: &str) -> Result<Option<Provider>, SpeechError> {
        let mut known = self.known.lock().await;
        self.look(&mut known).await?;
        Ok(known.providers.get(name).map(|built| built.provider.clone()))
    }
}
