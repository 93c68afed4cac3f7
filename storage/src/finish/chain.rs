//! The phones of a number: its own and its backups, and what comes after a call to one of them.
//!
//! A backup on the do-not-call list counts as if the row did not have it: `outbound::redial` is asked about the
//! chain without that backup.

use outbound::Time;
use outbound::outcome::{CallResult, CalledStatus};
use outbound::redial::{RedialPolicy, Standing, after};

use crate::StoreError;

/// What comes after a call.
pub(crate) use outbound::redial::After as Onward;

/// Where a number stands in its rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub round: i16,
    pub chain_index: u16,
    pub refusals: u16,
    pub first_called_at: Option<Time>,
    pub round_called_at: Option<Time>,
    pub last_called_at: Option<Time>,
}

/// The phones of a number with what is known of each.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    phones: Vec<i64>,
    statuses: Vec<Option<CalledStatus>>,
    suppressed: Vec<bool>,
    pub place: Place,
}

/// A call that ended.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Call {
    pub result: CallResult,
    pub trunk_refused: bool,
    pub started_at: Time,
    pub ended_at: Time,
}

impl Chain {
    /// `statuses` has a word for each phone, empty for one that was not called yet. It may be shorter than the chain.
    pub fn new(
        phone: i64,
        backups: &[i64],
        statuses: &[String],
        suppressed: &[i64],
        place: Place,
    ) -> Self {
        let phones: Vec<i64> = std::iter::once(phone).chain(backups.iter().copied()).collect();
        let status =
            |place| statuses.get(place).and_then(|word: &String| CalledStatus::from_word(word));
        Self {
            statuses: (0..phones.len()).map(status).collect(),
            suppressed: phones.iter().map(|phone| suppressed.contains(phone)).collect(),
            phones,
            place,
        }
    }

    pub fn phone(&self, chain_index: u16) -> Result<i64, StoreError> {
        let phone = self.phones.get(usize::from(chain_index)).copied();
        phone.ok_or_else(|| StoreError::Damaged("a number calls a backup that it has not".into()))
    }

    pub fn is_suppressed(&self, chain_index: u16) -> bool {
        self.suppressed.get(usize::from(chain_index)).copied().unwrap_or(false)
    }

    /// The words of [`Chain::new`].
    pub fn words(&self) -> Vec<&'static str> {
        self.statuses.iter().map(|status| status.map_or("", CalledStatus::word)).collect()
    }

    /// The words of [`Chain::new`], with that of a call to the current phone.
    pub fn words_with(&self, result: CallResult) -> Vec<&'static str> {
        let mut words = self.words();
        if let Some(word) = words.get_mut(usize::from(self.place.chain_index)) {
            *word = result.word();
        }
        words
    }

    /// What comes after a call to the current phone.
    pub fn onward(&self, policy: &RedialPolicy, call: Call) -> Onward {
        self.onward_from(usize::from(self.place.chain_index), policy, call)
    }

    /// What comes instead of a call to the current phone, which is on the do-not-call list. With `backup`, the
    /// round is under way and goes on as after its last call; else the round begins with the next phone.
    pub fn skip(&self, policy: &RedialPolicy, backup: bool) -> Onward {
        let here = usize::from(self.place.chain_index).min(self.phones.len());
        if backup {
            let last = (0..here).rev().find_map(|place| Some((place, self.statuses[place]?)));
            let Some(((place, status), at)) = last.zip(self.place.last_called_at) else {
                return Onward::Unconnected;
            };
            let result = CallResult::Unanswered(status);
            let call = Call { result, trunk_refused: false, started_at: at, ended_at: at };
            return self.onward_from(place, policy, call);
        }
        let dials = |place: &usize| {
            !self.suppressed[*place]
                && self.statuses[*place].is_none_or(|status| policy.covers(status))
        };
        let next = (here..self.phones.len()).find(dials);
        next.map_or(Onward::Unconnected, |place| Onward::NextBackup { chain_index: index(place) })
    }

    fn onward_from(&self, here: usize, policy: &RedialPolicy, call: Call) -> Onward {
        let allowed: Vec<usize> = (0..self.phones.len())
            .filter(|place| *place == here || !self.suppressed[*place])
            .collect();
        let chain_index = allowed.iter().position(|place| *place == here).unwrap_or(0);
        let standing = Standing {
            round: self.place.round.unsigned_abs(),
            chain_index: index(chain_index),
            chain_statuses: allowed.iter().map(|place| self.statuses[*place]).collect(),
            first_called_at: self.place.first_called_at.unwrap_or(call.started_at),
            round_called_at: self.place.round_called_at.unwrap_or(call.started_at),
            refusals: self.place.refusals,
        };
        let back = |chain_index: u16| {
            let place = allowed.get(usize::from(chain_index)).copied();
            index(place.unwrap_or(0))
        };
        match after(policy, &standing, call.result, call.trunk_refused, call.ended_at) {
            Onward::NextBackup { chain_index } => {
                Onward::NextBackup { chain_index: back(chain_index) }
            }
            Onward::Redial { round, chain_index, at } => {
                Onward::Redial { round, chain_index: back(chain_index), at }
            }
            other => other,
        }
    }
}

fn index(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}
