//! What must hold at every moment, as far as it can be seen cheaply: its cost grows with the numbers that
//! are still to be called, not with those that are done. `check-journal` looks at all of it.

use outbound::Time;

use crate::{Store, StoreError};

/// What is wrong now; zeros when all is well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Unsound {
    /// Counters of open numbers that are not what stands in the queues, by task and state.
    pub miscounts: u64,
    /// Timed steps that should have been taken.
    pub overdue_steps: u64,
    /// Tasks with numbers that fell due and still wait.
    pub overdue_waiting: u64,
    /// Live attempts whose lease is long past and that nobody took over: slots that nobody uses.
    pub dead_leases: u64,
    /// Imports that run and that nobody carries.
    pub stuck_imports: u64,
}

/// Look, in one snapshot. Steps and numbers that were due by `due_by` are overdue; a lease is long past after
/// `lease_seconds` more. Locks nothing.
pub async fn look(store: &Store, due_by: Time, lease_seconds: f64) -> Result<Unsound, StoreError> {
    let row = sqlx::query!(
        r#"with recursive due as (
               -- As many index probes as there are tasks, however many numbers wait.
               (select task_id, due_at from waiting order by task_id, due_at limit 1)
               union all
               select next.task_id, next.due_at from due
                cross join lateral (select task_id, due_at from waiting
                                     where task_id > due.task_id
                                     order by task_id, due_at limit 1) next),
           counted as (
               select task_id, state, sum(n)::bigint as n from number_count
                where state in ('pending', 'waiting', 'calling') group by task_id, state),
           found as (
               select task_id, 'pending' as state, count(*) as n from ready group by task_id
               union all select task_id, 'waiting', count(*) from waiting group by task_id
               union all select task_id, 'calling', count(*) from attempt group by task_id)
           select
               (select count(*) from counted c full join found f using (task_id, state)
                 where coalesce(c.n, 0) <> coalesce(f.n, 0)) as "miscounts!",
               (select count(*) from task where deleted_at is null
                   and least(scheduled_start_at, scheduled_end_at, next_edge_at) <= $1)
                   as "overdue_steps!",
               (select count(*) from due where due_at <= $1) as "overdue_waiting!",
               (select count(*) from attempt
                 where lease_until < clock_timestamp() - make_interval(secs => $2)) as "dead_leases!",
               (select count(*) from import where status = 'running'
                   and lease_until < clock_timestamp() - make_interval(secs => $2))
                   as "stuck_imports!""#,
        due_by,
        lease_seconds
    )
    .fetch_one(&store.long)
    .await?;
    Ok(Unsound {
        miscounts: row.miscounts.unsigned_abs(),
        overdue_steps: row.overdue_steps.unsigned_abs(),
        overdue_waiting: row.overdue_waiting.unsigned_abs(),
        dead_leases: row.dead_leases.unsigned_abs(),
        stuck_imports: row.stuck_imports.unsigned_abs(),
    })
}
