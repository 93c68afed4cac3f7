//! Two sessions joined: what one hears goes out on the other, both ways, as a transferred call needs it.
//!
//! The two may be on different shards. Frames pass through a bounded channel each way; both ends take one frame each
//! 20 ms by the same clock, so what waits there stays within a frame or two.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};

use super::frame::{Frame, SILENCE};
use super::session::{Request, Requester};
use super::{MediaError, Session};

/// Frames on their way between two shards.
const UNDER_WAY_MAX: usize = 16;
/// Frames that may wait to be sent; of more the oldest are dropped, so that a delay never stays.
const WAITING_MAX: usize = 3;

/// Two sessions are joined until this is dropped or either is over.
#[derive(Debug)]
pub struct Bridge {
    number: u64,
    sides: [Requester; 2],
}

/// One session's end of a bridge.
#[derive(Debug)]
pub(super) struct BridgeEnd {
    pub(super) number: u64,
    to: SyncSender<Frame>,
    from: Receiver<Frame>,
    waiting: VecDeque<Frame>,
}

impl Bridge {
    pub(super) fn join(number: u64, one: &Session, other: &Session) -> Result<Self, MediaError> {
        let (to_other, from_one) = sync_channel(UNDER_WAY_MAX);
        let (to_one, from_other) = sync_channel(UNDER_WAY_MAX);
        let end = |to, from| BridgeEnd { number, to, from, waiting: VecDeque::new() };
        let bridge = Self { number, sides: [one.requester(), other.requester()] };
        one.request(Request::Bridge(end(to_other, from_other)))?;
        other.request(Request::Bridge(end(to_one, from_one)))?;
        Ok(bridge)
    }
}

impl Drop for Bridge {
    /// A side whose request finds no room, or that is over, notices that the other has left.
    fn drop(&mut self) {
        for side in &self.sides {
            if let Err(error) = side.request(Request::Unbridge { bridge: self.number }) {
                tracing::debug!(%error, "one side of a bridge is told by the other");
            }
        }
    }
}

/// Whether there is still a session at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherEnd {
    There,
    Gone,
}

impl BridgeEnd {
    /// Pass on what this session hears. Where the other takes nothing, it is lost.
    pub(super) fn hear(&self, frame: &Frame) {
        // A full channel or a session that is over: `peek` tells of the latter.
        let _ = self.to.try_send(*frame);
    }

    /// What goes out next, without taking it.
    pub(super) fn peek(&mut self, frame: &mut Frame) -> OtherEnd {
        let mut other = OtherEnd::There;
        loop {
            match self.from.try_recv() {
                Ok(frame) => self.waiting.push_back(frame),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => {
                    other = OtherEnd::Gone;
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
