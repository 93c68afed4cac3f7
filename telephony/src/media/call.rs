//! A call on its shard: sends a frame at its deadline, builds the next, and in between hears what has come
//! ([`hearing`]).

mod arrivals;
mod hearing;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::budget::Room;
use super::event::{Happened, Outbox};
use super::frame::{FRAME_MS, SILENCE};
use super::path::{Path, Way};
use super::peer::Peer;
use super::receiving::Receiving;
use super::recorder::Recorder;
use super::reports::Reports;
use super::rtcp::Farewell;
use super::sending::Sending;
use super::session::{
    HeardFrame, Mailbox, REQUESTS_MAX, Request, SessionSpec, SessionSummary, Shared, VoiceActivity,
};
use super::tones::ToneDetector;
use super::voice::VoiceDetector;
use super::wire::Scratch;
use super::writer::Writer;
use arrivals::Arrivals;

/// Frames whose hearing waits for time; a call with so many is heard before anything else is sent.
pub(super) const UNHEARD_FRAMES_MAX: u32 = 25;

/// What all calls of a plane go by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    pub(super) jitter_ms: u32,
    pub(super) wire_silent_after: Duration,
}

/// A call on its way to a shard.
#[derive(Debug)]
pub(super) struct NewCall {
    pub(super) spec: SessionSpec,
    pub(super) way: Way,
    pub(super) room: Room,
    pub(super) mailbox: Mailbox,
    pub(super) outbox: Outbox,
}

pub(super) struct Call {
    spec: SessionSpec,
    rules: Rules,
    requests: Receiver<Request>,
    shared: Arc<Shared>,
    summary: oneshot::Sender<SessionSummary>,
    outbox: Outbox,
    wire: Path,
    sending: Sending,
    receiving: Receiving,
    arrivals: Arrivals,
    reports: Reports,
    writer: Writer,
    recorder: Option<Recorder>,
    tones: ToneDetector,
    voice: Option<VoiceDetector>,
    listener: Option<mpsc::Sender<HeardFrame>>,
    answered: Option<Answered>,
    life: Life,
    /// Frames that were sent, and whose other side is still to be heard.
    unheard: u32,
    frames_heard: u64,
    /// At so many frames heard, RTCP is looked at again.
    next_reports: u64,
    _room: Room,
}

/// When the call was answered, as its frames count.
#[derive(Debug, Clone, Copy)]
struct Answered {
    /// What was heard before.
    frames_before: u64,
    /// From the answer to the first frame.
    lead_ms: u64,
}

/// Whether the peer still sends.
#[derive(Debug, Clone, Copy)]
struct Life {
    /// The last packet, or when packets could first come.
    last: Instant,
    told: Told,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    Silent,
}

/// How hearing goes: with everything, or without what can be left out for want of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Care {
    Full,
    /// No voice detection.
    Reduced,
}

/// What a deadline was to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Packet,
    /// Nothing was to be sent.
    Nothing,
    /// The call is over.
    Over,
}

impl Call {
    pub(super) fn new(new: NewCall, rules: Rules, writer: Writer, now: Instant) -> Self {
        let NewCall { spec, way, room, mailbox, outbox } = new;
        // Made here, as it can't change threads.
        let voice = (spec.voice == VoiceActivity::On).then(VoiceDetector::new);
        Self {
            spec,
            rules,
            requests: mailbox.requests,
            wire: Path::new(way, Arc::clone(&mailbox.shared)),
            shared: mailbox.shared,
            summary: mailbox.summary,
            outbox,
            sending: Sending::new(),
            receiving: Receiving::new(rules.jitter_ms),
            arrivals: Arrivals::new(),
            reports: Reports::new(now),
            writer,
            recorder: None,
            tones: ToneDetector::default(),
            voice,
            listener: None,
            answered: None,
            life: Life { last: now, told: Told::Nothing },
            unheard: 0,
            frames_heard: 0,
            next_reports: 0,
            _room: room,
        }
    }

    /// Send the frame that was built.
    pub(super) fn send(&mut self, now: Instant) -> Sent {
        if self.shared.closed.load(Ordering::Acquire) {
            return Sent::Over;
        }
        if self.shared.asked.load(Ordering::Relaxed) {
            self.shared.asked.swap(false, Ordering::AcqRel);
            while let Ok(request) = self.requests.try_recv() {
                self.carry_out(request, now);
            }
            self.build(now);
        }
        let packet = self.sending.packet();
        let sent = if packet.is_empty() { Sent::Nothing } else { Sent::Packet };
        if sent == Sent::Packet {
            self.wire.send(packet, self.sending.frame());
        }
        if let Some(recorder) = &mut self.recorder {
            recorder.sent(self.sending.frame());
        }
        self.sending.sent(now, &mut self.outbox);
        self.unheard += 1;
        sent
    }

