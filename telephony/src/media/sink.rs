//! The file of a recording, in its format.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};

use super::recording::RecordingFormat;
use crate::recording::{RATE, Recorded};

const HEADER_BYTES: u64 = 44;
const BYTES_A_ROW: u64 = 4;
/// After so many bytes (8 s) the system is asked to begin with the disk. Else it would have all of a call to write at its
/// end, and of a thousand calls at once.
const BEGIN_BYTES: u64 = 256 * 1_024;

/// A file of one format.
pub(super) struct Sink {
    format: RecordingFormat,
    file: File,
    rows: u64,
    /// So many bytes are on their way to the disk.
    begun: u64,
}

impl Sink {
    pub(super) fn create(path: &Path, format: RecordingFormat) -> io::Result<Self> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        match format {
            RecordingFormat::Wav => file.write_all(&wav_header(0)?)?,
        }
        Ok(Self { format, file, rows: 0, begun: 0 })
    }

    /// Add samples of both sides in turn. `bytes` is room to put them in, which all recordings share.
    pub(super) fn write(&mut self, samples: &[i16], bytes: &mut Vec<u8>) -> io::Result<()> {
        bytes.clear();
        bytes.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
        self.file.write_all(bytes)?;
        self.rows += samples.len() as u64 / 2;
        let written = HEADER_BYTES + self.rows * BYTES_A_ROW;
        if written - self.begun >= BEGIN_BYTES {
            self.begin(written);
        }
        Ok(())
    }

    /// What is dirty of this range goes to the disk, and nobody waits for it. Advice can't fail for us: where it is not taken,
    /// there is more to write at the end.
    fn begin(&mut self, written: u64) {
        let at = |bytes: u64| i64::try_from(bytes).unwrap_or(i64::MAX);
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        let _ = posix_fadvise(&self.file, at(self.begun), at(written - self.begun), advice);
        self.begun = written;
    }

    /// All of it is on the disk when this returns.
    pub(super) fn finish(self) -> io::Result<Recorded> {
        match self.format {
            RecordingFormat::Wav => self.file.write_all_at(&wav_header(self.rows)?, 0)?,
        }
        self.file.sync_data()?;
        let bytes = HEADER_BYTES + self.rows * BYTES_A_ROW;
        Ok(Recorded { bytes, duration_ms: self.rows * 1_000 / u64::from(RATE) })
    }
}

/// Stereo, 16 bit, with so many rows behind it.
fn wav_header(rows: u64) -> io::Result<[u8; HEADER_BYTES as usize]> {
    let too_long = |_| io::Error::new(io::ErrorKind::FileTooLarge, "longer than a WAV can be");
    let data_bytes = u32::try_from(rows * BYTES_A_ROW).map_err(too_long)?;
    let all_bytes = data_bytes.checked_add(36).ok_or(io::ErrorKind::FileTooLarge)?;
    let mut header = [0; HEADER_BYTES as usize];
    let fields: [&[u8]; 13] = [
        b"RIFF",
        &all_bytes.to_le_bytes(),
        b"WAVE",
        b"fmt ",
        &16_u32.to_le_bytes(),
        // PCM, two channels.
        &1_u16.to_le_bytes(),
        &2_u16.to_le_bytes(),
        &RATE.to_le_bytes(),
        &(RATE * BYTES_A_ROW as u32).to_le_bytes(),
        &(BYTES_A_ROW as u16).to_le_bytes(),
        &16_u16.to_le_bytes(),
        b"data",
        &data_bytes.to_le_bytes(),
    ];
    let mut rest = header.as_mut_slice();
    for field in fields {
        rest.write_all(field)?;
    }
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_a_wav_that_others_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("call.wav");
        let samples: Vec<i16> = (0..200_000).map(|at| (at * 7 % 60_000 - 30_000) as i16).collect();
        let mut sink = Sink::create(&path, RecordingFormat::Wav).unwrap();
        let mut bytes = Vec::new();
        samples.chunks(16_000).for_each(|piece| sink.write(piece, &mut bytes).unwrap());
        let recorded = sink.finish().unwrap();
        assert_eq!(recorded, Recorded { bytes: 400_044, duration_ms: 12_500 });
        let mut wav = hound::WavReader::open(&path).unwrap();
        let spec = wav.spec();
        assert_eq!((spec.channels, spec.sample_rate, spec.bits_per_sample), (2, RATE, 16));
        assert_eq!(wav.samples::<i16>().map(Result::unwrap).collect::<Vec<_>>(), samples);
        assert_eq!(path.metadata().unwrap().len(), recorded.bytes);
    }
}
