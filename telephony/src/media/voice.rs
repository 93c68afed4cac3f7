//! When somebody speaks: cheap voice detection with a bit of patience.

use std::time::Duration;

use webrtc_vad::{SampleRate, Vad, VadMode};

use super::frame::{FRAME_MS, Frame};

/// Frames of voice in a row that start speech (60 ms), and of none that end it (100 ms).
const STARTS_AFTER: u32 = 3;
const STOPS_AFTER_FRAMES: u32 = 5;
/// So long was there no voice when its stop is told.
pub const STOPS_AFTER: Duration = Duration::from_millis(STOPS_AFTER_FRAMES as u64 * FRAME_MS);
/// No sample of a frame of silence is louder; A-law makes 8 of nothing. Such frames are most of what a customer who
/// listens sends, and detection is the dearest part of hearing.
const SILENCE_PEAK_MAX: u16 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum VoiceChange {
    Started,
    Stopped,
}

/// Listens to one call. It can't change threads, so it is made on its shard.
pub(super) struct VoiceDetector {
    vad: Vad,
    speaking: Speaking,
    /// Frames in a row that say otherwise.
    against: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speaking {
    No,
    Yes,
}

impl VoiceDetector {
    pub(super) fn new() -> Self {
        let vad = Vad::new_with_rate_and_mode(SampleRate::Rate8kHz, VadMode::Aggressive);
        Self { vad, speaking: Speaking::No, against: 0 }
    }

    /// 20 ms more.
    pub(super) fn hear(&mut self, frame: &Frame) -> Option<VoiceChange> {
        let silent =
            frame.iter().map(|sample| sample.unsigned_abs()).max() <= Some(SILENCE_PEAK_MAX);
        // It fails for lengths other than 10, 20 and 30 ms.
        let voiced = !silent && self.vad.is_voice_segment(frame).unwrap_or(false);
        let (otherwise, patience, next, change) = match self.speaking {
            Speaking::No => (voiced, STARTS_AFTER, Speaking::Yes, VoiceChange::Started),
            Speaking::Yes => (!voiced, STOPS_AFTER_FRAMES, Speaking::No, VoiceChange::Stopped),
        };
        self.against = if otherwise { self.against + 1 } else { 0 };
        if self.against < patience {
            return None;
        }
        self.against = 0;
        self.speaking = next;
        Some(change)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::frame::SILENCE;

    #[test]
    fn speech_starts_and_stops_once() {
        let mut detector = VoiceDetector::new();
        let mut changes = Vec::new();
        let mut phase = 0.0_f64;
        for frame in 0..200 {
            // From 1 s to 2 s: something like a vowel, whose pitch glides.
            let speech = (50..100).contains(&frame);
            let samples: Frame = std::array::from_fn(|_| {
                phase += (110.0 + f64::from(frame % 17)) * std::f64::consts::TAU / 8_000.0;
                let formants: f64 = [(1.0, 0.5), (2.0, 0.8), (5.0, 1.0), (6.0, 0.9), (11.0, 0.4)]
                    .iter()
                    .map(|(harmonic, loud)| (phase * harmonic).sin() * loud)
                    .sum();
                (formants * 4_000.0) as i16
            });
            let heard = if speech { samples } else { SILENCE };
            changes.extend(detector.hear(&heard).map(|change| (frame, change)));
        }
        assert_eq!(changes.len(), 2, "{changes:?}");
        let [(from, VoiceChange::Started), (to, VoiceChange::Stopped)] = changes[..] else {
            panic!("{changes:?}");
        };
        assert!((50..65).contains(&from) && (103..115).contains(&to), "{from} to {to}");
    }
}
