//! Who speaks the robot's words.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;

use crate::failure::SpeechError;

/// Samples a second of all speech, as on a telephone.
pub const RATE: u32 = 8_000;
/// The longest text that is spoken at once, in characters. Whoever has more speaks it in parts.
pub const TEXT_MAX: usize = 2_000;
/// Pieces of speech that wait to be taken.
const PIECES_MAX: usize = 8;

/// What is to be spoken, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct SpeechWish {
    pub text: String,
    /// The voice; empty: the provider's own.
    pub voice: String,
    /// The language, as `en` or `zh`; empty: told from the text, or the provider's own.
    pub language: String,
}

/// Turns text into speech, for many calls at a time.
#[async_trait]
pub trait Synthesiser: Send + Sync {
    /// Begin to speak. It returns when the first samples are there, so that whoever waits can ask another in time.
    /// Dropping the future, or the stream, ends the work.
    ///
    /// A text without a word that can be spoken is a stream without samples.
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError>;
}

/// Speech as it is made: pieces of samples at [`RATE`]. Many calls hear the same text, so they share its samples.
#[derive(Debug)]
pub struct SpokenStream(mpsc::Receiver<Result<Arc<[i16]>, SpeechError>>);

/// Where a synthesiser puts the speech that it makes.
#[derive(Debug, Clone)]
pub struct SpokenSink(mpsc::Sender<Result<Arc<[i16]>, SpeechError>>);

impl SpokenStream {
    /// A stream, and the end at which it is filled.
    pub fn new() -> (SpokenSink, Self) {
        let (sender, receiver) = mpsc::channel(PIECES_MAX);
        (SpokenSink(sender), Self(receiver))
    }

    /// Speech that is there already.
    pub fn of(samples: impl Into<Arc<[i16]>>) -> Self {
        let (sink, stream) = Self::new();
        let samples: Arc<[i16]> = samples.into();
        if !samples.is_empty() {
            // There is room for the first piece.
            let _ = sink.0.try_send(Ok(samples));
        }
        stream
    }

    /// The next piece; none when all of it was spoken. After an error nothing comes any more. Cancel safe.
    pub async fn next(&mut self) -> Option<Result<Arc<[i16]>, SpeechError>> {
        self.0.recv().await
    }
}

impl SpokenSink {
    /// Add a piece; false when nobody listens any more, and the work is to end.
    pub async fn add(&self, samples: impl Into<Arc<[i16]>>) -> bool {
        self.0.send(Ok(samples.into())).await.is_ok()
    }

    /// The speech ends here, as its making has failed.
    pub async fn fail(&self, error: SpeechError) {
        // Nobody may listen any more, and then nobody needs to know.
        let _ = self.0.send(Err(error)).await;
    }
}
