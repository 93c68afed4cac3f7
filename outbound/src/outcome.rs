//! How an attempt ended.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum $name {
            $($(#[$vdoc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The word of the database, the API and exports.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

words! {
    /// What a number was found to be when it was not connected.
    CalledStatus {
        InvalidNumber = "invalid_number",
        PowerOff = "power_off",
        OutOfService = "out_of_service",
        Busy = "busy",
        NoAnswer = "no_answer",
        TemporarilyUnavailable = "temporarily_unavailable",
        CallRestricted = "call_restricted",
        ServiceSuspended = "service_suspended",
        CallAssistant = "call_assistant",
        CallFailed = "call_failed",
    }
}

words! {
    /// Who ended a call.
    HangupParty {
        Customer = "customer",
        System = "system",
    }
}

words! {
    /// What the robot did with an answered call.
    RobotResult {
        Answered = "robot_answered",
        NotAnswered = "robot_not_answered",
        Error = "robot_error",
        Overloaded = "robot_overloaded",
    }
}

/// The outcome of an attempt: answered, or the status that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallResult {
    Answered,
    Unanswered(CalledStatus),
}

impl CallResult {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Unanswered(status) => status.word(),
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        if word == "answered" {
            return Some(Self::Answered);
        }
        CalledStatus::from_word(word).map(Self::Unanswered)
    }

    pub const fn status(self) -> Option<CalledStatus> {
        match self {
            Self::Answered => None,
            Self::Unanswered(status) => Some(status),
        }
    }
}

/// Why a `call_failed` came about, where the line did not say: the words of the record's `cause`.
pub mod cause {
    /// The worker died with the call up.
    pub const WORKER_LOST: &str = "worker_lost";
    /// The line itself refused; the number was not tried.
    pub const TRUNK_REFUSED: &str = "trunk_refused";
    /// Our own ring timeout.
    pub const RING_TIMEOUT: &str = "ring_timeout";
    /// The longest call of the task was reached.
    pub const MAX_CALL: &str = "max_call";
    /// The task was ended with `hang_up`.
    pub const TASK_ENDED: &str = "task_ended";
}