    /// Build the frame that is sent next.
    pub(super) fn build(&mut self, now: Instant) {
        let answered = self.answered.is_some();
        let peer = self.wire.peer().filter(|peer| answered && peer.direction.sends());
        if let Some(packet) = self.sending.build(peer, now, &mut self.outbox)
            && !self.wire.protect(packet)
        {
            packet.clear();
            self.shared.counters.send_failures.add(1);
        }
    }

    /// The thread was not run for so many frames. Their time has passed: they are silence on both sides of the
    /// recording, and the stream's timestamps go on.
    pub(super) fn skip(&mut self, frames: u32, scratch: &mut Scratch) {
        for _ in 0..frames {
            self.sending.skip();
            if let Some(recorder) = &mut self.recorder {
                recorder.sent(&SILENCE);
            }
            self.unheard += 1;
            if self.unheard >= UNHEARD_FRAMES_MAX {
                self.hear(scratch, Care::Reduced);
            }
        }
    }

    pub(super) fn unheard(&self) -> u32 {
        self.unheard
    }

    /// End the call. What is left of its recording, if there is one, goes to the writer, who answers whoever waits.
    pub(super) fn end(mut self, scratch: &mut Scratch) {
        let now = Instant::now();
        // A call may be answered and over within a frame. It has its recording, too.
        for _ in 0..REQUESTS_MAX {
            let Ok(request) = self.requests.try_recv() else { break };
            self.carry_out(request, now);
        }
        self.hear(scratch, Care::Reduced);
        self.report(now, Farewell::Goodbye);
        self.sending.stop_playback(now, &mut self.outbox);
        while self.recorder.as_ref().is_some_and(|recorder| recorder.unheard() > 0) {
            self.hear_frame(now, Care::Reduced);
        }
        self.outbox.flush();
        let summary = SessionSummary { recording: None, counts: self.shared.counters.read() };
        match self.recorder {
            Some(recorder) => recorder.finish(summary, self.summary),
            // Who dropped the session does not wait.
            None => drop(self.summary.send(summary)),
        }
    }

    fn carry_out(&mut self, request: Request, now: Instant) {
        match request {
            Request::Connect(peer) => self.connect(*peer, now),
            Request::Answer { at } => self.answer(at, now),
            Request::Play { playback, source } => {
                self.sending.play(playback, source, now, &mut self.outbox);
            }
            Request::Stop { playback } => self.sending.stop(playback, now, &mut self.outbox),
            Request::SendDigits(digits) => {
                if !self.sending.dial(&digits) {
                    self.outbox.push(now, Happened::DigitsRefused);
                }
            }
            Request::Listen(listener) => self.listener = Some(listener),
            Request::Bridge(end) => self.sending.join(end),
            #[cfg(test)]
            Request::Panic => panic!("as the test asked for"),
        }
    }

    fn connect(&mut self, peer: Peer, now: Instant) {
        let before = self.wire.peer().map(|peer| peer.direction);
        if before != Some(peer.direction) {
            self.life = Life { last: now, told: Told::Nothing };
        }
        if let Err(error) = self.wire.connect(peer, now) {
            tracing::error!(%error, "a call goes on as it was before its peer changed");
        }
    }

    fn answer(&mut self, at: Instant, now: Instant) {
        if self.answered.is_some() {
            return;
        }
        let ago = now.saturating_duration_since(at);
        let lead_ms = u64::try_from(ago.as_millis()).unwrap_or(0);
        // Frames that were sent before are still to be heard; they are before the answer, too.
        let frames_before = self.frames_heard + u64::from(self.unheard);
        self.answered = Some(Answered { frames_before, lead_ms });
        self.life.last = now;
        if let Some(spec) = &self.spec.recording {
            let held_back = u64::from(self.rules.jitter_ms) / FRAME_MS;
            let early_frames = u64::from(self.unheard) + held_back;
            let writer = self.writer.clone();
            self.recorder = Some(Recorder::start(writer, spec, ago, early_frames));
        }
    }

    fn report(&mut self, now: Instant, farewell: Farewell) {
        let own = self.sending.stream();
        let packet = self.reports.write(now, own, self.receiving.stream(), farewell);
        self.wire.send_report(packet);
    }
}
