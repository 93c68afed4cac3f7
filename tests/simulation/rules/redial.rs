//! What becomes of a number after a call, beside a hand-written sum.

use chrono::TimeDelta;
use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus};
use outbound::redial::{After, Mode, RedialPolicy, Reference, Standing, after};

/// A call that ended, and the chain of its number.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    pub policy: &'a RedialPolicy,
    pub round: u16,
    /// The phone that was called, in the chain.
    pub here: usize,
    /// The status of each phone before this call, and whether it is on the do-not-call list.
    pub chain: Vec<(Option<CalledStatus>, bool)>,
    pub first_called_at: Time,
    pub round_called_at: Time,
    pub refusals: u16,
    pub result: CallResult,
    pub trunk_refused: bool,
    pub ended_at: Time,
}

/// What comes next; places are those of the whole chain.
pub fn next(ending: &Ending<'_>) -> After {
    let said = ask(ending);
    assert_eq!(said, sum(ending), "{ending:?}");
    said
}

/// `outbound::redial` is asked about the chain without the backups that may not be called.
fn ask(ending: &Ending<'_>) -> After {
    let kept: Vec<usize> = (0..ending.chain.len())
        .filter(|place| *place == ending.here || !ending.chain[*place].1)
        .collect();
    let whole = |place: u16| u16::try_from(kept[usize::from(place)]).expect("a place");
    let here = kept.iter().position(|place| *place == ending.here).expect("it is kept");
    let standing = Standing {
        round: ending.round,
        chain_index: u16::try_from(here).expect("a place"),
        chain_statuses: kept.iter().map(|place| ending.chain[*place].0).collect(),
        first_called_at: ending.first_called_at,
        round_called_at: ending.round_called_at,
        refusals: ending.refusals,
    };
    let refused = ending.trunk_refused;
    match after(ending.policy, &standing, ending.result, refused, ending.ended_at) {
        After::NextBackup { chain_index } => After::NextBackup { chain_index: whole(chain_index) },
        After::Redial { round, chain_index, at } => {
            After::Redial { round, chain_index: whole(chain_index), at }
        }
        other => other,
    }
}

fn sum(ending: &Ending<'_>) -> After {
    let CallResult::Unanswered(found) = ending.result else { return After::Connected };
    if ending.trunk_refused && ending.refusals < 5 {
        return After::AgainLater { at: ending.ended_at + TimeDelta::seconds(30) };
    }
    let mut chain = ending.chain.clone();
    chain[ending.here] =
        (Some(if ending.trunk_refused { CalledStatus::CallFailed } else { found }), false);
    for (place, (status, barred)) in chain.iter().copied().enumerate().skip(ending.here + 1) {
        let due = ending.round == 0 || status.is_none_or(|status| covers(ending.policy, status));
        if due && !barred {
            return After::NextBackup { chain_index: u16::try_from(place).expect("a place") };
        }
    }
    let retries = &ending.policy.retry_seconds;
    let covered = |(status, barred): &(Option<CalledStatus>, bool)| {
        !barred && status.is_some_and(|status| covers(ending.policy, status))
    };
    let used_up = usize::from(ending.round) >= retries.len();
    if !ending.policy.enabled || used_up || !chain.iter().any(covered) {
        return After::Unconnected;
    }
    let seconds = i64::from(retries[usize::from(ending.round)]);
    let reference = match ending.policy.reference {
        Reference::FirstCall => ending.first_called_at,
        Reference::LastCall => ending.round_called_at,
    };
    let due = reference + TimeDelta::seconds(seconds);
    let first = chain
        .iter()
        .position(|phone| covered(phone) || (phone.0.is_none() && !phone.1))
        .expect("one of them is covered");
    After::Redial {
        round: ending.round + 1,
        chain_index: u16::try_from(first).expect("a place"),
        at: if due < ending.ended_at { ending.ended_at } else { due },
    }
}

/// Whether a status is redialled.
pub fn covers(policy: &RedialPolicy, status: CalledStatus) -> bool {
    policy.mode == Mode::Basic || policy.statuses.contains(&status)
}
