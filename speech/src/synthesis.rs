//! Who speaks the robot's words.

use std::sync::Arc;

use async_trait::async_trait;

/// Samples a second of all speech, as on a telephone.
pub const RATE: u32 = 8_000;
/// The longest text that is spoken at once, in characters. Whoever has more speaks it in parts.
pub const TEXT_MAX: usize = 2_000;

/// Turns text into speech.
#[async_trait]
pub trait Synthesiser: Send + Sync {
    /// The text as speech: samples of [`RATE`], one channel. Dropping the future ends the work.
    ///
    /// A text without a word that can be spoken comes back as no samples.
    async fn speak(&self, text: &str) -> Result<Arc<[i16]>, SynthesisError>;
}

/// Why there is no speech. None of them quotes the text.
#[derive(Debug, thiserror::Error)]
pub enum SynthesisError {
    #[error("a text of {0} characters is longer than {TEXT_MAX}")]
    TooLong(usize),
    #[error("the synthesiser did not answer in time")]
    TimedOut,
    #[error("the synthesiser failed: {0}")]
    Failed(String),
}
