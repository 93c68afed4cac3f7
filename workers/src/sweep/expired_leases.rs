//! Attempts of dead workers: a claimed one is handed out again, a begun one ends as `worker_lost`.

use jobs::{DialAttempt, Redial};
use storage::{StoreError, attempts};

use crate::Environment;
use crate::fail_point::FailPoint;

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let expired = attempts::expire_leases(&env.store, env.settings.lease).await?;
    let found = expired.again.len() + expired.lost.len();
    for lost in &expired.lost {
        metrics::counter!("callwright_workers_lost_calls_total").increment(1);
        // The line is asked for the call, and hangs it up where it still stands.
        let stood = env.carrier.hang_up_lost(lost.attempt).await;
        tracing::warn!(attempt = %lost.attempt, stood, "a worker died with this call up");
    }
    if !expired.lost.is_empty() {
        env.settings.die_at.pass(FailPoint::FoundLost);
    }
    let finished = attempts::finish_lost(&env.store, env.clock.now(), &expired.lost).await?;
    let again: Vec<DialAttempt> = expired
        .again
        .iter()
        .map(|claimed| DialAttempt { attempt: claimed.attempt, token: claimed.token })
        .collect();
    let redials: Vec<_> = finished
        .iter()
        .filter_map(|finished| {
            let at = finished.due_at()?;
            Some((Redial::at(finished.task, at), env.clock.until(at)))
        })
        .collect();
    let pushed = async {
        env.queues.push_all(&again).await?;
        env.queues.push_all_in(&redials).await
    };
    if let Err(error) = pushed.await {
        tracing::warn!(%error, "jobs of expired attempts were not pushed; the sweeps make up for it");
    }
    Ok(found as u64)
}
