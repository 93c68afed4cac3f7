//! One session's end of a bridge.
//!
//! The two sessions may be on different shards. Frames pass through a bounded channel each way; both ends take one frame
//! each 20 ms by the same clock, so what waits there stays within a frame or two.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Weak};

use super::frame::{Frame, SILENCE};

/// Frames on their way between two shards.
const UNDER_WAY_MAX: usize = 16;
/// Frames that may wait to be sent; of more the oldest are dropped, so that a delay never stays.
const WAITING_MAX: usize = 3;

#[derive(Debug)]
pub(super) struct BridgeEnd {
    /// Alive as long as the bridge is wanted.
    held: Weak<()>,
    to: SyncSender<Frame>,
    from: Receiver<Frame>,
    waiting: VecDeque<Frame>,
}

/// What is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherEnd {
    There,
    /// Its session is over.
    Gone,
    /// The bridge is wanted no longer.
    Parted,
}

impl BridgeEnd {
    /// Both ends of a bridge.
    pub(super) fn pair(held: &Arc<()>) -> [Self; 2] {
        let (to_second, from_first) = sync_channel(UNDER_WAY_MAX);
        let (to_first, from_second) = sync_channel(UNDER_WAY_MAX);
        [(to_second, from_second), (to_first, from_first)].map(|(to, from)| Self {
            held: Arc::downgrade(held),
            to,
            from,
            waiting: VecDeque::new(),
        })
    }

    /// Pass on what this session hears. Where the other takes nothing, it is lost.
    pub(super) fn hear(&self, frame: &Frame) {
        // A full channel or a session that is over: `peek` tells of the latter.
        let _ = self.to.try_send(*frame);
    }

    /// What goes out next, without taking it.
    pub(super) fn peek(&mut self, frame: &mut Frame) -> OtherEnd {
        let held = self.held.strong_count() > 0;
        let mut other = if held { OtherEnd::There } else { OtherEnd::Parted };
        loop {
            match self.from.try_recv() {
                Ok(frame) => self.waiting.push_back(frame),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    // Where the bridge was dropped, the other end went for that.
                    other = if held { OtherEnd::Gone } else { OtherEnd::Parted };
                    break;
                }
            }
            if self.waiting.len() > WAITING_MAX {
                self.waiting.pop_front();
            }
        }
        *frame = self.waiting.front().copied().unwrap_or(SILENCE);
        other
    }

    /// The frame last peeked at has left, or its time has passed.
    pub(super) fn advance(&mut self) {
        self.waiting.pop_front();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peek(end: &mut BridgeEnd) -> (i16, OtherEnd) {
        let mut frame = SILENCE;
        let other = end.peek(&mut frame);
        (frame[0], other)
    }

    #[test]
    fn frames_pass_both_ways_in_order() {
        let held = Arc::new(());
        let [mut first, mut second] = BridgeEnd::pair(&held);
        first.hear(&[1; 160]);
        first.hear(&[2; 160]);
        second.hear(&[3; 160]);
        assert_eq!(peek(&mut second), (1, OtherEnd::There));
        assert_eq!(peek(&mut second), (1, OtherEnd::There));
        second.advance();
        assert_eq!(peek(&mut second).0, 2);
        second.advance();
        assert_eq!(peek(&mut second).0, 0);
        assert_eq!(peek(&mut first).0, 3);
    }

    #[test]
    fn a_delay_never_stays() {
        let held = Arc::new(());
        let [first, mut second] = BridgeEnd::pair(&held);
        (0..100).for_each(|_| first.hear(&SILENCE));
        peek(&mut second);
        assert_eq!(second.waiting.len(), WAITING_MAX);
    }

    #[test]
    fn what_the_other_said_last_is_heard_after_it_has_gone() {
        let held = Arc::new(());
        let [first, mut second] = BridgeEnd::pair(&held);
        first.hear(&[1; 160]);
        drop(first);
        assert_eq!(peek(&mut second), (1, OtherEnd::Gone));
        drop(held);
        assert_eq!(peek(&mut second).1, OtherEnd::Parted);
    }
}
