//! The media plane: the audio of real calls, on threads of its own.
//!
//! Each shard is a thread that owns its calls. It sends a frame of each every 20 ms, with the calls spread over
//! twenty phases of a millisecond, and between two deadlines it receives, records and listens, one call at a time.
//! Whoever signals a call opens a [`Session`] before the INVITE, tells it what the SDP says and when the call was
//! answered, and closes it.
//!
//! What comes from the network is never trusted: each packet is parsed by a pure function over bytes (the crate
//! `wire`), and what a peer can grow is bounded.

mod bridge;
mod bridge_end;
mod budget;
mod call;
mod config;
mod counters;
mod deadline;
mod error;
mod event;
pub mod measure;
mod path;
mod plane;
mod playback;
mod ports;
mod receiving;
mod reception;
mod recorder;
mod recording;
mod reports;
mod sending;
mod session;
mod shard;
mod sink;
mod srtp;
mod stream;
pub mod tones;
mod voice;
mod wire;
mod writer;

use ::wire::{digit, frame, g711, peer};

pub use ::wire::{dtmf, jitter, rtcp, rtp};
pub use bridge::Bridge;
pub use budget::Noise;
pub use config::{JITTER_MS_MAX, MediaConfig, SHARDS_MAX, Scheduling};
pub use counters::{CallCounts, LATE_BOUNDS_MS, Lateness, ShardCounts};
pub use digit::{Digit, Digits, STEPS_MAX};
pub use error::MediaError;
pub use event::{Happened, MediaEvent, SessionEvents};
pub use frame::{FRAME_MS, FRAME_SAMPLES, Frame};
pub use g711::Codec;
pub use peer::{DigitsBy, Direction, MASTER_KEY_BYTES, MasterKey, Peer, SrtpKeys, SrtpSuite};
pub use plane::{Plane, PlaneCounts};
pub use playback::{PlaybackId, Source, SpeechStream};
pub use recording::{RecordingFormat, RecordingOutcome, RecordingSpec};
pub use session::{
    Audio, HeardFrame, HeardFrames, RECORDING_WAIT, Session, SessionSpec, SessionSummary,
    VoiceActivity,
};
pub use srtp::random_key;
pub use stream::{FramesIn, FramesOut};
pub use tones::Tone;
pub use voice::STOPS_AFTER;
