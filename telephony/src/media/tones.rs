//! What a network's tones say, by their cadence: busy, congestion, ringback, dial tone, special information.
//!
//! A frame is a call-progress tone where nearly all of its energy is between 300 and 650 Hz; this takes in 450 Hz
//! (China), 425 Hz (Europe), 400 and 400+450 Hz (Britain, Japan), 350+440, 440+480 and 480+620 Hz (America). What it
//! means is in how long it sounds and rests, not in its pitch. Speech and music have no such cadence.

use super::frame::{FRAME_MS, FRAME_SAMPLES, Frame};

/// What a network's tone says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tone {
    /// The line waits for digits.
    Dial,
    /// The callee's phone rings.
    Ringback,
    /// The callee is busy.
    Busy,
    /// The network is (congestion, reorder).
    Congestion,
    /// Three rising tones ahead of an announcement: the number can't be had.
    SpecialInformation,
}

/// Bands are multiples of 50 Hz: what a frame of 20 ms tells apart.
const BAND_HZ: usize = 50;
const PROGRESS_BANDS: [usize; 8] = [6, 7, 8, 9, 10, 11, 12, 13];
/// 950, 1,400 and 1,800 Hz, and what is beside each.
const SPECIAL_BANDS: [[usize; 3]; 3] = [[18, 19, 20], [27, 28, 29], [35, 36, 37]];
/// The share of a frame's energy that makes it a tone.
const SHARE_MIN: f64 = 0.85;
/// Mean square of what counts as silence: -50 dB of the loudest tone.
const QUIET_MAX: f64 = 5_000.0;
/// Frames that are neither tone nor silence and still belong to a tone's edge.
const EDGE_FRAMES_MAX: u32 = 2;
/// A tone that sounds on for so long is a dial tone.
const DIAL_MS_MIN: u64 = 3_000;
/// A rest of so long is that of a ringing phone.
const RING_REST_MS: u64 = 1_500;
const SPECIAL_MS_MIN: u64 = 160;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sound {
    Quiet,
    Progress,
    /// The first, second or third of the special information tones.
    Special(usize),
    Other,
}

/// A stretch of tone and the rest after it.
#[derive(Debug, Clone, Copy, Default)]
struct Pulse {
    on_ms: u64,
    off_ms: u64,
}

/// Listens to one call.
#[derive(Debug, Default)]
pub struct ToneDetector {
    /// The two pulses before the one that is under way.
    before: [Option<Pulse>; 2],
    current: Pulse,
    other_frames: u32,
    special: Special,
    told: Option<Tone>,
}

/// How far the special information tones have come.
#[derive(Debug, Default)]
struct Special {
    /// Which of the three sounds now.
    step: usize,
    ms: u64,
}

impl ToneDetector {
    /// 20 ms more. A tone, where one is known now that was not told last.
    pub fn hear(&mut self, frame: &Frame) -> Option<Tone> {
        let sound = sound(frame);
        let tone = self.special.hear(sound).or_else(|| self.cadence(sound))?;
        (self.told.replace(tone) != Some(tone)).then_some(tone)
    }

    fn cadence(&mut self, sound: Sound) -> Option<Tone> {
        match sound {
            Sound::Progress => {
                self.other_frames = 0;
                let mut tone = None;
                if self.current.off_ms > 0 {
                    tone = self.even();
                    self.before = [self.before[1], Some(std::mem::take(&mut self.current))];
                }
                self.current.on_ms += FRAME_MS;
                tone.or((self.current.on_ms >= DIAL_MS_MIN).then_some(Tone::Dial))
            }
            Sound::Quiet => {
                self.other_frames = 0;
                if self.current.on_ms == 0 {
                    return None;
                }
                self.current.off_ms += FRAME_MS;
                (self.current.off_ms == RING_REST_MS).then(|| self.ring()).flatten()
            }
            // The edge of a tone is a bit of both; it counts as tone, as long as no speech follows.
            _ if self.other_frames < EDGE_FRAMES_MAX => {
                self.other_frames += 1;
                if self.current.off_ms == 0 && self.current.on_ms > 0 {
                    self.current.on_ms += FRAME_MS;
                }
                None
            }
            _ => {
                self.before = [None, None];
                self.current = Pulse::default();
                None
            }
        }
    }

    /// Two pulses alike, each of them as long on as off.
    fn even(&self) -> Option<Tone> {
        let (last, current) = (self.before[1]?, self.current);
        let alike = |one: u64, other: u64| one.abs_diff(other) <= 40 + one.max(other) / 10;
        let all = [last.off_ms, current.on_ms, current.off_ms];
        if !all.into_iter().all(|ms| alike(last.on_ms, ms)) {
            return None;
        }
        match all.iter().sum::<u64>() / 3 {
            140..=300 => Some(Tone::Congestion),
            301..=600 => Some(Tone::Busy),
            601..=850 => Some(Tone::Congestion),
            _ => None,
        }
    }

    /// A long rest came: after a long tone, or after two short ones close together as in Britain.
    fn ring(&self) -> Option<Tone> {
        let short = 300..=500;
        let double = self.before[1].is_some_and(|first| {
            short.contains(&first.on_ms) && (120..=280).contains(&first.off_ms)
        });
        let rings = (700..=2_600).contains(&self.current.on_ms)
            || double && short.contains(&self.current.on_ms);
        rings.then_some(Tone::Ringback)
    }
}

impl Special {
    fn hear(&mut self, sound: Sound) -> Option<Tone> {
        match sound {
            Sound::Special(step) if step == self.step => self.ms += FRAME_MS,
            Sound::Special(step) if step == self.step + 1 && self.ms >= SPECIAL_MS_MIN => {
                *self = Self { step, ms: FRAME_MS };
            }
            Sound::Special(0) => *self = Self { step: 0, ms: FRAME_MS },
            // A short rest, or an edge.
            Sound::Quiet | Sound::Other => {}
            Sound::Special(_) | Sound::Progress => *self = Self::default(),
        }
        let all = self.step == 2 && self.ms >= SPECIAL_MS_MIN;
        all.then(|| {
            *self = Self::default();
            Tone::SpecialInformation
        })
    }
}

fn sound(frame: &Frame) -> Sound {
    let energy: f64 = frame.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    if energy < QUIET_MAX * FRAME_SAMPLES as f64 {
        return Sound::Quiet;
    }
    let share = |bands: &[usize]| {
        // A sine of amplitude a has the energy a²n/2, and in its band the power (an/2)².
        let power: f64 = bands.iter().map(|band| power(frame, *band)).sum();
        power * 2.0 / FRAME_SAMPLES as f64 / energy
    };
    if share(&PROGRESS_BANDS) >= SHARE_MIN {
        return Sound::Progress;
    }
    let special = SPECIAL_BANDS.iter().position(|bands| share(bands) >= SHARE_MIN);
    special.map_or(Sound::Other, Sound::Special)
}

/// The power of one band, by Goertzel's algorithm.
fn power(frame: &Frame, band: usize) -> f64 {
    let turn = std::f64::consts::TAU * (band * BAND_HZ) as f64 / 8_000.0;
    let twice = 2.0 * turn.cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in frame {
        let next = f64::from(*sample) + twice * last - before;
        before = last;
        last = next;
    }
    last * last + before * before - twice * last * before
}

#[cfg(test)]
#[path = "tones_tests.rs"]
mod tests;
