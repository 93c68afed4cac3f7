//! Speech out of the bytes of a service or a program, as they come: samples of 16 bits, lowest byte first, with a WAV header
//! before them or without. A piece of bytes may end anywhere, in the middle of a sample too.
//!
//! The `hound` crate reads WAV elsewhere. Here it can't: it wants the header whole, and refuses the length that streams state.

use crate::failure::SpeechError;
use crate::resample::ToTelephone;

/// The least that is handed on while more is coming: 20 ms.
const PIECE_SAMPLES_MIN: usize = 160;
/// Samples come after so many bytes of a header at the latest.
const HEADER_BYTES_MAX: usize = 4_096;
/// A data chunk with this length or a greater one is a stream, whose writer did not know it. So is one of length 0.
const DATA_BYTES_UNKNOWN: u32 = 0x7fff_0000;
/// How files of other formats begin: a service that does not know `pcm` sends its own.
const OTHER_FORMATS: [(&[u8], &str); 3] = [(b"ID3", "MP3"), (b"OggS", "Ogg"), (b"fLaC", "FLAC")];

/// Bytes that become samples at the telephone's rate.
pub(crate) enum Pcm {
    /// The first bytes, until they tell what they are.
    Opening {
        bytes: Vec<u8>,
        rate: u32,
    },
    Samples(Box<Samples>),
}

pub(crate) struct Samples {
    /// The first half of a sample.
    half: Option<u8>,
    /// Bytes that are still samples; behind a WAV's samples may be other things.
    left: u64,
    resampler: ToTelephone,
    gathered: Vec<i16>,
}

impl Pcm {
    /// `rate`: of samples that come without a header.
    pub fn new(rate: u32) -> Self {
        Self::Opening { bytes: Vec::new(), rate }
    }

    /// The next bytes. What comes back are no samples, or at least 20 ms.
    pub fn add(&mut self, more: &[u8]) -> Result<Vec<i16>, SpeechError> {
        match self {
            Self::Samples(samples) => samples.add(more),
            Self::Opening { bytes, rate } => {
                bytes.extend_from_slice(more);
                let Some(opening) = opening(bytes)? else { return Ok(Vec::new()) };
                let rate = opening.rate.unwrap_or(*rate);
                let mut samples = Samples::new(rate, opening.data_bytes)?;
                let out = samples.add(bytes.get(opening.data_at..).unwrap_or_default());
                *self = Self::Samples(Box::new(samples));
                out
            }
        }
    }

    /// There are no more bytes: the rest. Half a sample at the end is left out.
    pub fn finish(self) -> Result<Vec<i16>, SpeechError> {
        let samples = match self {
            Self::Samples(samples) => *samples,
            Self::Opening { bytes, .. } if bytes.starts_with(b"RIFF") => {
                return Err(SpeechError::Failed("its WAV ends in the header".into()));
            }
            Self::Opening { bytes, rate } => {
                let mut samples = Samples::new(rate, u64::MAX)?;
                samples.add(&bytes)?;
                samples
            }
        };
        let mut out = samples.gathered;
        out.extend(samples.resampler.finish().map_err(SpeechError::Failed)?);
        Ok(out)
    }
}

impl Samples {
    fn new(rate: u32, left: u64) -> Result<Self, SpeechError> {
        let resampler = ToTelephone::new(rate).map_err(SpeechError::Failed)?;
        Ok(Self { half: None, left, resampler, gathered: Vec::new() })
    }

    fn add(&mut self, bytes: &[u8]) -> Result<Vec<i16>, SpeechError> {
        let taken = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= taken as u64;
        let mut samples = Vec::with_capacity(taken / 2 + 1);
        for byte in &bytes[..taken] {
            match self.half.take() {
                Some(low) => samples.push(i16::from_le_bytes([low, *byte])),
                None => self.half = Some(*byte),
            }
        }
        self.gathered.extend(self.resampler.add(&samples).map_err(SpeechError::Failed)?);
        if self.gathered.len() < PIECE_SAMPLES_MIN {
            return Ok(Vec::new());
        }
        Ok(std::mem::take(&mut self.gathered))
    }
}

/// What stands before the samples.
#[derive(Debug, PartialEq)]
struct Opening {
    /// Samples a second, where a header tells.
    rate: Option<u32>,
    data_at: usize,
    data_bytes: u64,
}

/// Tell what begins here; none while there is too little to tell.
fn opening(bytes: &[u8]) -> Result<Option<Opening>, SpeechError> {
    let failed = |why: &str| Err(SpeechError::Failed(why.to_owned()));
    if bytes.len() < 4 {
        return Ok(None);
    }
    for (mark, name) in OTHER_FORMATS {
        if bytes.starts_with(mark) {
            return failed(&format!("it sends {name}, not PCM"));
        }
    }
    if !bytes.starts_with(b"RIFF") {
        return Ok(Some(Opening { rate: None, data_at: 0, data_bytes: u64::MAX }));
    }
    let (mut at, mut rate) = (12, None);
    // Each chunk is a name of 4 bytes, the length of what follows, and that, filled up to an even length.
    while let Some([name @ .., a, b, c, d]) = bytes.get(at..at + 8) {
        let length = u32::from_le_bytes([*a, *b, *c, *d]);
        let inside = at + 8;
        match name {
            b"data" if rate.is_none() => return failed("its WAV has samples before their format"),
            b"data" => {
                let known = length > 0 && length < DATA_BYTES_UNKNOWN;
                let data_bytes = if known { length.into() } else { u64::MAX };
                return Ok(Some(Opening { rate, data_at: inside, data_bytes }));
            }
            b"fmt " => match bytes.get(inside..inside + 16) {
                None => break,
                Some(format) => rate = Some(rate_of(format)?),
            },
            _ => {}
        }
        at = inside.saturating_add(length as usize).saturating_add(length as usize % 2);
        if at > HEADER_BYTES_MAX {
            return failed("the header of its WAV does not end");
        }
    }
    Ok(None)
}

