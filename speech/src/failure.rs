//! Why a provider gave nothing. None of these quotes what was said.

/// What went wrong with a provider.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SpeechError {
    /// Every place that it may use at a time is taken.
    #[error("all {0} places of the provider are taken")]
    Overloaded(u32),
    #[error("the provider did not answer in time")]
    TimedOut,
    #[error("a text of {0} characters is too long")]
    TooLong(usize),
    /// Its address leads where it must not.
    #[error("the provider's address is not allowed: {0}")]
    NotAllowed(String),
    #[error("the provider failed: {0}")]
    Failed(String),
}

impl SpeechError {
    pub fn failed(error: impl std::fmt::Display) -> Self {
        Self::Failed(error.to_string())
    }
}
