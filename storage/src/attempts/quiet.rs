//! After a stop, wait until no INVITE can leave any more.

use std::time::Duration;

use outbound::ids::{EnterpriseId, TaskId};
use outbound::timing::INVITE_AFTER_BEGIN_MAX;

use crate::{Store, StoreError};

/// How long [`await_quiet`] waits at most. A task may have been started again meanwhile, and keep beginning calls.
const WAITS_MAX: u32 = 8;

/// Things that may no longer start calls once this transaction commits.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stopped<'a> {
    /// A task that was paused or ended.
    Task(TaskId),
    /// Phones that were put on the do-not-call list.
    Phones(EnterpriseId, &'a [i64]),
}

/// Wait until the last begin before the stop is older than the time that a worker has for its INVITE. That is a
/// quarter of a second at most, as no begin is allowed after the stop was committed. Locks nothing.
pub(crate) async fn await_quiet(store: &Store, stopped: Stopped<'_>) -> Result<(), StoreError> {
    for _ in 0..WAITS_MAX {
        let (task, enterprise, phones) = match stopped {
            Stopped::Task(task) => (Some(task.uuid()), None, None),
            Stopped::Phones(enterprise, phones) => (None, Some(enterprise.uuid()), Some(phones)),
        };
        let left_ms = sqlx::query_scalar!(
            r#"select (extract(epoch from max(begun_at) - clock_timestamp()) * 1000)::bigint + $4
                 from attempt
                where phase = 'begun'
                  and (task_id = $1 or (enterprise_id = $2 and phone = any($3)))"#,
            task,
            enterprise,
            phones,
            INVITE_AFTER_BEGIN_MAX.num_milliseconds()
        )
        .fetch_one(&store.api)
        .await?;
        match left_ms.and_then(|left| u64::try_from(left).ok()) {
            // Rounding may have cut most of a millisecond off.
            Some(left) => tokio::time::sleep(Duration::from_millis(left + 1)).await,
            None => return Ok(()),
        }
    }
    Ok(())
}
