//! A do-not-call list from a file: its rows are listed some hundreds at a time, and each holds from then on.
//!
//! A worker that goes on after another's death goes on behind the last line that is listed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use outbound::suppression::{Entry, FileResult, RowRules};
use storage::imports::{self, Import, Suppressions};
use storage::{enterprises, suppression};
use tokio::time::Instant;

use super::process::Content;
use super::spill::SpilledEntry;
use super::{Files, Halt, Progress};
use crate::environment::Environment;

/// Claims wait while rows are listed. So nothing is listed for as long as that took, up to this.
const PAUSE_MAX: Duration = Duration::from_millis(500);

pub(super) async fn run(
    env: &Environment,
    import: &Import,
    list: &Suppressions,
    progress: &Progress,
) -> Result<(), Halt> {
    let files = Files::of(env, import).await?;
    let settings = enterprises::get(&env.store, import.enterprise).await?.settings;
    let rules = RowRules {
        region: settings.default_region,
        zone: settings.time_zone,
        now: env.clock.now(),
        reason: list.options.reason.clone(),
        expires_at: list.options.expires_at,
    };
    let content = Content::Suppressions { options: list.options.clone(), rules };
    // Progress counts rows that are listed.
    let read = files.read(env, content, &AtomicU64::new(0)).await?;
    let whole = list.options.all_or_nothing;
    let error_key = files.keep_errors(env, import, read, whole).await?;
    let mut result = FileResult {
        rows: read.good + read.invalid,
        invalid: read.invalid,
        hidden: read.hidden,
        ..list.result.unwrap_or_default()
    };
    let mut rows = files.good_rows()?;
    loop {
        let chunk: Vec<SpilledEntry> = rows.chunk().await?;
        if chunk.is_empty() {
            break;
        }
        let chunk: Vec<(u64, Entry)> = chunk.into_iter().map(SpilledEntry::into).collect();
        let landed = chunk.partition_point(|(line, _)| *line <= list.landed_line);
        for rows in chunk[landed..].chunks(suppression::LANDED_MAX) {
            result = land(env, import, rows, result).await?;
            progress.rows.store(result.done(), Ordering::Relaxed);
        }
    }
    progress.landing.store(true, Ordering::Relaxed);
    let (id, token, now) = (import.id, import.token, env.clock.now());
    let done =
        imports::finish_suppressions(&env.store, id, token, &result, error_key.as_deref(), now);
    Ok(done.await?)
}

async fn land(
    env: &Environment,
    import: &Import,
    rows: &[(u64, Entry)],
    before: FileResult,
) -> Result<FileResult, Halt> {
    let began = Instant::now();
    let Import { id, token, enterprise, .. } = *import;
    let landing = suppression::Landing { import: id, token, enterprise, rows, before };
    let result = suppression::land(&env.store, landing, env.clock.now()).await?;
    tokio::time::sleep(began.elapsed().min(PAUSE_MAX)).await;
    Ok(result)
}
