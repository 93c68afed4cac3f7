//! Calls per second of a trunk or a task: the earliest moment at which each INVITE may leave.

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::AttemptId;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::{Store, StoreError};

/// INVITEs are planned this much further apart than the rate asks for. A worker may send one late and the next in
/// time, and no second may then hold one INVITE too many.
const SLACK_MS: i64 = PACE_LATENESS_MS as i64;
/// How late an INVITE may leave after its planned moment. When it is later than this, it must be planned again.
pub const PACE_LATENESS_MS: u64 = 100;
/// A planned INVITE that is further ahead than this was planned by a clock that was set back since. It is ignored.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(10);

/// [`pace_many`] for one attempt.
pub async fn pace(
    store: &Store,
    attempt: AttemptId,
    now: Time,
) -> Result<Option<Time>, StoreError> {
    Ok(pace_many(store, now, &[attempt]).await?.pop().flatten())
}

/// Plan the INVITE of each of these attempts: the earliest moment at which it may leave. `None`: there are no calls
/// per second, or the attempt does not exist any more. Each planned moment is used up, also when nobody dials.
///
/// Locks the paces of their trunks and tasks. Writes nothing where there are no calls per second.
pub async fn pace_many(
    store: &Store,
    now: Time,
    attempts: &[AttemptId],
) -> Result<Vec<Option<Time>>, StoreError> {
    let ids: Vec<Uuid> = attempts.iter().map(|attempt| attempt.uuid()).collect();
    let mut tx = store.hot.begin().await?;
    let paced = sqlx::query!(
        r#"select a.id, a.trunk_id, a.task_id,
                  (tr.config->>'calls_per_second')::bigint as trunk_rate,
                  (t.config->>'calls_per_second')::bigint as task_rate
             from unnest($1::uuid[]) with ordinality as u (id, place)
             join attempt a on a.id = u.id
             join trunk tr on tr.id = a.trunk_id join task t on t.id = a.task_id
            where tr.config->>'calls_per_second' is not null
               or t.config->>'calls_per_second' is not null
            order by u.place"#,
        &ids
    )
    .fetch_all(&mut *tx)
    .await?;
    if paced.is_empty() {
        return Ok(vec![None; attempts.len()]);
    }
    let mut turns: Vec<Turns> = Vec::new();
    for row in &paced {
        add(&mut turns, row.trunk_id, row.trunk_rate);
        add(&mut turns, row.task_id, row.task_rate);
    }
    read(&mut tx, &mut turns, now).await?;
    let mut at = vec![None; attempts.len()];
    for row in &paced {
        let scopes = || [row.trunk_id, row.task_id];
        let turn = turns.iter().filter(|it| scopes().contains(&it.scope)).map(|it| it.next).max();
        let turn = turn.unwrap_or(now);
        for it in turns.iter_mut().filter(|it| scopes().contains(&it.scope)) {
            it.next = turn + it.apart;
        }
        if let Some(place) = ids.iter().position(|id| *id == row.id) {
            at[place] = Some(turn);
        }
    }
    write(&mut tx, &turns).await?;
    tx.commit().await?;
    Ok(at)
}

/// The planned INVITEs of one trunk or task.
struct Turns {
    scope: Uuid,
    apart: TimeDelta,
    next: Time,
}

fn add(turns: &mut Vec<Turns>, scope: Uuid, rate: Option<i64>) {
    let Some(rate) = rate.filter(|rate| *rate > 0) else { return };
    if !turns.iter().any(|turns| turns.scope == scope) {
        let apart = TimeDelta::microseconds((1_000 + SLACK_MS) * 1_000 / rate);
        turns.push(Turns { scope, apart, next: Time::UNIX_EPOCH });
    }
}

/// Locks the paces, in the order of their scopes.
async fn read(conn: &mut PgConnection, turns: &mut [Turns], now: Time) -> Result<(), StoreError> {
    turns.sort_by_key(|turns| turns.scope);
    let scopes: Vec<Uuid> = turns.iter().map(|turns| turns.scope).collect();
    // An insert that changes nothing, as the first INVITE of a scope has no row yet that could be locked.
    let rows = sqlx::query!(
        r#"insert into pace (scope_id, next_invite_at) select s, $2 from unnest($1::uuid[]) as s
               on conflict (scope_id) do update set next_invite_at = pace.next_invite_at
           returning scope_id, next_invite_at"#,
        &scopes,
        now
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let next = if row.next_invite_at <= now + AHEAD_MAX { row.next_invite_at } else { now };
        let found = turns.iter_mut().find(|turns| turns.scope == row.scope_id);
        found.into_iter().for_each(|turns| turns.next = next.max(now));
    }
    Ok(())
}

async fn write(conn: &mut PgConnection, turns: &[Turns]) -> Result<(), StoreError> {
    let scopes: Vec<Uuid> = turns.iter().map(|turns| turns.scope).collect();
    let next: Vec<Time> = turns.iter().map(|turns| turns.next).collect();
    sqlx::query!(
        "update pace set next_invite_at = u.next
           from unnest($1::uuid[], $2::timestamptz[]) as u (scope, next) where scope_id = u.scope",
        &scopes,
        &next
    )
    .execute(conn)
    .await?;
    Ok(())
}
