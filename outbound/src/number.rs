//! One imported row, and where it stands.

/// Backup numbers of one row, at most.
pub const BACKUPS_MAX: usize = 6;
/// The highest number priority.
pub const PRIORITY_MAX: u32 = 999_999;

/// Where a number stands.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NumberState {
    /// May be dialled now.
    Pending,
    /// May be dialled later: a redial, or put off.
    Waiting,
    /// An attempt is live.
    Calling,
    /// Ended: a call was connected.
    Connected,
    /// Ended: its rounds are used up.
    Unconnected,
    /// Ended: it is on the do-not-call list.
    Suppressed,
    /// Ended: a person took it out.
    Cancelled,
}

impl NumberState {
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Waiting,
        Self::Calling,
        Self::Connected,
        Self::Unconnected,
        Self::Suppressed,
        Self::Cancelled,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Waiting => "waiting",
            Self::Calling => "calling",
            Self::Connected => "connected",
            Self::Unconnected => "unconnected",
            Self::Suppressed => "suppressed",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_have_one_word_in_the_api_and_the_database() {
        for state in NumberState::ALL {
            assert_eq!(NumberState::from_word(state.word()), Some(state));
            assert_eq!(serde_json::json!(state), state.word());
        }
        assert_eq!(NumberState::from_word("asleep"), None);
    }
}
