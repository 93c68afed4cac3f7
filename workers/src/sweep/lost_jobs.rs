//! Jobs that Redis no longer has: rows that wait for a job are given one again. Ids are derived, so a job
//! that is still there stays the only one.

use std::time::Duration;

use chrono::TimeDelta;
use jobs::{
    AnalyzeCall, DialAttempt, ImportBatch, QueueError, ReorderNumbers, RunExport, UploadRecording,
};
use outbound::ids::{ExportId, ImportId};
use storage::work::LongWork;
use storage::{StoreError, attempts, recordings, records, tasks};

use crate::{Environment, import_batch, run_export};

/// A claimed attempt that nobody began for this long, or for half a lease, has lost its job.
const UNBEGUN_MAX: Duration = Duration::from_secs(5);
/// Conversations that are older than this and still not analysed have failed too often.
const ANALYZED_SINCE: TimeDelta = TimeDelta::days(2);
const ROWS_MAX: u32 = 1_000;

/// The pause between looks: a slot whose job was lost has one again within a lease, as a slot whose
/// worker was lost is free within a lease.
pub fn pause(sweep_every: Duration, lease: Duration) -> Duration {
    (sweep_every * 5).min(lease / 2)
}

fn unbegun(lease: Duration) -> Duration {
    UNBEGUN_MAX.min(lease / 2)
}

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let attempts = attempts::lost_jobs(&env.store, unbegun(env.settings.lease)).await?;
    let attempts: Vec<_> = attempts
        .iter()
        .map(|claimed| DialAttempt { attempt: claimed.attempt, token: claimed.token })
        .collect();
    // Whoever carries one could not renew its lease while the database was away.
    let mut again = 0;
    if env.store.has_answered_for(import_batch::LEASE) {
        again += ImportId::requeue_expired(&env.store, ROWS_MAX).await?;
    }
    if env.store.has_answered_for(run_export::LEASE) {
        again += ExportId::requeue_expired(&env.store, ROWS_MAX).await?;
    }
    let imports: Vec<_> = ImportId::queued(&env.store, ROWS_MAX)
        .await?
        .into_iter()
        .map(|(import, token)| ImportBatch { import, token })
        .collect();
    let exports: Vec<_> = ExportId::queued(&env.store, ROWS_MAX)
        .await?
        .into_iter()
        .map(|(export, token)| RunExport { export, token })
        .collect();
    let reorders: Vec<_> = tasks::reordering(&env.store, ROWS_MAX)
        .await?
        .into_iter()
        .map(|(task, revision)| ReorderNumbers { task, revision })
        .collect();
    let uploads: Vec<_> = recordings::pending(&env.store, env.spool.id(), None, ROWS_MAX)
        .await?
        .into_iter()
        .map(|recording| UploadRecording { attempt: recording.attempt, spool: recording.spool })
        .collect();
    let since = env.clock.now() - ANALYZED_SINCE;
    let analyses: Vec<_> = records::unanalyzed(&env.store, since, None, ROWS_MAX)
        .await?
        .into_iter()
        .map(|call| AnalyzeCall {
            attempt: call.id,
            started_at_ms: call.started_at.timestamp_millis(),
        })
        .collect();
    let pushed = async {
        env.queues.push_all(&attempts).await?;
        env.queues.push_all(&imports).await?;
        env.queues.push_all(&exports).await?;
        env.queues.push_all(&reorders).await?;
        env.queues.push_all(&uploads).await?;
        env.queues.push_all(&analyses).await?;
        Ok::<_, QueueError>(())
    };
    if let Err(error) = pushed.await {
        tracing::warn!(%error, "lost jobs were not pushed; the next look does it");
    }
    Ok(attempts.len() as u64 + again)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_whose_job_was_lost_has_one_again_within_a_lease() {
        let sweep_every = crate::Settings::default().sweep_every;
        for lease in [2, 3, 9, 15, 600].map(Duration::from_secs) {
            let longest = unbegun(lease) + pause(sweep_every, lease);
            assert!(longest <= lease, "{longest:?} of a lease of {lease:?}");
        }
    }

    #[test]
    fn a_job_that_waits_for_seconds_is_not_taken_for_lost() {
        let lease = crate::Settings::default().lease;
        assert_eq!(unbegun(lease), UNBEGUN_MAX);
    }
}
