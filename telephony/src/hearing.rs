//! What the conversation hears of a call, on every line that carries sound: keys, speech, the progress of what is
//! played.

mod playlist;

use std::time::{Duration, Instant};

use dialog::conversation::Input;
use dialog::robot::END_OF_SPEECH_MS;
use outbound::ids::AttemptId;

use crate::media::{Happened, MediaEvent, Session, Source};
use playlist::Playlist;

/// Something that is heard, and when it was.
pub(crate) type Heard = (Instant, Input);

/// The ear of one call.
///
/// The customer's speech is known by voice activity alone. Without a recogniser it has no words, and ends as noise
/// would: with an empty text.
pub(crate) struct Hearing {
    attempt: AttemptId,
    playlist: Playlist,
    end_of_speech: Duration,
    speaking: bool,
    /// When the silence after a voice ends the speech.
    ends_at: Option<tokio::time::Instant>,
}

impl Hearing {
    pub(crate) fn of(attempt: AttemptId) -> Self {
        let end_of_speech = Duration::from_millis(END_OF_SPEECH_MS.into());
        let playlist = Playlist::default();
        Self { attempt, playlist, end_of_speech, speaking: false, ends_at: None }
    }

    pub(crate) fn listen(&mut self, end_of_speech_ms: u64) {
        self.end_of_speech = Duration::from_millis(end_of_speech_ms);
    }

    /// When the customer's speech ends, unless a voice is heard before.
    pub(crate) fn due(&self) -> Option<tokio::time::Instant> {
        self.ends_at
    }

    /// Play this, after what plays already. Returns what there is to tell.
    pub(crate) fn play(&mut self, session: &Session, utterance: u64, source: Source) -> Vec<Heard> {
        now(self.playlist.add(session, utterance, source))
    }

    /// Play it no more. How much of it was heard comes later, where it has begun.
    pub(crate) fn stop(&mut self, session: &Session, utterance: u64) -> Vec<Heard> {
        now(self.playlist.stop(session, utterance))
    }

    /// What the media plane told of the call.
    pub(crate) fn hear(&mut self, session: &Session, event: MediaEvent) -> Vec<Heard> {
        let at = event.at;
        match event.what {
            Happened::Digit { digit } => vec![(at, Input::Digit(digit.as_char()))],
            Happened::SpeechStarted => {
                self.ends_at = None;
                let goes_on = std::mem::replace(&mut self.speaking, true);
                if goes_on { Vec::new() } else { vec![(at, Input::SpeechStarted)] }
            }
            Happened::SpeechStopped => {
                let ends = tokio::time::Instant::now() + self.end_of_speech;
                self.ends_at = self.speaking.then_some(ends);
                Vec::new()
            }
            Happened::PlaybackStarted { .. }
            | Happened::PlaybackFinished { .. }
            | Happened::PlaybackStopped { .. } => {
                let told = self.playlist.on(session, event.what);
                told.into_iter().map(|input| (at, input)).collect()
            }
            Happened::RecordingFailed => {
                tracing::error!(attempt = %self.attempt, "a recording is lost; the call goes on");
                Vec::new()
            }
            Happened::DigitsRefused => {
                tracing::warn!(attempt = %self.attempt, "keys can't be pressed on this call");
                Vec::new()
            }
            Happened::DigitsSent
            | Happened::Tone { .. }
            | Happened::WireSilent
            | Happened::WireBack
            | Happened::PeerSaidBye
            | Happened::BridgeEnded => Vec::new(),
        }
    }

    /// The end of the customer's speech, where the silence after their voice was long enough.
    pub(crate) fn speech_ends(&mut self, now: tokio::time::Instant) -> Option<Heard> {
        self.ends_at.take_if(|ends| *ends <= now)?;
        self.speaking = false;
        Some((Instant::now(), Input::SpeechFinal { text: String::new() }))
    }
}

fn now(told: Vec<Input>) -> Vec<Heard> {
    let now = Instant::now();
    told.into_iter().map(|input| (now, input)).collect()
}
