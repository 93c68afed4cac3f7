//! The file of a recording, in its format.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::Path;

use hound::{SampleFormat, WavSpec, WavWriter};

use super::recording::RecordingFormat;
use crate::recording::{RATE, Recorded};

const HEADER_BYTES: u64 = 44;
const BYTES_A_ROW: u64 = 4;

/// A file of one format.
pub(super) enum Sink {
    Wav { wav: WavWriter<BufWriter<File>>, file: File, rows: u64 },
}

impl Sink {
    pub(super) fn create(path: &Path, format: RecordingFormat) -> io::Result<Self> {
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
        match format {
            RecordingFormat::Wav => {
                let spec = WavSpec {
                    channels: 2,
                    sample_rate: RATE,
                    bits_per_sample: 16,
                    sample_format: SampleFormat::Int,
                };
                // For the header; pieces are larger than any buffer, and go past it.
                let buffered = BufWriter::with_capacity(1_024, file.try_clone()?);
                let wav = WavWriter::new(buffered, spec).map_err(wav_error)?;
                Ok(Self::Wav { wav, file, rows: 0 })
            }
        }
    }

    pub(super) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        let Self::Wav { wav, rows, .. } = self;
        let count = u32::try_from(samples.len()).map_err(io::Error::other)?;
        let mut into = wav.get_i16_writer(count);
        for sample in samples {
            into.write_sample(*sample);
        }
        into.flush().map_err(wav_error)?;
        *rows += samples.len() as u64 / 2;
        Ok(())
    }

    /// All of it is on the disk when this returns.
    pub(super) fn finish(self) -> io::Result<Recorded> {
        let Self::Wav { wav, file, rows } = self;
        wav.finalize().map_err(wav_error)?;
        file.sync_data()?;
        let bytes = HEADER_BYTES + rows * BYTES_A_ROW;
        Ok(Recorded { bytes, duration_ms: rows * 1_000 / u64::from(RATE) })
    }
}

fn wav_error(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}
