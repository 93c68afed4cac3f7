//! Exports: one consistent snapshot, streamed into a file of the object store.
//!
//! The row's fencing token decides who writes; each run writes an object of its own, and the row names the
//! one that was finished. A run that died is made again from its start, but for a ZIP of recordings, which goes
//! on where it was: nothing of it was visible. The lease is renewed by time, and a cancel is heard by time,
//! however long one row takes.

mod archive;
mod recordings;
mod resume;
mod sheet;
mod table;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use jobs::{Delivery, RunExport};
use outbound::export::{Column, Content, EXPORT_VARIABLES_MAX, ExportFormat};
use outbound::filter;
use outbound::record::Shown;
use storage::exports::{self, Export, ExportProblem, Written};
use storage::objects::keys;
use storage::records::{RecordCursor, RecordQuery, RecordStream};
use storage::work::{TRIES_MAX, gave_up};
use storage::{StoreError, enterprises};

use crate::Environment;
use crate::leased::{self, Failed, Phase, Reached, Stop};
use crate::work::{Failure, Work};

/// The export's lease, renewed at each look: when its worker dies, another goes on after it.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Days that a file lies in the download center.
const KEPT_DAYS: i64 = 7;

/// Why a run ends without a file.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file can't be written: {0}")]
    File(String),
    #[error("it was tried too often")]
    GaveUp(Option<String>),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Store(stop.into())
    }
}

impl Halt {
    fn file(error: impl std::fmt::Display) -> Self {
        Self::File(error.to_string())
    }
}

impl Work for RunExport {
    const CONCURRENCY: usize = 2;
    const DELIVERIES_MAX: u32 = 5;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        let (carried, turns) = (|| carry(&env, &self), &env.export_turns);
        let queues = &env.queues;
        let push = |export, token| async move { Ok(queues.push(&Self { export, token }).await?) };
        leased::in_turn(&env, turns, self.export, carried, push).await
    }
}

async fn carry(env: &Environment, job: &RunExport) -> Result<(), Failure> {
    let Some(export) = exports::take(&env.store, job.export, job.token, LEASE).await? else {
        return Ok(());
    };
    let progress = Progress::default();
    let ran = if export.tries > TRIES_MAX {
        Err(Halt::GaveUp(export.trouble.clone()))
    } else {
        tokio::select! {
            ran = write(env, &export, &progress) => ran,
            stop = leased::keep(&env.store, export.lease(), LEASE, || progress.reached()) => {
                Err(stop.into())
            }
        }
    };
    match ran {
        Ok(()) => Ok(()),
        Err(halted) => end(env, &export, halted).await,
    }
}

/// End an export that has no file, or give it back to be tried again.
async fn end(env: &Environment, export: &Export, halted: Halt) -> Result<(), Failure> {
    let (id, token, lease) = (export.id, export.token, export.lease());
    let now = env.clock.now();
    let problem = match halted {
        Halt::Store(StoreError::Cancelled) => {
            lease.cancelled(&env.store, now).await?;
            clean_up(env, export).await;
            return Ok(());
        }
        // Whoever has it now ends it.
        Halt::Store(StoreError::LeaseLost) => return Ok(()),
        Halt::Store(StoreError::Conflict { code, detail }) => {
            ExportProblem { code: code.into(), detail }
        }
        Halt::Store(StoreError::Refused(faults)) => {
            let detail =
                faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; ");
            ExportProblem { code: "refused".into(), detail }
        }
        Halt::GaveUp(trouble) => {
            ExportProblem { code: "gave_up".into(), detail: gave_up(trouble.as_deref()) }
        }
        Halt::Store(error @ StoreError::Unavailable(_)) => {
            return Err(leased::server_away(&env.store, lease, error).await);
        }
        error => match leased::after_failure(&env.store, lease, export.tries, error).await {
            Failed::Again(failure) => return Err(failure),
            Failed::AtLast(trouble) => {
                ExportProblem { code: "gave_up".into(), detail: gave_up(Some(&trouble)) }
            }
        },
    };
    exports::fail(&env.store, id, token, &problem, now).await?;
    clean_up(env, export).await;
    Ok(())
}

/// How far an export is, for whoever looks after it.
#[derive(Debug, Default)]
struct Progress {
    done: AtomicU64,
    total: AtomicU64,
    /// The file is whole: from here on the last write decides whether the lease still holds.
    finishing: AtomicBool,
}

impl Progress {
    fn reached(&self) -> Reached {
        let finishes = self.finishing.load(Ordering::Relaxed);
        Reached {
            done: self.done.load(Ordering::Relaxed),
            total: Some(self.total.load(Ordering::Relaxed)).filter(|total| *total > 0),
            phase: if finishes { Phase::Finishes } else { Phase::Works },
        }
    }
}

