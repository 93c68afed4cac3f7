//! Fills gaps where packets were lost: the last pitch period goes on and fades, so that a loss does not click.

/// How far back a pitch is looked for, in samples: 50 to 200 Hz.
const LAG_MIN: usize = 40;
const LAG_MAX: usize = 160;
/// What is compared to find it.
const MATCH_SAMPLES: usize = 80;
const HISTORY: usize = LAG_MAX + MATCH_SAMPLES;
/// After so many samples (60 ms) a gap is silence.
const FADE_SAMPLES: usize = 480;

/// What was heard last, and how far a gap has come.
#[derive(Debug)]
pub(crate) struct Concealment {
    history: [i16; HISTORY],
    gap: Option<Gap>,
}

#[derive(Debug, Clone, Copy)]
struct Gap {
    lag: usize,
    samples: usize,
}

impl Concealment {
    pub(crate) fn new() -> Self {
        Self { history: [0; HISTORY], gap: None }
    }

    /// These samples were heard.
    pub(crate) fn hear(&mut self, samples: &[i16]) {
        self.gap = None;
        let tail = &samples[samples.len().saturating_sub(HISTORY)..];
        self.history.copy_within(tail.len().., 0);
        self.history[HISTORY - tail.len()..].copy_from_slice(tail);
    }

    /// These were not: fill them.
    pub(crate) fn fill(&mut self, samples: &mut [i16]) {
        let mut gap = self.gap.unwrap_or_else(|| Gap { lag: self.pitch(), samples: 0 });
        let period = &self.history[HISTORY - gap.lag..];
        for sample in samples {
            let gain = FADE_SAMPLES.saturating_sub(gap.samples) as i32;
            let voiced = i32::from(period[gap.samples % gap.lag]) * gain / FADE_SAMPLES as i32;
            *sample = voiced as i16;
            gap.samples += 1;
        }
        self.gap = Some(gap);
    }

    /// Forget what was heard.
    pub(crate) fn reset(&mut self) {
        *self = Self::new();
    }

    /// The lag at which the end of what was heard is most like what was before it.
    fn pitch(&self) -> usize {
        let end = &self.history[HISTORY - MATCH_SAMPLES..];
        let likeness = |lag: usize| {
            let from = HISTORY - MATCH_SAMPLES - lag;
            let before = &self.history[from..from + MATCH_SAMPLES];
            let (mut product, mut energy) = (0_i64, 1_i64);
            for (late, early) in end.iter().zip(before) {
                product += i64::from(*late) * i64::from(*early);
                energy += i64::from(*early) * i64::from(*early);
            }
            product.max(0) as f64 / (energy as f64).sqrt()
        };
        // A frame's end needs no better pitch than every other lag.
        (LAG_MIN..=LAG_MAX)
            .step_by(2)
            .map(|lag| (lag, likeness(lag)))
            .max_by(|(_, one), (_, other)| one.total_cmp(other))
            .map_or(LAG_MAX, |(lag, _)| lag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tone(from: usize, count: usize) -> Vec<i16> {
        let sample = |at: usize| (at as f64 * std::f64::consts::TAU / 80.0).sin() * 10_000.0;
        (from..from + count).map(|at| sample(at) as i16).collect()
    }

    #[test]
    fn a_gap_in_a_tone_goes_on_in_its_pitch_and_fades() {
        let mut concealment = Concealment::new();
        concealment.hear(&tone(0, 400));
        let mut filled = [0; 640];
        concealment.fill(&mut filled[..160]);
        concealment.fill(&mut filled[160..]);
        let lost = tone(400, 160);
        for at in 0..40 {
            let wrong = (i32::from(filled[at]) - i32::from(lost[at])).abs();
            assert!(wrong < 2_500, "{at}: {} for {}", filled[at], lost[at]);
        }
        let loudest = |samples: &[i16]| samples.iter().map(|s| s.unsigned_abs()).max().unwrap();
        assert!(loudest(&filled[160..320]) < 7_000);
        assert_eq!(loudest(&filled[480..]), 0);
    }

    #[test]
    fn what_nobody_heard_is_concealed_by_silence() {
        let mut filled = [7; 320];
        Concealment::new().fill(&mut filled);
        assert_eq!(filled, [0; 320]);
    }

    #[test]
    fn the_loudest_sound_does_not_overflow() {
        let mut concealment = Concealment::new();
        concealment.hear(&[i16::MIN; 300]);
        let mut filled = [0; 480];
        concealment.fill(&mut filled);
        assert_eq!(filled[0], i16::MIN);
    }
}
