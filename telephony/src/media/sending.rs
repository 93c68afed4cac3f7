//! What a call sends, built a frame ahead: digits first, then what plays, then the bridge, then silence.
//!
//! A frame may be built twice before it leaves, as a request comes in between. Building takes nothing from its sources;
//! that happens when it has left.

use std::time::Instant;

use super::bridge_end::{BridgeEnd, OtherEnd};
use super::digit::{Digit, Digits};
use super::dtmf::{self, DialProgress, Dialled, Dialler, EVENT_BYTES};
use super::event::{Happened, Outbox};
use super::frame::{FRAME_SAMPLES, Frame, SILENCE};
use super::g711::Codec;
use super::peer::{DigitsBy, Peer};
use super::playback::{Playback, PlaybackId, Played, Source};
use super::reports::OwnStream;
use super::rtp::{self, Packet};

/// Each of the two tones of a key, about -9 dBm0.
const KEY_AMPLITUDE: f64 = 8_000.0;

pub(super) struct Sending {
    ssrc: u32,
    sequence: u16,
    timestamp: u32,
    /// The next packet is the first after a pause.
    pause: Pause,
    built: Built,
    /// What the built packet sounds like.
    frame: Frame,
    /// Empty: nothing is sent.
    packet: Vec<u8>,
    playback: Option<Playback>,
    bridge: Option<BridgeEnd>,
    dialler: Dialler,
    packets: u32,
    octets: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pause {
    Yes,
    No,
}

/// Where the built frame comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Built {
    Nothing,
    Silence,
    Playback,
    Bridge,
    Digits,
}

impl Sending {
    pub(super) fn new() -> Self {
        Self {
            ssrc: rand::random(),
            // In the lower half: a receiver of SRTP that misses the first packets would else guess wrongly how often
            // it has wrapped (RFC 3711, section 3.3.1).
            sequence: rand::random::<u16>() >> 1,
            timestamp: rand::random(),
            pause: Pause::Yes,
            built: Built::Nothing,
            frame: SILENCE,
            packet: Vec::with_capacity(rtp::HEADER_BYTES + FRAME_SAMPLES + 16),
            playback: None,
            bridge: None,
            dialler: Dialler::default(),
            packets: 0,
            octets: 0,
        }
    }

    pub(super) fn play(
        &mut self,
        id: PlaybackId,
        source: Source,
        now: Instant,
        outbox: &mut Outbox,
    ) {
        self.stop_playback(now, outbox);
        self.playback = Some(Playback::new(id, source));
    }

    pub(super) fn stop(&mut self, id: PlaybackId, now: Instant, outbox: &mut Outbox) {
        if self.playback.as_ref().is_some_and(|playback| playback.id == id) {
            self.stop_playback(now, outbox);
        }
    }

    pub(super) fn stop_playback(&mut self, now: Instant, outbox: &mut Outbox) {
        if let Some(playback) = self.playback.take() {
            let played_ms = playback.played_ms();
            outbox.push(now, Happened::PlaybackStopped { playback: playback.id, played_ms });
        }
    }

    /// Whether there was room for them.
    pub(super) fn dial(&mut self, digits: &Digits) -> bool {
        self.dialler.add(digits)
    }

    pub(super) fn join(&mut self, end: BridgeEnd) {
        self.bridge = Some(end);
    }

    /// What this call hears goes to the other side of its bridge.
    pub(super) fn pass_on(&self, frame: &Frame) {
        if let Some(bridge) = &self.bridge {
            bridge.hear(frame);
        }
    }

    /// Build the next frame for this peer; none: nothing is to be sent now. The packet is still to be encrypted.
    pub(super) fn build(
        &mut self,
        to: Option<&Peer>,
        now: Instant,
        outbox: &mut Outbox,
    ) -> Option<&mut Vec<u8>> {
        self.packet.clear();
        self.frame = SILENCE;
        let other_end = self.bridge.as_mut().map(|bridge| bridge.peek(&mut self.frame));
        if other_end.is_some_and(|other| other != OtherEnd::There) {
            self.bridge = None;
        }
        if other_end == Some(OtherEnd::Gone) {
            outbox.push(now, Happened::BridgeEnded);
        }
        let Some(peer) = to else {
            self.built = Built::Nothing;
            self.frame = SILENCE;
            return None;
        };
        self.built = if self.bridge.is_some() { Built::Bridge } else { Built::Silence };
        if self.dialler.is_dialling() {
            self.frame = SILENCE;
            self.built = Built::Digits;
            if self.build_digit(peer) {
                return Some(&mut self.packet);
            }
        } else if let Some(playback) = &mut self.playback {
            playback.peek(&mut self.frame);
            self.built = Built::Playback;
        }
        self.encode(peer.codec);
        Some(&mut self.packet)
    }

