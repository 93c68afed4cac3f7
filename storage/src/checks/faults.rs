//! What the database finds wrong with itself: the first faults of each kind, and how many there are.

use outbound::ids::{AttemptId, ImportId, NumberId, TaskId};

use super::Snapshot;
use crate::StoreError;
use crate::statistics::{self, Mismatch};

/// Rows that are not as they must be: the first of them, and how many more there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults<T> {
    pub listed: Vec<T>,
    pub more: u64,
}

impl<T> Faults<T> {
    /// From rows that each carry the count of all.
    pub(crate) fn of<Row>(rows: Vec<Row>, count: fn(&Row) -> i64, one: fn(Row) -> T) -> Self {
        let all = rows.first().map_or(0, count).unsigned_abs();
        let more = all.saturating_sub(rows.len() as u64);
        Self { listed: rows.into_iter().map(one).collect(), more }
    }

    pub fn is_empty(&self) -> bool {
        self.listed.is_empty()
    }
}

/// A number that is not where its state says: lost, or in two places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Astray {
    pub number: NumberId,
    pub task: TaskId,
    pub state: String,
    /// Rows in `ready`, `waiting` and `attempt`.
    pub ready: u32,
    pub waiting: u32,
    pub live: u32,
}

impl Snapshot {
    /// Numbers that are not in the one place that their state names, `limit` of them listed: pending ones
    /// stand in `ready`, waiting ones in `waiting`, calling ones have a live attempt, ended ones are
    /// in none of them. Rows there whose number is gone come with the state `deleted`.
    pub async fn astray(&mut self, limit: u32) -> Result<Faults<Astray>, StoreError> {
        let rows = sqlx::query!(
            r#"with places as (
                   select number_id, max(task_id::text)::uuid as task_id,
                          count(*) filter (where place = 'ready') as ready,
                          count(*) filter (where place = 'waiting') as waiting,
                          count(*) filter (where place = 'live') as live
                     from (select number_id, task_id, 'ready' as place from ready
                            union all select number_id, task_id, 'waiting' from waiting
                            union all select number_id, task_id, 'live' from attempt) as p
                    group by number_id),
               joined as (
                   select coalesce(n.id, p.number_id) as number, coalesce(n.task_id, p.task_id) as task,
                          coalesce(n.state, 'deleted') as state, coalesce(p.ready, 0) as ready,
                          coalesce(p.waiting, 0) as waiting, coalesce(p.live, 0) as live
                     from number n full join places p on p.number_id = n.id)
               select number as "number!", task as "task!", state as "state!", ready as "ready!",
                      waiting as "waiting!", live as "live!", count(*) over () as "all!"
                 from joined
                where (ready, waiting, live) <> case state
                          when 'pending' then (1::bigint, 0::bigint, 0::bigint)
                          when 'waiting' then (0::bigint, 1::bigint, 0::bigint)
                          when 'calling' then (0::bigint, 0::bigint, 1::bigint)
                          else (0::bigint, 0::bigint, 0::bigint) end
                order by number limit $1"#,
            i64::from(limit)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(Faults::of(
            rows,
            |row| row.all,
            |row| {
                let count = |n: i64| u32::try_from(n).unwrap_or(u32::MAX);
                Astray {
                    number: row.number.into(),
                    task: row.task.into(),
                    state: row.state,
                    ready: count(row.ready),
                    waiting: count(row.waiting),
                    live: count(row.live),
                }
            },
        ))
    }

    /// Batches that do not hold as many numbers as their imports say, `limit` of them listed: the last import
    /// of each, what was reported, what is there. Where numbers were deleted by hand nothing can be said.
    pub async fn torn_imports(
        &mut self,
        limit: u32,
    ) -> Result<Faults<(ImportId, u64, u64)>, StoreError> {
        let rows = sqlx::query!(
            r#"with reported as (
                   select batch_id, enterprise_id, max(id::text)::uuid as import,
                          sum((result->>'imported')::bigint)::bigint as n
                     from import where status = 'done' and batch_id is not null
                    group by batch_id, enterprise_id),
               found as (select batch_id, count(*) as n from number group by batch_id),
               torn as (
                   select r.import, r.n as reported, coalesce(f.n, 0) as found
                     from reported r left join found f using (batch_id)
                    where r.n <> coalesce(f.n, 0)
                      and not exists (select from audit_entry a
                                       where a.enterprise_id = r.enterprise_id
                                         and a.action in ('number.delete', 'batch.delete'))
                   union all
                   select b.id, 0, f.n from found f join batch b on b.id = f.batch_id
                    where not exists (select from reported r where r.batch_id = f.batch_id))
               select import as "import!", reported as "reported!", found as "found!",
                      count(*) over () as "all!"
                 from torn limit $1"#,
            i64::from(limit)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(Faults::of(
            rows,
            |row| row.all,
            |row| (row.import.into(), row.reported.unsigned_abs(), row.found.unsigned_abs()),
        ))
    }

    /// Calls whose record and whose recording do not say the same, `limit` of them listed: one that names a
    /// recording that nobody has, or another state of it.
    pub async fn recordings_missing(
        &mut self,
        limit: u32,
    ) -> Result<Faults<AttemptId>, StoreError> {
        let rows = sqlx::query!(
            r#"select coalesce(c.id, r.attempt_id) as "id!", count(*) over () as "all!"
                 from recording r full join
                      (select id, recording_state from call_record
                        where recording_state is not null) c on c.id = r.attempt_id
                where c.recording_state is distinct from r.state
                limit $1"#,
            i64::from(limit)
        )
        .fetch_all(&mut *self.tx)
        .await?;
        Ok(Faults::of(rows, |row| row.all, |row| row.id.into()))
    }

    /// Counters that are not what they count, `limit` of them listed.
    pub async fn mismatches(&mut self, limit: u32) -> Result<Faults<Mismatch>, StoreError> {
        statistics::mismatches(&mut self.tx, limit).await
    }
}
