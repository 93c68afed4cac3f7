//! A task with nothing left to dial pauses, or ends.

use outbound::Time;
use outbound::ids::TaskId;
use outbound::task::{Event, TaskState, WhenDone};
use outbound::wait::PHONE_BUSY_WAIT_MAX;

use crate::tasks::{self, apply};
use crate::{Store, StoreError};

/// The actor in a task's history when its numbers ran out.
const DISPATCHER: &str = "dispatcher";

/// Pause or end a running task that has nothing to dial: no number is pending, no call is up, and no number
/// waits for a phone that has a call of another task. It ends when no number waits for anything; else it pauses.
///
/// Locks the task and then looks again. A number that enters one of its lanes comes under a lock on the task's
/// row, or from a live attempt of the task, so none can be missed.
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
