//! The last frames before a speech: voice activity notices a speech only after it has begun.

use std::collections::VecDeque;

use super::frames;
use crate::recognition::{Frame, PRE_ROLL_MS};

/// The last [`PRE_ROLL_MS`] of frames, oldest first.
#[derive(Debug, Default)]
pub(super) struct PreRoll(VecDeque<Frame>);

impl PreRoll {
    pub(super) fn keep(&mut self, frame: &Frame) {
        if self.0.len() == frames(PRE_ROLL_MS) {
            self.0.pop_front();
        }
        self.0.push_back(*frame);
    }

    pub(super) fn frames(&self) -> impl Iterator<Item = &Frame> {
        self.0.iter()
    }
}
