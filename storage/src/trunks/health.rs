//! How trunks are, as the processes that dial see them.

use outbound::Time;
use outbound::fleet::GONE_AFTER;
use outbound::ids::TrunkId;
use outbound::trunk::health::TrunkHealth;
use sqlx::types::Json;

use crate::{Store, StoreError};

/// Processes that a trunk's health is shown of, at most: those that looked last.
const SHOWN_MAX: i64 = 1_000;

/// A trunk as one process sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SeenHealth {
    pub worker: String,
    pub health: TrunkHealth,
    /// By the database's clock.
    pub seen_at: Time,
}

/// Write down how trunks are, as a process sees them; one that is deleted is left out. Locks the process' own rows, and
/// the trunks against a delete.
pub async fn tell(
    store: &Store,
    worker: &str,
    trunks: &[(TrunkId, TrunkHealth)],
) -> Result<(), StoreError> {
    let (ids, healths): (Vec<_>, Vec<_>) =
        trunks.iter().map(|(trunk, health)| (trunk.uuid(), Json(health))).unzip();
    sqlx::query!(
        "insert into trunk_watch (trunk_id, worker, health)
         select t.id, $1, u.health from unnest($2::uuid[], $3::jsonb[]) as u (trunk, health)
           join trunk t on t.id = u.trunk order by t.id
         on conflict (trunk_id, worker) do update
            set health = excluded.health, seen_at = clock_timestamp()",
        worker,
        &ids,
        &healths as &[Json<&TrunkHealth>]
    )
    .execute(&store.api)
    .await?;
    Ok(())
}

/// How a trunk is, as each process that is there sees it. Locks nothing.
pub async fn list(store: &Store, trunk: TrunkId) -> Result<Vec<SeenHealth>, StoreError> {
    let rows = sqlx::query!(
        r#"select worker, health as "health: Json<TrunkHealth>", seen_at from trunk_watch
            where trunk_id = $1 and seen_at > clock_timestamp() - make_interval(secs => $2)
            order by seen_at desc, worker limit $3"#,
        trunk.uuid(),
        GONE_AFTER.as_secs_f64(),
        SHOWN_MAX
    )
    .fetch_all(&store.api)
    .await?;
    let seen = rows.into_iter().map(|row| SeenHealth {
        worker: row.worker,
        health: row.health.0,
        seen_at: row.seen_at,
    });
    Ok(seen.collect())
}

/// A process looks at no trunk any more. Locks its rows.
pub async fn leave(store: &Store, worker: &str) -> Result<(), StoreError> {
    sqlx::query!("delete from trunk_watch where worker = $1", worker).execute(&store.api).await?;
    Ok(())
}

/// Forget what processes saw that have been gone for an hour. Locks the rows.
pub async fn forget_gone(store: &Store) -> Result<(), StoreError> {
    sqlx::query!("delete from trunk_watch where seen_at < clock_timestamp() - interval '1 hour'")
        .execute(&store.api)
        .await?;
    Ok(())
}
