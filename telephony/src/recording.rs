//! Recordings: stereo WAV, 8 kHz, 16 bit, customer left and robot right.
//!
//! Where no audio passed, the words that were spoken become tones, each as long as its word and of its
//! side's pitch, so that a recording shows who spoke when. Memory is bounded whatever the length; the
//! file appears under its name only when it is whole and on the disk. Blocking: not for a runtime thread.

pub mod opus;

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::spoken::words;

/// Samples a second.
pub const RATE: u32 = 8_000;
/// The longest recording; what is spoken after it is left out.
pub const LENGTH_MS_MAX: u64 = 4 * 3_600_000;

const SAMPLES_A_MS: u64 = RATE as u64 / 1_000;
/// Silence at the end of each word, and how long a tone fades in and out.
const GAP_MS: u64 = 30;
const FADE_SAMPLES: u64 = 40;
const LOUDNESS: i32 = 9_000;
const SINE_STEPS: usize = 256;
const HEADER_BYTES: u64 = 44;

/// Who is on which channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Left.
    Customer,
    /// Right.
    Robot,
}

/// Words of one side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub side: Side,
    /// Milliseconds since the answer.
    pub from_ms: u64,
    /// Where the words were cut off, or ended; what would be later is not heard.
    pub to_ms: u64,
    pub text: String,
}

/// A recording that is whole and on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    pub bytes: u64,
    pub duration_ms: u64,
}

/// Write the recording of an answered call that lasted `length_ms` to `path`, whose folder exists.
///
/// Spans of one side that overlap are heard one after the other's end.
pub fn write(path: &Path, spans: &[Span], length_ms: u64) -> io::Result<Recorded> {
    let duration_ms = length_ms.min(LENGTH_MS_MAX);
    let draft = path.with_extension("part");
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&draft)?;
    let spec = WavSpec {
        channels: 2,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut wav = WavWriter::new(BufWriter::new(&file), spec).map_err(wav_error)?;
    let mut customer = Voice::new(Side::Customer, spans);
    let mut robot = Voice::new(Side::Robot, spans);
    for sample in 0..duration_ms * SAMPLES_A_MS {
        wav.write_sample(customer.sample(sample)).map_err(wav_error)?;
        wav.write_sample(robot.sample(sample)).map_err(wav_error)?;
    }
    wav.finalize().map_err(wav_error)?;
    file.sync_all()?;
    fs::rename(&draft, path)?;
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        File::open(folder)?.sync_all()?;
    }
    Ok(Recorded { bytes: HEADER_BYTES + duration_ms * SAMPLES_A_MS * 4, duration_ms })
}

/// What there is of a recording that a line has written.
pub fn of(path: &Path) -> io::Result<Recorded> {
    let bytes = fs::metadata(path)?.len();
    let duration_ms = bytes.saturating_sub(HEADER_BYTES) / (SAMPLES_A_MS * 4);
    Ok(Recorded { bytes, duration_ms })
}

fn wav_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

/// One side, sample by sample.
struct Voice<'a> {
    /// Its spans, in order of their start.
    spans: std::vec::IntoIter<&'a Span>,
    tones: std::vec::IntoIter<Tone>,
    tone: Option<Tone>,
    side: Side,
    sine: [i32; SINE_STEPS],
    phase: u32,
}

/// One word, in samples.
#[derive(Debug, Clone, Copy)]
struct Tone {
    from: u64,
    to: u64,
    step: u32,
}

impl<'a> Voice<'a> {
    fn new(side: Side, spans: &'a [Span]) -> Self {
        let mut own: Vec<&Span> = spans.iter().filter(|span| span.side == side).collect();
        own.sort_by_key(|span| span.from_ms);
        let sine = std::array::from_fn(|step| {
            let turn = step as f64 / SINE_STEPS as f64 * std::f64::consts::TAU;
            (turn.sin() * f64::from(LOUDNESS)) as i32
        });
        let (spans, tones) = (own.into_iter(), Vec::new().into_iter());
        let mut voice = Self { spans, tones, tone: None, side, sine, phase: 0 };
        voice.tone = voice.next_tone();
        voice
    }

