//! Places between two steps of the dial path where a process can be made to die, as by kill -9: what is
//! written is written, what is in memory is gone. `CALLWRIGHT_DIE_AT` names one; `make chaos` uses each.

use std::fmt;
use std::str::FromStr;

macro_rules! fail_points {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What has just been done when the process dies.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FailPoint {
            $($(#[$doc])* $name,)*
        }

        impl FailPoint {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

fail_points! {
    /// Attempts were opened; their jobs are not pushed.
    Claimed = "claimed",
    /// Their jobs are pushed.
    Pushed = "pushed",
    /// A dialer has the job; the attempt is not begun.
    Delivered = "delivered",
    /// The attempt is begun; its INVITE has not left.
    Begun = "begun",
    /// The INVITE has left.
    Invited = "invited",
    /// The call is over; nothing of it is written.
    Ended = "ended",
    /// Its recording, if it has one, lies in the spool; the record is not written.
    Recorded = "recorded",
    /// The record is written; what follows from it is not pushed.
    Finished = "finished",
    /// What follows is pushed; the job is not acknowledged.
    Followed = "followed",
    /// Redials are pending again; their job is not acknowledged.
    Promoted = "promoted",
    /// The lost calls of another worker were found; they are not written down.
    FoundLost = "found_lost",
}

impl fmt::Display for FailPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for FailPoint {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let known = || Self::ALL.iter().map(|point| point.word()).collect::<Vec<_>>().join(", ");
        let found = Self::ALL.iter().copied().find(|point| point.word() == word);
        found.ok_or_else(|| format!("is not a fail point; choose of {}", known()))
    }
}

impl FromStr for DieAt {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Ok(Self(Some(word.parse()?)))
    }
}

/// Where this process is to die, if anywhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DieAt(pub Option<FailPoint>);

impl DieAt {
    /// Die here, if this is the place. No destructor runs and nothing is flushed.
    pub fn pass(self, point: FailPoint) {
        if self.0 == Some(point) {
            std::process::abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_point_that_is_not_known_is_refused_with_those_that_are() {
        for point in FailPoint::ALL {
            assert_eq!(point.word().parse(), Ok(*point));
        }
        let refused = "invite".parse::<FailPoint>().expect_err("it is unknown");
        assert!(refused.contains("claimed, pushed"), "{refused}");
    }
}
