//! The circuit breakers of the trunks that calls went through. `outbound::breaker` has the rules.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use outbound::Time;
use outbound::breaker::{BreakerState, LineCalls, Move, Probe, after_calls};
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Done, Finished};
use crate::lanes::word;
use crate::tasks::{notify_dispatch, trunk_changed};
use crate::{Store, StoreError};

/// The actor in a task's history when a breaker moved.
const BREAKER: &str = "breaker";

/// Put off the next probe of each trunk that refused a probe among these calls. It comes before the finish: a
/// finished probe makes room for another, and [`judge`] runs only after that. When the finish fails, the next
/// probe comes a little late.
///
/// Locks those trunks, and nothing else, in a transaction of its own.
pub(super) async fn put_off_probes(
    store: &Store,
    items: &[Finished],
    now: Time,
) -> Result<(), StoreError> {
    let refused: Vec<Uuid> =
        items.iter().filter(|item| item.trunk_refused).map(|item| item.attempt.uuid()).collect();
    if refused.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "with held as (
             select id, (config->'breaker'->>'probe_seconds')::double precision as wait from trunk
              where breaker = 'open'
                and id in (select trunk_id from attempt where id = any($1) and probe)
              order by id for no key update)
         update trunk t set breaker_until = $2::timestamptz + make_interval(secs => coalesce(held.wait, 30))
           from held where t.id = held.id",
        &refused,
        now
    )
    .execute(&store.hot)
    .await?;
    Ok(())
}

/// The trunks whose breaker may move after these calls.
pub(super) fn to_judge(done: &[Done<'_>]) -> BTreeMap<Uuid, Option<Probe>> {
    let mut trunks = BTreeMap::new();
    for done in done {
        let Some(took) = done.line_took_it() else { continue };
        let probe = done.held.probe.then_some(if took { Probe::Taken } else { Probe::Refused });
        if probe.is_some() || !took {
            let known = trunks.entry(done.held.trunk).or_insert(None);
            *known = known.or(probe);
        }
    }
    trunks
}

/// Open or close a trunk's breaker. When a crash prevents it, the next refusal or probe does it. Locks the trunk,
/// then the tasks that call through it.
pub(super) async fn judge(
    store: &Store,
    trunk: Uuid,
    probe: Option<Probe>,
    now: Time,
) -> Result<(), StoreError> {
    let mut tx = store.hot.begin().await?;
    let found = sqlx::query!(
        r#"select enterprise_id, config as "config: Json<TrunkConfig>", breaker from trunk
            where id = $1 for no key update"#,
        trunk
    )
    .fetch_optional(&mut *tx)
    .await?;
    let Some(found) = found else { return Ok(()) };
    let state = word(BreakerState::from_word(&found.breaker), "a breaker", &found.breaker)?;
    let counted = match state {
        BreakerState::Closed => calls(&mut tx, trunk, &found.config, now).await?,
        // An open breaker goes by its probes alone.
        BreakerState::Open => LineCalls { all: 0, refused: 0 },
    };
    match after_calls(&found.config.breaker, state, probe, counted, now) {
        None => return Ok(()),
        Some(Move::Open { next_probe_at }) => {
            set(&mut tx, trunk, BreakerState::Open, Some(next_probe_at)).await?;
        }
        Some(Move::Close) => {
            sqlx::query!("delete from trunk_health where trunk_id = $1", trunk)
                .execute(&mut *tx)
                .await?;
            set(&mut tx, trunk, BreakerState::Closed, None).await?;
        }
    }
    trunk_changed(&mut tx, trunk.into(), now, BREAKER).await?;
    notify_dispatch(&mut tx, found.enterprise_id.into()).await?;
    tx.commit().await?;
    Ok(())
}

/// The calls that count in the breaker's window.
async fn calls(
    conn: &mut PgConnection,
    trunk: Uuid,
    config: &TrunkConfig,
    now: Time,
) -> Result<LineCalls, StoreError> {
    let window = TimeDelta::seconds(i64::from(config.breaker.window_seconds));
    let calls = sqlx::query!(
        r#"select coalesce(sum(accepted + refused), 0) as "all!", coalesce(sum(refused), 0) as "refused!"
             from trunk_health where trunk_id = $1 and bucket > $2"#,
        trunk,
        now - window
    )
    .fetch_one(conn)
    .await?;
    Ok(LineCalls { all: calls.all, refused: calls.refused })
}

async fn set(
    conn: &mut PgConnection,
    trunk: Uuid,
    breaker: BreakerState,
    until: Option<Time>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update trunk set breaker = $2, breaker_until = $3 where id = $1",
        trunk,
        breaker.word(),
        until
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Delete the counts that no breaker reads any more. A sweep calls it now and then. Locks the rows that it deletes.
pub async fn forget_health(store: &Store, before: Time) -> Result<u64, StoreError> {
    let gone = sqlx::query!("delete from trunk_health where bucket < $1", before)
        .execute(&store.hot)
        .await?;
    Ok(gone.rows_affected())
}
