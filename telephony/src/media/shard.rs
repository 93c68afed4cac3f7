//! A thread that owns calls.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use super::budget::Room;
use super::counters::{Lateness, LatenessCounters, ShardCounters, ShardCounts};
use super::event::Outbox;
use super::ports::Sockets;
use super::session::{Mailbox, SessionSpec};
use super::{MediaConfig, MediaError};

/// Calls that wait to be taken over by the thread, which looks at least every 20 ms.
const NEW_CALLS_MAX: usize = 1_024;

/// A call on its way to a shard.
pub(super) struct NewCall {
    pub(super) spec: SessionSpec,
    pub(super) sockets: Sockets,
    pub(super) room: Room,
    pub(super) mailbox: Mailbox,
    pub(super) outbox: Outbox,
}

#[derive(Debug)]
pub(super) struct Shard {
    calls: SyncSender<NewCall>,
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) counters: ShardCounters,
    pub(super) lateness: LatenessCounters,
}

impl Shard {
    pub(super) fn start(_number: usize, _config: &MediaConfig) -> io::Result<Self> {
        let (calls, new) = sync_channel(NEW_CALLS_MAX);
        std::thread::spawn(move || new.into_iter().for_each(drop::<NewCall>));
        Ok(Self { calls, counted: Arc::default() })
    }

    pub(super) fn add(&self, call: NewCall) -> Result<(), MediaError> {
        self.calls.try_send(call).map_err(|_| MediaError::NoRoom)
    }

    pub(super) fn counts(&self) -> ShardCounts {
        self.counted.counters.read()
    }

    pub(super) fn lateness(&self) -> Lateness {
        self.counted.lateness.read()
    }
}
