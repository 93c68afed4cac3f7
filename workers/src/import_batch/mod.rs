//! Imports: a file becomes numbers, in one step or not at all.

mod cell;
mod json;
mod sheet;
mod source;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use apalis::prelude::{BoxDynError, Data};
use jobs::ImportBatch;
use outbound::ids::CallerIdId;
use outbound::import::{ImportProblem, ParsedRow, RowError, RowRules};
use outbound::phone::Phone;
use outbound::record::defuse;
use storage::batches::{self, LandingRow};
use storage::imports::{self, Import};
use storage::objects::keys;
use storage::work::Going;
use storage::{StoreError, enterprises, navigations, tasks, trunks};
use tokio::sync::mpsc;

use crate::environment::Environment;
use source::{ReadRow, Stop};

/// The import's lease, renewed three times in that time: when its worker dies, another goes on after it.
const LEASE: Duration = Duration::from_secs(30);
/// An import that a server's outage broke is given back for as long as this.
const GIVE_BACK: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(500);
/// Chunks that wait to be judged.
const CHUNKS_WAITING_MAX: usize = 2;
/// Refused rows that the error file tells of; the count goes on.
const ERRORS_TOLD_MAX: u64 = 100_000;

/// Why an import ends without numbers.
#[derive(Debug, thiserror::Error)]
enum Halt {
    #[error("it was cancelled")]
    Cancelled,
    #[error("it is refused: {}", .0.code)]
    Refused(ImportProblem),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("this machine's copy can't be read: {0}")]
    Disk(#[from] std::io::Error),
    #[error("the reader ended badly: {0}")]
    Broken(String),
}

pub async fn import_batch(job: ImportBatch, env: Data<Environment>) -> Result<(), BoxDynError> {
    let Some(import) = imports::take(&env.store, job.import, job.token, LEASE).await? else {
        return Ok(());
    };
    let (id, token) = (import.id, import.token);
    let ran = tokio::select! {
        ran = run(&env, &import) => ran,
        () = keep(&env, &import) => Err(Halt::Store(StoreError::Conflict {
            code: "lease_lost",
            detail: "another worker has this import, or it is over".into(),
        })),
    };
    let halted = match ran {
        Ok(()) => return Ok(()),
        Err(halted) => halted,
    };
    match halted {
        Halt::Cancelled => imports::cancelled(&env.store, id, token, env.clock.now()).await?,
        Halt::Store(StoreError::Conflict { code: "cancelled", .. }) => {
            imports::cancelled(&env.store, id, token, env.clock.now()).await?;
        }
        // Whoever has it now ends it.
        Halt::Store(StoreError::Conflict { code: "lease_lost", .. }) => return Ok(()),
        Halt::Store(StoreError::Conflict { code, detail }) => {
            let problem = ImportProblem { code: code.into(), detail, faults: Vec::new() };
            imports::fail(&env.store, id, token, &problem, None, env.clock.now()).await?;
        }
        Halt::Refused(problem) => {
            let key = keys::import_errors(import.enterprise, id);
            let told = env.objects.head(&key).await?.map(|_| key);
            imports::fail(&env.store, id, token, &problem, told.as_deref(), env.clock.now())
                .await?;
        }
        // What it needs is gone, and would be gone at every further try.
        Halt::Store(StoreError::NotFound(what)) => {
            let what = if what == "object" { "uploaded file" } else { what };
            let detail = format!("its {what} is not there any more; import it again");
            let problem = ImportProblem { code: "gone".into(), detail, faults: Vec::new() };
            imports::fail(&env.store, id, token, &problem, None, env.clock.now()).await?;
        }
        // Infrastructure: the sweep queues it again.
        error => {
            give_back(&env, &import).await;
            return Err(error.into());
        }
    }
    metrics::counter!("callwright_imports_refused_total").increment(1);
    Ok(())
}

/// Renew the lease for as long as it is ours.
async fn keep(env: &Environment, import: &Import) {
    loop {
        tokio::time::sleep(LEASE / 3).await;
        match imports::renew(&env.store, import.id, import.token, LEASE).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(error) => tracing::warn!(%error, "an import's lease is renewed later"),
        }
    }
}

/// End the lease now, so that nobody waits for it to run out.
async fn give_back(env: &Environment, import: &Import) {
    let given = async {
        while let Err(error) =
            imports::renew(&env.store, import.id, import.token, Duration::ZERO).await
        {
            tracing::warn!(%error, "an import is given back later");
            tokio::time::sleep(RETRY).await;
        }
    };
    // Where even this fails, the lease runs out.
    let _ = tokio::time::timeout(GIVE_BACK, given).await;
}

async fn run(env: &Environment, import: &Import) -> Result<(), Halt> {
    let file = tempfile::NamedTempFile::new()?;
    env.objects.get_to_file(&import.object_key, file.path()).await?;
    let (rules, callers) = rules(env, import).await?;
    let read = read(env, import, file.path(), rules, &callers).await?;
    let error_key = write_errors(env, import, &read.errors).await?;
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
    let landing = batches::Landing {
        import: import.id,
        token: import.token,
        enterprise: import.enterprise,
        task: import.task,
        options: &import.options,
        rows: &read.rows,
        invalid: read.invalid,
        error_key: error_key.as_deref(),
        actor: &import.actor,
    };
    let landed = batches::land(&env.store, landing, env.clock.now()).await?;
    metrics::counter!("callwright_numbers_imported_total").increment(landed.result.imported);
    for step in landed.task.steps() {
        if let Err(error) = crate::steps::push(env, &step).await {
            tracing::warn!(%error, "a timed step was not queued; the sweep takes it");
        }
    }
    Ok(())
}

