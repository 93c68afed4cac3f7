//! The robot's voice on lines that carry sound.

use std::sync::Arc;

use speech::Synthesiser;
use telephony::media::Source;
use telephony::voice::Voice;

/// Samples that are handed on at a time: a second.
const PIECE: usize = 8_000;

/// Speaks with a synthesiser. A text that can't be spoken is silence, and is told of in the log.
pub struct SpokenVoice {
    synthesiser: Arc<dyn Synthesiser>,
}

impl SpokenVoice {
    pub fn new(synthesiser: impl Synthesiser + 'static) -> Self {
        Self { synthesiser: Arc::new(synthesiser) }
    }
}

impl Voice for SpokenVoice {
    fn speak(&self, text: &str) -> Source {
        let (stream, source) = Source::stream();
        let (synthesiser, text) = (Arc::clone(&self.synthesiser), text.to_owned());
        // It ends by itself: when the text is spoken, or when nobody listens any more.
        tokio::spawn(async move {
            match synthesiser.speak(&text).await {
                Ok(samples) => {
                    for piece in samples.chunks(PIECE) {
                        if stream.add(piece.to_vec()).await.is_err() {
                            return;
                        }
                    }
                }
                Err(error) => {
                    metrics::counter!("callwright_speech_failed_total").increment(1);
                    tracing::error!(%error, "a text is not spoken");
                }
            }
        });
        source
    }
}
