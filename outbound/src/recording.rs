//! In what format recordings are kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The format of a recording: stereo, the customer left and the robot right.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingFormat {
    /// 16 bit, 8 kHz: 1.9 MB a minute.
    #[default]
    Wav,
    /// Opus in Ogg: a tenth of that or less.
    Opus,
}

impl RecordingFormat {
    /// The end of a file's name, without its dot.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Opus => "opus",
        }
    }

    /// Its `Content-Type` (RFC 7845 for Opus).
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Opus => "audio/ogg",
        }
    }

    /// The format of a file by its name. What has no end that is known is of before there were two.
    pub fn of_name(name: &str) -> Self {
        match name.rsplit_once('.') {
            Some((_, "opus")) => Self::Opus,
            _ => Self::Wav,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_told_by_the_end_of_a_name() {
        for format in [RecordingFormat::Wav, RecordingFormat::Opus] {
            let name = format!("recordings/2026/12/01/a.{}", format.extension());
            assert_eq!(RecordingFormat::of_name(&name), format);
        }
        assert_eq!(RecordingFormat::of_name("opus"), RecordingFormat::Wav);
    }
}
