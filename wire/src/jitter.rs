//! The jitter buffer: takes packets as they come, in whatever order, and gives 20 ms each 20 ms.
//!
//! It goes by timestamps, so any packet length will do, and a pause of the sender stays as long as it was. Each sample is
//! given once, in order, or not at all. What waits is bounded: where the peer's clock runs fast, or packets come in a
//! burst, a bit is left out each second until the delay is as it should be; where it runs slow, a bit is put in
//! before anything is late.

use std::collections::VecDeque;

use crate::concealment::Concealment;
use crate::frame::{FRAME_SAMPLES, Frame, SAMPLES_A_MS};

/// Pieces that wait. Those within [`FAR_SAMPLES`] fit, also where packets are of 10 ms.
const PIECES_MAX: usize = 64;
/// A packet further than this from what is due (400 ms) belongs to another stretch of audio, or to nothing.
const FAR_SAMPLES: u32 = 3_200;
/// So many late packets in a row mean that all are late now.
const LATE_IN_ROW_MAX: u32 = 3;
/// How often the delay is looked at: each second.
const WINDOW_FRAMES: u32 = 50;
/// A spare time of less than this is stretched, and by how much at a time.
const SPARE_MIN: i32 = 80;
const STRETCH: u32 = 80;
/// The most that is left out in a second.
const SHRINK_MAX: u32 = 800;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    Kept,
    Duplicate,
    /// Its time to be heard is over.
    Late,
    /// It is far from what is due. If the next one follows on it, the stream goes on there.
    Stray,
}

/// What a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// What the peer sent, whole.
    Whole,
    /// Some of it was filled in, while the stream goes on.
    Concealed,
    /// Nothing is there, and nothing comes.
    Silent,
}

#[derive(Debug)]
pub struct JitterBuffer {
    /// By timestamp, without two of the same.
    pieces: VecDeque<Piece>,
    state: State,
    /// The first packet of this stretch of audio; before it nothing is missing.
    first: u32,
    /// The spare time that a packet should have when it comes.
    target: u32,
    concealment: Concealment,
    late_in_row: u32,
    /// The timestamp that would follow on the last stray packet.
    stray_end: Option<u32>,
    window: Window,
    adjusted_samples: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Empty,
    Running {
        /// The timestamp of the next sample to give.
        next: u32,
        /// What is before this was given; what comes again of it is not.
        given_until: u32,
        /// The end of the newest packet.
        newest_end: u32,
        /// Frames since a packet came.
        quiet_frames: u32,
    },
}

#[derive(Debug)]
struct Piece {
    timestamp: u32,
    length: usize,
    samples: Frame,
}

/// The least spare time of the packets of a second.
#[derive(Debug, Default)]
struct Window {
    frames: u32,
    packets: u32,
    least_spare: i32,
}

impl JitterBuffer {
    /// A buffer that gives each packet so many milliseconds to be late.
    pub fn new(delay_ms: u32) -> Self {
        Self {
            pieces: VecDeque::new(),
            state: State::Empty,
            first: 0,
            target: delay_ms * SAMPLES_A_MS as u32,
            concealment: Concealment::new(),
            late_in_row: 0,
            stray_end: None,
            window: Window::default(),
            adjusted_samples: 0,
        }
    }

    /// A packet came: its samples, the first of them for this timestamp.
    pub fn insert(&mut self, timestamp: u32, samples: &[i16]) -> Inserted {
        let Ok(length) = u32::try_from(samples.len()) else { return Inserted::Stray };
        let end = timestamp.wrapping_add(length);
        let State::Running { next, given_until, newest_end, .. } = self.state else {
            self.restart(timestamp, end, timestamp);
            return self.keep(timestamp, samples);
        };
        let spare = difference(timestamp, next);
        if spare.unsigned_abs() > FAR_SAMPLES {
            if self.stray_end.replace(end) != Some(timestamp) {
                return Inserted::Stray;
            }
            self.restart(timestamp, end, timestamp);
            return self.keep(timestamp, samples);
        }
        self.stray_end = None;
        if difference(end, next) <= 0 {
            let newer = difference(timestamp, newest_end) >= 0;
            self.late_in_row += u32::from(newer);
            if newer && self.late_in_row >= LATE_IN_ROW_MAX {
                self.restart(timestamp, end, given_until);
                return self.keep(timestamp, samples);
            }
            if newer {
                self.run(next, given_until, end);
            }
            return Inserted::Late;
        }
        self.late_in_row = 0;
        self.window.note(spare);
        let newest_end = if difference(end, newest_end) > 0 { end } else { newest_end };
        self.run(next, given_until, newest_end);
        self.keep(timestamp, samples)
    }

    /// The next 20 ms.
    pub fn pull(&mut self, frame: &mut Frame) -> Heard {
        let State::Running { next, given_until, newest_end, quiet_frames } = self.state else {
            frame.fill(0);
            return Heard::Silent;
        };
        let (given, given_until) = self.give(next, given_until, frame);
        let before_first = difference(self.first, next) >= FRAME_SAMPLES as i32;
        let next = self.steer(next.wrapping_add(FRAME_SAMPLES as u32));
        let quiet_frames = quiet_frames.saturating_add(1);
        self.state = State::Running { next, given_until, newest_end, quiet_frames };
        if given == FRAME_SAMPLES {
            Heard::Whole
        } else if given == 0 && (before_first || quiet_frames > WINDOW_FRAMES / 2) {
            Heard::Silent
        } else {
            Heard::Concealed
        }
    }

