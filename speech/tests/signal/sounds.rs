//! Sounds at the telephone's rate, from 0 to 8,000 samples a second. What is random is the same in each run.

use std::f64::consts::TAU;
use std::io::Cursor;
use std::process::Command;
use std::sync::OnceLock;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler};

pub const RATE: usize = 8_000;
/// How loud people are whom `say` lets speak, in decibels below the loudest square wave.
pub const SPEECH_DBFS: f64 = -22.0;
/// Steady heights of this level and more are heard.
const AUDIBLE: i16 = 200;

/// Eight people, by the names of their voices.
pub const VOICES: [&str; 8] =
    ["en-us", "en-us+f3", "en-gb", "en-us+m3", "en-gb+f2", "en-us+m5", "en-gb+m1", "en-us+f4"];

/// Sentences that people say on the phone.
pub const SENTENCES: [&str; 8] = [
    "I want to ask about the price of the car.",
    "Can you call me back tomorrow morning please?",
    "No thank you, I already have one and I do not need another.",
    "The address is number forty two, Green Street, in the old town.",
    "We should wait a little until the manager of the shop comes back.",
    "My telephone is broken and the line is very bad today, you know.",
    "They said that it would be ready on Monday but it was not.",
    "What is the name of your company, and where do you call from?",
];

/// A person says this. It begins and ends with the first and the last sample that can be heard.
pub fn say(voice: &str, text: &str) -> Vec<i16> {
    let said = Command::new("espeak-ng").args(["-v", voice, "--stdout", text]).output();
    let said = said.expect("espeak-ng, which scripts/setup installs");
    let mut reader = hound::WavReader::new(Cursor::new(said.stdout)).expect("a WAV of espeak-ng");
    let rate = reader.spec().sample_rate as usize;
    let samples = reader.samples::<i16>().map_while(Result::ok);
    let spoken =
        to_telephone(&samples.map(|sample| f32::from(sample) / 32_768.0).collect::<Vec<_>>(), rate);
    let spoken = at(SPEECH_DBFS, &spoken);
    let heard = |sample: &i16| sample.abs() > AUDIBLE;
    let first = spoken.iter().position(heard).expect("a sound");
    let last = spoken.iter().rposition(heard).expect("a sound");
    spoken[first..=last].to_vec()
}

fn to_telephone(heights: &[f32], rate: usize) -> Vec<f64> {
    let whole = InterleavedSlice::new(heights, 1, heights.len()).unwrap();
    let mut resampler = Fft::<f32>::new(rate, RATE, 4_096, 1, FixedSync::Input).unwrap();
    let out = resampler.process_all(&whole, heights.len(), None).unwrap();
    out.take_data().into_iter().map(f64::from).collect()
}

/// Half a second of silence, then sounds like vowels, then silence. `reference.py` makes the same, sample by sample.
#[derive(Debug, Clone, Copy)]
pub struct Vowels {
    pub seconds: f64,
    /// The pitch at the beginning and at the end, in hertz.
    pub pitch: (f64, f64),
    pub syllables: f64,
    /// Samples of silence at the end.
    pub pause: usize,
}

impl Vowels {
    pub fn samples(self) -> Vec<i16> {
        const RESONANCES: [f64; 3] = [600.0, 1_200.0, 2_500.0];
        let (from, to) = self.pitch;
        let strength = |hz: f64| -> f64 {
            RESONANCES.iter().map(|peak| 1.0 / (1.0 + ((hz - peak) / 120.0).powi(2))).sum()
        };
        let sample = |n: usize| {
            let t = n as f64 / RATE as f64;
            let cycles = from * t + (to - from) * t * t / (2.0 * self.seconds);
            let overtones = (1..23).map(f64::from);
            let tones =
                overtones.map(|k| strength(k * (from + to) / 2.0) * (TAU * k * cycles).sin());
            let loudness = (TAU / 2.0 * self.syllables * t / self.seconds).sin().powi(2);
            (tones.sum::<f64>() * loudness * 4_000.0).round() as i16
        };
        let spoken = (0..(self.seconds * RATE as f64) as usize).map(sample).collect();
        [silence(RATE / 2), spoken, silence(self.pause)].concat()
    }
}

/// Nothing at all.
pub fn silence(samples: usize) -> Vec<i16> {
    vec![0; samples]
}

/// The hiss of a hall or a street, as loud in each octave.
pub fn pink(samples: usize, dbfs: f64) -> Vec<i16> {
    let mut chance = StdRng::seed_from_u64(7);
    let mut poles = [0.0; 3];
    let mut next = || {
        let white = gauss(&mut chance);
        poles[0] = 0.997_65 * poles[0] + white * 0.099_046;
        poles[1] = 0.963 * poles[1] + white * 0.296_516_4;
        poles[2] = 0.57 * poles[2] + white * 1.052_691_3;
        poles.iter().sum::<f64>() + white * 0.184_8
    };
    at(dbfs, &(0..samples).map(|_| next()).collect::<Vec<_>>())
}