/// The rate of a WAV's format, which must be one channel of 16 bits.
fn rate_of(format: &[u8]) -> Result<u32, SpeechError> {
    let word = |at: usize| u16::from_le_bytes([format[at], format[at + 1]]);
    // 0xfffe: the format stands in an extension, which has 16-bit samples as this one has.
    let pcm = matches!(word(0), 1 | 0xfffe);
    let rate = u32::from(word(4)) | u32::from(word(6)) << 16;
    if pcm && word(2) == 1 && word(14) == 16 && (8_000..=48_000).contains(&rate) {
        return Ok(rate);
    }
    Err(SpeechError::Failed("its WAV is not one channel of 16 bits".into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(samples: &[i16]) -> Vec<u8> {
        samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
    }

    /// A WAV with a chunk before its samples and one behind them.
    fn wav(rate: u32, channels: u16, data_bytes: u32, samples: &[i16]) -> Vec<u8> {
        let mut out = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0".to_vec();
        out.extend(channels.to_le_bytes());
        out.extend(rate.to_le_bytes());
        out.extend((rate * 2).to_le_bytes());
        out.extend([2, 0, 16, 0]);
        out.extend(b"LIST\x03\0\0\0abc\0data");
        out.extend(data_bytes.to_le_bytes());
        out.extend(bytes(samples));
        out
    }

    fn read(rate: u32, whole: &[u8], length: usize) -> Result<(Vec<i16>, usize), SpeechError> {
        let mut pcm = Pcm::new(rate);
        let (mut out, mut shortest) = (Vec::new(), usize::MAX);
        for part in whole.chunks(length) {
            let piece = pcm.add(part)?;
            if !piece.is_empty() {
                shortest = shortest.min(piece.len());
            }
            out.extend(piece);
        }
        out.extend(pcm.finish()?);
        Ok((out, shortest))
    }

    #[test]
    fn samples_are_the_same_wherever_their_bytes_are_cut() {
        let samples: Vec<i16> = (-1_000..1_000).collect();
        let raw = bytes(&samples);
        let mut behind = wav(8_000, 1, 4_000, &samples);
        behind.extend(b"LIST\x04\0\0\0text");
        let endless = wav(8_000, 1, 0x7fff_f000, &samples);
        let unknown = wav(8_000, 1, u32::MAX, &samples);
        for whole in [&raw, &behind, &endless, &unknown, &wav(8_000, 1, 0, &samples)] {
            for length in [1, 2, 3, 5, 43, 321, 100_000] {
                let (out, shortest) = read(8_000, whole, length).unwrap();
                assert_eq!(out, samples, "{length}");
                assert!(shortest >= PIECE_SAMPLES_MIN, "{shortest}");
            }
        }
    }

    #[test]
    fn a_header_tells_the_rate_and_without_one_it_is_the_configured_one() {
        let samples = vec![0; 16_000];
        for (whole, seconds) in
            [(wav(16_000, 1, 32_000, &samples), 8_000), (bytes(&samples), 5_334)]
        {
            assert_eq!(read(24_000, &whole, 777).unwrap().0.len(), seconds);
        }
    }

    #[test]
    fn what_is_no_speech_is_refused_and_a_short_end_is_not() {
        let mut long = b"RIFF\0\0\0\0WAVE".to_vec();
        long.extend(b"junk\xff\xff\xff\x7f");
        for (whole, why) in [
            (b"ID3\x04 and so on".to_vec(), "it sends MP3, not PCM"),
            (b"OggS\0".to_vec(), "it sends Ogg, not PCM"),
            (wav(8_000, 2, 4, &[1, 2]), "its WAV is not one channel of 16 bits"),
            (wav(0, 1, 4, &[1, 2]), "its WAV is not one channel of 16 bits"),
            (b"RIFF\0\0\0\0WAVEdata\0\0\0\0".to_vec(), "its WAV has samples before their format"),
            (b"RIFF\0\0\0\0WAVEfmt \x10\0\0".to_vec(), "its WAV ends in the header"),
            (long, "the header of its WAV does not end"),
        ] {
            let error = read(8_000, &whole, 5).unwrap_err();
            assert_eq!(error.to_string(), format!("the provider failed: {why}"));
        }
        for (whole, samples) in [(&[][..], &[][..]), (&[1], &[]), (&[1, 0, 9], &[1])] {
            assert_eq!(read(8_000, whole, 5).unwrap().0, samples);
        }
    }
}