    /// Samples must be asked for in order.
    fn sample(&mut self, at: u64) -> i16 {
        while self.tone.is_some_and(|tone| tone.to <= at) {
            self.tone = self.next_tone();
            self.phase = 0;
        }
        let Some(tone) = self.tone.filter(|tone| tone.from <= at) else { return 0 };
        self.phase = self.phase.wrapping_add(tone.step);
        // The upper eight bits of the phase are the place in the table.
        let height = self.sine[(self.phase >> 24) as usize];
        let edge = (at - tone.from).min(tone.to - 1 - at).min(FADE_SAMPLES);
        let faded = height * edge as i32 / FADE_SAMPLES as i32;
        i16::try_from(faded).unwrap_or(0)
    }

    fn next_tone(&mut self) -> Option<Tone> {
        loop {
            if let Some(tone) = self.tones.next() {
                return Some(tone);
            }
            let span = self.spans.next()?;
            self.tones = tones(self.side, span).into_iter();
        }
    }
}

/// The words of a span as tones; the ones past its end are cut off.
fn tones(side: Side, span: &Span) -> Vec<Tone> {
    let mut from_ms = span.from_ms;
    let mut tones = Vec::new();
    for word in words(&span.text) {
        let to_ms = (from_ms + word.ms - GAP_MS).min(span.to_ms);
        if from_ms >= to_ms {
            break;
        }
        let (from, to) = (from_ms * SAMPLES_A_MS, to_ms * SAMPLES_A_MS);
        tones.push(Tone { from, to, step: step(side, word.text) });
        from_ms += word.ms;
    }
    tones
}

/// The pitch of a word, as what the phase grows by each sample: 420–540 Hz or 210–330 Hz.
fn step(side: Side, word: &str) -> u32 {
    let base_hz = match side {
        Side::Customer => 420,
        Side::Robot => 210,
    };
    let varied: u32 =
        word.bytes().fold(0, |sum, byte| sum.wrapping_mul(31).wrapping_add(u32::from(byte)));
    let hz = u64::from(base_hz + varied % 5 * 30);
    u32::try_from((hz << 32) / u64::from(RATE)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(side: Side, from_ms: u64, to_ms: u64, text: &str) -> Span {
        Span { side, from_ms, to_ms, text: text.to_owned() }
    }

    /// The loudest sample of each channel within a stretch.
    fn loudest(samples: &[i16], from_ms: usize, to_ms: usize) -> (i16, i16) {
        let stretch = &samples[from_ms * 16..to_ms * 16];
        let side = |first| stretch.iter().skip(first).step_by(2).map(|s| s.abs()).max().unwrap();
        (side(0), side(1))
    }

    fn written(spans: &[Span], length_ms: u64) -> (Recorded, Vec<i16>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let recorded = write(&path, spans, length_ms).unwrap();
        assert_eq!(recorded.bytes, fs::metadata(&path).unwrap().len());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut wav = hound::WavReader::open(&path).unwrap();
        assert_eq!((wav.spec().channels, wav.spec().sample_rate), (2, RATE));
        let samples = wav.samples::<i16>().map(Result::unwrap).collect();
        (recorded, samples)
    }

    #[test]
    fn a_recording_shows_who_spoke_when() {
        let spans = [
            span(Side::Robot, 100, 900, "Good morning"),
            span(Side::Customer, 1_000, 1_160, "Hello"),
        ];
        let (recorded, samples) = written(&spans, 2_000);
        assert_eq!(recorded.duration_ms, 2_000);
        assert_eq!(samples.len(), 2 * 8 * 2_000);
        assert_eq!(loudest(&samples, 0, 100), (0, 0));
        let (left, right) = loudest(&samples, 100, 230);
        assert!(left == 0 && right > 5_000);
        let (left, right) = loudest(&samples, 1_000, 1_130);
        assert!(left > 5_000 && right == 0);
        assert_eq!(loudest(&samples, 1_200, 2_000), (0, 0));
    }

    #[test]
    fn an_interrupted_text_is_heard_up_to_where_it_was_cut() {
        let (_, samples) = written(&[span(Side::Robot, 0, 400, "one two three four five")], 1_000);
        assert!(loudest(&samples, 330, 400).1 > 5_000);
        assert_eq!(loudest(&samples, 400, 1_000), (0, 0));
    }

    #[test]
    fn a_call_that_nobody_spoke_on_is_silence_of_its_length() {
        let (recorded, samples) = written(&[], 500);
        assert_eq!(recorded, Recorded { bytes: 44 + 16_000, duration_ms: 500 });
        assert!(samples.iter().all(|sample| *sample == 0));
    }
}
