//! Who hears for a robot: the recognisers that it names, in their order, and pocketsphinx after them where the robot has a
//! script, whose keywords it can know.

use std::sync::Arc;

use dialog::robot::RobotConfig;
use outbound::ids::EnterpriseId;
use outbound::provider::Service;
use speech::providers::Provider;
use speech::recognisers::deepgram::Deepgram;
use speech::recognisers::falling_back::{FallingBack, NamedRecogniser};
use speech::recognisers::funasr::Funasr;
use speech::recognisers::limited::Limited;
use speech::recognisers::openai::OpenaiTranscriber;
use speech::recognisers::pocketsphinx::Pocketsphinx;
use speech::recognisers::segments::{Interim, Segments};
use speech::{Reach, Recogniser, SpeechError};

use super::Providers;

/// This machine's own, by name.
const HERE: &str = "pocketsphinx";
/// How long it may take for a speech, with the wait for a process.
const HERE_TIMEOUT_MS: u32 = 5_000;

/// What recognisers of a process share.
#[derive(Clone)]
pub(super) struct Hearers {
    reach: Reach,
    pocketsphinx: Pocketsphinx,
}

impl Hearers {
    pub(super) fn new(reach: Reach) -> Self {
        Self { reach, pocketsphinx: Pocketsphinx::new(HERE_TIMEOUT_MS) }
    }

    /// The recogniser of a provider, with its places; none where it does something else.
    pub(super) fn of(&self, provider: &Provider) -> Option<NamedRecogniser> {
        let Provider { config, places } = provider;
        let timeout_ms = config.timeout_ms;
        let reach = self.reach.clone();
        let recogniser: Arc<dyn Recogniser> = match &config.service {
            Service::OpenaiTranscription(service) => {
                let transcriber = OpenaiTranscriber::new(service, timeout_ms, reach);
                Arc::new(Segments::new(transcriber, Interim::Wanted))
            }
            Service::Deepgram(service) => Arc::new(Deepgram::new(service, timeout_ms, reach)),
            Service::Funasr(service) => Arc::new(Funasr::new(service, timeout_ms, reach)),
            Service::Pocketsphinx(_) => self.pocketsphinx(),
            _ => return None,
        };
        let recogniser = Arc::new(Limited::new(recogniser, config.at_once, Arc::clone(places)));
        Some(NamedRecogniser { name: config.name.clone(), recogniser, timeout_ms })
    }

    fn pocketsphinx(&self) -> Arc<dyn Recogniser> {
        Arc::new(Segments::new(self.pocketsphinx.clone(), Interim::Skipped))
    }
}

impl Providers {
    /// Who hears. A provider that is not there counts as one that failed.
    pub async fn recogniser(&self, enterprise: EnterpriseId, robot: &RobotConfig) -> FallingBack {
        let mut chain = Vec::new();
        let known = self.enterprise(enterprise);
        for name in &robot.speech.recognisers {
            match known.hears(name, |provider| self.0.hearers.of(provider)).await {
                Ok(Some(recogniser)) => chain.push(recogniser),
                Ok(None) => failed(name, &SpeechError::Failed("it is not there".into())),
                Err(error) => failed(name, &error),
            }
        }
        if robot.agent.script().is_some() {
            let recogniser = self.0.hearers.pocketsphinx();
            let (name, timeout_ms) = (HERE.to_owned(), HERE_TIMEOUT_MS);
            chain.push(NamedRecogniser { name, recogniser, timeout_ms });
        }
        FallingBack::new(chain, failed)
    }
}

fn failed(name: &str, error: &SpeechError) {
    super::failed("recogniser", name, error);
}
