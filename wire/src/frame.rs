//! The unit that everything on the media plane moves by: 20 ms of 8 kHz audio.

/// Milliseconds of a frame.
pub const FRAME_MS: u64 = 20;
/// Samples a millisecond.
pub const SAMPLES_A_MS: usize = 8;
/// Samples of a frame.
pub const FRAME_SAMPLES: usize = 160;

/// The longest piece that a connection may give at a time, in samples: what the jitter buffer takes.
pub const HEARD_SAMPLES_MAX: usize = 1_600;

/// 20 ms of 8 kHz, 16 bit, mono.
pub type Frame = [i16; FRAME_SAMPLES];

pub const SILENCE: Frame = [0; FRAME_SAMPLES];
