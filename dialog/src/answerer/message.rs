//! When to speak a message to an answering machine.
//!
//! At the end of its beep; without one after a quiet that follows the greeting; and at a hard deadline, as some
//! greetings end in music. A message that begins too early loses its first words, one that never begins is none.

use super::DetectionSettings;
use super::hearing::Hearing;
use crate::transcript::Millis;

/// By what a message to a machine begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageCue {
    /// The beep was heard.
    Tone,
    /// The greeting seems to be over.
    Quiet,
    /// It has been long enough.
    Deadline,
}

impl MessageCue {
    /// The word that stands in the interaction log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Tone => "tone",
            Self::Quiet => "quiet",
            Self::Deadline => "deadline",
        }
    }
}

/// The first cue, as things stand, and its time.
pub(super) fn due(hearing: &Hearing, settings: &DetectionSettings) -> (Millis, MessageCue) {
    if let Some(at_ms) = hearing.tone_at() {
        return (at_ms, MessageCue::Tone);
    }
    let deadline = Millis::from(settings.message_deadline_ms);
    let quiet = hearing.quiet_since();
    match quiet.map(|since| since.saturating_add(settings.message_quiet_ms.into())) {
        Some(at_ms) if at_ms < deadline => (at_ms, MessageCue::Quiet),
        _ => (deadline, MessageCue::Deadline),
    }
}