/// What rows are judged by, and the enterprise's caller IDs.
async fn rules(
    env: &Environment,
    import: &Import,
) -> Result<(RowRules, BTreeMap<Phone, CallerIdId>), Halt> {
    let settings = enterprises::get(&env.store, import.enterprise).await?.settings;
    let config = tasks::get(&env.store, import.enterprise, import.task).await?.config;
    let published =
        navigations::published_now(&env.store, import.enterprise, config.navigation).await?;
    let uses = published.iter().flat_map(|published| published.variables());
    let required: BTreeSet<String> =
        uses.filter(|variable| variable.required).map(|variable| variable.name.clone()).collect();
    let region = config.default_region.unwrap_or(settings.default_region);
    let callers = trunks::caller_ids_by_phone(&env.store, import.enterprise).await?;
    Ok((RowRules { region, required, defaults: config.variables }, callers))
}

/// The rows of a file.
#[derive(Default)]
struct Read {
    rows: Vec<LandingRow>,
    errors: Vec<(u64, RowError)>,
    invalid: u64,
}

async fn read(
    env: &Environment,
    import: &Import,
    path: &Path,
    rules: RowRules,
    callers: &BTreeMap<Phone, CallerIdId>,
) -> Result<Read, Halt> {
    let (chunks, mut waiting) = mpsc::channel::<Vec<ReadRow>>(CHUNKS_WAITING_MAX);
    let (path, format) = (path.to_owned(), import.options.format);
    let reader = tokio::task::spawn_blocking(move || source::read(&path, format, &rules, &chunks));
    let mut read = Read::default();
    while let Some(chunk) = waiting.recv().await {
        for row in chunk {
            read.take(row, callers);
        }
        let done = read.rows.len() as u64 + read.invalid;
        let store = &env.store;
        match imports::progress(store, import.id, import.token, done, None, LEASE).await? {
            Going::On => {}
            Going::Cancelled => return Err(Halt::Cancelled),
        }
    }
    match reader.await.map_err(|error| Halt::Broken(error.to_string()))? {
        Ok(()) => Ok(read),
        Err(Stop::Refused(problem)) => Err(Halt::Refused(problem)),
        Err(Stop::Disk(error)) => Err(error.into()),
        Err(Stop::Cancelled) => Err(Halt::Cancelled),
    }
}

impl Read {
    fn take(&mut self, row: ReadRow, callers: &BTreeMap<Phone, CallerIdId>) {
        let landing = row.parsed.and_then(|parsed| landing(parsed, callers));
        match landing {
            Ok(landing) => self.rows.push(landing),
            Err(errors) => {
                self.invalid += 1;
                if self.invalid <= ERRORS_TOLD_MAX {
                    self.errors.extend(errors.into_iter().map(|error| (row.line, error)));
                }
            }
        }
    }
}

fn landing(
    row: ParsedRow,
    callers: &BTreeMap<Phone, CallerIdId>,
) -> Result<LandingRow, Vec<RowError>> {
    let caller_id = match row.caller_id {
        Some(phone) => match callers.get(&phone) {
            Some(caller) => Some(*caller),
            None => {
                return Err(vec![RowError {
                    column: "Caller ID".into(),
                    value: phone.reveal(),
                    reason: "is not a caller ID of this enterprise".into(),
                }]);
            }
        },
        None => None,
    };
    let location = row.phone.location();
    Ok(LandingRow {
        phone: row.phone,
        priority: row.priority,
        caller_id,
        backups: row.backups,
        variables: row.variables,
        province: location.map(|location| location.province.into()).unwrap_or_default(),
        city: location.map(|location| location.city.into()).unwrap_or_default(),
        time_zone: row.phone.time_zone(),
    })
}

/// The error file: row, column, value, reason; its key, when there are errors.
async fn write_errors(
    env: &Environment,
    import: &Import,
    errors: &[(u64, RowError)],
) -> Result<Option<String>, Halt> {
    if errors.is_empty() {
        return Ok(None);
    }
    let broken = |error: csv::Error| Halt::Broken(error.to_string());
    let mut csv = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
    csv.write_record(["Row", "Column", "Value", "Reason"]).map_err(broken)?;
    for (line, error) in errors {
        let line = line.to_string();
        let (column, value) = (defuse(&error.column), defuse(&error.value));
        csv.write_record([&line, &column, &value, &error.reason]).map_err(broken)?;
    }
    let bytes = csv.into_inner().map_err(|error| Halt::Broken(error.to_string()))?;
    let key = keys::import_errors(import.enterprise, import.id);
    env.objects.put(&key, "text/csv; charset=utf-8", bytes).await?;
    Ok(Some(key))
}
