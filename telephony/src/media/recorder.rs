//! A call's recording on its shard: puts both sides in step with the wire and hands them to the writer, a second at a
//! time.
//!
//! A sample's place is its time since the answer. What is sent is on the wire as it is recorded; what was received was on
//! the wire earlier, by the delay of the jitter buffer, so it is put that much earlier. A lost packet leaves what
//! was concealed, hold and stalls leave silence; nothing ever shifts.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::oneshot;

use super::frame::{FRAME_SAMPLES, Frame, SAMPLES_A_MS, SILENCE};
use super::recording::RecordingSpec;
use super::session::SessionSummary;
use super::writer::{Draft, HandOver, Last, Piece, Writer};
use crate::recording::LENGTH_MS_MAX;

/// Samples of a piece, both sides: one second.
const PIECE_SAMPLES: usize = 16_000;
/// An answer can't be older than this when the shard learns of it.
const ANSWER_AGE_MAX: Duration = Duration::from_secs(5);

pub(super) struct Recorder {
    writer: Writer,
    draft: Draft,
    /// Frames that were heard before the answer and come out of the jitter buffer after it.
    early_frames: u64,
    /// What was sent and has no other side yet.
    sent: VecDeque<Frame>,
    piece: Vec<i16>,
    samples_left: u64,
    state: Recording,
}

/// Whether a recording is still being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recording {
    GoesOn,
    Lost,
}

impl Recorder {
    /// Begin, for a call that was answered so long ago. The first `early_frames` that come out of the jitter buffer
    /// were heard before the answer.
    pub(super) fn start(
        writer: Writer,
        spec: &RecordingSpec,
        answered_ago: Duration,
        early_frames: u64,
    ) -> Self {
        let draft = writer.draft(spec.clone());
        let mut piece = room();
        // Silence between the answer and the first frame.
        piece.resize(lead(answered_ago) * 2, 0);
        Self {
            writer,
            draft,
            early_frames,
            sent: VecDeque::new(),
            piece,
            samples_left: LENGTH_MS_MAX * SAMPLES_A_MS as u64,
            state: Recording::GoesOn,
        }
    }

    /// A frame left.
    pub(super) fn sent(&mut self, frame: &Frame) {
        if self.state == Recording::GoesOn {
            self.sent.push_back(*frame);
        }
    }

    /// A frame came out of the jitter buffer. [`Recording::Lost`] is said once.
    pub(super) fn heard(&mut self, frame: &Frame) -> Recording {
        if self.state == Recording::Lost {
            return Recording::GoesOn;
        }
        if self.early_frames > 0 {
            self.early_frames -= 1;
            return Recording::GoesOn;
        }
        let right = self.sent.pop_front().unwrap_or(SILENCE);
        let count = self.samples_left.min(FRAME_SAMPLES as u64) as usize;
        self.samples_left -= count as u64;
        let mut rows = [0; 2 * FRAME_SAMPLES];
        for (row, (left, right)) in rows.chunks_exact_mut(2).zip(frame.iter().zip(&right)) {
            row.copy_from_slice(&[*left, *right]);
        }
        self.piece.extend_from_slice(&rows[..2 * count]);
        if self.piece.len() < PIECE_SAMPLES {
            return Recording::GoesOn;
        }
        self.state = self.hand_over();
        if self.state == Recording::Lost {
            self.sent = VecDeque::new();
            self.piece = Vec::new();
        }
        self.state
    }

    /// How many frames were sent whose other side is still in the jitter buffer.
    pub(super) fn unheard(&self) -> usize {
        self.sent.len()
    }

    fn hand_over(&mut self) -> Recording {
        if self.draft.has_failed() {
            return Recording::Lost;
        }
        let samples = std::mem::replace(&mut self.piece, room());
        match self.writer.add(Piece { draft: self.draft.clone(), samples }) {
            HandOver::Taken => Recording::GoesOn,
            HandOver::Lost => Recording::Lost,
        }
    }

    /// The call is over: what is left goes to the writer, and the summary with what became of it to who waits.
    pub(super) fn finish(self, summary: SessionSummary, waits: oneshot::Sender<SessionSummary>) {
        let piece = Piece { draft: self.draft, samples: self.piece };
        self.writer.finish(Box::new(Last { piece, summary, waits }));
    }
}

/// For a piece: the frame that fills it may reach beyond it, as may the silence before the first.
fn room() -> Vec<i16> {
    Vec::with_capacity(PIECE_SAMPLES + 2 * FRAME_SAMPLES)
}

fn lead(answered_ago: Duration) -> usize {
    let ago = answered_ago.min(ANSWER_AGE_MAX);
    usize::try_from(ago.as_micros()).unwrap_or(0) * SAMPLES_A_MS / 1_000
}

#[cfg(test)]
#[path = "recorder_tests.rs"]
mod tests;
