//! Sound files of an enterprise, which navigations play.

use crate::fault::{Fault, name};

/// Characters of a sound's name.
pub const NAME_CHARS_MAX: usize = 64;
/// Bytes of a file that somebody sends.
pub const FILE_BYTES_MAX: u64 = 50_000_000;
/// The longest sound, in seconds.
pub const SECONDS_MAX: u32 = 600;
/// Samples a second of a file that somebody sends.
pub const RATE_MIN: u32 = 8_000;
pub const RATE_MAX: u32 = 48_000;

/// What is wrong with a sound's name. Navigations name sounds by it, so it is never changed.
pub fn name_fault(sound: &str) -> Option<Fault> {
    name("/name", sound, 1, NAME_CHARS_MAX)
}
