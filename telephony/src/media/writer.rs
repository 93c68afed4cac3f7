//! Writes recordings: one thread that appends what shards hand over, and some that make whole recordings durable, so that
//! waiting for the disk at the end of one call does not hold up the others.
//!
//! A disk that does nothing for ten seconds loses nothing: so much of each call waits in memory. What waits is bounded for
//! each call, and for all of them together; who is beyond that loses the recording, which is counted, and told to whoever
//! waits for it.
//!
//! A recording is `….part` until it is whole and on the disk, and then gets its name. One that fails is deleted, and
//! its call goes on.

mod sync;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use tokio::sync::oneshot;

use super::recording::{RecordingOutcome, RecordingSpec};
use super::session::SessionSummary;
use super::sink::Sink;
use sync::Whole;

/// Pieces of a second (32 kB) of one call that wait for the disk.
pub(super) const CALL_PIECES_MAX: usize = 10;
/// Those of all calls together: ten seconds of a thousand calls, 320 MB.
const PIECES_MAX: usize = 10_240;
/// With so many the ends of recordings have no room either.
const PIECES_AND_ENDS_MAX: usize = 2 * PIECES_MAX;
/// After so many pieces the writer looks for recordings whose call has given them up.
const LOOK_EVERY: u32 = 256;
const TOO_SLOW: &str = "the disk is too slow";

/// A recording that is being made. Its call and the writer share it; when the call has dropped it unfinished, the
/// writer deletes the file.
#[derive(Debug, Clone)]
pub(super) struct Draft(Arc<DraftState>);

#[derive(Debug)]
struct DraftState {
    number: u64,
    spec: RecordingSpec,
    failed: OnceLock<String>,
    /// Its pieces that wait for the disk.
    waiting: AtomicUsize,
    load: Arc<Load>,
}

/// What waits of all recordings, and how they fared.
#[derive(Debug, Default)]
struct Load {
    pieces: AtomicUsize,
    failed: AtomicU64,
}

/// Part of a recording: samples of both sides in turn.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) draft: Draft,
    pub(super) samples: Vec<i16>,
}

/// The last piece of a recording, and who waits for it.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) piece: Piece,
    pub(super) summary: SessionSummary,
    pub(super) waits: oneshot::Sender<SessionSummary>,
}

#[derive(Debug)]
enum Message {
    Piece(Piece),
    Last(Box<Last>),
}

/// What became of a piece that was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HandOver {
    Taken,
    /// The recording is lost: the disk is too slow, or the writer is gone.
    Lost,
}

/// The way to the writer. Its threads end when all of these are dropped and everything is written.
///
/// The queue itself has no bound: [`Load`] has.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    messages: Sender<Message>,
    load: Arc<Load>,
}

impl Writer {
    pub(super) fn start() -> io::Result<Self> {
        let (messages, received) = channel();
        let whole = sync::start()?;
        let load = Arc::new(Load::default());
        let writing = Writing { files: HashMap::new(), whole, bytes: Vec::new(), pieces: 0 };
        thread::Builder::new()
            .name("recording-write".to_owned())
            .spawn(|| writing.run(received))?;
        Ok(Self { messages, load })
    }

    pub(super) fn draft(&self, spec: RecordingSpec) -> Draft {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        let (failed, waiting) = (OnceLock::new(), AtomicUsize::new(0));
        Draft(Arc::new(DraftState { number, spec, failed, waiting, load: Arc::clone(&self.load) }))
    }

    /// Never waits.
    pub(super) fn add(&self, piece: Piece) -> HandOver {
        let draft = piece.draft.clone();
        let full = draft.0.waiting.load(Ordering::Relaxed) >= CALL_PIECES_MAX;
        if full || self.load.pieces.load(Ordering::Relaxed) >= PIECES_MAX {
            draft.fail(TOO_SLOW);
            return HandOver::Lost;
        }
        draft.count();
        if self.messages.send(Message::Piece(piece)).is_err() {
            draft.uncount();
            draft.fail("the writer is gone");
            return HandOver::Lost;
        }
        HandOver::Taken
    }

    /// Never waits. Whoever waits for the recording is answered, whatever comes of it.
    pub(super) fn finish(&self, last: Box<Last>) {
        let draft = last.piece.draft.clone();
        if self.load.pieces.load(Ordering::Relaxed) >= PIECES_AND_ENDS_MAX {
            return last.give_up(TOO_SLOW);
        }
        draft.count();
        if let Err(refused) = self.messages.send(Message::Last(last)) {
            draft.uncount();
            if let Message::Last(last) = refused.0 {
                last.give_up("the writer is gone");
            }
        }
    }

