//! What the customer's sound tells, apart from its words: how it is without the noise around it, whether somebody speaks,
//! and whether they have finished.
//!
//! All of it works on frames of the telephone (8,000 samples a second, 20 ms each), keeps a bounded state for each call, and
//! runs on the caller's thread until it is done. Nothing here waits, and nothing reads the time.
//!
//! [`noise`] needs nothing. [`voice`] and [`turn`] need two [`Models`], which `scripts/setup models` fetches. Without them a
//! call still works: the cheap voice detection alone tells speech, and silence alone ends a turn.

mod mel;
mod models;
pub mod noise;
pub mod turn;
pub mod voice;

pub use models::{ModelError, Models};

/// Samples a second of all sound that comes in.
const RATE: usize = 8_000;
/// Samples of a frame, 20 ms.
pub const FRAME_SAMPLES: usize = 160;
