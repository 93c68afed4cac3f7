//! What is to be recorded of a call, and what became of it.

use std::path::PathBuf;

use crate::recording::Recorded;

/// What is recorded, from the answer on: stereo, the peer left and what is sent right, both in step with the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordingSpec {
    /// Where it appears when it is whole and on the disk; until then it has the extension `part`. The folder exists.
    pub path: PathBuf,
    pub format: RecordingFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordingFormat {
    /// 16 bit, 8 kHz.
    Wav,
}

/// What became of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RecordingOutcome {
    Whole(Recorded),
    /// It could not be written, all of it; nothing is there under its name.
    Failed {
        reason: String,
    },
}
