//! Imports: a file becomes numbers of a task (`numbers`), or entries of the do-not-call list (`suppressions`).
//!
//! The file is read (`tables`) and judged by a process of its own (`process`), which leaves the good rows in one
//! file and tells the refused ones in another. Then the rows land.

mod error_file;
mod numbers;
pub mod process;
mod spill;
mod suppressions;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use jobs::{Delivery, ImportBatch};
use outbound::import::ImportProblem;
use storage::StoreError;
use storage::imports::{self, Content, Import};
use storage::objects::keys;
use storage::work::{TRIES_MAX, gave_up};
use tempfile::NamedTempFile;

use crate::environment::Environment;
use crate::leased::{self, Failed, Phase, Reached, Stop};
use crate::work::{Failure, Work};
use process::{Request, Summary};

/// The import's lease, renewed at each look: when its worker dies, another goes on after it.
pub(crate) const LEASE: Duration = Duration::from_secs(30);

/// Why an import ends before its rows have landed.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("it is refused: {}", .0.code)]
    Refused(ImportProblem),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this machine's copy can't be read or written: {0}")]
    Disk(#[from] std::io::Error),
    #[error("the reader ended badly: {0}")]
    Broken(String),
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Store(stop.into())
    }
}

impl Work for ImportBatch {
    const CONCURRENCY: usize = 2;
    const DELIVERIES_MAX: u32 = 5;

    async fn run(self, env: Environment, _: Delivery) -> Result<(), Failure> {
        let (carried, turns) = (|| carry(&env, &self), &env.import_turns);
        let queues = &env.queues;
        let push = |import, token| async move { Ok(queues.push(&Self { import, token }).await?) };
        leased::in_turn(&env, turns, self.import, carried, push).await
    }
}

async fn carry(env: &Environment, job: &ImportBatch) -> Result<(), Failure> {
    let Some(import) = imports::take(&env.store, job.import, job.token, LEASE).await? else {
        return Ok(());
    };
    let progress = Progress { rows: import.done.into(), landing: false.into() };
    let ran = if import.tries > TRIES_MAX {
        Err(Halt::Refused(gave_up_on(import.trouble.as_deref())))
    } else {
        tokio::select! {
            ran = run(env, &import, &progress) => ran,
            stop = leased::keep(&env.store, import.lease(), LEASE, || progress.reached()) => {
                Err(stop.into())
            }
        }
    };
    if let Err(halted) = ran {
        end(env, &import, halted).await?;
        metrics::counter!("callwright_imports_refused_total").increment(1);
    }
    Ok(())
}

/// End an import that did not land, or give it back to be tried again.
async fn end(env: &Environment, import: &Import, halted: Halt) -> Result<(), Failure> {
    let (id, token, lease) = (import.id, import.token, import.lease());
    let now = env.clock.now();
    let problem = match halted {
        Halt::Store(StoreError::Cancelled) => return Ok(lease.cancelled(&env.store, now).await?),
        // Whoever has it now ends it.
        Halt::Store(StoreError::LeaseLost) => return Ok(()),
        Halt::Store(StoreError::Conflict { code, detail }) => {
            ImportProblem { code: code.into(), detail, faults: Vec::new() }
        }
        Halt::Refused(problem) => {
            let key = keys::import_errors(import.enterprise, id);
            let told = env.objects.head(&key).await?.map(|_| key);
            return Ok(imports::fail(&env.store, id, token, &problem, told.as_deref(), now).await?);
        }
        // What it needs is gone, and would be gone at every further try.
        Halt::Store(StoreError::NotFound(what)) => {
            let what = if what == "object" { "uploaded file" } else { what };
            let detail = format!("its {what} is not there any more; import it again");
            ImportProblem { code: "gone".into(), detail, faults: Vec::new() }
        }
        Halt::Store(error @ StoreError::Unavailable(_)) => {
            return Err(leased::server_away(&env.store, lease, error).await);
        }
        error => match leased::after_failure(&env.store, lease, import.tries, error).await {
            Failed::Again(failure) => return Err(failure),
            Failed::AtLast(trouble) => gave_up_on(Some(&trouble)),
        },
    };
    Ok(imports::fail(&env.store, id, token, &problem, None, now).await?)
}

fn gave_up_on(trouble: Option<&str>) -> ImportProblem {
    ImportProblem { code: "gave_up".into(), detail: gave_up(trouble), faults: Vec::new() }
}

/// How far an import is, for whoever looks after it.
#[derive(Debug)]
struct Progress {
    rows: AtomicU64,
    /// From here on the transaction decides whether the lease still holds.
    landing: AtomicBool,
}

impl Progress {
    fn reached(&self) -> Reached {
        let lands = self.landing.load(Ordering::Relaxed);
        Reached {
            done: self.rows.load(Ordering::Relaxed),
            total: None,
            phase: if lands { Phase::Lands } else { Phase::Works },
        }
    }
}

async fn run(env: &Environment, import: &Import, progress: &Progress) -> Result<(), Halt> {
    match &import.content {
        Content::Numbers(content) => numbers::run(env, import, content, progress).await,
        Content::Suppressions(content) => suppressions::run(env, import, content, progress).await,
    }
}

/// The files of an import on this machine; gone with it.
struct Files {
    source: NamedTempFile,
    /// Its good rows.
    spill: NamedTempFile,
    /// Its refused ones.
    errors: NamedTempFile,
}

impl Files {
    /// With the uploaded file in its place.
    async fn of(env: &Environment, import: &Import) -> Result<Self, Halt> {
        let (source, spill, errors) =
            (NamedTempFile::new()?, NamedTempFile::new()?, NamedTempFile::new()?);
        env.objects.get_to_file(&import.object_key, source.path()).await?;
        Ok(Self { source, spill, errors })
    }

    /// Have the file read; `rows` counts while it is.
    async fn read(
        &self,
        env: &Environment,
        content: process::Content,
        rows: &AtomicU64,
    ) -> Result<Summary, Halt> {
        let request = Request {
            file: self.source.path().to_owned(),
            spill: self.spill.path().to_owned(),
            errors: self.errors.path().to_owned(),
            content,
        };
        process::read(&env.settings.reader, &request, rows).await
    }

    /// Keep what tells of refused rows, if there are any; its key.
    async fn keep_errors(
        &self,
        env: &Environment,
        import: &Import,
        read: Summary,
        all_or_nothing: bool,
    ) -> Result<Option<String>, Halt> {
        if read.invalid == 0 {
            return Ok(None);
        }
        let key = keys::import_errors(import.enterprise, import.id);
        env.objects.put_file(&key, "text/csv; charset=utf-8", self.errors.path()).await?;
        if all_or_nothing {
            return Err(Halt::Refused(ImportProblem {
                code: "rows_with_errors".into(),
                detail: format!(
                    "{} rows have errors and the import was to land whole or not at all; \
                     the error file names them",
                    read.invalid
                ),
                faults: Vec::new(),
            }));
        }
        Ok(Some(key))
    }

    fn good_rows(&self) -> std::io::Result<spill::Reader> {
        spill::Reader::open(self.spill.path())
    }
}
