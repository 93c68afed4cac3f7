//! Imports: a file becomes numbers, in one step or not at all.
//!
//! The file is read and judged by a process of its own (`process`), which leaves the good rows in one file and
//! tells the refused ones in another. Then the rows land, chunk by chunk, in one transaction.

mod cell;
mod delimited;
mod encoding;
mod error_file;
mod json;
mod kind;
mod number_format;
pub mod process;
mod sheet;
mod source;
mod spill;
#[cfg(test)]
mod tests;
mod workbook;
mod xml;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data};
use jobs::ImportBatch;
use outbound::import::{ImportProblem, RowRules};
use storage::imports::{self, Import};
use storage::objects::keys;
use storage::work::{Going, TRIES_MAX, Try, gave_up};
use storage::{StoreError, batches, enterprises, navigations, tasks, trunks};
use tempfile::NamedTempFile;

use crate::environment::Environment;
use process::{Request, Summary};

/// The import's lease, renewed at each look: when its worker dies, another goes on after it.
pub(crate) const LEASE: Duration = Duration::from_secs(30);
/// Between two looks whether it is cancelled, with which progress is told.
const LOOK: Duration = Duration::from_secs(1);
/// An import that a server's outage broke is given back for as long as this.
const GIVE_BACK: Duration = Duration::from_secs(600);
const RETRY: Duration = Duration::from_millis(500);

/// Why an import ends without numbers.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("it was cancelled")]
    Cancelled,
    #[error("it is refused: {}", .0.code)]
    Refused(ImportProblem),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this machine's copy can't be read or written: {0}")]
    Disk(#[from] std::io::Error),
    #[error("the reader ended badly: {0}")]
    Broken(String),
}

pub async fn import_batch(job: ImportBatch, env: Data<Environment>) -> Result<(), BoxDynError> {
    let Some(import) = imports::take(&env.store, job.import, job.token, LEASE).await? else {
        return Ok(());
    };
    let progress = Progress::default();
    let ran = if import.tries > TRIES_MAX {
        Err(Halt::Refused(gave_up_on(import.trouble.as_deref())))
    } else {
        tokio::select! {
            ran = run(&env, &import, &progress) => ran,
            halt = keep(&env, &import, &progress) => Err(halt),
        }
    };
    match ran {
        Ok(()) => return Ok(()),
        Err(halted) => end(&env, &import, halted).await?,
    }
    metrics::counter!("callwright_imports_refused_total").increment(1);
    Ok(())
}

/// End an import that did not land, or give it back to be tried again.
async fn end(env: &Environment, import: &Import, halted: Halt) -> Result<(), BoxDynError> {
    let (id, token) = (import.id, import.token);
    let now = env.clock.now();
    let problem = match halted {
        Halt::Cancelled | Halt::Store(StoreError::Conflict { code: "cancelled", .. }) => {
            return Ok(imports::cancelled(&env.store, id, token, now).await?);
        }
        // Whoever has it now ends it.
        Halt::Store(StoreError::Conflict { code: "lease_lost", .. }) => return Ok(()),
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
        // A server is away: the sweep queues it again.
        Halt::Store(error @ StoreError::Unavailable(_)) => {
            give_back(env, import, Try::NoFault).await;
            return Err(error.into());
        }
        error if import.tries < TRIES_MAX => {
            give_back(env, import, Try::Failed(&error.to_string())).await;
            return Err(error.into());
        }
        error => {
            tracing::error!(%error, import = %id, "an import failed at each try");
            gave_up_on(Some(&error.to_string()))
        }
    };
    Ok(imports::fail(&env.store, id, token, &problem, None, now).await?)
}

fn gave_up_on(trouble: Option<&str>) -> ImportProblem {
    ImportProblem { code: "gave_up".into(), detail: gave_up(trouble), faults: Vec::new() }
}

/// How far an import is, for whoever looks after it.
#[derive(Debug, Default)]
struct Progress {
    rows: AtomicU64,
    /// From here on the transaction decides whether the lease still holds.
    landing: AtomicBool,
}