    /// Whether the frame is an event, and so not audio.
    fn build_digit(&mut self, peer: &Peer) -> bool {
        let dialled = match peer.digits {
            DigitsBy::Event { .. } => self.dialler.peek_event(self.timestamp),
            DigitsBy::Tones => self.dialler.peek_sound(),
        };
        match (dialled, peer.digits) {
            (
                Some(Dialled::Event { event, timestamp, first }),
                DigitsBy::Event { payload_type },
            ) => {
                let payload: [u8; EVENT_BYTES] = dtmf::write(event);
                let (sequence, ssrc) = (self.sequence, self.ssrc);
                let packet = Packet {
                    marker: first,
                    payload_type,
                    sequence,
                    timestamp,
                    ssrc,
                    payload: &payload,
                };
                rtp::write(&packet, &mut self.packet);
                true
            }
            (Some(Dialled::Sound { digit, samples }), _) => {
                sound(digit, samples, &mut self.frame);
                false
            }
            _ => false,
        }
    }

    fn encode(&mut self, codec: Codec) {
        let mut payload = [0; FRAME_SAMPLES];
        codec.encode_all(&self.frame, &mut payload);
        let packet = Packet {
            marker: self.pause == Pause::Yes,
            payload_type: codec.payload_type(),
            sequence: self.sequence,
            timestamp: self.timestamp,
            ssrc: self.ssrc,
            payload: &payload,
        };
        rtp::write(&packet, &mut self.packet);
    }

    /// What was built, ready to leave; empty: nothing.
    pub(super) fn packet(&self) -> &[u8] {
        &self.packet
    }

    /// What the built frame sounds like, for the recording.
    pub(super) fn frame(&self) -> &Frame {
        &self.frame
    }

    /// The built frame has left, or nothing was to leave: time goes on by a frame.
    pub(super) fn sent(&mut self, now: Instant, outbox: &mut Outbox) {
        if let Some(bridge) = &mut self.bridge {
            bridge.advance();
        }
        match self.built {
            Built::Nothing | Built::Silence | Built::Bridge => {}
            Built::Digits => {
                if self.dialler.advance(self.timestamp) == DialProgress::Done {
                    outbox.push(now, Happened::DigitsSent);
                }
            }
            Built::Playback => self.played(now, outbox),
        }
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        if self.packet.is_empty() {
            self.pause = Pause::Yes;
            return;
        }
        self.pause = Pause::No;
        self.sequence = self.sequence.wrapping_add(1);
        self.packets = self.packets.wrapping_add(1);
        let octets = self.packet.len().saturating_sub(rtp::HEADER_BYTES);
        self.octets = self.octets.wrapping_add(octets as u32);
    }

    /// The built frame's time passed without anybody to send it.
    pub(super) fn skip(&mut self) {
        self.frame = SILENCE;
        self.packet.clear();
        self.built = Built::Nothing;
        self.timestamp = self.timestamp.wrapping_add(FRAME_SAMPLES as u32);
        self.pause = Pause::Yes;
    }

    fn played(&mut self, now: Instant, outbox: &mut Outbox) {
        let Some(current) = &mut self.playback else { return };
        let playback = current.id;
        match current.sent() {
            Played::First => outbox.push(now, Happened::PlaybackStarted { playback }),
            Played::More | Played::Nothing => {}
            Played::Last { played_ms } => {
                self.playback = None;
                outbox.push(now, Happened::PlaybackFinished { playback, played_ms });
            }
            Played::Only { played_ms } => {
                self.playback = None;
                outbox.push(now, Happened::PlaybackStarted { playback });
                outbox.push(now, Happened::PlaybackFinished { playback, played_ms });
            }
        }
    }

    /// What a report says of it.
    pub(super) fn stream(&self) -> OwnStream {
        let (ssrc, timestamp) = (self.ssrc, self.timestamp);
        OwnStream { ssrc, timestamp, packets: self.packets, octets: self.octets }
    }
}

/// A key's two tones, after so many samples of them.
fn sound(digit: Digit, samples: u32, frame: &mut Frame) {
    let (low_hz, high_hz) = digit.tones_hz();
    for (at, sample) in (samples..).zip(frame.iter_mut()) {
        let turn = |hz: u32| {
            (f64::from(hz) * std::f64::consts::TAU * f64::from(at) / 8_000.0).sin() * KEY_AMPLITUDE
        };
        *sample = (turn(low_hz) + turn(high_hz)) as i16;
    }
}
