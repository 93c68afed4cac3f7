//! Who hears the customer's words.
//!
//! A call's recognition gets every frame of the customer, silence among them, and is told where a speech begins and ends:
//! that is decided outside of it, by voice activity. It gives partial results while a speech goes on, and one final
//! result for each that has ended.

use async_trait::async_trait;

use crate::failure::SpeechError;

/// Samples of a frame: 20 ms at the telephone's rate.
pub const FRAME_SAMPLES: usize = 160;
/// What is heard before voice activity has noticed a speech belongs to it, in milliseconds.
pub const PRE_ROLL_MS: u32 = 300;
/// The longest speech that is recognised as one, in milliseconds; what comes after it is a speech of its own.
pub const SPEECH_MS_MAX: u32 = 30_000;

/// 20 ms of what the customer said, at 8 kHz.
pub type Frame = [i16; FRAME_SAMPLES];

/// What a recognition may know of the call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RecognitionSpec {
    /// The language, as `en` or `zh`; empty: the provider's own choice.
    pub language: String,
    /// Words and phrases that are likely: the keywords of the agent's intents.
    pub phrases: Vec<String>,
    /// How strict it is with weak sounds, 0.0 to 1.0 (the guide's ASR figure).
    pub strictness: f32,
}

/// Hears words, for many calls at a time.
#[async_trait]
pub trait Recogniser: Send + Sync {
    /// Begin to listen on one call. Dropping what is returned ends the work at once.
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError>;
}

#[async_trait]
impl<R: Recogniser + ?Sized> Recogniser for std::sync::Arc<R> {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        (**self).open(spec).await
    }
}

/// The recognition of one call. It hears nothing of any other.
#[async_trait]
pub trait Recognition: Send {
    /// The next frame, in order. It never waits; where the provider does not keep up, the recognition fails at `next`.
    fn hear(&mut self, frame: &Frame);

    /// A speech began: with the last [`PRE_ROLL_MS`] of frames.
    fn begin(&mut self);

    /// The speech is over: its final result is wanted now.
    fn end(&mut self);

    /// What it has heard. Cancel safe. After an error nothing comes any more.
    async fn next(&mut self) -> Result<Recognised, SpeechError>;
}

/// A result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recognised {
    /// The words of the running speech so far.
    Partial { text: String },
    /// All words of a speech that has ended; empty when there were none. One for each speech, in order.
    Final { text: String },
}
