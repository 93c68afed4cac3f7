//! A call's ear: packets, frames, reports, and signs of life.

use std::time::Instant;

use tokio::sync::mpsc::error::TrySendError;

use super::super::event::Happened;
use super::super::frame::{FRAME_MS, Frame, SILENCE};
use super::super::peer::Direction;
use super::super::receiving::Content;
use super::super::recorder::Recording;
use super::super::rtcp::{self, Farewell};
use super::super::rtp;
use super::super::session::HeardFrame;
use super::super::voice::VoiceChange;
use super::super::wire::{Received, Scratch};
use super::{Answered, Call, Care, Told};

/// Packets that are read in one go; a flood's rest waits, or is lost.
const PACKETS_A_LOOK_MAX: usize = 32;
/// RTCP is looked at each so many frames: 200 ms.
const RTCP_EVERY_FRAMES: u64 = 10;

impl Call {
    /// Take what has come, and hear as many frames as were sent.
    pub(in crate::media) fn hear(&mut self, scratch: &mut Scratch, care: Care) {
        let now = Instant::now();
        self.receive(scratch, now);
        while self.unheard > 0 {
            self.unheard -= 1;
            self.hear_frame(now, care);
        }
        self.look_for_life(now);
        if self.frames_heard >= self.next_reports {
            self.next_reports = self.frames_heard + RTCP_EVERY_FRAMES;
            self.receive_reports(scratch, now);
        }
        if self.reports.is_due(now) {
            self.report(now, Farewell::GoesOn);
        }
        self.outbox.flush();
        let lost = self.outbox.take_lost();
        if lost > 0 {
            self.shared.counters.events_lost.add(lost);
        }
    }

    fn receive(&mut self, scratch: &mut Scratch, now: Instant) {
        let mut look = self.arrivals.look(self.unheard);
        for _ in 0..PACKETS_A_LOOK_MAX {
            if !look.goes_on() {
                break;
            }
            match self.wire.receive(scratch) {
                Received::Nothing => break,
                Received::Refused => {}
                Received::Rtcp => self.hear_report(&scratch.packet, now),
                Received::Samples => {
                    let Some(direction) = self.wire.peer().map(|peer| peer.direction) else {
                        continue;
                    };
                    let counters = &self.shared.counters;
                    self.receiving.hear_samples(&scratch.samples, direction, now, counters);
                    look.came();
                    self.life.last = now;
                }
                Received::Rtp { from } => {
                    let Scratch { packet, samples, .. } = &mut *scratch;
                    let Some(packet) = rtp::parse(packet) else {
                        self.shared.counters.packets_garbage.add(1);
                        continue;
                    };
                    let Some(peer) = self.wire.peer() else { continue };
                    let counters = &self.shared.counters;
                    match self.receiving.hear(&packet, peer, now, counters, samples) {
                        Content::Nothing => continue,
                        Content::Stream => {}
                        Content::Digit(digit) => self.outbox.push(now, Happened::Digit { digit }),
                    }
                    self.wire.pin(from, now);
                    look.came();
                    self.life.last = now;
                }
            }
        }
        self.arrivals.looked(&look);
    }

    pub(super) fn hear_frame(&mut self, now: Instant, care: Care) {
        let mut frame = SILENCE;
        self.receiving.pull(&mut frame, &self.shared.counters);
        if let Some(recorder) = &mut self.recorder
            && recorder.heard(&frame) == Recording::Lost
        {
            self.outbox.push(now, Happened::RecordingFailed);
        }
        self.sending.pass_on(&frame);
        if self.answered.is_none() {
            if let Some(tone) = self.tones.hear(&frame) {
                self.outbox.push(now, Happened::Tone { tone });
            }
        } else if care == Care::Full
            && let Some(change) = self.voice.as_mut().and_then(|voice| voice.hear(&frame))
        {
            let what = match change {
                VoiceChange::Started => Happened::SpeechStarted,
                VoiceChange::Stopped => Happened::SpeechStopped,
            };
            self.outbox.push(now, what);
        }
        self.give(&frame);
        self.frames_heard += 1;
    }

    /// Give a frame to who listens, with its place on the wire.
    fn give(&mut self, frame: &Frame) {
        let Some(listener) = &self.listener else { return };
        let at_ms = match self.answered {
            // Frames from before the answer may be heard after it; they are at its beginning.
            Some(Answered { frames_before, lead_ms }) => (lead_ms
                + self.frames_heard.saturating_sub(frames_before) * FRAME_MS)
                .saturating_sub(u64::from(self.rules.jitter_ms)),
            None => self.frames_heard * FRAME_MS,
        };
        match listener.try_send(HeardFrame { at_ms, samples: *frame }) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => self.shared.counters.heard_frames_lost.add(1),
            Err(TrySendError::Closed(_)) => self.listener = None,
        }
    }

    fn look_for_life(&mut self, now: Instant) {
        let both = self.wire.peer().is_some_and(|peer| peer.direction == Direction::Both);
        if self.answered.is_none() || !both {
            return;
        }
        let silent = now.saturating_duration_since(self.life.last) > self.rules.wire_silent_after;
        match (self.life.told, silent) {
            (Told::Nothing, true) => {
                self.life.told = Told::Silent;
                self.outbox.push(now, Happened::WireSilent);
            }
            (Told::Silent, false) => {
                self.life.told = Told::Nothing;
                self.outbox.push(now, Happened::WireBack);
            }
            _ => {}
        }
    }

    fn receive_reports(&mut self, scratch: &mut Scratch, now: Instant) {
        for _ in 0..PACKETS_A_LOOK_MAX {
            match self.wire.receive_report(scratch) {
                Received::Rtcp => self.hear_report(&scratch.packet, now),
                Received::Nothing => return,
                Received::Refused | Received::Rtp { .. } | Received::Samples => {}
            }
        }
    }

    fn hear_report(&mut self, packet: &[u8], now: Instant) {
        let counters = &self.shared.counters;
        let Some(compound) = rtcp::parse(packet) else { return counters.packets_garbage.add(1) };
        self.reports.hear(now, &compound, self.sending.stream().ssrc, counters);
        if compound.goodbye.is_some_and(|ssrc| self.receiving.is_stream(ssrc)) {
            self.outbox.push(now, Happened::PeerSaidBye);
        }
    }
}
