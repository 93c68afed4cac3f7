//! When, if ever, a number that was not connected is called again.

use chrono::TimeDelta;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Time;
use crate::fault::{Fault, Verdict, number, verdict};
use crate::number::NumberState;
use crate::outcome::{CallResult, CalledStatus};

pub const RETRIES_MAX: usize = 10;
/// Rounds of a number that callbacks may lead to, at most: a robot that agrees on one in every call comes to an end.
pub const ROUNDS_MAX: u16 = 100;
/// Refusals by the line in a row that burn no retry.
pub const REFUSALS_MAX: u16 = 5;
/// How long a number waits after the line refused its call.
const REFUSED_WAIT: TimeDelta = TimeDelta::seconds(30);
pub const INTERVAL_SECONDS_MIN: u32 = 60;
pub const INTERVAL_SECONDS_MAX: u32 = 30 * 86_400;

/// How a task redials. The policy in force when a call is triggered decides that call's redial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RedialPolicy {
    pub enabled: bool,
    pub reference: Reference,
    pub mode: Mode,
    /// Advanced mode: the statuses that are redialled.
    #[schemars(extend("uniqueItems" = true))]
    pub statuses: Vec<CalledStatus>,
    /// Seconds of each retry, 1–10 of them, each 60–2,592,000. From `first_call` they are distances
    /// from the start of the first call and must rise; from `last_call`, from the start of the last.
    #[schemars(length(max = RETRIES_MAX), inner(range(min = INTERVAL_SECONDS_MIN, max = INTERVAL_SECONDS_MAX)))]
    pub retry_seconds: Vec<u32>,
}

/// What an interval counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RedialReference")]
pub enum Reference {
    FirstCall,
    LastCall,
}

/// Which statuses are redialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "RedialMode")]
pub enum Mode {
    /// Every unconnected status.
    Basic,
    /// Those of `statuses`.
    Advanced,
}

impl Default for RedialPolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            reference: Reference::LastCall,
            mode: Mode::Basic,
            statuses: Vec::new(),
            retry_seconds: Vec::new(),
        }
    }
}

/// Where a number stands when an attempt on it has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The round of the attempt.
    pub round: u16,
    /// The phone of the attempt: 0 the phone number, k its k-th backup.
    pub chain_index: u16,
    /// The last status of each phone of the chain, before this attempt; as long as the chain.
    pub chain_statuses: Vec<Option<CalledStatus>>,
    /// Start of the first attempt of round 0.
    pub first_called_at: Time,
    /// Start of the first attempt of this round.
    pub round_called_at: Time,
    /// Times in a row, before this one, that the line itself refused.
    pub refusals: u16,
}

/// What becomes of a number after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// Ended: the call was connected.
    Connected,
    /// The next phone of the chain, in the same round, at once.
    NextBackup { chain_index: u16 },
    /// Another round, from this phone of the chain on.
    Redial { round: u16, chain_index: u16, at: Time },
    /// Ended: not connected, and nothing more to try.
    Unconnected,
    /// The line refused, the number was not tried: the same phone in the same round, no retry burnt.
    AgainLater { at: Time },
    /// Ended: its own phone was put on the do-not-call list while the call was up.
    Suppressed,
}

impl After {
    /// The state that the number goes to.
    pub const fn state(self) -> NumberState {
        match self {
            Self::Connected => NumberState::Connected,
            Self::Unconnected => NumberState::Unconnected,
            Self::Suppressed => NumberState::Suppressed,
            Self::NextBackup { .. } => NumberState::Pending,
            Self::Redial { .. } | Self::AgainLater { .. } => NumberState::Waiting,
        }
    }

    /// The same for a number whose own phone is on the do-not-call list: it is not called again, at none of its
    /// phones.
    pub const fn of_listed(self) -> Self {
        match self {
            Self::Connected | Self::Unconnected | Self::Suppressed => self,
            Self::NextBackup { .. } | Self::Redial { .. } | Self::AgainLater { .. } => {
                Self::Suppressed
            }
        }
    }
}

