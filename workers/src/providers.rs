//! What robots hear, think and speak with: the providers that each enterprise has configured, as they are now, and the
//! programs of this machine that come after them.

mod enterprise;
mod hears;
mod library;
mod speaks;

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use clock::Clock;
use outbound::ids::EnterpriseId;
use speech::agents::{Agents, LlmAgent};
use speech::cached::SpokenTexts;
use speech::espeak::Espeak;
use speech::scripted::ScriptedAgent;
use speech::synthesisers::configured::Speakers;
use speech::synthesisers::piper::{PiperProcesses, PiperProgram};
use speech::tools::HttpTools;
use speech::{Agent, Reach, SpeechError};
use storage::Store;

use enterprise::Enterprise;
use hears::Hearers;
use library::Documents;

/// Enterprises that are remembered; more of them are read anew with each request.
const ENTERPRISES_MAX: usize = 1_000;

/// What this machine has for robots.
#[derive(Debug, Clone, Default)]
pub struct SpeechSetup {
    /// Private hosts that providers may have; others are refused.
    pub private_hosts: Vec<String>,
    /// The folder of the models that tell a voice from noise and the end of a turn.
    pub models: PathBuf,
    /// The Python that has Piper, and the folder of its voices.
    pub piper_python: PathBuf,
    pub piper_voices: PathBuf,
}

/// See the module. Clones share all of it.
#[derive(Clone)]
pub struct Providers(Arc<Shared>);

struct Shared {
    store: Store,
    reach: Reach,
    scripted: ScriptedAgent,
    speakers: Speakers,
    hearers: Hearers,
    enterprises: Mutex<HashMap<EnterpriseId, Arc<Enterprise>>>,
}

impl std::fmt::Debug for Providers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Providers").finish_non_exhaustive()
    }
}

impl Providers {
    /// Put it together; nothing is asked or started yet.
    pub fn new(store: Store, clock: Clock, setup: &SpeechSetup) -> Result<Self, SpeechError> {
        let SpeechSetup { private_hosts, piper_python, piper_voices, .. } = setup.clone();
        let program = PiperProgram { python: piper_python, voices: piper_voices };
        let reach = Reach::new(&private_hosts)?;
        Ok(Self(Arc::new(Shared {
            store,
            speakers: Speakers {
                reach: reach.clone(),
                espeak: Espeak::default(),
                piper: PiperProcesses::new(program),
                spoken: SpokenTexts::default(),
            },
            reach: reach.clone(),
            scripted: ScriptedAgent::new(clock),
            hearers: Hearers::new(reach),
            enterprises: Mutex::default(),
        })))
    }

    /// Who thinks for the robots of an enterprise.
    pub fn agent(&self, enterprise: EnterpriseId) -> Arc<dyn Agent> {
        let known: Arc<dyn speech::providers::Providers> = self.enterprise(enterprise);
        let shared = &self.0;
        let tools = Arc::new(HttpTools::new(shared.reach.clone(), Arc::clone(&known)));
        let library = Arc::new(Documents { store: shared.store.clone(), enterprise });
        let llm = LlmAgent::new(shared.reach.clone(), known, tools, library);
        Arc::new(Agents::new(shared.scripted.clone(), llm))
    }

    /// Who asks the systems of an enterprise.
    pub fn tools(&self, enterprise: EnterpriseId) -> HttpTools {
        HttpTools::new(self.0.reach.clone(), self.enterprise(enterprise))
    }

    fn enterprise(&self, id: EnterpriseId) -> Arc<Enterprise> {
        let mut enterprises = self.0.enterprises.lock().unwrap_or_else(PoisonError::into_inner);
        if enterprises.len() >= ENTERPRISES_MAX && !enterprises.contains_key(&id) {
            // Those that no call holds can be read again.
            enterprises.retain(|_, enterprise| Arc::strong_count(enterprise) > 1);
        }
        let new = || Arc::new(Enterprise::new(id, self.0.store.clone()));
        if enterprises.len() >= ENTERPRISES_MAX {
            return enterprises.get(&id).cloned().unwrap_or_else(new);
        }
        Arc::clone(enterprises.entry(id).or_insert_with(new))
    }
}

/// A provider failed, was slow or full, and the next one is asked.
fn failed(kind: &'static str, name: &str, error: &SpeechError) {
    metrics::counter!("callwright_provider_failed_total", "kind" => kind).increment(1);
    tracing::warn!(kind, provider = name, %error, "a provider fails");
}