fn gauss(chance: &mut StdRng) -> f64 {
    (0..12).map(|_| chance.random::<f64>()).sum::<f64>() - 6.0
}

/// A room in which so many people talk at a time, to each other.
pub fn babble(people: usize, samples: usize, dbfs: f64) -> Vec<i16> {
    static TALKERS: OnceLock<Vec<Vec<i16>>> = OnceLock::new();
    let talkers = TALKERS.get_or_init(|| {
        let talk = |n: usize| [&SENTENCES[n..], &SENTENCES[..n]].concat().join(" ");
        VOICES.iter().enumerate().map(|(n, voice)| say(voice, &talk(n))).collect()
    });
    let mut room = vec![0.0; samples];
    for person in 0..people {
        let talker = &talkers[person % talkers.len()];
        // They begin in the middle of what they say, each elsewhere.
        let talk = talker.iter().cycle().skip(person * 13_331 % talker.len());
        for (height, sample) in room.iter_mut().zip(talk) {
            *height += f64::from(*sample);
        }
    }
    at(dbfs, &room)
}

/// Tones at once: one of the network, or a key.
pub fn tones(hertz: &[f64], samples: usize, dbfs: f64) -> Vec<i16> {
    let height = |n: usize| hertz.iter().map(|hz| (TAU * hz * n as f64 / RATE as f64).sin()).sum();
    at(dbfs, &(0..samples).map(height).collect::<Vec<f64>>())
}

/// Keys that are pressed one after another, 100 ms each with 100 ms between.
pub fn keys(samples: usize, dbfs: f64) -> Vec<i16> {
    const LOW: [f64; 4] = [697.0, 770.0, 852.0, 941.0];
    const HIGH: [f64; 3] = [1_209.0, 1_336.0, 1_477.0];
    let presses = (0..samples.div_ceil(1_600)).flat_map(|press| {
        let mut key = tones(&[LOW[press % 4], HIGH[press % 3]], 800, dbfs);
        key.resize(1_600, 0);
        key
    });
    presses.take(samples).collect()
}

/// Chords of plucked strings, four a second.
pub fn music(samples: usize, dbfs: f64) -> Vec<i16> {
    const NOTES: [f64; 8] = [262.0, 294.0, 330.0, 349.0, 392.0, 440.0, 494.0, 523.0];
    let mut chance = StdRng::seed_from_u64(11);
    let mut heights = vec![0.0; samples];
    for chord in heights.chunks_mut(2_000) {
        for string in 0..3 {
            let hz =
                NOTES[chance.random_range(0..NOTES.len())] / if string == 0 { 2.0 } else { 1.0 };
            for (n, height) in chord.iter_mut().enumerate() {
                let seconds = n as f64 / RATE as f64;
                let overtones =
                    (1..7).map(|k| (TAU * hz * f64::from(k) * seconds).sin() / f64::from(k));
                *height += overtones.sum::<f64>() * (-3.0 * seconds).exp();
            }
        }
    }
    at(dbfs, &heights)
}

/// Loud clicks of 3 ms, five a second: a bad contact, a pen on the table.
pub fn clicks(samples: usize) -> Vec<i16> {
    let mut chance = StdRng::seed_from_u64(13);
    let click = |n: usize, chance: &mut StdRng| {
        if n % 1_600 < 24 { chance.random_range(-20_000..=20_000) } else { 0 }
    };
    (0..samples).map(|n| click(n, &mut chance)).collect()
}

/// Both at once; the longer of them to its end. What is too loud is cut off, as on the line.
pub fn both(one: &[i16], other: &[i16]) -> Vec<i16> {
    let sample = |n: usize| {
        let one = one.get(n).copied().unwrap_or(0);
        one.saturating_add(other.get(n).copied().unwrap_or(0))
    };
    (0..one.len().max(other.len())).map(sample).collect()
}

/// How loud samples are, in decibels below the loudest square wave.
pub fn dbfs(samples: &[i16]) -> f64 {
    power(samples.iter().map(|sample| f64::from(*sample) / 32_768.0))
}

fn power(heights: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = heights.len() as f64;
    10.0 * (heights.map(|height| height * height).sum::<f64>() / count).log10()
}

/// These heights, made so loud.
fn at(dbfs: f64, heights: &[f64]) -> Vec<i16> {
    let scale = 32_768.0 * 10_f64.powf((dbfs - power(heights.iter().copied())) / 20.0);
    // A cast to i16 stops at its ends, so nothing wraps.
    heights.iter().map(|height| (height * scale).round() as i16).collect()
}

/// As frames of 20 ms; a rest of less is left out.
pub fn frames(samples: &[i16]) -> impl Iterator<Item = &[i16; speech::signal::FRAME_SAMPLES]> {
    samples.as_chunks().0.iter()
}
