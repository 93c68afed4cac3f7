//! Who speaks for a robot: the providers that it names, in their order, and espeak-ng after them.

use std::sync::Arc;

use dialog::robot::SpeechSettings;
use outbound::ids::EnterpriseId;
use outbound::provider::Service;
use speech::cached::Cached;
use speech::providers::Provider;
use speech::synthesisers::falling_back::{FallingBack, NamedSynthesiser};
use speech::synthesisers::limited::Limited;
use speech::synthesisers::openai::OpenaiSpeech;
use speech::synthesisers::piper::Piper;
use speech::synthesisers::plain::Plain;
use speech::{SpeechError, Synthesiser};

use super::{Providers, Shared};

/// This machine's own, by name.
const HERE: &str = "espeak-ng";

impl Providers {
    /// Who speaks. A provider that is not there counts as one that failed.
    pub async fn synthesiser(
        &self,
        enterprise: EnterpriseId,
        speech: &SpeechSettings,
    ) -> Arc<dyn Synthesiser> {
        let mut chain = Vec::new();
        let known = self.enterprise(enterprise);
        for name in &speech.synthesisers {
            let made = known.speaks(name, |provider, of| self.0.speaks(provider, of)).await;
            match made {
                Ok(Some(synthesiser)) => {
                    chain.push(NamedSynthesiser { name: name.clone(), synthesiser });
                }
                Ok(None) => failed(name, &SpeechError::Failed("it is not there".into())),
                Err(error) => failed(name, &error),
            }
        }
        let here = Cached::sharing(&self.0.spoken, HERE, self.0.espeak.clone());
        chain.push(NamedSynthesiser { name: HERE.into(), synthesiser: Arc::new(here) });
        Arc::new(Plain::new(FallingBack::new(chain, failed)))
    }
}

impl Shared {
    fn speaks(&self, provider: &Provider, of: &str) -> Option<Arc<dyn Synthesiser>> {
        let config = &provider.config;
        let (at_once, timeout_ms) = (config.at_once, config.timeout_ms);
        let synthesiser: Arc<dyn Synthesiser> = match &config.service {
            Service::OpenaiSpeech(service) => {
                let speech = OpenaiSpeech::new(service, timeout_ms, self.reach.clone());
                Arc::new(Cached::sharing(&self.spoken, of, Limited::new(speech, at_once)))
            }
            Service::Piper(service) => {
                let speech = Piper::new(&self.piper, service, timeout_ms);
                Arc::new(Cached::sharing(&self.spoken, of, Limited::new(speech, at_once)))
            }
            Service::Espeak(service) => {
                let speech = self.espeak.configured(service, timeout_ms);
                Arc::new(Cached::sharing(&self.spoken, of, Limited::new(speech, at_once)))
            }
            _ => return None,
        };
        Some(synthesiser)
    }
}

fn failed(name: &str, error: &SpeechError) {
    metrics::counter!("callwright_provider_failed_total", "kind" => "synthesiser").increment(1);
    tracing::warn!(provider = name, %error, "a provider does not speak");
}
