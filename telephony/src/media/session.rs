//! One call's audio, as signalling and the conversation hold it.
//!
//! Every request takes effect at the call's next frame, 20 ms later at most. None of them waits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::bridge_end::BridgeEnd;
use super::budget::Noise;
use super::counters::{CallCounters, CallCounts};
use super::digit::Digits;
use super::frame::Frame;
use super::playback::{PlaybackId, Source};
use super::recording::{RecordingOutcome, RecordingSpec};
use super::{MediaError, Peer};

/// Whoever ends a call waits so long for its recording, in [`Session::close`]. A disk that is busy with the recordings of
/// a thousand calls needs some seconds. One that needs longer still gets there: the writer goes on.
pub const RECORDING_WAIT: Duration = Duration::from_secs(60);
/// Requests that wait for the call's next frame.
pub(super) const REQUESTS_MAX: usize = 32;
/// Frames that wait for a recogniser, one second; later ones are lost, and counted.
const FRAMES_WAITING_MAX: usize = 50;

/// What a session is to do, besides carrying audio.
#[derive(Debug, Clone)]
pub struct SessionSpec {
    pub noise: Noise,
    /// None: nothing is recorded.
    pub recording: Option<RecordingSpec>,
    pub voice: VoiceActivity,
}

/// Whether [`SpeechStarted`](super::Happened::SpeechStarted) and its opposite are told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoiceActivity {
    Off,
    On,
}

/// 20 ms of what the peer said, after the jitter buffer.
#[derive(Debug, Clone)]
pub struct HeardFrame {
    /// Its beginning, in milliseconds since the answer; before it, since the session was opened.
    pub at_ms: u64,
    pub samples: Frame,
}

/// What the peer says, frame by frame without a gap, lost packets concealed.
#[derive(Debug)]
pub struct HeardFrames(mpsc::Receiver<HeardFrame>);

impl HeardFrames {
    /// The next frame; none when the session is over. Cancel safe.
    pub async fn next(&mut self) -> Option<HeardFrame> {
        self.0.recv().await
    }
}

/// A session that is over.
#[derive(Debug)]
pub struct SessionSummary {
    /// None where nothing was to be recorded, or the call was not answered.
    pub recording: Option<RecordingOutcome>,
    pub counts: CallCounts,
}

/// What the shard is asked for.
#[derive(Debug)]
pub(super) enum Request {
    Connect(Box<Peer>),
    Answer {
        at: Instant,
    },
    Play {
        playback: PlaybackId,
        source: Source,
    },
    Stop {
        playback: PlaybackId,
    },
    SendDigits(Digits),
    Listen(mpsc::Sender<HeardFrame>),
    Bridge(BridgeEnd),
    /// A fault of ours, for a test.
    #[cfg(test)]
    Panic,
}

/// What both ends of a session look at.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counters: CallCounters,
    pub(super) closed: AtomicBool,
    /// Requests wait. A look at the queue of them each frame would cost more than the frame's encoding.
    pub(super) asked: AtomicBool,
}

/// The shard's end of a session.
#[derive(Debug)]
pub(super) struct Mailbox {
    pub(super) requests: Receiver<Request>,
    pub(super) shared: Arc<Shared>,
    pub(super) summary: oneshot::Sender<SessionSummary>,
}

/// The audio of one call. Dropping it ends it; its recording is finished all the same.
#[derive(Debug)]
pub struct Session {
    audio: Audio,
    announced: SocketAddr,
    bound: SocketAddr,
    playbacks: AtomicU64,
    summary: Option<oneshot::Receiver<SessionSummary>>,
}

pub(super) fn new(announced: SocketAddr, bound: SocketAddr) -> (Session, Mailbox) {
    let (sender, requests) = sync_channel(REQUESTS_MAX);
    let (done, summary) = oneshot::channel();
    let shared = Arc::new(Shared::default());
    let mailbox = Mailbox { requests, shared: Arc::clone(&shared), summary: done };
    let session = Session {
        audio: Audio { requests: sender, shared },
        announced,
        bound,
        playbacks: AtomicU64::new(1),
        summary: Some(summary),
    };
    (session, mailbox)
}

