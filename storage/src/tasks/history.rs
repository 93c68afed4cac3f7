//! What happened to a task: every change of its state, with who or what made it.

use outbound::Time;
use outbound::ids::{EnterpriseId, TaskId};
use outbound::task::TaskState;

use super::get;
use crate::rows::{Listed, Page};
use crate::{Store, StoreError};

/// A change of a task's state.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    pub at: Time,
    /// What happened, as `start` or `window_closed`.
    pub event: String,
    /// The state that it led to.
    pub state: TaskState,
    /// A key's id, or a part of the system.
    pub actor: String,
}

/// The history of a task, newest first; a page goes on behind the sequence number of its last entry.
/// Locks nothing.
pub async fn history(
    store: &Store,
    enterprise: EnterpriseId,
    task: TaskId,
    page: Page<i64>,
) -> Result<Listed<Happened, i64>, StoreError> {
    get(store, enterprise, task).await?;
    let rows = sqlx::query!(
        "select id, at, event, state, reason, actor from task_event
          where task_id = $1 and ($2::bigint is null or id < $2)
          order by id desc limit $3",
        task.uuid(),
        page.after,
        page.fetched()
    )
    .fetch_all(&store.api)
    .await?;
    let listed = page.cut(rows, |row| row.id);
    let happened = listed.rows.into_iter().map(|row| {
        let state = TaskState::from_words(&row.state, row.reason.as_deref())
            .ok_or_else(|| StoreError::Damaged(format!("a state in the history of {task}")))?;
        Ok(Happened { at: row.at, event: row.event, state, actor: row.actor })
    });
    Ok(Listed { rows: happened.collect::<Result<_, StoreError>>()?, next: listed.next })
}
