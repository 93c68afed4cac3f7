//! Speech of other rates than the telephone's.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Indexing, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use crate::synthesis::RATE;

/// Frames that are worked on at a time: each waits for the others of its chunk.
const CHUNK: usize = 256;

fn resampler(rate: u32) -> Result<Async<f32>, String> {
    let parameters = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: None,
        oversampling_factor: 128,
        interpolation: SincInterpolationType::Linear,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = f64::from(RATE) / f64::from(rate);
    Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
        .map_err(|error| error.to_string())
}

fn sample(height: f32) -> i16 {
    // A cast to i16 stops at its ends, so nothing wraps.
    height.round() as i16
}

/// Speech that comes in pieces, at the telephone's rate; what that can't carry is filtered out before. All pieces together
/// become what the whole would become, so there is no click where they meet.
pub(crate) struct ToTelephone(Option<Resampling>);

struct Resampling {
    resampler: Async<f32>,
    rate: u32,
    /// Less than a chunk, that waits for the rest of it.
    waiting: Vec<f32>,
    /// Samples that came in, and that went out.
    taken: usize,
    given: usize,
    /// Samples that the filter gives before the first of the speech.
    lead: usize,
}

impl ToTelephone {
    pub fn new(rate: u32) -> Result<Self, String> {
        if rate == RATE {
            return Ok(Self(None));
        }
        let resampler = resampler(rate)?;
        let lead = resampler.output_delay();
        let waiting = Vec::with_capacity(CHUNK);
        Ok(Self(Some(Resampling { resampler, rate, waiting, taken: 0, given: 0, lead })))
    }

    /// The next samples. What comes back lags behind by some milliseconds.
    pub fn add(&mut self, samples: &[i16]) -> Result<Vec<i16>, String> {
        let Some(resampling) = &mut self.0 else { return Ok(samples.to_vec()) };
        let mut out = Vec::new();
        resampling.taken += samples.len();
        for height in samples {
            resampling.waiting.push(f32::from(*height));
            if resampling.waiting.len() == CHUNK {
                resampling.work(&mut out)?;
            }
        }
        resampling.given += out.len();
        Ok(out)
    }

    /// There are no more: what was still held back.
    pub fn finish(self) -> Result<Vec<i16>, String> {
        let Some(mut resampling) = self.0 else { return Ok(Vec::new()) };
        let due = resampling.taken as u64 * u64::from(RATE);
        let due = due.div_ceil(u64::from(resampling.rate)) as usize;
        let due = due.saturating_sub(resampling.given);
        let mut out = Vec::new();
        while out.len() < due {
            resampling.work(&mut out)?;
        }
        out.truncate(due);
        Ok(out)
    }
}

impl Resampling {
    /// Work on what waits, with silence behind it where it is less than a chunk.
    fn work(&mut self, out: &mut Vec<i16>) -> Result<(), String> {
        let there = self.waiting.len();
        self.waiting.resize(CHUNK, 0.0);
        let chunk = InterleavedSlice::new(&self.waiting, 1, CHUNK);
        let chunk = chunk.map_err(|error| error.to_string())?;
        let frames = self.resampler.output_frames_next();
        let mut heights = vec![0.0; frames];
        let mut made = InterleavedSlice::new_mut(&mut heights, 1, frames);
        let made = made.as_mut().map_err(|error| error.to_string())?;
        let part = Indexing::new().partial_len(there);
        let worked = self.resampler.process_into_buffer(&chunk, made, Some(&part));
        let (_, given) = worked.map_err(|error| error.to_string())?;
        self.waiting.clear();
        let led = self.lead.min(given);
        self.lead -= led;
        out.extend(heights[led..given].iter().copied().map(sample));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The whole at once, as the library has it.
    fn to_telephone(samples: &[i16], rate: u32) -> Result<Vec<i16>, String> {
        if rate == RATE || samples.is_empty() {
            return Ok(samples.to_vec());
        }
        let mut resampler = resampler(rate)?;
        let heights: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
        let whole = InterleavedSlice::new(&heights, 1, heights.len()).map_err(|e| e.to_string())?;
        let out = resampler.process_all(&whole, heights.len(), None).map_err(|e| e.to_string())?;
        Ok(out.take_data().into_iter().map(sample).collect())
    }

    fn tone(hz: f64, rate: u32, seconds: f64) -> Vec<i16> {
        let samples = (f64::from(rate) * seconds) as u32;
        let at = |n: u32| (f64::from(n) / f64::from(rate) * hz * std::f64::consts::TAU).sin();
        (0..samples).map(|n| (at(n) * 10_000.0) as i16).collect()
    }

    fn crossings(samples: &[i16]) -> usize {
        samples.windows(2).filter(|pair| (pair[0] < 0) != (pair[1] < 0)).count()
    }

    #[test]
    fn a_tone_keeps_its_pitch_and_its_length() {
        for rate in [16_000, 22_050, 24_000, 48_000] {
            let out = to_telephone(&tone(440.0, rate, 1.0), rate).unwrap();
            assert!((7_990..=8_010).contains(&out.len()), "{rate}: {}", out.len());
            assert!((870..=890).contains(&crossings(&out)), "{rate}: {}", crossings(&out));
        }
    }

    #[test]
    fn what_a_telephone_can_not_carry_is_not_folded_into_what_it_can() {
        let out = to_telephone(&tone(6_000.0, 22_050, 1.0), 22_050).unwrap();
        assert!(out[200..7_800].iter().all(|sample| sample.abs() < 500));
    }

    /// Speech-like: two tones that swell and fade.
    fn swelling(rate: u32, seconds: f64) -> Vec<i16> {
        let (low, high) = (tone(310.0, rate, seconds), tone(1_370.0, rate, seconds));
        let loud = |n: usize| (n as f64 / f64::from(rate) * 7.0).sin().abs() * 0.9;
        let both = low.iter().zip(&high).enumerate();
        both.map(|(n, (low, high))| (f64::from(low / 2 + high / 2) * loud(n)) as i16).collect()
    }

    #[test]
    fn pieces_become_what_the_whole_becomes_whatever_their_lengths() {
        for rate in [8_000, 11_025, 16_000, 22_050, 24_000, 44_100, 48_000] {
            let samples = swelling(rate, 0.7);
            let whole = to_telephone(&samples, rate).unwrap();
            for lengths in [&[1][..], &[7, 255, 256, 257], &[480], &[3_000, 1], &[usize::MAX]] {
                let mut resampler = ToTelephone::new(rate).unwrap();
                let (mut rest, mut out) = (&samples[..], Vec::new());
                for length in lengths.iter().cycle() {
                    let (piece, later) = rest.split_at((*length).min(rest.len()));
                    out.extend(resampler.add(piece).unwrap());
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                out.extend(resampler.finish().unwrap());
                assert_eq!(out.len(), whole.len(), "{rate} {lengths:?}");
                let apart = out.iter().zip(&whole).map(|(one, other)| one.abs_diff(*other)).max();
                assert!(apart.unwrap() <= 1, "{rate} {lengths:?}: {apart:?}");
            }
        }
    }

    #[test]
    fn of_no_pieces_and_of_a_single_sample_nothing_is_lost() {
        for rate in [8_000, 24_000] {
            assert!(ToTelephone::new(rate).unwrap().finish().unwrap().is_empty());
            let mut resampler = ToTelephone::new(rate).unwrap();
            let mut out = resampler.add(&[900]).unwrap();
            out.extend(resampler.finish().unwrap());
            assert_eq!(out.len(), 1);
        }
    }
}
