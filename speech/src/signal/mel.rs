//! The picture of a sound that Smart Turn looks at: how loud each of 80 bands is in each 10 ms of 8 seconds.
//!
//! It equals what the feature extractor of Whisper makes (`transformers.WhisperFeatureExtractor(chunk_length=8)` with
//! `do_normalize=True`): windows of 25 ms around each 10 ms, mirrored at both ends, bands on the Slaney mel scale,
//! logarithms of the power, and all that is 80 dB below the loudest taken as equal. A picture made in another way gives
//! figures that look likely and are wrong, so the tests compare it with the original's.

use std::sync::Arc;

use realfft::num_complex::Complex;
use realfft::{RealFftPlanner, RealToComplex};

use super::ModelError;

/// Samples a second of the sound.
pub(super) const RATE: usize = 16_000;
/// Samples that the picture shows: 8 s.
pub(super) const SAMPLES: usize = 8 * RATE;
/// Bands of the picture.
pub(super) const BANDS: usize = 80;
/// Columns of the picture, 10 ms each.
pub(super) const COLUMNS: usize = SAMPLES / HOP;

const WINDOW: usize = 400;
const HOP: usize = 160;
const BINS: usize = WINDOW / 2 + 1;
/// The least power that is told apart.
const POWER_MIN: f32 = 1e-10;
/// Added to the variance, so that silence is not divided by zero.
const VARIANCE_ADDED: f64 = 1e-7;

/// Makes the pictures.
pub(super) struct Mel {
    fft: Arc<dyn RealToComplex<f32>>,
    window: Vec<f32>,
    bands: Vec<Band>,
}

/// The bins of the spectrum that are in a band, and how much of each.
struct Band {
    first: usize,
    weights: Vec<f32>,
}

impl Mel {
    pub(super) fn new() -> Self {
        let turn = std::f64::consts::TAU / WINDOW as f64;
        let hann = |n: usize| (0.5 - 0.5 * (turn * n as f64).cos()) as f32;
        Self {
            fft: RealFftPlanner::new().plan_fft_forward(WINDOW),
            window: (0..WINDOW).map(hann).collect(),
            bands: bands(),
        }
    }

    /// The picture of the sound, [`BANDS`] rows of [`COLUMNS`]. A sound of another length than [`SAMPLES`] is refused.
    pub(super) fn picture(&self, mut sound: Vec<f32>) -> Result<Vec<f32>, ModelError> {
        if sound.len() != SAMPLES {
            return Err(ModelError::Failed(format!("{} samples, not {SAMPLES}", sound.len())));
        }
        normalise(&mut sound);
        let mut picture = vec![0.0; BANDS * COLUMNS];
        let mut piece = self.fft.make_input_vec();
        let mut spectrum = self.fft.make_output_vec();
        let mut scratch = self.fft.make_scratch_vec();
        let mut power = [0.0; BINS];
        for column in 0..COLUMNS {
            self.cut(&sound, column, &mut piece);
            self.fft
                .process_with_scratch(&mut piece, &mut spectrum, &mut scratch)
                .map_err(|error| ModelError::Failed(error.to_string()))?;
            for (power, bin) in power.iter_mut().zip(&spectrum) {
                *power = Complex::norm_sqr(bin);
            }
            for (row, band) in self.bands.iter().enumerate() {
                picture[row * COLUMNS + column] = band.power(&power).max(POWER_MIN).log10();
            }
        }
        let loudest = picture.iter().copied().fold(f32::MIN, f32::max);
        for height in &mut picture {
            *height = (height.max(loudest - 8.0) + 4.0) / 4.0;
        }
        Ok(picture)
    }

    /// The windowed samples around the beginning of a column; the sound is mirrored at its ends.
    fn cut(&self, sound: &[f32], column: usize, piece: &mut [f32]) {
        let last = sound.len() - 1;
        for (n, (out, weight)) in piece.iter_mut().zip(&self.window).enumerate() {
            let at = (column * HOP + n).abs_diff(WINDOW / 2);
            let at = if at > last { 2 * last - at } else { at };
            *out = sound[at] * weight;
        }
    }
}

impl Band {
    fn power(&self, spectrum: &[f32; BINS]) -> f32 {
        self.weights.iter().zip(&spectrum[self.first..]).map(|(weight, bin)| weight * bin).sum()
    }
}

/// Gives the sound the mean 0 and the variance 1, so that a quiet line looks like a loud one.
fn normalise(sound: &mut [f32]) {
    let count = sound.len() as f64;
    let mean = sound.iter().map(|height| f64::from(*height)).sum::<f64>() / count;
    let squares = sound.iter().map(|height| (f64::from(*height) - mean).powi(2)).sum::<f64>();
    let scale = 1.0 / (squares / count + VARIANCE_ADDED).sqrt();
    for height in sound {
        *height = ((f64::from(*height) - mean) * scale) as f32;
    }
}

/// Triangles on the Slaney mel scale from 0 Hz to half the rate, each of the area that makes bands of noise equally loud.
fn bands() -> Vec<Band> {
    let top = mel(RATE as f64 / 2.0);
    let corner = |n: usize| hertz(top * n as f64 / (BANDS + 1) as f64);
    let bin_hz = RATE as f64 / WINDOW as f64;
    (0..BANDS)
        .map(|band| {
            let (low, middle, high) = (corner(band), corner(band + 1), corner(band + 2));
            let weight = |bin: usize| {
                let hz = bin as f64 * bin_hz;
                let slope = ((hz - low) / (middle - low)).min((high - hz) / (high - middle));
                (slope.max(0.0) * 2.0 / (high - low)) as f32
            };
            let first = (low / bin_hz).ceil() as usize;
            let end = ((high / bin_hz).floor() as usize + 1).min(BINS);
            Band { first, weights: (first..end).map(weight).collect() }
        })
        .collect()
}

/// Where the scale turns from straight to logarithmic: 1,000 Hz are 15 mel.
const BEND_HZ: f64 = 1_000.0;
const BEND_MEL: f64 = 15.0;

/// Mels above the bend for each factor of e.
fn mel_per_factor() -> f64 {
    27.0 / 6.4_f64.ln()
}

fn mel(hz: f64) -> f64 {
    if hz < BEND_HZ {
        hz * BEND_MEL / BEND_HZ
    } else {
        BEND_MEL + (hz / BEND_HZ).ln() * mel_per_factor()
    }
}

fn hertz(mel: f64) -> f64 {
    if mel < BEND_MEL {
        mel * BEND_HZ / BEND_MEL
    } else {
        BEND_HZ * ((mel - BEND_MEL) / mel_per_factor()).exp()
    }
}
