//! The earliest moment at which each INVITE may leave, by calls per second of its trunk and task. `outbound::pace`
//! has the rules.

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::AttemptId;
use outbound::pace::{apart, next_invite};
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::{Store, StoreError};

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
    let mut paces: Vec<Pace> = Vec::new();
    for row in &paced {
        add(&mut paces, row.trunk_id, row.trunk_rate);
        add(&mut paces, row.task_id, row.task_rate);
    }
    read(&mut tx, &mut paces, now).await?;
    let mut at = vec![None; attempts.len()];
    for row in &paced {
        // The later of the two, and both go on from there.
        let scopes = || [row.trunk_id, row.task_id];
        let planned = paces.iter().filter(|it| scopes().contains(&it.scope)).map(|it| it.next);
        let planned = planned.max().unwrap_or(now);
        for it in paces.iter_mut().filter(|it| scopes().contains(&it.scope)) {
            it.next = planned + it.apart;
        }
        if let Some(place) = ids.iter().position(|id| *id == row.id) {
            at[place] = Some(planned);
        }
    }
    write(&mut tx, &paces).await?;
    tx.commit().await?;
    Ok(at)
}

/// The planned INVITEs of one trunk or task.
struct Pace {
    scope: Uuid,
    apart: TimeDelta,
    next: Time,
}

fn add(paces: &mut Vec<Pace>, scope: Uuid, rate: Option<i64>) {
    let Some(apart) = rate.and_then(apart) else { return };
    if !paces.iter().any(|pace| pace.scope == scope) {
        paces.push(Pace { scope, apart, next: Time::UNIX_EPOCH });
    }
}

/// Locks the paces, in the order of their scopes.
async fn read(conn: &mut PgConnection, paces: &mut [Pace], now: Time) -> Result<(), StoreError> {
    paces.sort_by_key(|pace| pace.scope);
    let scopes: Vec<Uuid> = paces.iter().map(|pace| pace.scope).collect();
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
        let found = paces.iter_mut().find(|pace| pace.scope == row.scope_id);
        found.into_iter().for_each(|pace| pace.next = next_invite(row.next_invite_at, now));
    }
    Ok(())
}

async fn write(conn: &mut PgConnection, paces: &[Pace]) -> Result<(), StoreError> {
    let scopes: Vec<Uuid> = paces.iter().map(|pace| pace.scope).collect();
    let next: Vec<Time> = paces.iter().map(|pace| pace.next).collect();
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
