//! Where a task stands, and the moves between its states.
//!
//! Automatic pauses end by themselves. A manual pause and an end never do: they wait for a person, the
//! API or an import with start type `auto`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::hours::Closed;
use crate::task::WhenDone;

/// Where a task stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "state", content = "pause_reason", rename_all = "snake_case")]
pub enum TaskState {
    /// Created, never started.
    Initial,
    Running,
    Paused(PauseReason),
    Ended,
}

/// Why a task is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PauseReason {
    /// Nothing left to dial now; a redial may still be waiting.
    NoPendingNumbers,
    DoNotCallPeriod,
    OutsideCallPeriod,
    /// A person did it; only a person, the API or an auto-start import resumes.
    Manual,
    /// The circuit breaker of every trunk that it uses is open.
    TrunkFailure,
}

impl TaskState {
    /// The words of the database and the API: state and pause reason.
    pub const fn words(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Initial => ("initial", None),
            Self::Running => ("running", None),
            Self::Paused(reason) => ("paused", Some(reason.word())),
            Self::Ended => ("ended", None),
        }
    }

    /// The state that [`TaskState::words`] named.
    pub fn from_words(state: &str, reason: Option<&str>) -> Option<Self> {
        Some(match (state, reason) {
            ("initial", None) => Self::Initial,
            ("running", None) => Self::Running,
            ("ended", None) => Self::Ended,
            ("paused", Some("no_pending_numbers")) => Self::Paused(PauseReason::NoPendingNumbers),
            ("paused", Some("do_not_call_period")) => Self::Paused(PauseReason::DoNotCallPeriod),
            ("paused", Some("outside_call_period")) => Self::Paused(PauseReason::OutsideCallPeriod),
            ("paused", Some("manual")) => Self::Paused(PauseReason::Manual),
            ("paused", Some("trunk_failure")) => Self::Paused(PauseReason::TrunkFailure),
            _ => return None,
        })
    }
}

/// Which calls of a task may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dials {
    AllCalls,
    /// The breaker of every trunk that it uses is open, and only a call that tries such a trunk may go out.
    ProbesOnly,
    NoCalls,
}

impl Dials {
    /// Whether a call may begin: one that is a probe, or one that is not.
    pub const fn allows(self, call_is_probe: bool) -> bool {
        match self {
            Self::AllCalls => true,
            Self::ProbesOnly => call_is_probe,
            Self::NoCalls => false,
        }
    }
}

impl TaskState {
    /// Which calls may begin in this state. The task's hours must allow them, too ([`crate::hours`]).
    pub const fn dials(self) -> Dials {
        match self {
            Self::Running => Dials::AllCalls,
            Self::Paused(PauseReason::TrunkFailure) => Dials::ProbesOnly,
            Self::Initial | Self::Paused(_) | Self::Ended => Dials::NoCalls,
        }
    }
}

impl PauseReason {
    pub const fn word(self) -> &'static str {
        match self {
            Self::NoPendingNumbers => "no_pending_numbers",
            Self::DoNotCallPeriod => "do_not_call_period",
            Self::OutsideCallPeriod => "outside_call_period",
            Self::Manual => "manual",
            Self::TrunkFailure => "trunk_failure",
        }
    }

    /// What the task list shows.
    pub const fn title(self) -> &'static str {
        match self {
            Self::NoPendingNumbers => "No Pending Numbers",
            Self::DoNotCallPeriod => "Do-Not-Call Time Period",
            Self::OutsideCallPeriod => "Outside Call Time Period",
            Self::Manual => "Paused by Hand",
            Self::TrunkFailure => "Trunk Failure",
        }
    }
}

/// Something that may move a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A person or the API started it.
    Start,
    /// An import with start type `auto` landed.
    AutoImport,
    ScheduledStart,
    /// A redial fell due.
    RedialDue,
    /// A window opened.
    WindowOpened,
    /// A window closed.
    WindowClosed(Closed),
    /// Nothing is left to dial now.
    NothingPending(WhenDone),
    /// A person or the API paused it.
    Pause,
    /// A person or the API ended it.
    End,
    ScheduledEnd,
    /// The circuit breaker of every trunk that it uses opened.
    TrunkFailed,
    TrunkRecovered,
}

