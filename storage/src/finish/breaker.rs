//! The circuit breaker of a trunk: it opens when the line refuses nearly everything, lets one call
//! through from time to time, and closes when that one is taken.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use outbound::Time;
use outbound::trunk::TrunkConfig;
use sqlx::PgConnection;
use sqlx::types::{Json, Uuid};

use super::{Done, Finished};
use crate::tasks::{notify_dispatch, trunk_changed};
use crate::{Store, StoreError};

/// The actor in a task's history when a breaker moved.
const BREAKER: &str = "breaker";
/// Refusals are counted in spans of this many seconds.
const BUCKET_SECONDS: i64 = 10;

/// How a probe went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Probe {
    Taken,
    Refused,
}

/// The span of time that a call counts in.
pub(super) fn bucket(at: Time) -> Time {
    let second = at.timestamp().div_euclid(BUCKET_SECONDS) * BUCKET_SECONDS;
    Time::from_timestamp(second, 0).unwrap_or(at)
}

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
    let breaker = &found.config.breaker;
    let until = now + TimeDelta::seconds(i64::from(breaker.probe_seconds));
    match (found.breaker.as_str(), probe) {
        ("closed", _) if breaker.enabled && refuses(&mut tx, trunk, &found.config, now).await? => {
            set(&mut tx, trunk, "open", Some(until)).await?;
        }
        ("closed", _) => return Ok(()),
        (_, Some(Probe::Taken)) => {
            sqlx::query!("delete from trunk_health where trunk_id = $1", trunk)
                .execute(&mut *tx)
                .await?;
            set(&mut tx, trunk, "closed", None).await?;
        }
        (_, Some(Probe::Refused)) => set(&mut tx, trunk, "open", Some(until)).await?,
        (_, None) => return Ok(()),
    }
    trunk_changed(&mut tx, trunk.into(), now, BREAKER).await?;
    notify_dispatch(&mut tx, found.enterprise_id.into()).await?;
    tx.commit().await?;
    Ok(())
}

async fn refuses(
    conn: &mut PgConnection,
    trunk: Uuid,
    config: &TrunkConfig,
    now: Time,
) -> Result<bool, StoreError> {
    let window = TimeDelta::seconds(i64::from(config.breaker.window_seconds));
    let calls = sqlx::query!(
        r#"select coalesce(sum(accepted + refused), 0) as "all!", coalesce(sum(refused), 0) as "refused!"
             from trunk_health where trunk_id = $1 and bucket > $2"#,
        trunk,
        now - window
    )
    .fetch_one(conn)
    .await?;
    Ok(calls.all >= i64::from(config.breaker.calls)
        && calls.refused * 100 >= i64::from(config.breaker.refused_percent) * calls.all)
}

async fn set(
    conn: &mut PgConnection,
    trunk: Uuid,
    breaker: &str,
    until: Option<Time>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update trunk set breaker = $2, breaker_until = $3 where id = $1",
        trunk,
        breaker,
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
