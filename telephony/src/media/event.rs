//! What the media plane tells of a call, and the bounded way from its thread to a task.

use std::time::Instant;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

use super::digit::Digit;
use super::playback::PlaybackId;
use super::tones::Tone;

/// Groups of events (one each 20 ms at most) that wait for a task which does not take them.
const GROUPS_MAX: usize = 64;
/// Events that wait for room there. Later ones are lost, and counted.
const WAITING_MAX: usize = 256;

/// Something that happened on a call's audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaEvent {
    /// When it happened on the wire, as near as 20 ms.
    pub at: Instant,
    pub what: Happened,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened {
    /// The first packet of a playback has left.
    PlaybackStarted { playback: PlaybackId },
    /// All of a playback has left; it was so long.
    PlaybackFinished { playback: PlaybackId, played_ms: u64 },
    /// A playback was stopped, by a request, another playback or the end of the call, after so much of it had left.
    PlaybackStopped { playback: PlaybackId, played_ms: u64 },
    /// Voice is heard. After the answer only.
    SpeechStarted,
    /// Voice is no longer heard.
    SpeechStopped,
    /// The peer pressed a key. Told once a key press, at its first packet.
    Digit { digit: Digit },
    /// All digits of one request have left.
    DigitsSent,
    /// So many digits wait that those of a request had no room. None of them will be sent.
    DigitsRefused,
    /// The network plays a tone; told once until another is heard. Before the answer only.
    Tone { tone: Tone },
    /// No packet came for [`MediaConfig::wire_silent_after`](super::MediaConfig::wire_silent_after).
    WireSilent,
    /// Packets come again.
    WireBack,
    /// The peer's RTCP says that its stream has ended.
    PeerSaidBye,
    /// The other session of a bridge is over; this one sends silence again.
    BridgeEnded,
    /// The recording is lost. The call goes on.
    RecordingFailed,
}

/// What happens on one session, in order.
#[derive(Debug)]
pub struct SessionEvents {
    groups: mpsc::Receiver<Vec<MediaEvent>>,
    current: std::vec::IntoIter<MediaEvent>,
}

impl SessionEvents {
    /// The next event; none when the session is over. Cancel safe.
    pub async fn next(&mut self) -> Option<MediaEvent> {
        loop {
            if let Some(event) = self.current.next() {
                return Some(event);
            }
            self.current = self.groups.recv().await?.into_iter();
        }
    }
}

/// The plane's end: gathers what happens in 20 ms and passes it on in one piece.
#[derive(Debug)]
pub(super) struct Outbox {
    groups: mpsc::Sender<Vec<MediaEvent>>,
    waiting: Vec<MediaEvent>,
    lost: u64,
}

pub(super) fn channel() -> (Outbox, SessionEvents) {
    let (sender, groups) = mpsc::channel(GROUPS_MAX);
    let outbox = Outbox { groups: sender, waiting: Vec::new(), lost: 0 };
    (outbox, SessionEvents { groups, current: Vec::new().into_iter() })
}

impl Outbox {
    pub(super) fn push(&mut self, at: Instant, what: Happened) {
        if self.waiting.len() < WAITING_MAX {
            self.waiting.push(MediaEvent { at, what });
        } else {
            self.lost += 1;
        }
    }

    /// Pass on what has gathered. While the task takes nothing it stays here.
    pub(super) fn flush(&mut self) {
        if self.waiting.is_empty() {
            return;
        }
        match self.groups.try_send(std::mem::take(&mut self.waiting)) {
            Ok(()) | Err(TrySendError::Closed(_)) => {}
            Err(TrySendError::Full(waiting)) => self.waiting = waiting,
        }
    }

    /// How many events found no room since this was last asked.
    pub(super) fn take_lost(&mut self) -> u64 {
        std::mem::take(&mut self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn events_wait_for_a_slow_task_in_order_and_within_bounds() {
        let (mut outbox, mut events) = channel();
        let at = Instant::now();
        let total = GROUPS_MAX + WAITING_MAX + 10;
        for _ in 0..total {
            outbox.push(at, Happened::SpeechStarted);
            outbox.flush();
        }
        assert_eq!(outbox.take_lost(), 10);
        for _ in 0..GROUPS_MAX {
            assert_eq!(events.next().await.unwrap().what, Happened::SpeechStarted);
        }
        outbox.flush();
        drop(outbox);
        let mut rest = 0;
        while events.next().await.is_some() {
            rest += 1;
        }
        assert_eq!(rest, WAITING_MAX);
    }
}
