//! Who speaks: services over the network, programs on this machine, and what stands around them.
//!
//! A robot's chain, from the outside in: [`plain`] cleans the text, [`falling_back`] asks one provider after the other,
//! [`crate::cached`] remembers what a provider spoke, [`limited`] keeps to its places, and the provider speaks. So what is
//! remembered takes no place, and what another provider spoke in an emergency is not remembered as the first one's.
//! [`configured`] builds the part of each provider.

pub mod configured;
pub mod falling_back;
pub mod limited;
pub mod openai;
pub(crate) mod pcm;
pub mod piper;
mod piper_pool;
mod piper_process;
pub mod plain;
