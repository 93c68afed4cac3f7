//! What the conversation hears of a call, on every line that carries sound: keys, speech, the progress of what is
//! played.

mod playlist;

use std::time::Instant;

use dialog::conversation::Input;
use outbound::ids::AttemptId;

use crate::media::{Happened, MediaEvent, STOPS_AFTER, Session, Source};
use playlist::Playlist;

/// Something that is heard, and when it was.
pub(crate) type Heard = (Instant, Input);

/// The ear of one call.
///
/// It tells when the customer's voice begins and pauses. Which words they are, and when a speech is over, is for whoever
/// listens to the call's [`Audio`](crate::media::Audio).
pub(crate) struct Hearing {
    attempt: AttemptId,
    playlist: Playlist,
}

impl Hearing {
    pub(crate) fn of(attempt: AttemptId) -> Self {
        Self { attempt, playlist: Playlist::default() }
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
            Happened::SpeechStarted => vec![(at, Input::SpeechStarted)],
            Happened::SpeechStopped => {
                // It was over before the plane was sure of it.
                let ended = at.checked_sub(STOPS_AFTER).unwrap_or(at);
                vec![(ended, Input::VoicePaused)]
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
}

fn now(told: Vec<Input>) -> Vec<Heard> {
    let now = Instant::now();
    told.into_iter().map(|input| (now, input)).collect()
}
