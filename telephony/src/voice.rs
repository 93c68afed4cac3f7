//! How words become sound on a line that carries sound.

use std::sync::Arc;

use dialog::navigation::PublishedSound;
use dialog::robot::SpeechSettings;
use outbound::ids::EnterpriseId;

use crate::media::Source;
use crate::recording::RATE;
use crate::spoken::{spoken_ms, words};

/// What is to be heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Say {
    pub text: String,
    /// With whose voice, on a line that carries sound.
    pub speech: Arc<SpeechSettings>,
    /// A sound that is played instead; the text is its words.
    pub sound: Option<PublishedSound>,
}

/// Makes sound at 8 kHz.
pub trait Voice: Send + Sync {
    /// What an enterprise's robot says; it may still be made while it plays.
    fn speak(&self, enterprise: EnterpriseId, say: Say) -> Source;
}

/// Tones, each as long as its word: what is heard where no voice is configured.
#[derive(Debug, Clone, Copy)]
pub struct Tones;

/// The longest text that is made into tones at once, in milliseconds.
const SPOKEN_MS_MAX: u64 = 600_000;
const PITCH_HZ: u64 = 330;
const LOUDNESS: f64 = 9_000.0;
const GAP_MS: u64 = 30;

impl Voice for Tones {
    fn speak(&self, _: EnterpriseId, Say { text, .. }: Say) -> Source {
        let text = text.as_str();
        let samples_a_ms = u64::from(RATE) / 1_000;
        let length = spoken_ms(text).min(SPOKEN_MS_MAX) * samples_a_ms;
        let mut samples = vec![0_i16; usize::try_from(length).unwrap_or(0)];
        let mut from_ms = 0;
        for word in words(text) {
            let tone = from_ms * samples_a_ms..(from_ms + word.ms - GAP_MS) * samples_a_ms;
            for at in tone.take_while(|at| *at < length) {
                let turn = (at * PITCH_HZ) as f64 / f64::from(RATE) * std::f64::consts::TAU;
                if let Ok(place) = usize::try_from(at) {
                    samples[place] = (turn.sin() * LOUDNESS) as i16;
                }
            }
            from_ms += word.ms;
        }
        Source::samples(Arc::from(samples))
    }
}
