//! What the database says, as far as a journal is checked against it. Plain data, without a phone number.

use std::collections::BTreeMap;
use std::fmt;

use chrono::TimeDelta;
use chrono_tz::Tz;
use outbound::Time;
use outbound::hours::Hours;
use outbound::ids::{AttemptId, EnterpriseId, ImportId, NumberId, TaskId, TrunkId};
use outbound::outcome::CallResult;
use outbound::redial::RedialPolicy;
use outbound::timing::INVITE_AFTER_BEGIN_MAX;

/// Everything that a journal is checked against. Empty parts are not checked.
#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// Every value that a concurrency limit ever had.
    pub limits: Vec<Change<Scope, u32>>,
    /// Every value that calls per second ever had; none: no limit.
    pub rates: Vec<Change<Scope, Option<u32>>>,
    /// The windows that tasks had from a moment on.
    pub plans: Vec<Change<TaskId, Hours>>,
    /// Starts and stops of tasks, in the order they were made.
    pub moves: Vec<Move>,
    /// The time zones that the callee of an attempt may be in, where its task ever went by them.
    pub callee_zones: BTreeMap<AttemptId, &'static [Tz]>,
    /// Redial policies by the id that records carry.
    pub policies: BTreeMap<i64, RedialPolicy>,
    pub records: Vec<RecordBrief>,
    /// Attempts that are live now.
    pub live: Vec<LiveBrief>,
    /// Calls to people, for customers who were transferred.
    pub legs: BTreeMap<AttemptId, LegBrief>,
    /// Numbers that are neither ended nor wait for something that exists.
    pub strays: Faults<Stray>,
    /// Counters that differ from what they count.
    pub miscounts: Faults<Miscount>,
    /// Recorded calls whose recording is neither there nor reported as failed.
    pub recordings_missing: Faults<AttemptId>,
    /// Timed steps that were due and did not run just once.
    pub steps: Vec<StepRuns>,
    pub imports: Faults<ImportBrief>,
    /// Stretches that the database lacks, since it was restored from a backup.
    pub restored: Vec<Restored>,
    pub grace: Grace,
}

/// Faults that the database finds by itself. It may find millions, so only the first are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults<T> {
    pub listed: Vec<T>,
    /// How many there are beside those.
    pub more: u64,
}

impl<T> Default for Faults<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), more: 0 }
    }
}

/// The database was restored from a backup, and somebody noted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Restored {
    /// The start of the newest call that the backup knew; none: it knew no call.
    pub after: Option<Time>,
    /// When it was restored.
    pub until: Time,
}

/// What was in force from a moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Change<K, V> {
    pub of: K,
    pub at: Time,
    pub value: V,
}

/// What a limit limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    Enterprise(EnterpriseId),
    Trunk(TrunkId),
    Task(TaskId),
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enterprise(id) => id.fmt(f),
            Self::Trunk(id) => id.fmt(f),
            Self::Task(id) => id.fmt(f),
        }
    }
}

/// A task starts or stops placing calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub task: TaskId,
    pub at: Time,
    pub to: MoveTo,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveTo {
    /// It places calls from then on, and be it probes of lines that have failed.
    Running,
    /// It was paused or ended, and whoever did it was told so at `acknowledged_at`. For a stop that nobody
    /// asked for, the moment by which all workers must have heard of it.
    Stopped { acknowledged_at: Time },
}

/// One call record.
#[derive(Debug, Clone, PartialEq)]
pub struct RecordBrief {
    pub id: AttemptId,
    pub task: TaskId,
    pub trunk: TrunkId,
    pub number: NumberId,
    pub round: u16,
    pub chain_index: u16,
    pub policy_id: i64,
    pub result: CallResult,
    pub cause: String,
    pub started_at: Time,
    pub ended_at: Time,
    /// The conversation agreed on a call at this time.
    pub callback_at: Option<Time>,
}

/// A call to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegBrief {
    /// When it ended; none: it is open.
    pub ended_at: Option<Time>,
    /// Its worker was lost, and with it the BYE.
    pub lost: bool,
}

/// One live attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LiveBrief {
    pub attempt: AttemptId,
    pub number: NumberId,
    /// None: it was claimed, and no worker has begun it.
    pub started_at: Option<Time>,
}

/// A number that is in no place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stray {
    pub number: NumberId,
    /// Its state, and what there should be for it and is not.
    pub detail: String,
}

/// A counter that differs from what it counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miscount {
    /// Which counter: its table, and the task or batch.
    pub counter: String,
    pub counted: i64,
    pub found: i64,
}

/// How often a timed step that was due has run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRuns {
    pub task: TaskId,
    /// `start`, `end`, …
    pub step: String,
    pub due_at: Time,
    pub runs: u32,
}

/// An import, and the numbers that are there of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportBrief {
    pub import: ImportId,
    /// What its result says; none: it was not done.
    pub reported: Option<u64>,
    pub found: u64,
}

/// How long, in business time, an edit and a call that was on its way may cross each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// From the last look at windows to the INVITE.
    pub begin: TimeDelta,
    /// From taking the slot to the INVITE: a limit that was lowered between binds later calls.
    pub claim: TimeDelta,
    /// From a timed step's due time to the moment by which it was taken, however it was lost.
    pub step: TimeDelta,
}

impl Default for Grace {
    fn default() -> Self {
        Self {
            begin: INVITE_AFTER_BEGIN_MAX,
            claim: TimeDelta::seconds(5),
            step: TimeDelta::seconds(60),
        }
    }
}
