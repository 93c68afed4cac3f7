//! Who hears: the services and programs behind [`crate::Recogniser`], and what stands between them and a call.
//!
//! A call uses [`falling_back::FallingBack`] over the providers of its robot, each of them in a [`limited::Limited`].

pub mod deepgram;
pub mod falling_back;
pub mod funasr;
pub mod limited;
pub mod openai;
pub mod pocketsphinx;
mod pre_roll;
pub mod segments;
mod streamed;
mod words;

/// Speeches of one call whose final results are still to come. A recogniser that owes more than these has failed.
pub const SPEECHES_WAITING_MAX: usize = 8;
/// Frames of a frame's length that make up this many milliseconds.
const fn frames(ms: u32) -> usize {
    (ms / FRAME_MS) as usize
}
/// The length of a [`crate::recognition::Frame`], in milliseconds.
const FRAME_MS: u32 = 20;
