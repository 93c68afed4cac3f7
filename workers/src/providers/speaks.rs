//! Who speaks for a robot: the providers that it names, in their order, and espeak-ng after them.

use std::sync::Arc;

use dialog::robot::SpeechSettings;
use outbound::ids::EnterpriseId;
use speech::cached::Cached;
use speech::synthesisers::falling_back::{FallingBack, NamedSynthesiser};
use speech::synthesisers::plain::Plain;
use speech::{SpeechError, Synthesiser};

use super::Providers;

/// This machine's own, by name.
const HERE: &str = "espeak-ng";

impl Providers {
    /// Who speaks. A provider that is not there counts as one that failed.
    pub async fn synthesiser(
        &self,
        enterprise: EnterpriseId,
        speech: &SpeechSettings,
    ) -> Arc<dyn Synthesiser> {
        let speakers = &self.0.speakers;
        let mut chain = Vec::new();
        let known = self.enterprise(enterprise);
        for name in &speech.synthesisers {
            let made = known.speaks(name, |provider, of| speakers.of(of, provider)).await;
            match made {
                Ok(Some(synthesiser)) => chain.push(synthesiser),
                Ok(None) => failed(name, &SpeechError::Failed("it is not there".into())),
                Err(error) => failed(name, &error),
            }
        }
        let here = Cached::sharing(&speakers.spoken, HERE, speakers.espeak.clone());
        chain.push(NamedSynthesiser { name: HERE.into(), synthesiser: Arc::new(here) });
        Arc::new(Plain::new(FallingBack::new(chain, failed)))
    }
}

fn failed(name: &str, error: &SpeechError) {
    super::failed("synthesiser", name, error);
}
