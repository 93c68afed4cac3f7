//! What a call's packets and descriptions say: bytes in, values out, and back. Pure: no sockets, no clock, no chance.
//!
//! RTP ([`rtp`]) and RTCP ([`rtcp`]), keys of a telephone in RTP ([`dtmf`]), G.711, the jitter buffer ([`jitter`]), session
//! descriptions ([`sdp`]); of Asterisk the messages of AudioSocket ([`audio_socket`]), the texts of chan_websocket
//! ([`media_control`]) and the events of ARI ([`ari_event`]). All of it reads what a far end sends, so none of it panics and all of it takes bounded
//! room; the fuzzer builds this crate without the rest of telephony.

pub mod ari_event;
pub mod audio_socket;
mod concealment;
pub mod digit;
pub mod dtmf;
pub mod frame;
pub mod g711;
pub mod jitter;
pub mod media_control;
pub mod peer;
pub mod rtcp;
pub mod rtp;
pub mod sdp;
