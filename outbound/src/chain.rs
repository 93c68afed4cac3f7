//! The phones of a number: its own and its backups, and what comes after a call to one of them.
//!
//! A backup on the do-not-call list counts as if the row did not have it: [`redial::after`] is asked about the
//! chain without that backup.

use crate::Time;
use crate::outcome::{CallResult, CalledStatus};
use crate::phone::Phone;
use crate::redial::{self, After, RedialPolicy, Standing};

/// Where a number stands in its rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChainPlace {
    pub round: u16,
    /// The phone that is next: 0 is its own, k its k-th backup.
    pub chain_index: u16,
    /// Times in a row that the line refused.
    pub refusals: u16,
    pub first_called_at: Option<Time>,
    pub round_called_at: Option<Time>,
    pub last_called_at: Option<Time>,
}

/// The place names a backup that the number does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is to be called at a backup that it does not have")]
pub struct NoSuchBackup;

/// The phones of a number with what is known of each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    phones: Vec<Phone>,
    statuses: Vec<Option<CalledStatus>>,
    suppressed: Vec<bool>,
    place: ChainPlace,
    /// The current phone was answered: the number waits for a callback there.
    reached: bool,
}

/// A call that ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndedCall {
    pub result: CallResult,
    pub trunk_refused: bool,
    pub started_at: Time,
    pub ended_at: Time,
    /// The conversation has agreed on a call at this time.
    pub callback_at: Option<Time>,
}

/// Where a number goes after a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPlace {
    pub after: After,
    pub round: u16,
    pub chain_index: u16,
    /// The words of [`Chain::new`].
    pub statuses: Vec<&'static str>,
    pub refusals: u16,
    /// The start of the call. `None` when the line refused it, as nobody was called then.
    pub called_at: Option<Time>,
    /// The start of the first call of the number's round; `None` while the round has none.
    pub round_called_at: Option<Time>,
}

impl Chain {
    /// `statuses` has a word for each phone, empty for one that was not called yet. It may be shorter than the
    /// chain. `suppressed` are phones on the do-not-call list.
    pub fn new(
        phone: Phone,
        backups: impl IntoIterator<Item = Phone>,
        statuses: &[String],
        suppressed: &[Phone],
        place: ChainPlace,
    ) -> Result<Self, NoSuchBackup> {
        let phones: Vec<Phone> = std::iter::once(phone).chain(backups).collect();
        if usize::from(place.chain_index) >= phones.len() {
            return Err(NoSuchBackup);
        }
        let status =
            |place| statuses.get(place).and_then(|word: &String| CalledStatus::from_word(word));
        let here = statuses.get(usize::from(place.chain_index));
        Ok(Self {
            reached: here.is_some_and(|word| word == CallResult::Answered.word()),
            statuses: (0..phones.len()).map(status).collect(),
            suppressed: phones.iter().map(|phone| suppressed.contains(phone)).collect(),
            phones,
            place,
        })
    }

    pub const fn place(&self) -> &ChainPlace {
        &self.place
    }

    /// The phone at a place of this chain: one that it gave, or that of [`Chain::place`].
    pub fn phone(&self, chain_index: u16) -> Phone {
        self.phones.get(usize::from(chain_index)).copied().unwrap_or(self.phones[0])
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
        words[usize::from(self.place.chain_index)] = result.word();
        words
    }

    /// Where the number goes after a call to the current phone, by the policy that was in force when the call was
    /// triggered.
    pub fn after_call(&self, policy: &RedialPolicy, call: EndedCall) -> NextPlace {
        let after = self.after_call_to(usize::from(self.place.chain_index), policy, call);
        // A call that the line refused reached nobody: it burns no retry and leaves no status.
        let refused = matches!(after, After::AgainLater { .. });
        let after = if self.is_suppressed(0) { after.of_listed() } else { after };
        let (round, chain_index) = match after {
            After::Redial { round, chain_index, .. } => (round, chain_index),
            After::NextBackup { chain_index } => (self.place.round, chain_index),
            After::Connected
            | After::Unconnected
            | After::AgainLater { .. }
            | After::Suppressed => (self.place.round, self.place.chain_index),
        };
        let called_at = (!refused).then_some(call.started_at);
        let same_round = round == self.place.round;
        NextPlace {
            after,
            round,
            chain_index,
            statuses: if refused { self.words() } else { self.words_with(call.result) },
            refusals: if refused { self.place.refusals.saturating_add(1) } else { 0 },
            called_at,
            round_called_at: self.place.round_called_at.or(called_at).filter(|_| same_round),
        }
    }

    /// The current phone is on the do-not-call list: what comes instead of a call to it. With
    /// `is_next_backup`, the round is under way and goes on as after its last call; else the round begins with the
    /// next phone.
    pub fn skip(&self, policy: &RedialPolicy, is_next_backup: bool) -> After {
        let here = usize::from(self.place.chain_index);
        if self.reached {
            // Somebody was spoken with there. They are not called again, and nobody else of the number is.
            return After::Connected;
        }
        if is_next_backup {
            let last = (0..here).rev().find_map(|place| Some((place, self.statuses[place]?)));
            let Some(((place, status), at)) = last.zip(self.place.last_called_at) else {
                return After::Unconnected;
            };
            let result = CallResult::Unanswered(status);
            let call = EndedCall {
                result,
                trunk_refused: false,
                started_at: at,
                ended_at: at,
                callback_at: None,
            };
            return self.after_call_to(place, policy, call);
        }
        let dials = |place: &usize| {
            !self.suppressed[*place]
                && self.statuses[*place].is_none_or(|status| policy.covers(status))
        };
        let next = (here..self.phones.len()).find(dials);
        next.map_or(After::Unconnected, |place| After::NextBackup { chain_index: index(place) })
    }

    fn after_call_to(&self, here: usize, policy: &RedialPolicy, call: EndedCall) -> After {
        // The places that count, `here` among them. `redial::after` counts in these, so its answer is counted back.
        let counted: Vec<usize> = (0..self.phones.len())
            .filter(|place| *place == here || !self.suppressed[*place])
            .collect();
        let chain_index = counted.iter().position(|place| *place == here).unwrap_or(0);
        let standing = Standing {
            round: self.place.round,
            chain_index: index(chain_index),
            chain_statuses: counted.iter().map(|place| self.statuses[*place]).collect(),
            first_called_at: self.place.first_called_at.unwrap_or(call.started_at),
            round_called_at: self.place.round_called_at.unwrap_or(call.started_at),
            refusals: self.place.refusals,
        };
        let back = |chain_index: u16| {
            let place = counted.get(usize::from(chain_index)).copied();
            index(place.unwrap_or(0))
        };
        let listed = self.suppressed[here] || self.suppressed[0];
        let callback = call.callback_at.filter(|_| call.result == CallResult::Answered && !listed);
        if let Some(at) = callback {
            return redial::called_back(self.place.round, index(here), at.max(call.ended_at));
        }
        match redial::after(policy, &standing, call.result, call.trunk_refused, call.ended_at) {
            After::NextBackup { chain_index } => {
                After::NextBackup { chain_index: back(chain_index) }
            }
            After::Redial { round, chain_index, at } => {
                After::Redial { round, chain_index: back(chain_index), at }
            }
            other => other,
        }
    }
}

fn index(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