    /// Another stream begins: what waits of the old one is not heard.
    pub fn reset(&mut self) {
        self.pieces.clear();
        self.state = State::Empty;
        self.stray_end = None;
        self.late_in_row = 0;
        self.window = Window::default();
        self.concealment.reset();
    }

    /// How much was left out or put in since this was last asked, in milliseconds.
    pub fn take_adjusted_ms(&mut self) -> u64 {
        let whole = self.adjusted_samples / SAMPLES_A_MS as u64;
        self.adjusted_samples %= SAMPLES_A_MS as u64;
        whole
    }

    /// How much audio waits, in milliseconds, gaps in it included.
    pub fn waiting_ms(&self) -> u64 {
        match self.state {
            State::Running { next, newest_end, .. } => {
                difference(newest_end, next).max(0) as u64 / SAMPLES_A_MS as u64
            }
            State::Empty => 0,
        }
    }

    /// Go on at this packet, with the usual delay before it.
    fn restart(&mut self, timestamp: u32, end: u32, given_until: u32) {
        self.pieces.clear();
        self.stray_end = None;
        self.late_in_row = 0;
        self.window = Window::default();
        self.first = timestamp;
        self.run(timestamp.wrapping_sub(self.target), given_until, end);
    }

    /// A packet came, so the stream is alive.
    fn run(&mut self, next: u32, given_until: u32, newest_end: u32) {
        self.state = State::Running { next, given_until, newest_end, quiet_frames: 0 };
    }

    fn keep(&mut self, timestamp: u32, samples: &[i16]) -> Inserted {
        let mut kept = Inserted::Duplicate;
        for (index, part) in samples.chunks(FRAME_SAMPLES).enumerate() {
            let at = timestamp.wrapping_add((index * FRAME_SAMPLES) as u32);
            // Nearly always behind all that wait.
            let last = self.pieces.back().is_none_or(|last| difference(last.timestamp, at) < 0);
            let place = if last {
                self.pieces.len()
            } else {
                self.pieces.partition_point(|piece| difference(piece.timestamp, at) < 0)
            };
            if self.pieces.get(place).is_some_and(|piece| piece.timestamp == at) {
                continue;
            }
            if self.pieces.len() == PIECES_MAX {
                return Inserted::Stray;
            }
            let mut piece =
                Piece { timestamp: at, length: part.len(), samples: [0; FRAME_SAMPLES] };
            piece.samples[..part.len()].copy_from_slice(part);
            self.pieces.insert(place, piece);
            kept = Inserted::Kept;
        }
        kept
    }

    /// Fill a frame that begins at `next`: how many of its samples were there, and until where all is given now.
    fn give(&mut self, next: u32, given_until: u32, frame: &mut Frame) -> (usize, u32) {
        let (mut filled, mut given) = (0, 0);
        let mut given_until = given_until;
        while let Some(piece) = self.pieces.front() {
            let start = difference(piece.timestamp, next);
            let end = start + piece.length as i32;
            if start >= FRAME_SAMPLES as i32 {
                break;
            }
            // What was given before, or overlaps the piece before, is left out.
            let from = start.max(filled as i32).max(difference(given_until, next));
            let to = end.min(FRAME_SAMPLES as i32);
            if from < to {
                let (skipped, from, to) = ((from - start) as usize, from as usize, to as usize);
                let there = &piece.samples[skipped..skipped + to - from];
                frame[from..to].copy_from_slice(there);
                if filled < from {
                    self.concealment.fill(&mut frame[filled..from]);
                }
                self.concealment.hear(&frame[from..to]);
                given += to - from;
                filled = to;
                given_until = next.wrapping_add(to as u32);
            }
            if end > FRAME_SAMPLES as i32 {
                break;
            }
            self.pieces.pop_front();
        }
        if filled < FRAME_SAMPLES {
            self.concealment.fill(&mut frame[filled..]);
        }
        (given, given_until)
    }

    /// Each second: leave a bit out or put a bit in, so that packets keep about the target as spare time.
    fn steer(&mut self, next: u32) -> u32 {
        self.window.frames += 1;
        if self.window.frames < WINDOW_FRAMES {
            return next;
        }
        let Window { packets, least_spare, .. } = std::mem::take(&mut self.window);
        let target = self.target as i32;
        // Too few packets say nothing of the delay.
        if packets < WINDOW_FRAMES / 4 {
            return next;
        }
        if least_spare > target + FRAME_SAMPLES as i32 {
            let shrink = ((least_spare - target) as u32).min(SHRINK_MAX);
            self.adjusted_samples += u64::from(shrink);
            next.wrapping_add(shrink)
        } else if least_spare < SPARE_MIN {
            self.adjusted_samples += u64::from(STRETCH);
            next.wrapping_sub(STRETCH)
        } else {
            next
        }
    }
}

impl Window {
    fn note(&mut self, spare: i32) {
        self.least_spare = if self.packets == 0 { spare } else { self.least_spare.min(spare) };
        self.packets += 1;
    }
}

/// How far `one` is after `other`, on timestamps that wrap.
fn difference(one: u32, other: u32) -> i32 {
    one.wrapping_sub(other) as i32
}

#[cfg(test)]
#[path = "jitter_tests.rs"]
mod tests;
