//! Whether the customer has finished, by Smart Turn: it listens to how a sentence ends, not to its words.
//!
//! It is a hint. A turn that sounds complete may end after a shorter silence, and one that sounds incomplete waits longer.
//! It is wrong for about one pause in ten, so it alone never ends a turn.
//!
//! A judgement takes some 60 ms of one core (see `models` for which thread works). The caller bounds how many are asked for
//! at a time, and goes on without the hint when it comes too late.

use std::collections::VecDeque;
use std::sync::Arc;

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

use super::mel::{self, Mel};
use super::models::{ModelError, Models};
use super::{FRAME_SAMPLES, RATE};

/// Sound of a turn that is kept and judged: the last 8 s of it. The model knows no more.
pub const TURN_SAMPLES_MAX: usize = 8 * RATE;
/// Sound from before the turn that belongs to it: half a second of what surrounds the speech, and 200 ms by which the
/// detection of speech is late. Without it the model misses how the first word begins.
pub const PRE_ROLL_SAMPLES: usize = 7 * RATE / 10;
/// Samples that are brought to the model's rate at a time.
const CHUNK_SAMPLES: usize = 1_024;

/// The sound of the customer's turn so far, at most [`TURN_SAMPLES_MAX`] of it.
#[derive(Debug, Clone, Default)]
pub struct TurnSound {
    samples: VecDeque<i16>,
    speaking: bool,
}

impl TurnSound {
    /// Hears the next frame, in a turn or not. The oldest sound makes room.
    pub fn hear(&mut self, frame: &[i16; FRAME_SAMPLES]) {
        self.samples.extend(frame);
        let kept = if self.speaking { TURN_SAMPLES_MAX } else { PRE_ROLL_SAMPLES };
        self.samples.drain(..self.samples.len().saturating_sub(kept));
    }

    /// The customer has begun to speak: from now on all that is heard is of their turn, and so is the last of what was
    /// heard before. In a turn it changes nothing.
    pub fn begin(&mut self) {
        self.speaking = true;
    }

    /// The turn has ended.
    pub fn end(&mut self) {
        *self = Self::default();
    }

    /// What [`TurnHint::judge`] judges.
    #[must_use]
    pub fn samples(&self) -> Vec<i16> {
        self.samples.iter().copied().collect()
    }
}

/// Judges turns, of any call and on any thread.
#[derive(Clone)]
pub struct TurnHint {
    models: Models,
    mel: Arc<Mel>,
}

impl TurnHint {
    /// One serves a whole process.
    #[must_use]
    pub fn new(models: &Models) -> Self {
        Self { models: models.clone(), mel: Arc::new(Mel::new()) }
    }

    /// The probability that a turn is complete. `turn` is all of it at 8,000 samples a second, up to a pause of 200 ms or
    /// more, as [`TurnSound`] keeps it; of a longer one the last [`TURN_SAMPLES_MAX`] are judged.
    ///
    /// # Errors
    ///
    /// When the model fails.
    pub fn judge(&self, turn: &[i16]) -> Result<f32, ModelError> {
        let turn = &turn[turn.len().saturating_sub(TURN_SAMPLES_MAX)..];
        self.judge_wide(&widened(turn)?)
    }

    /// The same for sound at the model's own rate, at most 8 s of it. The end of the window is the end of the turn;
    /// silence fills what is before.
    fn judge_wide(&self, turn: &[f32]) -> Result<f32, ModelError> {
        let turn = &turn[turn.len().saturating_sub(mel::SAMPLES)..];
        let mut sound = vec![0.0; mel::SAMPLES - turn.len()];
        sound.extend_from_slice(turn);
        self.models.turn(self.mel.picture(sound)?)
    }
}

impl std::fmt::Debug for TurnHint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TurnHint").finish_non_exhaustive()
    }
}

/// The sound at 16,000 samples a second, its heights from -1 to 1. The model takes sound of 8,000 without complaint, at
/// double speed and an octave too high, and then says "complete" at every pause.
fn widened(turn: &[i16]) -> Result<Vec<f32>, ModelError> {
    if turn.is_empty() {
        return Ok(Vec::new());
    }
    let failed = |error: &dyn std::fmt::Display| ModelError::Failed(error.to_string());
    let heights: Vec<f32> = turn.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
    let whole = InterleavedSlice::new(&heights, 1, heights.len()).map_err(|e| failed(&e))?;
    let mut resampler = Fft::<f32>::new(RATE, mel::RATE, CHUNK_SAMPLES, 1, FixedSync::Input)
        .map_err(|e| failed(&e))?;
    let out = resampler.process_all(&whole, heights.len(), None).map_err(|e| failed(&e))?;
    Ok(out.take_data())
}
