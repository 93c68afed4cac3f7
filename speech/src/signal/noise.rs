//! Noise suppression: what is said stays, and the hall, the street and the engine behind it become quieter.
//!
//! It is WebRTC's suppressor, which learns the background within a second of it and then turns down the parts of the sound
//! that are no louder than that. Speech of other people near the customer is speech, and stays.

use dialog::robot::NoiseReduction;
use sonora::config::{NoiseSuppression, NoiseSuppressionLevel};
use sonora::{AudioProcessing, Config, StreamConfig};

use super::{FRAME_SAMPLES, RATE};

/// The suppressor takes 10 ms at a time, two pieces a frame.
const PIECE_SAMPLES: usize = RATE / 100;

/// Filters the sound of one call. It learns the background of that call, so each call has its own.
pub struct NoiseFilter {
    processing: AudioProcessing,
}

impl NoiseFilter {
    /// By how much the filtered sound is late, in samples. It is 9 ms for all levels.
    pub const DELAY_SAMPLES: usize = 72;

    /// The filter of a level; none when nothing is to be filtered.
    #[must_use]
    pub fn new(level: NoiseReduction) -> Option<Self> {
        let level = match level {
            NoiseReduction::Off => return None,
            NoiseReduction::Low => NoiseSuppressionLevel::Low,
            NoiseReduction::Medium => NoiseSuppressionLevel::Moderate,
            NoiseReduction::High => NoiseSuppressionLevel::High,
            NoiseReduction::VeryHigh => NoiseSuppressionLevel::VeryHigh,
        };
        let suppression = NoiseSuppression { level, ..NoiseSuppression::default() };
        let config = Config { noise_suppression: Some(suppression), ..Config::default() };
        let telephone = StreamConfig::new(RATE as u32, 1);
        let builder = AudioProcessing::builder().config(config);
        let processing = builder.capture_config(telephone).render_config(telephone).build();
        Some(Self { processing })
    }

    /// Filters the next frame in place. What comes out is [`Self::DELAY_SAMPLES`] older than what went in.
    pub fn filter(&mut self, frame: &mut [i16; FRAME_SAMPLES]) {
        let mut filtered = [0; PIECE_SAMPLES];
        for piece in frame.chunks_exact_mut(PIECE_SAMPLES) {
            // It refuses nothing but rates and channels, and these are the ones that it was made for. Were it to refuse,
            // the customer would be heard as they are.
            if self.processing.process_capture_i16(piece, &mut filtered).is_ok() {
                piece.copy_from_slice(&filtered);
            }
        }
    }
}

impl std::fmt::Debug for NoiseFilter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NoiseFilter").finish_non_exhaustive()
    }
}
