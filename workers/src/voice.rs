//! The robot's voice on lines that carry sound.

use std::sync::Arc;

use outbound::ids::EnterpriseId;
use quick_cache::sync::Cache;
use speech::{SpeechError, SpeechWish};
use storage::objects::Objects;
use telephony::media::{Source, SpeechStream};
use telephony::voice::{Say, Voice};
use tokio::io::AsyncReadExt;

use crate::providers::Providers;

/// Sounds that are kept in memory, and the longest file of one: 10 min of 16-bit samples and their header.
const SOUNDS: usize = 50;
const SOUND_BYTES_MAX: u64 = 10 * 60 * 16_000 + 1_024;

/// Speaks with the synthesisers that each robot names, and plays sounds out of the object store. What can't be made into
/// sound is told of in the log; the line tells the conversation that nothing of it was heard.
#[derive(Clone)]
pub struct SpokenVoice {
    providers: Providers,
    objects: Objects,
    sounds: Arc<Cache<String, Arc<[i16]>>>,
}

impl SpokenVoice {
    pub fn new(providers: Providers, objects: Objects) -> Self {
        Self { providers, objects, sounds: Arc::new(Cache::new(SOUNDS)) }
    }

    async fn heard(
        &self,
        enterprise: EnterpriseId,
        say: &Say,
        stream: &SpeechStream,
    ) -> Result<(), SpeechError> {
        if let Some(sound) = &say.sound {
            match self.sound(&sound.object).await {
                Ok(samples) => {
                    // Nobody may listen any more.
                    drop(stream.add(samples).await);
                    return Ok(());
                }
                Err(error) => {
                    tracing::error!(%error, "a sound can't be played; its words are spoken");
                }
            }
        }
        let synthesiser = self.providers.synthesiser(enterprise, &say.speech).await;
        let wish = SpeechWish {
            text: say.text.clone(),
            voice: say.speech.voice.clone(),
            language: say.speech.language.clone(),
        };
        let mut speech = synthesiser.speak(&wish).await?;
        while let Some(piece) = speech.next().await {
            if stream.add(piece?).await.is_err() {
                // Nobody listens any more.
                return Ok(());
            }
        }
        Ok(())
    }

    /// The samples of a sound: 16 bits, 8 kHz, one channel, as it was kept when it was uploaded.
    async fn sound(&self, object: &str) -> Result<Arc<[i16]>, SpeechError> {
        if let Some(samples) = self.sounds.get(object) {
            return Ok(samples);
        }
        let body = self.objects.get(object).await.map_err(SpeechError::failed)?;
        let mut file = Vec::new();
        let mut read = body.into_read().take(SOUND_BYTES_MAX);
        read.read_to_end(&mut file).await.map_err(SpeechError::failed)?;
        let samples: Arc<[i16]> = samples(&file)?.into();
        self.sounds.insert(object.to_owned(), Arc::clone(&samples));
        Ok(samples)
    }
}

fn samples(file: &[u8]) -> Result<Vec<i16>, SpeechError> {
    let wav = hound::WavReader::new(file).map_err(SpeechError::failed)?;
    let spec = wav.spec();
    if (spec.channels, spec.sample_rate, spec.bits_per_sample) != (1, 8_000, 16) {
        return Err(SpeechError::failed("it is not 8 kHz, 16 bits, one channel"));
    }
    wav.into_samples().collect::<Result<_, _>>().map_err(SpeechError::failed)
}

impl Voice for SpokenVoice {
    fn speak(&self, enterprise: EnterpriseId, say: Say) -> Source {
        let (stream, source) = Source::stream();
        let voice = self.clone();
        // It ends by itself: when all was heard, or when nobody listens any more.
        tokio::spawn(async move {
            if let Err(error) = voice.heard(enterprise, &say, &stream).await {
                metrics::counter!("callwright_speech_failed_total").increment(1);
                tracing::error!(%error, "a text is not spoken to its end");
            }
        });
        source
    }
}