    /// Recordings that were lost.
    pub(super) fn failed(&self) -> u64 {
        self.load.failed.load(Ordering::Relaxed)
    }

    /// Pieces of a second that wait for the disk.
    pub(super) fn waiting(&self) -> u64 {
        self.load.pieces.load(Ordering::Relaxed) as u64
    }
}

impl Last {
    fn give_up(self, reason: &str) {
        self.piece.draft.fail(reason);
        let reason = self.piece.draft.reason().unwrap_or_default();
        answer(self.waits, self.summary, RecordingOutcome::Failed { reason });
    }
}

impl Draft {
    /// Give it up. The first reason counts.
    pub(super) fn fail(&self, reason: &str) {
        if self.0.failed.set(reason.to_owned()).is_ok() {
            self.0.load.failed.fetch_add(1, Ordering::Relaxed);
            tracing::error!(recording = %self.0.spec.path.display(), reason, "a recording is lost");
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.0.failed.get().is_some()
    }

    fn reason(&self) -> Option<String> {
        self.0.failed.get().cloned()
    }

    /// A piece of it waits from now on.
    fn count(&self) {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        self.0.load.pieces.fetch_add(1, Ordering::Relaxed);
    }

    fn uncount(&self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        self.0.load.pieces.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The writing thread.
struct Writing {
    files: HashMap<u64, Open>,
    whole: SyncSender<Whole>,
    /// Where pieces are made into bytes.
    bytes: Vec<u8>,
    pieces: u32,
}

/// A file that is being written.
struct Open {
    draft: Weak<DraftState>,
    sink: Sink,
    path: PathBuf,
}

impl Writing {
    fn run(mut self, messages: Receiver<Message>) {
        for message in messages {
            match message {
                Message::Piece(piece) => self.write(&piece),
                Message::Last(last) => self.end(*last),
            }
            self.pieces = self.pieces.wrapping_add(1);
            if self.pieces.is_multiple_of(LOOK_EVERY) {
                self.drop_abandoned();
            }
        }
    }

    /// A fault gives up this recording and no other.
    fn write(&mut self, piece: &Piece) {
        let draft = &piece.draft;
        if draft.has_failed() {
            self.discard(draft);
        } else if let Err(error) = self.append(piece) {
            draft.fail(&error.to_string());
            self.discard(draft);
        }
        draft.uncount();
    }

    fn append(&mut self, piece: &Piece) -> io::Result<()> {
        use std::collections::hash_map::Entry;
        let draft = &piece.draft.0;
        let open = match self.files.entry(draft.number) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(place) => {
                let path = draft.spec.path.with_extension("part");
                // Its header may be the first thing that a full disk refuses.
                let sink = Sink::create(&path, draft.spec.format).inspect_err(|_| remove(&path))?;
                place.insert(Open { draft: Arc::downgrade(draft), sink, path })
            }
        };
        open.sink.write(&piece.samples, &mut self.bytes)
    }

    fn end(&mut self, last: Last) {
        let Last { piece, summary, waits } = last;
        self.write(&piece);
        let draft = piece.draft;
        match self.files.remove(&draft.0.number) {
            Some(Open { sink, path, .. }) => {
                let whole = Whole { sink, draft, part: path, summary, waits };
                // Only at the end of the process is nobody there to take it; the part file stays for it to be found.
                let _ = self.whole.send(whole);
            }
            None => {
                let reason = draft.reason().unwrap_or_default();
                answer(waits, summary, RecordingOutcome::Failed { reason });
            }
        }
    }

    fn discard(&mut self, draft: &Draft) {
        if let Some(open) = self.files.remove(&draft.0.number) {
            remove(&open.path);
        }
    }

    /// Delete what calls have dropped without finishing it.
    fn drop_abandoned(&mut self) {
        self.files.retain(|_, open| {
            let kept = open.draft.strong_count() > 0;
            if !kept {
                remove(&open.path);
            }
            kept
        });
    }
}

fn answer(
    waits: oneshot::Sender<SessionSummary>,
    summary: SessionSummary,
    outcome: RecordingOutcome,
) {
    // Who dropped the session does not wait.
    let _ = waits.send(SessionSummary { recording: Some(outcome), ..summary });
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(%error, path = %path.display(), "a part of a lost recording stays behind");
    }
}
