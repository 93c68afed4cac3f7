//! Partitions ahead, files and replies whose time is over.

use storage::{StoreError, exports, idempotency, recordings, records};

use crate::Environment;

const ROWS_MAX: u32 = 1_000;
/// Trunk health older than any breaker's window.
const HEALTH_KEPT: chrono::TimeDelta = chrono::TimeDelta::hours(2);

pub async fn look(env: Environment) -> Result<u64, StoreError> {
    let now = env.clock.now();
    records::ensure_partitions(&env.store, now).await?;
    let mut found = 0;
    for (export, object_key) in exports::expired_files(&env.store, now, ROWS_MAX).await? {
        env.objects.delete(&object_key).await?;
        exports::forget_file(&env.store, export).await?;
        found += 1;
    }
    let expired = recordings::expired(&env.store, now, ROWS_MAX).await?;
    for (_, object_key) in &expired {
        env.objects.delete(object_key).await?;
    }
    let attempts: Vec<_> = expired.iter().map(|(attempt, _)| *attempt).collect();
    recordings::forget(&env.store, &attempts).await?;
    found += attempts.len() as u64;
    found += idempotency::expire(&env.store, ROWS_MAX).await?;
    let dropped = records::drop_expired(&env.store, now).await?;
    found += dropped.rows + dropped.partitions.len() as u64;
    storage::workers::forget_gone(&env.store).await?;
    storage::finish::forget_health(&env.store, now - HEALTH_KEPT).await?;
    Ok(found)
}