impl Event {
    /// The word of a task's history.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::AutoImport => "auto_import",
            Self::ScheduledStart => "scheduled_start",
            Self::RedialDue => "redial_due",
            Self::WindowOpened => "window_opened",
            Self::WindowClosed(_) => "window_closed",
            Self::NothingPending(_) => "nothing_pending",
            Self::Pause => "pause",
            Self::End => "end",
            Self::ScheduledEnd => "scheduled_end",
            Self::TrunkFailed => "trunk_failed",
            Self::TrunkRecovered => "trunk_recovered",
        }
    }
}

/// How things are at the moment of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facts {
    /// The task has numbers, in whatever state.
    pub numbers: bool,
    /// Its window is closed.
    pub closed: Option<Closed>,
    /// Every trunk that it uses has failed.
    pub trunk_failed: bool,
}

/// Why a person's or the API's wish is refused. Nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("the task has no numbers; import some first")]
    TaskHasNoNumbers,
    #[error("the task is not running")]
    NotRunning,
    #[error("the task is running already")]
    AlreadyRunning,
    #[error("the task has ended already")]
    AlreadyEnded,
}

impl Refusal {
    /// The code of the API's problem.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TaskHasNoNumbers => "task_has_no_numbers",
            Self::NotRunning => "task_not_running",
            Self::AlreadyRunning => "task_already_running",
            Self::AlreadyEnded => "task_already_ended",
        }
    }
}

impl TaskState {
    /// The state after an event; the same one when nothing happens.
    ///
    /// Only a person's or the API's events are refused. A start while the window is closed, or while
    /// the trunks are down, lands in that pause.
    pub fn after(self, event: Event, facts: Facts) -> Result<Self, Refusal> {
        use PauseReason::{
            DoNotCallPeriod, Manual, NoPendingNumbers, OutsideCallPeriod, TrunkFailure,
        };
        use TaskState::{Ended, Initial, Paused, Running};

        let started = facts.started();
        Ok(match (event, self) {
            (Event::Start, Running) => return Err(Refusal::AlreadyRunning),
            (Event::Start, _) if !facts.numbers => return Err(Refusal::TaskHasNoNumbers),
            (Event::Start, _) => started,
            (Event::AutoImport | Event::ScheduledStart, Running) => Running,
            (Event::AutoImport, _) => started,
            (Event::ScheduledStart, Paused(Manual)) => self,
            // A start on its own at whatever later moment numbers come would surprise.
            (Event::ScheduledStart, _) if !facts.numbers => self,
            (Event::ScheduledStart, _) => started,
            (Event::RedialDue, Paused(NoPendingNumbers)) => started,
            (Event::WindowOpened, Paused(DoNotCallPeriod | OutsideCallPeriod)) => started,
            (
                Event::WindowClosed(closed),
                Running | Paused(DoNotCallPeriod | OutsideCallPeriod),
            ) => Paused(closed.into()),
            (Event::NothingPending(WhenDone::Pause), Running) => Paused(NoPendingNumbers),
            (Event::NothingPending(WhenDone::End), Running) => Ended,
            (Event::TrunkFailed, Running) => Paused(TrunkFailure),
            (Event::TrunkRecovered, Paused(TrunkFailure)) => started,
            (Event::Pause, Initial | Ended) => return Err(Refusal::NotRunning),
            (Event::Pause, _) => Paused(Manual),
            (Event::End, Ended) => return Err(Refusal::AlreadyEnded),
            (Event::End, Initial) if !facts.numbers => return Err(Refusal::TaskHasNoNumbers),
            (Event::End | Event::ScheduledEnd, _) => Ended,
            (
                Event::RedialDue
                | Event::WindowOpened
                | Event::WindowClosed(_)
                | Event::NothingPending(_)
                | Event::TrunkFailed
                | Event::TrunkRecovered,
                _,
            ) => self,
        })
    }
}

impl Facts {
    /// Where a task comes to stand that wants to run.
    fn started(self) -> TaskState {
        match self.closed {
            Some(closed) => TaskState::Paused(closed.into()),
            None if self.trunk_failed => TaskState::Paused(PauseReason::TrunkFailure),
            None => TaskState::Running,
        }
    }
}

#[cfg(test)]
mod tests;