/// What becomes of a number after an attempt that ended at `ended_at`.
///
/// `policy` is the one that was in force when the call was triggered. With `trunk_refused` the line
/// itself turned the call down; after [`REFUSALS_MAX`] of those in a row it counts as `call_failed`.
pub fn after(
    policy: &RedialPolicy,
    standing: &Standing,
    result: CallResult,
    trunk_refused: bool,
    ended_at: Time,
) -> After {
    let CallResult::Unanswered(status) = result else {
        return After::Connected;
    };
    if trunk_refused && standing.refusals < REFUSALS_MAX {
        return After::AgainLater { at: ended_at + REFUSED_WAIT };
    }
    let status = if trunk_refused { CalledStatus::CallFailed } else { status };
    let here = usize::from(standing.chain_index);
    let status_of = |place: usize, before: Option<CalledStatus>| {
        if place == here { Some(status) } else { before }
    };
    let statuses = || {
        let chain = standing.chain_statuses.iter().enumerate();
        chain.map(|(place, before)| (place, status_of(place, *before)))
    };
    // A phone that was never tried has nothing that could leave it out.
    let dials = |status: Option<CalledStatus>| status.is_none_or(|status| policy.covers(status));

    let next = statuses()
        .filter(|(place, _)| *place > here)
        .find(|(_, status)| standing.round == 0 || dials(*status));
    if let Some((place, _)) = next {
        return After::NextBackup { chain_index: index(place) };
    }

    let wait = policy.retry_seconds.get(usize::from(standing.round)).filter(|_| policy.enabled);
    let qualifies = policy.covers(status)
        || statuses().any(|(_, status)| status.is_some_and(|status| policy.covers(status)));
    let Some(wait) = wait.filter(|_| qualifies) else {
        return After::Unconnected;
    };
    let from = match policy.reference {
        Reference::FirstCall => standing.first_called_at,
        Reference::LastCall => standing.round_called_at,
    };
    let first = statuses().find(|(_, status)| dials(*status)).map_or(0, |(place, _)| place);
    After::Redial {
        round: standing.round + 1,
        chain_index: index(first),
        // The wait may already lie behind us; never ring into the past.
        at: (from + TimeDelta::seconds(i64::from(*wait))).max(ended_at),
    }
}

/// What becomes of a number that was connected and is to be called again at a time, as the conversation agreed. The
/// phone that was reached is called, whatever the policy says; after [`ROUNDS_MAX`] rounds no more.
pub const fn called_back(round: u16, chain_index: u16, at: Time) -> After {
    if round >= ROUNDS_MAX {
        return After::Connected;
    }
    After::Redial { round: round + 1, chain_index, at }
}

fn index(place: usize) -> u16 {
    u16::try_from(place).unwrap_or(u16::MAX)
}

impl RedialPolicy {
    /// Whether a status is one that this policy redials. Says nothing on whether it is enabled.
    pub fn covers(&self, status: CalledStatus) -> bool {
        match self.mode {
            Mode::Basic => true,
            Mode::Advanced => self.statuses.contains(&status),
        }
    }

    /// An enabled policy has 1–10 retries, each of 1 minute to 30 days; from the first call they rise;
    /// an advanced one names statuses. One that is switched off may be unfinished, not out of bounds.
    pub fn check(&self) -> Verdict {
        let mut faults = Vec::new();
        if self.enabled && self.retry_seconds.is_empty() {
            let detail = format!("needs 1 to {RETRIES_MAX} retries while redial is enabled");
            faults.push(Fault::new("/retry_seconds", "required", detail));
        }
        if self.retry_seconds.len() > RETRIES_MAX {
            let detail = format!("at most {RETRIES_MAX} retries, not {}", self.retry_seconds.len());
            faults.push(Fault::new("/retry_seconds", "too_many", detail));
        }
        faults.extend(self.retry_seconds.iter().take(RETRIES_MAX).enumerate().filter_map(
            |(place, seconds)| {
                let pointer = format!("/retry_seconds/{place}");
                number(&pointer, *seconds, INTERVAL_SECONDS_MIN, INTERVAL_SECONDS_MAX)
            },
        ));
        if self.reference == Reference::FirstCall {
            let pairs = self.retry_seconds.windows(2).take(RETRIES_MAX).enumerate();
            faults.extend(pairs.filter(|(_, pair)| pair[1] <= pair[0]).map(|(place, pair)| {
                let detail = format!(
                    "intervals from the first call must rise: {} must be more than {}",
                    pair[1], pair[0]
                );
                Fault::new(format!("/retry_seconds/{}", place + 1), "must_rise", detail)
            }));
        }
        if self.enabled && self.mode == Mode::Advanced && self.statuses.is_empty() {
            let detail = "advanced mode needs at least one status to redial";
            faults.push(Fault::new("/statuses", "required", detail));
        }
        let repeated = |place: &usize| self.statuses[..*place].contains(&self.statuses[*place]);
        faults.extend((0..self.statuses.len()).find(repeated).map(|place| {
            Fault::new(format!("/statuses/{place}"), "repeated", "is named twice; name it once")
        }));
        verdict(faults)
    }
}

#[cfg(test)]
mod tests;
