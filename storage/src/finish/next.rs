//! What becomes of a number: ended, the next phone of its chain, another round, or the same again.

use outbound::Time;
use outbound::number::NumberState;
use outbound::order::LaneClass;
use outbound::redial::{After, RedialPolicy};
use sqlx::PgConnection;

use super::chain::Call;
use super::take::TakenAttempt;
use super::{Done, Finished};
use crate::StoreError;
use crate::lanes::{self, Entry, LaneSpec, Waiting};

/// The next place of a number.
pub(super) struct NextPlace {
    pub after: After,
    pub round: i16,
    pub chain_index: i16,
    /// Words, one for each phone of the chain.
    pub statuses: String,
    pub refusals: i16,
    /// The start of the call. None when the line refused it, as nobody was called then.
    pub called_at: Option<Time>,
    pub round_called_at: Option<Time>,
}

/// Decide by the redial policy that was in force when the call was triggered.
pub(super) fn next(policy: &RedialPolicy, item: &Finished, held: &TakenAttempt) -> NextPlace {
    let record = &item.record;
    let call = Call {
        result: record.result,
        trunk_refused: item.trunk_refused,
        started_at: record.started_at,
        ended_at: record.ended_at,
    };
    let after = held.chain.onward(policy, call);
    let place = &held.chain.place;
    let refused = matches!(after, After::AgainLater { .. });
    let after = if held.chain.is_suppressed(0) { after.of_listed() } else { after };
    let called_at = (!refused).then_some(record.started_at);
    let round_called_at = place.round_called_at.or(called_at);
    let (round, chain_index) = match after {
        After::Redial { round, chain_index, .. } => (index(round), index(chain_index)),
        After::NextBackup { chain_index } => (held.round, index(chain_index)),
        After::Connected | After::Unconnected | After::AgainLater { .. } | After::Suppressed => {
            (held.round, held.chain_index)
        }
    };
    NextPlace {
        after,
        round,
        chain_index,
        statuses: if refused {
            held.chain.words().join(",")
        } else {
            held.chain.words_with(record.result).join(",")
        },
        refusals: if refused { index(place.refusals) + 1 } else { 0 },
        called_at,
        round_called_at: if round == held.round { round_called_at } else { None },
    }
}

fn index(place: u16) -> i16 {
    i16::try_from(place).unwrap_or(i16::MAX)
}

impl NextPlace {
    pub fn state(&self) -> NumberState {
        match self.after {
            After::Connected => NumberState::Connected,
            After::Unconnected => NumberState::Unconnected,
            After::Suppressed => NumberState::Suppressed,
            After::NextBackup { .. } => NumberState::Pending,
            After::Redial { .. } | After::AgainLater { .. } => NumberState::Waiting,
        }
    }
}

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
            Some(spec(Some(held.batch), LaneClass::Redial, index(round)))
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
                let phone = held.chain.phone(chain_index)?;
                waiting.push(held.enterprise, entry, at, "redial", phone);
            }
            After::AgainLater { at } => {
                waiting.push(held.enterprise, entry, at, "trunk_refused", held.phone);
            }
        }
    }
    waiting.write(conn).await?;
    Ok(entries)
}
