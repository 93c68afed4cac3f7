//! Whether somebody speaks, by Silero's voice detection: it confirms what the cheap detection takes for an interruption.
//!
//! The cheap detection (`webrtc-vad`, in the media plane) hears speech in most loud noise. Silero does not take tones, keys,
//! clicks, music or a full room for speech. It does hear a few people who talk behind the customer, as they do speak; only
//! the loudness tells them apart, so what is quieter than [`LOUD_DBFS_MIN`] confirms nothing.

use super::FRAME_SAMPLES;
use super::models::{CONTEXT_SAMPLES, ModelError, Models, VoiceState, WINDOW_SAMPLES};

/// A window has speech from this probability on.
pub const SPEECH_MIN: f32 = 0.5;
/// A window that is quieter than this is nobody who speaks into the telephone: in decibels below the loudest square wave.
/// Speech on a telephone line is around -26.
pub const LOUD_DBFS_MIN: f32 = -50.0;
/// So many of the last windows with speech confirm it.
const CONFIRMING: u32 = 3;
/// The windows that are looked back on, as a mask of bits: four, 128 ms. A syllable or a click is shorter.
const RECENT: u8 = 0b1111;

/// Listens to one call.
pub struct VoiceCheck {
    models: Models,
    state: VoiceState,
    /// The end of the last window, then what was heard since.
    heights: [f32; CONTEXT_SAMPLES + WINDOW_SAMPLES + FRAME_SAMPLES],
    filled: usize,
    /// The latest windows, one bit each, the newest lowest: set for speech that is loud enough.
    recent: u8,
}

impl VoiceCheck {
    /// Starts to listen.
    #[must_use]
    pub fn new(models: &Models) -> Self {
        Self {
            models: models.clone(),
            state: VoiceState::default(),
            heights: [0.0; CONTEXT_SAMPLES + WINDOW_SAMPLES + FRAME_SAMPLES],
            filled: CONTEXT_SAMPLES,
            recent: 0,
        }
    }

    /// Hears the next frame. A window is 32 ms, so at most every frame but often only every other completes one; then
    /// the probability that somebody speaks in it comes back.
    ///
    /// # Errors
    ///
    /// When the model fails. The window is skipped, and the next frame may be given.
    pub fn hear(&mut self, frame: &[i16; FRAME_SAMPLES]) -> Result<Option<f32>, ModelError> {
        let place = &mut self.heights[self.filled..self.filled + FRAME_SAMPLES];
        for (height, sample) in place.iter_mut().zip(frame) {
            *height = f32::from(*sample) / 32_768.0;
        }
        self.filled += FRAME_SAMPLES;
        if self.filled < CONTEXT_SAMPLES + WINDOW_SAMPLES {
            return Ok(None);
        }
        let window = &self.heights[..CONTEXT_SAMPLES + WINDOW_SAMPLES];
        let loud = dbfs(&window[CONTEXT_SAMPLES..]) >= LOUD_DBFS_MIN;
        let judged = self.models.voice(window, &self.state);
        self.heights.copy_within(WINDOW_SAMPLES..self.filled, 0);
        self.filled -= WINDOW_SAMPLES;
        let (probability, state) = judged?;
        self.state = state;
        let speech = loud && probability >= SPEECH_MIN;
        self.recent = (self.recent << 1 | u8::from(speech)) & RECENT;
        Ok(Some(probability))
    }

    /// Whether the customer has been speaking for the last moments: three of the last four windows had speech. It turns
    /// true 100 to 200 ms after the speech began, and false as long after it ended.
    #[must_use]
    pub fn confirms(&self) -> bool {
        self.recent.count_ones() >= CONFIRMING
    }

    /// Forgets all that was heard. After a gap in what is heard, the model would join two ends that never met.
    pub fn reset(&mut self) {
        *self = Self::new(&self.models);
    }
}

impl std::fmt::Debug for VoiceCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("VoiceCheck").field("confirms", &self.confirms()).finish_non_exhaustive()
    }
}

/// How loud a window is, in decibels below the loudest square wave.
fn dbfs(heights: &[f32]) -> f32 {
    let squares: f32 = heights.iter().map(|height| height * height).sum();
    10.0 * (squares / heights.len() as f32).log10()
}
