//! Calls per second: the earliest moment of each INVITE, of a trunk and of a task.

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::AttemptId;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::{Store, StoreError};

/// INVITEs are this much further apart than the rate asks for: a worker may be late with one and
/// in time with the next, and the second that holds both must not hold one too many.
const SLACK_MS: i64 = PACE_LATENESS_MS as i64;
/// How late an INVITE may leave after the moment that it was given; later, it needs another turn.
pub const PACE_LATENESS_MS: u64 = 100;
/// A next INVITE further ahead than this was written by a clock that has been set back since.
const AHEAD_MAX: TimeDelta = TimeDelta::seconds(10);

/// [`pace_many`] for one attempt.
pub async fn pace(
    store: &Store,
    attempt: AttemptId,
    now: Time,
) -> Result<Option<Time>, StoreError> {
    Ok(pace_many(store, now, &[attempt]).await?.pop().flatten())
}

/// The earliest instant at which each of these attempts may send its INVITE; `None` without calls per
/// second, or without the attempt. Each answer is a turn that is used up by it.
///
/// Locks the trunks and tasks that have calls per second, in the order of the attempts' answers; writes
/// nothing without them.
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
    let mut trunks: Vec<Turns> = Vec::new();
    let mut tasks: Vec<Turns> = Vec::new();
    for row in &paced {
        add(&mut trunks, row.trunk_id, row.trunk_rate);
        add(&mut tasks, row.task_id, row.task_rate);
    }
    read_trunks(&mut tx, &mut trunks, now).await?;
    read_tasks(&mut tx, &mut tasks, now).await?;
    let mut at = vec![None; attempts.len()];
    for row in &paced {
        let trunk = trunks.iter().position(|turns| turns.id == row.trunk_id);
        let task = tasks.iter().position(|turns| turns.id == row.task_id);
        let turn = [trunk.map(|place| trunks[place].next), task.map(|place| tasks[place].next)];
        let turn = turn.into_iter().flatten().max().unwrap_or(now);
        if let Some(place) = trunk {
            trunks[place].next = turn + trunks[place].apart;
        }
        if let Some(place) = task {
            tasks[place].next = turn + tasks[place].apart;
        }
        if let Some(place) = ids.iter().position(|id| *id == row.id) {
            at[place] = Some(turn);
        }
    }
    write(&mut tx, &trunks, &tasks).await?;
    tx.commit().await?;
    Ok(at)
}

/// The turns of one trunk or task.
struct Turns {
    id: Uuid,
    apart: TimeDelta,
    next: Time,
}

fn add(turns: &mut Vec<Turns>, id: Uuid, rate: Option<i64>) {
    let Some(rate) = rate.filter(|rate| *rate > 0) else { return };
    if !turns.iter().any(|turns| turns.id == id) {
        let apart = TimeDelta::microseconds((1_000 + SLACK_MS) * 1_000 / rate);
        turns.push(Turns { id, apart, next: Time::UNIX_EPOCH });
    }
}

fn set(turns: &mut [Turns], id: Uuid, next: Option<Time>, now: Time) {
    let next = next.filter(|next| *next <= now + AHEAD_MAX).unwrap_or(now).max(now);
    for turns in turns.iter_mut().filter(|turns| turns.id == id) {
        turns.next = next;
    }
}

/// Locks the trunks.
async fn read_trunks(
    conn: &mut PgConnection,
    turns: &mut [Turns],
    now: Time,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = turns.iter().map(|turns| turns.id).collect();
    let rows = sqlx::query!(
        "select id, next_invite_at from trunk where id = any($1) order by id for no key update",
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().for_each(|row| set(turns, row.id, row.next_invite_at, now));
    Ok(())
}

/// Locks the tasks.
async fn read_tasks(
    conn: &mut PgConnection,
    turns: &mut [Turns],
    now: Time,
) -> Result<(), StoreError> {
    let ids: Vec<Uuid> = turns.iter().map(|turns| turns.id).collect();
    let rows = sqlx::query!(
        "select id, next_invite_at from task where id = any($1) order by id for no key update",
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().for_each(|row| set(turns, row.id, row.next_invite_at, now));
    Ok(())
}

async fn write(
    conn: &mut PgConnection,
    trunks: &[Turns],
    tasks: &[Turns],
) -> Result<(), StoreError> {
    let ids = |turns: &[Turns]| turns.iter().map(|turns| turns.id).collect::<Vec<Uuid>>();
    let next = |turns: &[Turns]| turns.iter().map(|turns| turns.next).collect::<Vec<Time>>();
    sqlx::query!(
        "update trunk set next_invite_at = u.next
           from unnest($1::uuid[], $2::timestamptz[]) as u (id, next) where trunk.id = u.id",
        &ids(trunks),
        &next(trunks)
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "update task set next_invite_at = u.next
           from unnest($1::uuid[], $2::timestamptz[]) as u (id, next) where task.id = u.id",
        &ids(tasks),
        &next(tasks)
    )
    .execute(conn)
    .await?;
    Ok(())
}
