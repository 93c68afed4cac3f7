//! Other rates than the telephone's.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{
    Async, FixedAsync, Resampler, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use crate::synthesis::RATE;

/// Frames that are worked on at a time.
const CHUNK: usize = 1_024;

/// The samples at the telephone's rate; what it can't carry is filtered out before.
pub(crate) fn to_telephone(samples: &[i16], rate: u32) -> Result<Vec<i16>, String> {
    if rate == RATE || samples.is_empty() {
        return Ok(samples.to_vec());
    }
    let parameters = SincInterpolationParameters {
        sinc_len: 128,
        f_cutoff: None,
        oversampling_factor: 128,
        interpolation: SincInterpolationType::Linear,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = f64::from(RATE) / f64::from(rate);
    let mut resampler =
        Async::<f32>::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input)
            .map_err(|error| error.to_string())?;
    let heights: Vec<f32> = samples.iter().map(|sample| f32::from(*sample)).collect();
    let whole = InterleavedSlice::new(&heights, 1, heights.len()).map_err(|e| e.to_string())?;
    let out = resampler.process_all(&whole, heights.len(), None).map_err(|e| e.to_string())?;
    // A cast to i16 stops at its ends, so nothing wraps.
    Ok(out.take_data().into_iter().map(|height| height.round() as i16).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
