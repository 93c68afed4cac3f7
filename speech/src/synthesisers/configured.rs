//! Synthesisers as people configure them.

use std::sync::Arc;

use outbound::provider::Service;

use super::falling_back::NamedSynthesiser;
use super::limited::Limited;
use super::openai::OpenaiSpeech;
use super::piper::{Piper, PiperProcesses};
use crate::cached::{Cached, SpokenTexts};
use crate::espeak::Espeak;
use crate::providers::Provider;
use crate::reach::Reach;
use crate::synthesis::Synthesiser;

/// What the synthesisers of a process share. Clones share it, too.
#[derive(Clone)]
pub struct Speakers {
    pub reach: Reach,
    pub espeak: Espeak,
    pub piper: PiperProcesses,
    pub spoken: SpokenTexts,
}

impl Speakers {
    /// The synthesiser of a provider, with its memory and its places; none where the provider does something else.
    ///
    /// `id` tells the provider from all others in the memory, and one version of its configuration from the next.
    pub fn of(&self, id: &str, provider: &Provider) -> Option<NamedSynthesiser> {
        let Provider { config, places } = provider;
        let timeout_ms = config.timeout_ms;
        let speaks: Arc<dyn Synthesiser> = match &config.service {
            Service::OpenaiSpeech(service) => {
                Arc::new(OpenaiSpeech::new(service, timeout_ms, self.reach.clone()))
            }
            Service::Piper(service) => Arc::new(Piper::new(&self.piper, service, timeout_ms)),
            Service::Espeak(service) => Arc::new(self.espeak.configured(service, timeout_ms)),
            _ => return None,
        };
        let limited = Limited::new(speaks, config.at_once, Arc::clone(places));
        let synthesiser = Arc::new(Cached::sharing(&self.spoken, id, limited));
        Some(NamedSynthesiser { name: config.name.clone(), synthesiser })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::failure::SpeechError;
    use crate::synthesis::SpeechWish;
    use crate::synthesisers::falling_back::FallingBack;
    use crate::synthesisers::piper::PiperProgram;
    use crate::synthesisers::plain::Plain;

    fn speakers() -> Speakers {
        let program = PiperProgram { python: "/nowhere".into(), voices: "/nowhere".into() };
        Speakers {
            reach: Reach::new(&[]).unwrap(),
            espeak: Espeak::default(),
            piper: PiperProcesses::new(program),
            spoken: SpokenTexts::default(),
        }
    }

    fn provider(config: Value) -> Provider {
        Provider {
            config: Arc::new(serde_json::from_value(config).unwrap()),
            places: Arc::default(),
        }
    }

    #[tokio::test]
    async fn a_chain_of_providers_speaks_with_the_first_that_can() {
        let (speakers, failed) = (speakers(), Arc::new(std::sync::Mutex::new(Vec::new())));
        let url = "http://127.0.0.1:1/v1";
        let openai =
            json!({"name": "o", "driver": "openai_speech", "url": url, "model": "m", "voice": "v"});
        let others =
            [json!({"name": "p", "driver": "piper"}), json!({"name": "e", "driver": "espeak"})];
        let chain = [openai].into_iter().chain(others);
        let chain = chain.filter_map(|config| speakers.of("1", &provider(config))).collect();
        let told = Arc::clone(&failed);
        let chain = FallingBack::new(chain, move |name, error| {
            told.lock().unwrap().push((name.to_owned(), error.clone()));
        });
        let wish = SpeechWish { text: "Hello.\u{0}".into(), ..SpeechWish::default() };
        let mut speech = Plain::new(chain).speak(&wish).await.unwrap();
        assert!(!speech.next().await.unwrap().unwrap().is_empty());
        let failed = failed.lock().unwrap();
        assert!(matches!(
            &failed[..],
            [(o, SpeechError::NotAllowed(_)), (p, SpeechError::Failed(_))] if o == "o" && p == "p"
        ));
    }

    #[test]
    fn a_provider_that_hears_or_thinks_does_not_speak() {
        let other = provider(json!({"name": "x", "driver": "pocketsphinx"}));
        assert!(speakers().of("1", &other).is_none());
    }
}
