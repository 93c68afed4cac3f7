//! Telephone events in RTP (RFC 4733): one key press is many packets of one timestamp.

use std::collections::VecDeque;

use crate::digit::{DialStep, Digit, Digits};
use crate::frame::FRAME_MS;
use crate::frame::FRAME_SAMPLES;

/// Bytes of an event in a packet.
pub const EVENT_BYTES: usize = 4;
/// How long a key is pressed, and how long none is after it.
const PRESS_FRAMES: u16 = 5;
const GAP_FRAMES: u16 = 5;
/// The end is told three times, as packets get lost (RFC 4733, section 2.5.1.4).
const END_PACKETS: u16 = 3;
/// -10 dBm0, as telephones send.
const VOLUME: u8 = 10;
/// Steps that wait to be dialled.
const STEPS_WAITING_MAX: usize = 256;
/// Key presses that are remembered, so that late packets of them are no new ones.
const REMEMBERED: usize = 8;

/// An event as it stands in a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    pub event: u8,
    pub end: bool,
    pub volume: u8,
    /// In samples, since the packet's timestamp.
    pub duration: u16,
}

/// The event in these bytes; none where they are not one. More events after the first are left out, as
/// nobody sends them.
pub fn parse(payload: &[u8]) -> Option<Event> {
    let [event, flags, high, low] = *payload.first_chunk::<EVENT_BYTES>()?;
    Some(Event {
        event,
        end: flags & 0x80 != 0,
        volume: flags & 0x3f,
        duration: u16::from_be_bytes([high, low]),
    })
}

pub fn write(event: Event) -> [u8; EVENT_BYTES] {
    let [high, low] = event.duration.to_be_bytes();
    [event.event, u8::from(event.end) << 7 | event.volume & 0x3f, high, low]
}

/// Tells key presses from their packets: by (timestamp, event), never by the marker, which gets lost.
#[derive(Debug, Default)]
pub struct KeyPresses {
    seen: VecDeque<(u32, u8)>,
}

impl KeyPresses {
    /// A packet of an event came. A digit, where it is the first of its key press.
    pub fn hear(&mut self, timestamp: u32, event: Event) -> Option<Digit> {
        let digit = Digit::from_event(event.event)?;
        let press = (timestamp, event.event);
        if self.seen.contains(&press) {
            return None;
        }
        if self.seen.len() == REMEMBERED {
            self.seen.pop_front();
        }
        self.seen.push_back(press);
        Some(digit)
    }

    /// A new stream's timestamps mean nothing to the old one's.
    pub fn forget(&mut self) {
        self.seen.clear();
    }
}

/// Dials digits, a frame at a time.
#[derive(Debug, Default)]
pub struct Dialler {
    steps: VecDeque<Step>,
    /// Frames of the first step that have left.
    frames: u16,
    started_at: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Press(Digit),
    Pause {
        frames: u16,
    },
    /// Says that one request is dialled.
    Done,
}

/// What a frame is to the dialler.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialled {
    /// This event, for this timestamp; marked where it is the first of its key press.
    Event { event: Event, timestamp: u32, first: bool },
    /// This key sounds; so many samples of its tone have left.
    Sound { digit: Digit, samples: u32 },
    /// No key is pressed, but one will be.
    Gap,
}

/// What happened when a frame left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialProgress {
    Dialling,
    /// All digits of a request have left.
    Done,
}

impl Dialler {
    /// Whether there was room for them.
    pub fn add(&mut self, digits: &Digits) -> bool {
        if self.steps.len() + digits.steps().len() * 2 + 1 > STEPS_WAITING_MAX {
            return false;
        }
        for step in digits.steps() {
            match *step {
                DialStep::Press(digit) => {
                    self.steps.push_back(Step::Press(digit));
                    self.steps.push_back(Step::Pause { frames: GAP_FRAMES });
                }
                DialStep::Pause { ms } => {
                    let frames = u16::try_from(u64::from(ms) / FRAME_MS).unwrap_or(u16::MAX);
                    self.steps.push_back(Step::Pause { frames });
                }
            }
        }
        self.steps.push_back(Step::Done);
        true
    }

    pub fn is_dialling(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The next frame as an event, without taking it. `now` is the frame's timestamp.
    pub fn peek_event(&self, now: u32) -> Option<Dialled> {
        match *self.steps.front()? {
            Step::Press(digit) => {
                let first = self.frames == 0;
                let timestamp = if first { now } else { self.started_at };
                let end = self.frames >= PRESS_FRAMES;
                let frames = (self.frames + 1).min(PRESS_FRAMES);
                let duration = frames * FRAME_SAMPLES as u16;
                let event = Event { event: digit.event(), end, volume: VOLUME, duration };
                Some(Dialled::Event { event, timestamp, first })
            }
            Step::Pause { .. } | Step::Done => Some(Dialled::Gap),
        }
    }

    /// The next frame as a sound, without taking it.
    pub fn peek_sound(&self) -> Option<Dialled> {
        match *self.steps.front()? {
            Step::Press(digit) if self.frames < PRESS_FRAMES => {
                let samples = u32::from(self.frames) * FRAME_SAMPLES as u32;
                Some(Dialled::Sound { digit, samples })
            }
            _ => Some(Dialled::Gap),
        }
    }

    /// The frame last peeked at has left, with this timestamp.
    pub fn advance(&mut self, now: u32) -> DialProgress {
        if self.frames == 0 {
            self.started_at = now;
        }
        self.frames += 1;
        let over = match self.steps.front() {
            Some(Step::Press(_)) => self.frames >= PRESS_FRAMES + END_PACKETS,
            Some(Step::Pause { frames }) => self.frames >= *frames,
            Some(Step::Done) | None => true,
        };
        if over {
            self.steps.pop_front();
            self.frames = 0;
        }
        if self.steps.front() == Some(&Step::Done) {
            self.steps.pop_front();
            return DialProgress::Done;
        }
        DialProgress::Dialling
    }
}

#[cfg(test)]
#[path = "dtmf_tests.rs"]
mod tests;
