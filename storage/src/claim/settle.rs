//! A task with nothing left to dial pauses, or ends.

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::TaskId;
use outbound::task::{Event, TaskState, WhenDone};

use crate::tasks::{self, apply};
use crate::{Store, StoreError};

/// Who acted, in a task's history, when its numbers ran out.
const DISPATCHER: &str = "dispatcher";
/// Numbers that wait for a busy phone fall due within this time.
const PHONE_BUSY_WAIT_MAX: TimeDelta = TimeDelta::minutes(2);

/// Pause or end a running task if nothing can be dialled now: nothing pending, no call up, and nobody
/// who waits for a phone that is on the line in another task. It ends only when nothing waits at all.
///
/// Locks the task, and looks again: what enters a task's lanes does so under a lock on its row, or
/// out of a live attempt of its own.
pub(super) async fn nothing_pending(
    store: &Store,
    task: TaskId,
    now: Time,
) -> Result<(), StoreError> {
    let mut tx = store.hot.begin().await?;
    let found = tasks::lock(&mut tx, task).await?;
    if found.state != TaskState::Running {
        return Ok(());
    }
    let left = sqlx::query!(
        r#"select coalesce(sum(n) filter (where state in ('pending', 'calling')), 0)::bigint as "now!",
                  coalesce(sum(n) filter (where state = 'waiting'), 0)::bigint as "later!",
                  exists (select from waiting where task_id = $1 and due_at <= $2
                             and reason = 'phone_busy') as "busy!"
             from number_count where task_id = $1"#,
        task.uuid(),
        now + PHONE_BUSY_WAIT_MAX
    )
    .fetch_one(&mut *tx)
    .await?;
    if left.now > 0 || left.busy {
        return Ok(());
    }
    let when_done = if left.later > 0 { WhenDone::Pause } else { found.config.when_done };
    apply(&mut tx, task, Event::NothingPending(when_done), now, DISPATCHER).await?;
    tx.commit().await?;
    Ok(())
}
