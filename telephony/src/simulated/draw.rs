//! Chance that can be had again: SplitMix64 from a seed and what the draw is for.

use outbound::phone::Phone;

/// A stream of draws.
#[derive(Debug, Clone)]
pub(super) struct Draw(u64);

impl Draw {
    /// The draws of one dial: the same for the same seed, callee, round and place in the chain.
    pub(super) fn of(seed: u64, callee: Phone, round: u16, chain_index: u16) -> Self {
        let mut draw = Self(seed);
        for part in [callee.digits(), u64::from(round) << 16 | u64::from(chain_index)] {
            draw.0 = draw.next() ^ part;
        }
        draw
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..bound`; 0 for a bound of 0.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or(0)
    }

    /// One of `lowest..=highest`; the lowest where the two are the wrong way round.
    pub(super) fn between(&mut self, [lowest, highest]: [u32; 2]) -> u64 {
        let span = u64::from(highest.saturating_sub(lowest)) + 1;
        u64::from(lowest) + self.below(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_had_again_and_differs_by_each_of_its_parts() {
        let phone = Phone::from_digits;
        let first = |mut draw: Draw| draw.next();
        let base = first(Draw::of(1, phone(8_613_800_001_234), 0, 0));
        assert_eq!(base, first(Draw::of(1, phone(8_613_800_001_234), 0, 0)));
        for other in [
            Draw::of(2, phone(8_613_800_001_234), 0, 0),
            Draw::of(1, phone(8_613_800_001_235), 0, 0),
            Draw::of(1, phone(8_613_800_001_234), 1, 0),
            Draw::of(1, phone(8_613_800_001_234), 0, 1),
        ] {
            assert_ne!(base, first(other));
        }
    }

    #[test]
    fn a_range_is_kept_and_reached() {
        let mut draw = Draw::of(7, Phone::from_digits(1), 0, 0);
        let drawn: Vec<u64> = (0..1_000).map(|_| draw.between([3, 6])).collect();
        assert!(drawn.iter().all(|value| (3..=6).contains(value)));
        assert!((3..=6).all(|value| drawn.contains(&value)));
        assert_eq!(draw.between([9, 2]), 9);
    }
}
