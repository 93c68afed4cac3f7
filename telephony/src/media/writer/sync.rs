//! Makes whole recordings durable. A thousand calls may end at a time, and each wait for the disk takes some
//! milliseconds: so several threads wait at a time (a file system takes their waits together), and each takes
//! what has gathered and looks to a folder once for all of it.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::super::recording::RecordingOutcome;
use super::super::session::SessionSummary;
use super::super::sink::Sink;
use super::{Draft, answer, remove};
use crate::recording::Recorded;

const THREADS: usize = 4;
/// Recordings that wait to be made durable; then the writer waits for it.
const WHOLE_MAX: usize = 1_024;
/// Those that a thread takes at a time.
const BATCH_MAX: usize = 32;

/// A recording that is written and not yet durable.
pub(super) struct Whole {
    pub(super) sink: Sink,
    pub(super) draft: Draft,
    pub(super) part: PathBuf,
    pub(super) summary: SessionSummary,
    pub(super) waits: oneshot::Sender<SessionSummary>,
}

/// The threads end when the way to them is dropped, and everything is durable.
pub(super) fn start() -> io::Result<SyncSender<Whole>> {
    let (sender, wholes) = sync_channel(WHOLE_MAX);
    let wholes = Arc::new(Mutex::new(wholes));
    for _ in 0..THREADS {
        let wholes = Arc::clone(&wholes);
        thread::Builder::new().name("recording-sync".to_owned()).spawn(move || {
            while let Some(batch) = next(&wholes) {
                make_durable(batch);
            }
        })?;
    }
    Ok(sender)
}

fn next(wholes: &Mutex<Receiver<Whole>>) -> Option<Vec<Whole>> {
    // The others wait here meanwhile, as they would for the queue.
    let wholes = wholes.lock().unwrap_or_else(PoisonError::into_inner);
    let mut batch = vec![wholes.recv().ok()?];
    batch.extend(wholes.try_iter().take(BATCH_MAX - 1));
    Some(batch)
}

/// A recording that has its name, and lacks its folder's word for it.
struct Named {
    draft: Draft,
    recorded: Recorded,
    summary: SessionSummary,
    waits: oneshot::Sender<SessionSummary>,
}

fn make_durable(batch: Vec<Whole>) {
    let mut folders = BTreeSet::new();
    let named: Vec<Named> = batch.into_iter().filter_map(name).collect();
    for named in &named {
        folders.insert(folder(&named.draft.0.spec.path).to_owned());
    }
    let failed: Vec<(PathBuf, io::Error)> = folders
        .into_iter()
        .filter_map(|folder| sync_folder(&folder).err().map(|error| (folder, error)))
        .collect();
    for Named { draft, recorded, summary, waits } in named {
        let path = &draft.0.spec.path;
        let outcome = match failed.iter().find(|(broken, _)| broken == folder(path)) {
            Some((_, error)) => lost(&draft, error, path),
            None => RecordingOutcome::Whole(recorded),
        };
        answer(waits, summary, outcome);
    }
}

/// The file's bytes are on the disk, and it has its name.
fn name(whole: Whole) -> Option<Named> {
    let Whole { sink, draft, part, summary, waits } = whole;
    let named =
        sink.finish().and_then(|recorded| fs::rename(&part, &draft.0.spec.path).map(|()| recorded));
    match named {
        Ok(recorded) => Some(Named { draft, recorded, summary, waits }),
        Err(error) => {
            let outcome = lost(&draft, &error, &part);
            answer(waits, summary, outcome);
            None
        }
    }
}

fn lost(draft: &Draft, error: &io::Error, left: &Path) -> RecordingOutcome {
    draft.fail(&error.to_string());
    remove(left);
    RecordingOutcome::Failed { reason: error.to_string() }
}

fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    let here = folder.as_os_str().is_empty();
    File::open(if here { Path::new(".") } else { folder })?.sync_all()
}
