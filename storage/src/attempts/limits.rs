//! A limit that was lowered also holds for attempts that are claimed and not begun.

use std::collections::{HashMap, HashSet};

use sqlx::PgConnection;
use sqlx::types::Uuid;

use super::begin::Candidate;
use crate::{Store, StoreError};

/// Calls that each scope may have up.
pub(super) struct Limits {
    pub enterprises: HashMap<Uuid, i64>,
    pub trunks: HashMap<Uuid, i64>,
    pub tasks: HashMap<Uuid, i64>,
}

/// The candidates that have no room any more.
///
/// Claims keep every scope within its limit. So this finds something only after a limit was lowered, among attempts
/// that were claimed before that. They are sorted: begun ones first, then by id. Every worker sees the same order,
/// and only the first ones, up to the limit, may begin. Locks nothing; the caller has locked the rows that the
/// limits come from, for share.
pub(super) async fn over(
    store: &Store,
    conn: &mut PgConnection,
    limits: &Limits,
    candidates: &[Candidate],
) -> Result<HashSet<Uuid>, StoreError> {
    let enterprises: Vec<Uuid> = limits.enterprises.keys().copied().collect();
    let from: Vec<_> = enterprises.iter().map(|id| (*id, store.slots.from(*id))).collect();
    let slots: Vec<i64> = from.iter().map(|(_, from)| from.slot).collect();
    let live = sqlx::query!(
        r#"select a.enterprise_id, a.trunk_id, a.task_id, count(*) as "live!",
                  min(a.slot) as "lowest!"
             from unnest($1::uuid[], $2::bigint[]) as e (id, slot)
            cross join lateral (
                  -- From the slot on and no other way: what ended before it may lie there by the million.
                  select enterprise_id, trunk_id, task_id, slot from attempt
                   where enterprise_id = e.id and slot >= e.slot order by slot offset 0) a
            group by a.enterprise_id, a.trunk_id, a.task_id"#,
        &enterprises,
        &slots
    )
    .fetch_all(&mut *conn)
    .await?;
    let mut up: HashMap<Uuid, i64> = HashMap::new();
    let mut lowest: HashMap<Uuid, i64> = HashMap::new();
    for row in live {
        let slot = lowest.entry(row.enterprise_id).or_insert(row.lowest);
        *slot = row.lowest.min(*slot);
        for scope in [row.enterprise_id, row.trunk_id, row.task_id] {
            *up.entry(scope).or_default() += row.live;
        }
    }
    let legs = sqlx::query!(
        r#"select l.trunk_id, count(*) as "up!" from transfer_leg l join attempt a on a.id = l.attempt_id
            where l.enterprise_id = any($1) and l.ended_at is null group by l.trunk_id"#,
        &enterprises
    )
    .fetch_all(&mut *conn)
    .await?;
    // Calls to people were there first: they take their part of the trunk from the calls that wait to begin.
    let legs: HashMap<Uuid, i64> = legs.into_iter().map(|row| (row.trunk_id, row.up)).collect();
    for (trunk, legs) in &legs {
        *up.entry(*trunk).or_default() += legs;
    }
    for (enterprise, from) in from {
        if let Some(slot) = lowest.get(&enterprise) {
            store.slots.seen(enterprise, from, *slot);
        }
    }
    let exceeded = |(scope, limit): (&Uuid, &i64)| up.get(scope).is_some_and(|live| live > limit);
    let scopes = || limits.enterprises.iter().chain(&limits.trunks).chain(&limits.tasks);
    if !scopes().any(exceeded) {
        return Ok(HashSet::new());
    }
    let ranks = ranks(conn, &enterprises).await?;
    let room = |limits: &HashMap<Uuid, i64>, scope: &Uuid, rank: i64| {
        limits.get(scope).is_some_and(|limit| rank <= *limit)
    };
    let legs_on = |trunk: &Uuid| legs.get(trunk).copied().unwrap_or(0);
    let fits = |candidate: &&Candidate| {
        ranks.get(&candidate.attempt).is_some_and(|rank| {
            room(&limits.enterprises, &candidate.enterprise, rank[0])
                && room(&limits.trunks, &candidate.trunk, rank[1] + legs_on(&candidate.trunk))
                && room(&limits.tasks, &candidate.task, rank[2])
        })
    };
    Ok(candidates.iter().filter(|it| !fits(it)).map(|candidate| candidate.attempt).collect())
}

/// The place of each live attempt in its enterprise, its trunk and its task.
async fn ranks(
    conn: &mut PgConnection,
    enterprises: &[Uuid],
) -> Result<HashMap<Uuid, [i64; 3]>, StoreError> {
    let rows = sqlx::query!(
        r#"select id, row_number() over (partition by enterprise_id order by phase, id) as "enterprise!",
                  row_number() over (partition by trunk_id order by phase, id) as "trunk!",
                  row_number() over (partition by task_id order by phase, id) as "task!"
             from attempt where enterprise_id = any($1)"#,
        enterprises
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, [row.enterprise, row.trunk, row.task])).collect())
}
