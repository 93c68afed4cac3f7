//! Lines to the phone network, one [`carrier::Carrier`] each, and what every line shares: the
//! journal that is written before each act, its checker, the media plane of real calls, and recordings.
//!
//! Nothing here decides whether a call may be placed: whoever calls [`carrier::Carrier::originate`]
//! has won the slot, the window and the fence before.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod carrier;
pub mod journal;
pub mod media;
pub mod recording;
pub mod simulated;
pub mod spoken;