/// A running export: what is asked for, and how far it is.
struct Run<'a> {
    env: &'a Environment,
    export: &'a Export,
    rows: RecordStream,
    columns: Vec<Column>,
    done: u64,
    /// Cells that were too long for a sheet.
    cells_cut: u64,
    progress: &'a Progress,
}

impl Run<'_> {
    /// Settle the columns of the file. Gives what is to be known of them.
    async fn choose_columns(&mut self) -> Result<Option<String>, Halt> {
        let options = &self.export.options;
        let (mut variables, mut all) = (Vec::new(), 0);
        if options.spreads_variables() {
            (variables, all) = self.rows.variables(EXPORT_VARIABLES_MAX).await?;
        }
        variables.sort_unstable();
        self.columns = options.columns(&variables);
        let left = all.saturating_sub(variables.len() as u64);
        Ok((left > 0).then(|| {
            format!(
                "the rows have {all} variables; the {EXPORT_VARIABLES_MAX} that most rows have got columns of \
                 their own, the other {left} stand in the column Custom Fields only"
            )
        }))
    }

    /// The next rows of the snapshot; an empty chunk is the end.
    async fn next(&mut self) -> Result<Vec<storage::records::RecordView>, Halt> {
        let chunk = self.rows.next().await?;
        self.progress.total.store(self.rows.total, Ordering::Relaxed);
        self.progress.done.store(self.done, Ordering::Relaxed);
        self.done += chunk.len() as u64;
        Ok(chunk)
    }

    /// So many rows are done, this record the last of them.
    fn go_on_behind(&mut self, record: RecordCursor, rows: u64) {
        self.rows.go_on_behind(record);
        self.done = rows;
    }

    /// So many rows of the chunk that was taken last are still to be written.
    fn left(&self, rows: usize) {
        self.progress.done.store(self.done.saturating_sub(rows as u64), Ordering::Relaxed);
    }
}

async fn write(env: &Environment, export: &Export, progress: &Progress) -> Result<(), Halt> {
    let options = &export.options;
    let filter = match options.filter.as_deref().map(filter::parse).transpose() {
        Ok(filter) => filter,
        // It was checked when it was asked for.
        Err(error) => return Err(StoreError::Damaged(error.to_string()).into()),
    };
    let words = options.has_words();
    let all = RecordQuery::all(options.content);
    let query = RecordQuery { task: options.task, filter, words, ..all };
    let rows = RecordStream::open(&env.store, export.enterprise, query).await?;
    let mut run = Run { env, export, rows, columns: Vec::new(), done: 0, cells_cut: 0, progress };
    let note = run.choose_columns().await?;
    let extension = match (options.content, options.format) {
        (Content::Recordings, _) | (_, ExportFormat::Zip) => "zip",
        (_, ExportFormat::Csv) => "csv",
        (_, ExportFormat::Xlsx) => "xlsx",
    };
    let key = keys::export_file(export.enterprise, export.id, export.token, extension);
    let zone = enterprises::get(&env.store, export.enterprise).await?.settings.time_zone;
    let (key, bytes) = match extension {
        // One that goes on has the key that it began with.
        "zip" => recordings::write(&mut run, &key, zone).await?,
        "csv" => (key.clone(), table::write(&mut run, &key, zone).await?),
        _ => (key.clone(), sheet::write(&mut run, &key, zone).await?),
    };
    progress.finishing.store(true, Ordering::Relaxed);
    let now = env.clock.now();
    let written = Written {
        object_key: &key,
        bytes,
        rows: run.done,
        expires_at: now + TimeDelta::days(KEPT_DAYS),
        note: note.as_deref(),
        cells_cut: run.cells_cut,
    };
    exports::finish(&env.store, export.id, export.token, written, now).await?;
    if let Some(checkpoint) = &export.checkpoint {
        forget(env, checkpoint).await;
    }
    forget(env, &keys::export_checkpoint(export.enterprise, export.id, export.token)).await;
    Ok(())
}

/// Nobody goes on from there any more. One that stays goes with the export's file.
async fn forget(env: &Environment, checkpoint: &str) {
    if let Err(error) = env.objects.delete(checkpoint).await {
        tracing::warn!(%error, "a checkpoint of an export is deleted later");
    }
}

/// What an export that has no file left in the store. What stays goes with the export's files.
async fn clean_up(env: &Environment, export: &Export) {
    let prefix = keys::export_prefix(export.enterprise, export.id);
    if let Err(error) = env.objects.abort_uploads(&prefix).await {
        tracing::warn!(%error, "the parts of an export's file are freed later");
    }
}

fn shown(export: &Export) -> Shown {
    if export.reveal { Shown::Full } else { Shown::Masked }
}