/// Renew the lease, tell progress, and hear a cancel, for as long as the import is ours.
async fn keep(env: &Environment, import: &Import, progress: &Progress) -> Halt {
    loop {
        tokio::time::sleep(LOOK).await;
        let rows = progress.rows.load(Ordering::Relaxed);
        match imports::progress(&env.store, import.id, import.token, rows, None, LEASE).await {
            Ok(Going::On) => {}
            Ok(Going::Cancelled) => return Halt::Cancelled,
            // It may have landed a moment ago.
            Err(StoreError::Conflict { .. }) if progress.landing.load(Ordering::Relaxed) => {}
            Err(error @ StoreError::Conflict { .. }) => return error.into(),
            Err(error) => tracing::warn!(%error, "an import's lease is renewed later"),
        }
    }
}

/// End the lease now, so that nobody waits for it to run out.
async fn give_back(env: &Environment, import: &Import, tried: Try<'_>) {
    let given = async {
        while let Err(error) = imports::give_back(&env.store, import.id, import.token, tried).await
        {
            tracing::warn!(%error, "an import is given back later");
            tokio::time::sleep(RETRY).await;
        }
    };
    // Where even this fails, the lease runs out.
    let _ = tokio::time::timeout(GIVE_BACK, given).await;
}

async fn run(env: &Environment, import: &Import, progress: &Progress) -> Result<(), Halt> {
    let (file, spill, errors) =
        (NamedTempFile::new()?, NamedTempFile::new()?, NamedTempFile::new()?);
    env.objects.get_to_file(&import.object_key, file.path()).await?;
    let callers = trunks::caller_ids_by_phone(&env.store, import.enterprise).await?;
    let request = Request {
        file: file.path().to_owned(),
        spill: spill.path().to_owned(),
        errors: errors.path().to_owned(),
        options: import.options.clone(),
        rules: rules(env, import).await?,
        callers: callers.into_iter().map(|(phone, id)| (phone.digits(), id)).collect(),
    };
    let read = process::read(&env.settings.reader, &request, &progress.rows).await?;
    let error_key = match read.invalid {
        0 => None,
        _ => {
            let key = keys::import_errors(import.enterprise, import.id);
            env.objects.put_file(&key, "text/csv; charset=utf-8", errors.path()).await?;
            Some(key)
        }
    };
    if read.invalid > 0 && import.options.all_or_nothing {
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
    progress.landing.store(true, Ordering::Relaxed);
    land(env, import, read, error_key.as_deref(), spill::Reader::open(spill.path())?).await
}

async fn land(
    env: &Environment,
    import: &Import,
    read: Summary,
    error_key: Option<&str>,
    mut rows: spill::Reader,
) -> Result<(), Halt> {
    let landing = batches::Landing {
        import: import.id,
        token: import.token,
        enterprise: import.enterprise,
        task: import.task,
        options: &import.options,
        rows: read.good,
        invalid: read.invalid,
        hidden: read.hidden,
        error_key,
        actor: &import.actor,
    };
    let landed = batches::land(&env.store, landing, &mut rows, env.clock.now()).await?;
    metrics::counter!("callwright_numbers_imported_total").increment(landed.result.imported);
    for step in landed.task.steps() {
        if let Err(error) = crate::steps::push(env, &step).await {
            tracing::warn!(%error, "a timed step was not queued; the sweep takes it");
        }
    }
    Ok(())
}

/// What rows are judged by.
async fn rules(env: &Environment, import: &Import) -> Result<RowRules, Halt> {
    let settings = enterprises::get(&env.store, import.enterprise).await?.settings;
    let config = tasks::get(&env.store, import.enterprise, import.task).await?.config;
    let published =
        navigations::published_now(&env.store, import.enterprise, config.navigation).await?;
    let uses = published.iter().flat_map(|published| published.variables());
    let mut variables: BTreeSet<String> = config.variables.keys().cloned().collect();
    let mut required = BTreeSet::new();
    for variable in uses {
        variables.insert(variable.name.clone());
        if variable.required {
            required.insert(variable.name.clone());
        }
    }
    let region = config.default_region.unwrap_or(settings.default_region);
    Ok(RowRules { region, required, variables, defaults: config.variables })
}
