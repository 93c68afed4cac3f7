//! What is heard on a call: keys, speech, the progress of what is played.

use std::time::{Duration, Instant};

use dialog::conversation::Input;
use dialog::robot::END_OF_SPEECH_MS;

use super::Call;
use crate::carrier::CallEvent;
use crate::media::{Happened, MediaEvent};

/// The customer's speech, by voice activity alone.
///
/// Without a recogniser it has no words, and ends as noise would: with an empty text.
pub(super) struct Hearing {
    end_of_speech: Duration,
    speaking: bool,
    /// When the silence after a voice ends the speech.
    ends_at: Option<tokio::time::Instant>,
}

impl Default for Hearing {
    fn default() -> Self {
        let end_of_speech = Duration::from_millis(END_OF_SPEECH_MS.into());
        Self { end_of_speech, speaking: false, ends_at: None }
    }
}

impl Hearing {
    pub(super) fn listen(&mut self, end_of_speech_ms: u64) {
        self.end_of_speech = Duration::from_millis(end_of_speech_ms);
    }

    pub(super) fn due(&self) -> Option<tokio::time::Instant> {
        self.ends_at
    }
}

impl Call {
    pub(super) fn heard(&mut self, event: MediaEvent) {
        match event.what {
            Happened::Digit { digit } => self.tell(event.at, Input::Digit(digit.as_char())),
            Happened::SpeechStarted => {
                self.hearing.ends_at = None;
                if !std::mem::replace(&mut self.hearing.speaking, true) {
                    self.tell(event.at, Input::SpeechStarted);
                }
            }
            Happened::SpeechStopped if self.hearing.speaking => {
                let ends = tokio::time::Instant::now() + self.hearing.end_of_speech;
                self.hearing.ends_at = Some(ends);
            }
            Happened::PlaybackStarted { .. }
            | Happened::PlaybackFinished { .. }
            | Happened::PlaybackStopped { .. } => {
                let told = self.playlist.on(&self.session, event.what);
                self.told_of_playing(event.at, told);
            }
            Happened::RecordingFailed => {
                tracing::error!(attempt = %self.order.attempt, "a recording is lost; the call goes on");
            }
            Happened::DigitsRefused => {
                tracing::warn!(attempt = %self.order.attempt, "keys can't be pressed on this call");
            }
            Happened::SpeechStopped
            | Happened::DigitsSent
            | Happened::Tone { .. }
            | Happened::WireSilent
            | Happened::WireBack
            | Happened::PeerSaidBye
            | Happened::BridgeEnded => {}
        }
    }

    /// The silence after the customer's voice was long enough.
    pub(super) fn speech_ends(&mut self, now: tokio::time::Instant) {
        if self.hearing.ends_at.take_if(|ends| *ends <= now).is_some() {
            self.hearing.speaking = false;
            self.tell(Instant::now(), Input::SpeechFinal { text: String::new() });
        }
    }

    pub(super) fn told_of_playing(&mut self, at: Instant, told: Vec<Input>) {
        for input in told {
            self.tell(at, input);
        }
    }

    fn tell(&mut self, at: Instant, input: Input) {
        let at = self.at(at);
        self.events.tell(CallEvent::Heard { at, input });
    }
}
