//! Lines to the phone network, and what every line shares: the gate, the journal that is written before each act,
//! its checker, the media plane of real calls, and recordings. A [`gate::Driver`] moves packets; behind the gate it
//! is a [`carrier::Carrier`].
//!
//! Nothing here decides whether a call may be placed: whoever calls [`carrier::Carrier::originate`]
//! has won the slot, the window and the fence before.

#![cfg_attr(test, allow(clippy::unwrap_used))]

pub mod asterisk;
pub mod carrier;
pub mod gate;
mod hearing;
pub mod journal;
pub mod media;
pub mod recording;
pub mod simulated;
pub mod sip;
pub mod spoken;
pub mod task_leg;
pub mod voice;
