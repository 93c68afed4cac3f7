//! Writes recordings: one thread that appends what shards hand over, and one that makes whole recordings durable, so that
//! waiting for the disk at the end of one call does not hold up the others.
//!
//! A recording is `….part` until it is whole and on the disk, and then gets its name. One that fails is deleted, and
//! its call goes on.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, OnceLock, Weak};
use std::thread;

use tokio::sync::oneshot;

use super::recording::{RecordingOutcome, RecordingSpec};
use super::session::SessionSummary;
use super::sink::Sink;

/// Pieces of a second (32 kB) that wait for the disk, of all calls together.
const PIECES_MAX: usize = 512;
/// Recordings that wait to be made durable; then the writer waits for it.
const WHOLE_MAX: usize = 1_024;
/// After so many pieces the writer looks for recordings whose call has given them up.
const LOOK_EVERY: u32 = 256;

/// A recording that is being made. Its call and the writer share it; when the call has dropped it unfinished, the
/// writer deletes the file.
#[derive(Debug, Clone)]
pub(super) struct Draft(Arc<DraftState>);

#[derive(Debug)]
struct DraftState {
    number: u64,
    spec: RecordingSpec,
    failed: OnceLock<String>,
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

impl Last {
    /// It was never taken: say so to who waits.
    pub(super) fn give_up(self) {
        self.piece.draft.fail("the disk is too slow");
        let reason = self.piece.draft.reason().unwrap_or_default();
        answer(self.waits, self.summary, RecordingOutcome::Failed { reason });
    }
}

#[derive(Debug)]
enum Message {
    Piece(Piece),
    Last(Box<Last>),
}

/// What became of a piece that was handed over.
#[derive(Debug)]
pub(super) enum HandOver {
    Taken,
    /// Too much waits already: here it is again.
    Full(Vec<i16>),
    Over,
}

/// The way to the writer. Its threads end when all of these are dropped and everything is written.
#[derive(Debug, Clone)]
pub(super) struct Writer(SyncSender<Message>);

impl Writer {
    pub(super) fn start() -> io::Result<Self> {
        let (sender, messages) = sync_channel(PIECES_MAX);
        let (whole, wholes) = sync_channel(WHOLE_MAX);
        thread::Builder::new().name("recording-sync".to_owned()).spawn(|| sync(wholes))?;
        let writing = Writing { files: HashMap::new(), whole, pieces: 0 };
        thread::Builder::new()
            .name("recording-write".to_owned())
            .spawn(|| writing.run(messages))?;
        Ok(Self(sender))
    }

    /// Never waits.
    pub(super) fn add(&self, piece: Piece) -> HandOver {
        match self.0.try_send(Message::Piece(piece)) {
            Ok(()) => HandOver::Taken,
            Err(TrySendError::Full(Message::Piece(piece))) => HandOver::Full(piece.samples),
            Err(_) => HandOver::Over,
        }
    }

    /// Never waits. Gives it back where too much waits already.
    pub(super) fn finish(&self, last: Box<Last>) -> Option<Box<Last>> {
        match self.0.try_send(Message::Last(last)) {
            Err(TrySendError::Full(Message::Last(last))) => Some(last),
            Ok(()) | Err(_) => None,
        }
    }
}

impl Draft {
    pub(super) fn new(spec: RecordingSpec) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(0);
        let number = NUMBERS.fetch_add(1, Ordering::Relaxed);
        Self(Arc::new(DraftState { number, spec, failed: OnceLock::new() }))
    }

    /// Give it up. The first reason counts.
    pub(super) fn fail(&self, reason: &str) {
        if self.0.failed.set(reason.to_owned()).is_ok() {
            tracing::error!(recording = %self.0.spec.path.display(), reason, "a recording is lost");
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.0.failed.get().is_some()
    }

    fn reason(&self) -> Option<String> {
        self.0.failed.get().cloned()
    }
}

/// The writing thread.
struct Writing {
    files: HashMap<u64, Open>,
    whole: SyncSender<Whole>,
    pieces: u32,
}

/// A file that is being written.
struct Open {
    draft: Weak<DraftState>,
    sink: Sink,
    path: PathBuf,
}

/// A recording that is written and not yet durable.
struct Whole {
    sink: Sink,
    draft: Draft,
    part: PathBuf,
    summary: SessionSummary,
    waits: oneshot::Sender<SessionSummary>,
}

impl Writing {
    fn run(mut self, messages: Receiver<Message>) {
        for message in messages {
            match message {
                Message::Piece(piece) => self.write(&piece),
                Message::Last(last) => self.end(*last),
            }
            self.pieces += 1;
            if self.pieces.is_multiple_of(LOOK_EVERY) {
                self.drop_abandoned();
            }
        }
    }

    /// A fault gives up this recording and no other.
    fn write(&mut self, piece: &Piece) {
        if piece.draft.has_failed() {
            return self.discard(&piece.draft);
        }
        let written = self.open(&piece.draft).and_then(|file| file.sink.write(&piece.samples));
        if let Err(error) = written {
            piece.draft.fail(&error.to_string());
            self.discard(&piece.draft);
        }
    }

    fn open(&mut self, draft: &Draft) -> io::Result<&mut Open> {
        use std::collections::hash_map::Entry;
        match self.files.entry(draft.0.number) {
            Entry::Occupied(open) => Ok(open.into_mut()),
            Entry::Vacant(place) => {
                let path = draft.0.spec.path.with_extension("part");
                let sink = Sink::create(&path, draft.0.spec.format)?;
                Ok(place.insert(Open { draft: Arc::downgrade(&draft.0), sink, path }))
            }
        }
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

/// The thread that waits for the disk.
fn sync(wholes: Receiver<Whole>) {
    for Whole { sink, draft, part, summary, waits } in wholes {
        let outcome = match sink.finish().and_then(|recorded| {
            fs::rename(&part, &draft.0.spec.path)?;
            sync_folder(&draft.0.spec.path)?;
            Ok(recorded)
        }) {
            Ok(recorded) => RecordingOutcome::Whole(recorded),
            Err(error) => {
                draft.fail(&error.to_string());
                remove(&part);
                RecordingOutcome::Failed { reason: error.to_string() }
            }
        };
        answer(waits, summary, outcome);
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
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(%error, path = %path.display(), "a part of a lost recording stays behind");
    }
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
