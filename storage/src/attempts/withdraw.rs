//! Before its INVITE left, an attempt can be undone: the number goes back to where it was.

use std::collections::BTreeSet;

use outbound::Time;
use outbound::ids::AttemptId;
use outbound::number::NumberState;
use outbound::order::{LaneClass, Rank};
use outbound::wait::WaitReason;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::lanes::{self, Counts, Entry, Waiting, later_rank};
use crate::{Store, StoreError};

/// When a number that was withdrawn may be dialled again, and why not now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PutOff {
    /// When the number comes back.
    pub until: Time,
    reason: WaitReason,
}

impl PutOff {
    /// The callee's window closed before the INVITE left; it opens at `until`.
    pub const fn callee_window(until: Time) -> Self {
        Self { until, reason: WaitReason::CalleeWindow }
    }

    /// The line would not take it now.
    pub const fn trunk_refused(until: Time) -> Self {
        Self { until, reason: WaitReason::TrunkRefused }
    }
}

/// Undo an attempt whose INVITE has not left. Its number goes back to its exact place, or waits. When the attempt
/// belongs to somebody else by now, nothing happens.
///
/// Locks the attempt, its number, the lane, the counters.
pub async fn withdraw(
    store: &Store,
    attempt: AttemptId,
    token: i64,
    now: Time,
    put_off: Option<PutOff>,
) -> Result<(), StoreError> {
    let mut tx = store.hot.begin().await?;
    let mut counts = Counts::default();
    let put_off = put_off.filter(|put_off| put_off.until > now);
    put_back(&mut tx, &[(attempt.uuid(), token)], put_off, &mut counts).await?;
    counts.write(&mut tx).await?;
    tx.commit().await?;
    Ok(())
}

/// Undo attempts, except those that belong to somebody else by now. The caller writes the counters, as the last
/// thing of the transaction.
pub(crate) async fn put_back(
    conn: &mut PgConnection,
    attempts: &[(Uuid, i64)],
    put_off: Option<PutOff>,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    if attempts.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = attempts.iter().map(|(attempt, _)| *attempt).collect();
    let tokens: Vec<i64> = attempts.iter().map(|(_, token)| *token).collect();
    let state = if put_off.is_some() { NumberState::Waiting } else { NumberState::Pending };
    let rows = sqlx::query!(
        r#"with held as (
               select a.id from unnest($1::uuid[], $2::bigint[]) as u (id, token)
                 join attempt a on a.id = u.id and a.token = u.token order by a.id for update of a),
           gone as (
               delete from attempt a using held where a.id = held.id
               returning a.enterprise_id, a.number_id, a.lane_id, a.phone),
           moved as (
               update number n set state = $3 from gone where n.id = gone.number_id
               returning n.id, n.task_id, n.batch_id, n.seq, n.priority, n.ord, n.plain_ord)
           select gone.enterprise_id, gone.number_id, gone.lane_id, gone.phone, l.class,
                  moved.task_id, moved.batch_id, moved.seq, moved.priority, moved.ord, moved.plain_ord
             from gone join moved on moved.id = gone.number_id join lane l on l.id = gone.lane_id"#,
        &ids,
        &tokens,
        state.word()
    )
    .fetch_all(&mut *conn)
    .await?;
    let (mut entries, mut waiting) = (Vec::new(), Waiting::default());
    let (mut freed, mut enterprises) = (Vec::new(), BTreeSet::new());
    for row in rows {
        let uncalled = row.class == LaneClass::Uncalled.word();
        let rank = if uncalled {
            Rank { ord: row.ord, plain_ord: row.plain_ord }
        } else {
            later_rank(row.priority, row.seq)
        };
        let entry = Entry { lane: row.lane_id, task: row.task_id, number: row.number_id, rank };
        match put_off {
            None => entries.push(entry),
            Some(PutOff { until, reason }) => {
                waiting.push(row.enterprise_id, entry, until, reason, row.phone);
            }
        }
        counts.moved(row.task_id, row.batch_id, NumberState::Calling, state);
        freed.push((row.enterprise_id, row.phone));
        enterprises.insert(row.enterprise_id);
    }
    waiting.write(conn).await?;
    crate::numbers::phones_freed(conn, &freed, &mut entries, counts).await?;
    lanes::enter(conn, &entries).await?;
    lanes::notify(conn, enterprises).await
}
