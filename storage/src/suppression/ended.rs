//! Numbers that wait end as soon as their own phone is on the list.
//!
//! A number whose call is up goes on until that call is over (`finish`), and one that is being imported
//! meanwhile ends when it comes up (`claim`): nothing is dialled of either.

use std::collections::BTreeSet;
use std::time::Duration;

use outbound::ids::EnterpriseId;
use outbound::number::NumberState;
use sqlx::PgConnection;

use crate::lanes::{self, Counts, lock_claims};
use crate::{Store, StoreError};

/// Numbers of one transaction, at most: claims wait for it.
const CHUNK_MAX: i64 = 2_000;
/// Looks at numbers that others are just moving from one queue to another, at most.
const LOOKS_MAX: u32 = 100;
/// Between two such looks.
const LOOK: Duration = Duration::from_millis(10);

/// What one look at the numbers of some phones came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Look {
    /// Numbers that waited.
    seen: i64,
    /// Those that it ended. The others are moved by somebody else at this moment.
    ended: i64,
}

impl Look {
    /// None was left, neither for a further transaction nor with somebody else.
    pub const fn is_whole(self) -> bool {
        self.seen == self.ended && self.seen < CHUNK_MAX
    }
}

/// End every number of the enterprise that waits with one of these phones as its own, some thousands in a
/// transaction.
///
/// Locks, in each: the enterprise's claims, ready and waiting rows, the numbers, the counters.
pub(super) async fn end_all(
    store: &Store,
    enterprise: EnterpriseId,
    phones: &[i64],
) -> Result<(), StoreError> {
    let mut idle = 0;
    while idle < LOOKS_MAX {
        let mut tx = store.api.begin().await?;
        lock_claims(&mut tx, enterprise).await?;
        let mut counts = Counts::default();
        let look = end_some(&mut tx, enterprise, phones, &mut counts).await?;
        // A claim that found the lock taken left its work to whoever holds it.
        counts.write_and_notify(&mut tx, BTreeSet::from([enterprise.uuid()])).await?;
        tx.commit().await?;
        match look {
            Look { seen: 0, .. } => return Ok(()),
            Look { ended: 0, .. } => {
                idle += 1;
                tokio::time::sleep(LOOK).await;
            }
            _ => idle = 0,
        }
    }
    // They end when they come up.
    tracing::warn!(%enterprise, "numbers that were listed could not be ended at once");
    Ok(())
}

/// One look. The claims of the enterprise are locked by the caller, who writes the counters, last. Locks ready
/// and waiting rows, and the numbers.
pub(super) async fn end_some(
    conn: &mut PgConnection,
    enterprise: EnterpriseId,
    phones: &[i64],
    counts: &mut Counts,
) -> Result<Look, StoreError> {
    let rows = sqlx::query!(
        r#"with chosen as (
               select id, state from number
                where enterprise_id = $1 and phone = any($2) and state in ('pending', 'waiting')
                limit $3),
           ready_gone as (
               delete from ready r using chosen where r.number_id = chosen.id returning r.number_id),
           held as (
               select w.number_id from waiting w join chosen on chosen.id = w.number_id
                order by w.number_id for update of w),
           waiting_gone as (
               delete from waiting w using held where w.number_id = held.number_id
               returning w.number_id),
           gone as (select number_id from ready_gone union all select number_id from waiting_gone),
           moved as (
               update number n set state = 'suppressed' from gone, chosen
                where n.id = gone.number_id and chosen.id = n.id
               returning n.task_id, n.batch_id, chosen.state)
           select (select count(*) from chosen) as "seen!", moved.task_id as "task_id?",
                  moved.batch_id as "batch_id?", moved.state as "state?", count(moved.state) as "n!"
             from (values (1)) one (row) left join moved on true
            group by moved.task_id, moved.batch_id, moved.state"#,
        enterprise.uuid(),
        phones,
        CHUNK_MAX
    )
    .fetch_all(conn)
    .await?;
    let mut look = Look { seen: 0, ended: 0 };
    for row in rows {
        look.seen = row.seen;
        if let (Some(task), Some(batch), Some(state)) = (row.task_id, row.batch_id, row.state) {
            let from = lanes::word(NumberState::from_word(&state), "a number's state", &state)?;
            counts.number(task, batch, from, -row.n);
            counts.number(task, batch, NumberState::Suppressed, row.n);
            look.ended += row.n;
        }
    }
    Ok(look)
}
