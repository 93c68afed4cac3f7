//! What becomes of a number after a call: it has ended, or it enters a lane, or it waits.

use outbound::order::LaneClass;
use outbound::redial::After;
use outbound::wait::WaitReason;
use sqlx::PgConnection;

use super::Done;
use crate::StoreError;
use crate::lanes::{self, Entry, LaneSpec, Waiting};
use crate::rows::{phone_column, small};

/// The lane that a number goes to, where it is another than the one that it came from.
fn lane_of(done: &Done<'_>) -> Option<LaneSpec> {
    let held = &done.held;
    let spec = |batch, class, round| LaneSpec {
        task: held.task,
        batch,
        class,
        round,
        order_revision: held.order_revision,
    };
    match done.next.after {
        After::NextBackup { .. } => Some(spec(None, LaneClass::Backup, 0)),
        After::Redial { round, .. } => {
            Some(spec(Some(held.batch), LaneClass::Redial, small(round)))
        }
        After::Connected | After::Unconnected | After::AgainLater { .. } | After::Suppressed => {
            None
        }
    }
}

/// Write down the numbers that wait, and give those that may be dialled now. Locks the lanes that it makes.
pub(super) async fn queue(
    conn: &mut PgConnection,
    done: &[Done<'_>],
) -> Result<Vec<Entry>, StoreError> {
    let lanes = lanes::find_or_make(conn, done.iter().filter_map(lane_of)).await?;
    let (mut entries, mut waiting) = (Vec::new(), Waiting::default());
    for done in done {
        let held = &done.held;
        let lane = lane_of(done).and_then(|spec| lanes.get(&spec)).copied();
        let (lane, rank) = match lane {
            Some(lane) => (lane, held.later_rank),
            None => (held.lane, held.lane_rank),
        };
        let entry = Entry { lane, task: held.task, number: held.number, rank };
        match done.next.after {
            After::Connected | After::Unconnected | After::Suppressed => {}
            After::NextBackup { .. } => entries.push(entry),
            After::Redial { chain_index, at, .. } => {
                let phone = phone_column(held.chain.phone(chain_index));
                waiting.push(held.enterprise, entry, at, WaitReason::Redial, phone);
            }
            After::AgainLater { at } => {
                waiting.push(held.enterprise, entry, at, WaitReason::TrunkRefused, held.phone);
            }
        }
    }
    waiting.write(conn).await?;
    Ok(entries)
}
