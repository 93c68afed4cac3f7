//! Attempts of dead workers: a claimed one is handed out again, a begun one ends as `worker_lost`.

use jobs::DialAttempt;
use storage::{StoreError, attempts};

use crate::{Environment, lost_calls, transfer};

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let lease = env.settings.lease;
    let expired = attempts::expire_leases(&env.store, lease, lease).await?;
    let found = expired.again.len() + expired.lost.len();
    let again: Vec<DialAttempt> = expired
        .again
        .iter()
        .map(|claimed| DialAttempt { attempt: claimed.attempt, token: claimed.token })
        .collect();
    if let Err(error) = env.queues.push_all(&again).await {
        tracing::warn!(%error, "jobs of expired attempts were not pushed; the sweeps make up for it");
    }
    lost_calls::end(&env, &expired.lost).await?;
    transfer::end_orphaned(&env).await?;
    Ok(found as u64)
}
