//! Why a number waits, and for how long when nothing else tells.

use chrono::TimeDelta;

/// A number whose phone is busy with another call of ours waits for the end of that call. If that end is
/// missed, the number comes back after this time.
pub const PHONE_BUSY_WAIT: TimeDelta = TimeDelta::seconds(60);
/// A task is not idle while one of its numbers waits for a busy phone and is due within this time. It is longer than
/// [`PHONE_BUSY_WAIT`], so that every such number counts: else the task would end and lose it.
pub const PHONE_BUSY_WAIT_MAX: TimeDelta = TimeDelta::minutes(2);
/// When no window opens in all the time that is searched, the number is looked at again after this.
pub const NEVER_OPEN_WAIT: TimeDelta = TimeDelta::days(1);

/// Why a number waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// For its next round.
    Redial,
    /// Its phone is in another call of ours.
    PhoneBusy,
    /// Its phone was called as often, or as recently, as the enterprise's frequency cap allows.
    FrequencyCap,
    /// It is closed hours at the callee's place.
    CalleeWindow,
    /// The line refused the call.
    TrunkRefused,
}

impl WaitReason {
    pub const ALL: [Self; 5] =
        [Self::Redial, Self::PhoneBusy, Self::FrequencyCap, Self::CalleeWindow, Self::TrunkRefused];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Redial => "redial",
            Self::PhoneBusy => "phone_busy",
            Self::FrequencyCap => "frequency_cap",
            Self::CalleeWindow => "callee_window",
            Self::TrunkRefused => "trunk_refused",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_names_its_reason() {
        for reason in WaitReason::ALL {
            assert_eq!(WaitReason::from_word(reason.word()), Some(reason));
        }
        assert_eq!(WaitReason::from_word("lunch"), None);
    }

    #[test]
    fn a_task_is_not_idle_while_a_number_waits_for_a_busy_phone() {
        assert!(PHONE_BUSY_WAIT < PHONE_BUSY_WAIT_MAX);
    }
}
