//! The robot's voice on lines that carry sound.

use std::sync::Arc;

use dialog::robot::SpeechSettings;
use outbound::ids::EnterpriseId;
use speech::{SpeechError, SpeechWish, Synthesiser};
use telephony::media::{Source, SpeechStream};
use telephony::voice::Voice;

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
    fn speak(&self, _: EnterpriseId, text: &str, speech: &Arc<SpeechSettings>) -> Source {
        let (stream, source) = Source::stream();
        let synthesiser = Arc::clone(&self.synthesiser);
        let SpeechSettings { voice, language, .. } = SpeechSettings::clone(speech);
        let wish = SpeechWish { text: text.to_owned(), voice, language };
        // It ends by itself: when the text is spoken, or when nobody listens any more.
        tokio::spawn(async move {
            if let Err(error) = spoken(&*synthesiser, &wish, &stream).await {
                metrics::counter!("callwright_speech_failed_total").increment(1);
                tracing::error!(%error, "a text is not spoken to its end");
            }
        });
        source
    }
}

async fn spoken(
    synthesiser: &dyn Synthesiser,
    wish: &SpeechWish,
    stream: &SpeechStream,
) -> Result<(), SpeechError> {
    let mut speech = synthesiser.speak(wish).await?;
    while let Some(piece) = speech.next().await {
        if stream.add(piece?).await.is_err() {
            // Nobody listens any more.
            return Ok(());
        }
    }
    Ok(())
}
