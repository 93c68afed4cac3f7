//! Exports: one consistent snapshot, streamed into a file of the object store.
//!
//! The row's fencing token decides who writes; each run writes an object of its own, and the row names the
//! one that was finished. A run that died is made again from its start: nothing of it was visible.

mod recordings;
mod sheet;
mod table;

use std::time::Duration;

use apalis::prelude::{BoxDynError, Data};
use chrono::TimeDelta;
use jobs::RunExport;
use outbound::export::{Content, ExportFormat};
use outbound::filter;
use outbound::phone::mask_digits;
use outbound::record::Shown;
use storage::exports::{self, Export, ExportProblem, Written};
use storage::objects::keys;
use storage::records::{RecordQuery, RecordStream};
use storage::work::Going;
use storage::{StoreError, enterprises};

use crate::Environment;

/// The export's lease, renewed with each chunk.
const LEASE: Duration = Duration::from_secs(120);
/// Days that a file lies in the download center.
const KEPT_DAYS: i64 = 7;

/// Why a run ends without a file.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("it was cancelled")]
    Cancelled,
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the file can't be written: {0}")]
    File(String),
}

impl Halt {
    fn file(error: impl std::fmt::Display) -> Self {
        Self::File(error.to_string())
    }
}

pub async fn run_export(job: RunExport, env: Data<Environment>) -> Result<(), BoxDynError> {
    let Some(export) = exports::take(&env.store, job.export, job.token, LEASE).await? else {
        return Ok(());
    };
    match write(&env, &export).await {
        Ok(()) => Ok(()),
        Err(Halt::Cancelled) => {
            exports::cancelled(&env.store, export.id, export.token, env.clock.now()).await?;
            Ok(())
        }
        Err(Halt::Store(StoreError::Refused(faults))) => {
            let detail =
                faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("; ");
            let problem = ExportProblem { code: "refused".into(), detail };
            exports::fail(&env.store, export.id, export.token, &problem, env.clock.now()).await?;
            Ok(())
        }
        // Infrastructure: the lease runs out, the sweep queues it again.
        Err(error) => Err(error.into()),
    }
}

/// A running export: what is asked for, and how far it is.
struct Run<'a> {
    env: &'a Environment,
    export: &'a Export,
    rows: RecordStream,
    done: u64,
}

impl Run<'_> {
    /// The next rows of the snapshot; an empty chunk is the end. Hears a cancel.
    async fn next(&mut self) -> Result<Vec<storage::records::RecordView>, Halt> {
        let (store, export) = (&self.env.store, self.export);
        let total = Some(self.rows.total);
        match exports::progress(store, export.id, export.token, self.done, total, LEASE).await? {
            Going::On => {}
            Going::Cancelled => return Err(Halt::Cancelled),
        }
        let chunk = self.rows.next().await?;
        self.done += chunk.len() as u64;
        Ok(chunk)
    }
}

async fn write(env: &Environment, export: &Export) -> Result<(), Halt> {
    let options = &export.options;
    let filter = match options.filter.as_deref().map(filter::parse).transpose() {
        Ok(filter) => filter,
        // It was checked when it was asked for.
        Err(error) => return Err(StoreError::Damaged(error.to_string()).into()),
    };
    let words = options.columns().iter().any(|field| field.name == "conversation_text");
    let all = RecordQuery::all(options.content);
    let query = RecordQuery { task: options.task, filter, words, ..all };
    let rows = RecordStream::open(&env.store, export.enterprise, query).await?;
    let mut run = Run { env, export, rows, done: 0 };
    let extension = match (options.content, options.format) {
        (Content::Recordings, _) | (_, ExportFormat::Zip) => "zip",
        (_, ExportFormat::Csv) => "csv",
        (_, ExportFormat::Xlsx) => "xlsx",
    };
    let key = keys::export_file(export.enterprise, export.id, export.token, extension);
    let zone = enterprises::get(&env.store, export.enterprise).await?.settings.time_zone;
    let bytes = match extension {
        "zip" => recordings::write(&mut run, &key).await?,
        "csv" => table::write(&mut run, &key, zone).await?,
        _ => sheet::write(&mut run, &key, zone).await?,
    };
    let now = env.clock.now();
    let written = Written {
        object_key: &key,
        bytes,
        rows: run.done,
        expires_at: now + TimeDelta::days(KEPT_DAYS),
    };
    exports::finish(&env.store, export.id, export.token, written, now).await?;
    Ok(())
}

/// The whole conversation as text: who spoke, and when.
fn conversation_text(view: &storage::records::RecordView, shown: Shown) -> String {
    let lines = view.conversation.as_ref().and_then(|conversation| {
        serde_json::from_value::<Vec<dialog::transcript::Line>>(conversation.transcript.clone())
            .ok()
    });
    let lines = lines.unwrap_or_default();
    let lines = lines.iter().map(|line| {
        let who = match line.speaker {
            dialog::transcript::Speaker::Customer => "Customer",
            dialog::transcript::Speaker::Robot => "Robot",
        };
        let seconds = line.start_ms / 1_000;
        let text = match shown {
            Shown::Full => line.text.clone(),
            Shown::Masked => mask_digits(&line.text),
        };
        format!("[{:02}:{:02}] {who}: {text}", seconds / 60, seconds % 60)
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn shown(export: &Export) -> Shown {
    if export.reveal { Shown::Full } else { Shown::Masked }
}