/// The sound of one session, for whoever joins it with another's. It keeps no session up.
#[derive(Debug, Clone)]
pub struct Audio {
    requests: SyncSender<Request>,
    shared: Arc<Shared>,
}

impl Audio {
    /// From the next frame on, give what the peer says to the returned stream; an earlier stream ends. A stream that
    /// nobody reads loses frames, and holds a second at most.
    pub fn listen(&self) -> Result<HeardFrames, MediaError> {
        let (sender, frames) = mpsc::channel(FRAMES_WAITING_MAX);
        self.request(Request::Listen(sender)).map(|()| HeardFrames(frames))
    }

    pub(super) fn request(&self, request: Request) -> Result<(), MediaError> {
        self.requests.try_send(request).map_err(|error| match error {
            TrySendError::Full(_) => MediaError::Busy,
            TrySendError::Disconnected(_) => MediaError::Over,
        })?;
        // After it is in the queue: the shard takes the mark away before it looks there.
        self.shared.asked.store(true, Ordering::Release);
        Ok(())
    }
}

impl Session {
    /// The session's sound.
    pub fn audio(&self) -> Audio {
        self.audio.clone()
    }

    /// The address of RTP for the SDP: the external one, where there is one. RTCP is on the next port.
    pub fn announced(&self) -> SocketAddr {
        self.announced
    }

    /// The address that the socket is bound to.
    pub fn bound(&self) -> SocketAddr {
        self.bound
    }

    /// Who the peer is and what was agreed: from the SDP of a 183, a 200 or a re-INVITE. Until the first
    /// time nothing that comes is looked at.
    ///
    /// Where the peer's address changed, packets may come from a new source, to which the call is then pinned.
    pub fn connect(&self, peer: Peer) -> Result<(), MediaError> {
        self.request(Request::Connect(Box::new(peer)))
    }

    /// The call was answered at `at`: from here on it sends, silence where nothing is played; it is recorded,
    /// and time runs. A second answer does nothing.
    pub fn answer(&self, at: Instant) -> Result<(), MediaError> {
        self.request(Request::Answer { at })
    }

    /// Play this from the next frame on, in place of what plays now. It waits where the call is not answered or
    /// on hold.
    pub fn play(&self, source: Source) -> Result<PlaybackId, MediaError> {
        let playback = PlaybackId(self.playbacks.fetch_add(1, Ordering::Relaxed));
        self.request(Request::Play { playback, source }).map(|()| playback)
    }

    /// Play no more of this. An event tells how much of it has left; none comes where it was over already.
    pub fn stop(&self, playback: PlaybackId) -> Result<(), MediaError> {
        self.request(Request::Stop { playback })
    }

    /// Press keys, after those that are still to be pressed. What plays pauses meanwhile.
    pub fn send_digits(&self, digits: Digits) -> Result<(), MediaError> {
        self.request(Request::SendDigits(digits))
    }

    /// See [`Audio::listen`].
    pub fn listen(&self) -> Result<HeardFrames, MediaError> {
        self.audio().listen()
    }

    /// What was sent and received so far.
    pub fn counts(&self) -> CallCounts {
        self.audio.shared.counters.read()
    }

    /// End it, and wait until its recording is on the disk. The ports are free within 20 ms.
    pub async fn close(mut self) -> Result<SessionSummary, MediaError> {
        let summary = self.summary.take();
        drop(self);
        match summary {
            Some(summary) => summary.await.map_err(|_| MediaError::Over),
            None => Err(MediaError::Over),
        }
    }

    pub(super) fn request(&self, request: Request) -> Result<(), MediaError> {
        self.audio.request(request)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.audio.shared.closed.store(true, Ordering::Release);
    }
}
