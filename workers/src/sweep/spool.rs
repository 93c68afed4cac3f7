//! Recordings in this machine's spool folder that nobody waits for: of calls whose lease was lost before they
//! were written down, and drafts of a process that died. Without this they fill the disk.

use std::time::Duration;

use outbound::ids::AttemptId;
use storage::{StoreError, recordings};

use crate::Environment;

/// A file that is a day old belongs to no call that is being written down. So long also for whoever started this
/// process with the wrong database: it knows none of the files.
const AGE_MIN: Duration = Duration::from_secs(86_400);
/// Files that are looked at in one batch.
const FILES_MAX: usize = 1_000;

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let unreadable =
        |error: std::io::Error| StoreError::Unavailable(format!("spool folder: {error}"));
    let spool = env.spool.clone();
    let old = tokio::task::spawn_blocking(move || spool.older_than(AGE_MIN)).await;
    let old =
        old.map_err(|error| StoreError::Unavailable(error.to_string()))?.map_err(unreadable)?;
    let mut found = 0;
    for batch in old.chunks(FILES_MAX) {
        let attempts: Vec<AttemptId> = batch.iter().map(|(attempt, _)| *attempt).collect();
        let needed = recordings::needed(&env.store, &attempts).await?;
        for (_, path) in batch.iter().filter(|(attempt, _)| !needed.contains(attempt)) {
            match tokio::fs::remove_file(path).await {
                Ok(()) => found += 1,
                // An upload that was just done removed it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(unreadable(error)),
            }
        }
    }
    Ok(found)
}
