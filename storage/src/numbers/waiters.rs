//! Numbers that wait for a phone that is on the line.

use outbound::number::NumberState;
use outbound::order::Rank;
use sqlx::PgConnection;
use sqlx::types::Uuid;

use crate::StoreError;
use crate::lanes::{Counts, Entry};

/// Phones whose call has ended: whoever waits for one goes back to its place. The entries and the
/// counts are the caller's to write. Locks those numbers, but none that is on its way already.
pub(crate) async fn phones_freed(
    conn: &mut PgConnection,
    freed: &[(Uuid, i64)],
    entries: &mut Vec<Entry>,
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let (enterprises, phones): (Vec<Uuid>, Vec<i64>) = freed.iter().copied().unzip();
    let rows = sqlx::query!(
        "with held as (
             select w.number_id from unnest($1::uuid[], $2::bigint[]) as u (enterprise, phone)
               join waiting w on w.enterprise_id = u.enterprise and w.phone = u.phone
                             and w.reason = 'phone_busy'
              order by w.number_id for update of w skip locked),
         gone as (
             delete from waiting w using held where w.number_id = held.number_id
             returning w.number_id, w.task_id, w.lane_id, w.ord, w.plain_ord),
         moved as (
             update number n set state = 'pending' from gone where n.id = gone.number_id
             returning n.id, n.batch_id)
         select gone.number_id, gone.task_id, gone.lane_id, gone.ord, gone.plain_ord, moved.batch_id
           from gone join moved on moved.id = gone.number_id",
        &enterprises,
        &phones
    )
    .fetch_all(conn)
    .await?;
    for row in rows {
        let rank = Rank { ord: row.ord, plain_ord: row.plain_ord };
        entries.push(Entry { lane: row.lane_id, task: row.task_id, number: row.number_id, rank });
        counts.moved(row.task_id, row.batch_id, NumberState::Waiting, NumberState::Pending);
    }
    Ok(())
}
