//! What tests of Asterisk trunks share.

pub mod http;
pub mod media;
pub mod phones;
pub mod stand_in;
pub mod world;
