//! Whether what was done on the lines agrees with the rules and with the database.
//!
//! Pure: entries and [`Truth`] in, findings out. Entries are taken in the order of real time, limits and
//! windows by business time. The rules are written anew here, not shared with the engine that they check
//! (but for the calendar of [`outbound::hours`], which has a reference of its own in its tests).

mod lacking;
mod live;
mod pairing;
mod redials;
mod rows;
mod transfers;
mod windows;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use outbound::Time;
use outbound::ids::AttemptId;
use serde::Serialize;

use super::truth::{Change, RecordBrief, Truth};
use super::{Entry, Event};

pub use lacking::{Lacking, newest_known, unknown};

/// Findings listed of one rule; all are counted.
pub const FINDINGS_MAX: usize = 100;

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// What must hold.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Rule {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Rule {
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The word of reports.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }
        }
    };
}

rules! {
    /// Live calls are never above the limit of any scope; a lowered limit binds later calls only.
    LimitExceeded = "limit_exceeded",
    /// Never more calls in a second than a trunk or a task may place.
    RateExceeded = "rate_exceeded",
    /// No INVITE in a closed minute.
    ClosedMinute = "closed_minute",
    /// No INVITE after a pause or an end was acknowledged, until the next start.
    StoppedTask = "stopped_task",
    /// At most one INVITE an attempt.
    SecondInvite = "second_invite",
    /// One live call a phone in an enterprise.
    TwoCallsToAPhone = "two_calls_to_a_phone",
    /// Every INVITE has a record or a live attempt.
    InviteWithoutRecord = "invite_without_record",
    /// Every record of a call that was placed has an INVITE.
    RecordWithoutInvite = "record_without_invite",
    /// An attempt has one record.
    SecondRecord = "second_record",
    /// No INVITE for an attempt that has ended: a zombie places no call.
    ZombieInvite = "zombie_invite",
    /// A record is written when its call is over, not before.
    CallLeftUp = "call_left_up",
    /// A redial is never early.
    RedialEarly = "redial_early",
    /// Rounds and the phones within them come in order.
    WrongRound = "wrong_round",
    /// At most as many rounds as the policy has retries, and one.
    TooManyRounds = "too_many_rounds",
    /// Only statuses that the policy covers are redialled.
    StatusNotCovered = "status_not_covered",
    /// A connected number is not called again.
    CalledAfterConnected = "called_after_connected",
    /// Every number has ended or waits for something that exists.
    StrayNumber = "stray_number",
    /// Counters equal what they count.
    Miscount = "miscount",
    /// Every recording is there or reported.
    RecordingMissing = "recording_missing",
    /// Every timed step that is due runs once.
    StepNotOnce = "step_not_once",
    /// An import is whole or absent.
    TornImport = "torn_import",
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A rule that was broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub rule: Rule,
    /// What was seen, by ids. Holds nothing personal.
    pub detail: String,
    /// Business time of what was seen.
    pub at: Option<Time>,
}

/// What a check found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// The first [`FINDINGS_MAX`] of each rule, rule by rule.
    pub findings: Vec<Finding>,
    /// How often each broken rule was broken.
    pub counts: BTreeMap<Rule, u64>,
    /// Stretches of the journal that the database does not know, since it is an older backup. They break no rule.
    pub lacking: Vec<Lacking>,
}

impl Checked {
    /// Findings of all rules, listed or not.
    pub fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Findings of a rule that are not listed.
    pub fn more(&self, rule: Rule) -> u64 {
        self.counts.get(&rule).map_or(0, |count| count.saturating_sub(FINDINGS_MAX as u64))
    }

    /// No rule is broken, and the database lacks nothing but what a noted restore took.
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty() && self.lacking.iter().all(|stretch| stretch.noted)
    }
}

/// Every rule that `entries` and `truth` break.
pub fn check(entries: &[Entry], truth: &Truth) -> Checked {
    let (lacking, out) = lacking::split(entries, truth);
    let judged = entries.iter().filter(|entry| !out.holds(entry));
    let trace = Trace::new(judged, truth);
    let mut findings = Findings::default();
    live::check(&trace, truth, &mut findings);
    windows::check(&trace, truth, &mut findings);
    pairing::check(&trace, truth, &mut findings);
    transfers::check(&trace, truth, &mut findings);
    redials::check(truth, &mut findings);
    rows::check(&trace, truth, &mut findings);
    findings.all(lacking)
}

/// The journal and the records, made ready to be looked up.
struct Trace<'a> {
    /// In the order of real time.
    entries: Vec<&'a Entry>,
    calls: HashMap<AttemptId, Placed<'a>>,
    records: HashMap<AttemptId, &'a RecordBrief>,
}

/// What the journal has of one attempt.
#[derive(Default)]
struct Placed<'a> {
    invites: Vec<&'a Entry>,
    bye: Option<&'a Entry>,
}

impl<'a> Trace<'a> {
    fn new(entries: impl Iterator<Item = &'a Entry>, truth: &'a Truth) -> Self {
        let mut sorted: Vec<&Entry> = entries.collect();
        sorted.sort_by_key(|entry| (entry.real_us, entry.attempt, entry.event));
        let mut calls: HashMap<AttemptId, Placed<'_>> = HashMap::new();
        for entry in sorted.iter().filter(|entry| entry.transfer_of.is_none()) {
            let placed = calls.entry(entry.attempt).or_default();
            match entry.event {
                Event::Invite => placed.invites.push(entry),
                // A zombie that wakes may write another; the call was over at the first.
                Event::Bye => placed.bye = placed.bye.or(Some(entry)),
                Event::Ring | Event::Answer => {}
            }
        }
        let records = truth.records.iter().map(|record| (record.id, record)).collect();
        Self { entries: sorted, calls, records }
    }

    /// Of customers' calls.
    fn invites(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        self.all_invites().filter(|entry| entry.transfer_of.is_none())
    }

    /// Those of calls to people, too.
    fn all_invites(&self) -> impl Iterator<Item = &'a Entry> + '_ {
        self.entries.iter().copied().filter(|entry| entry.event == Event::Invite)
    }
}

/// Values by what they are of, each in force from its moment on.
struct Changes<'a, K, V>(BTreeMap<K, Vec<&'a Change<K, V>>>);

impl<'a, K: Ord + Copy, V> Changes<'a, K, V> {
    fn new(changes: &'a [Change<K, V>]) -> Self {
        let mut by_key: BTreeMap<K, Vec<&Change<K, V>>> = BTreeMap::new();
        for change in changes {
            by_key.entry(change.of).or_default().push(change);
        }
        by_key.values_mut().for_each(|changes| changes.sort_by_key(|change| change.at));
        Self(by_key)
    }

    /// Every value that was in force at some moment of `from..=to`; nothing where none is known.
    fn between(&self, of: K, from: Time, to: Time) -> impl Iterator<Item = &'a V> + '_ {
        let changes = self.0.get(&of).map_or(&[][..], Vec::as_slice);
        let begun = changes.partition_point(|change| change.at <= from);
        let ended = changes.partition_point(|change| change.at <= to);
        changes[begun.saturating_sub(1)..ended.max(begun)].iter().map(|change| &change.value)
    }
}

#[derive(Default)]
struct Findings {
    listed: Vec<Finding>,
    counts: BTreeMap<Rule, u64>,
}

impl Findings {
    fn add(&mut self, rule: Rule, at: Option<Time>, detail: impl FnOnce() -> String) {
        let count = self.counts.entry(rule).or_default();
        *count += 1;
        if *count <= FINDINGS_MAX as u64 {
            self.listed.push(Finding { rule, detail: detail(), at });
        }
    }

    /// Findings that the database counted and did not list.
    fn add_more(&mut self, rule: Rule, more: u64) {
        if more > 0 {
            *self.counts.entry(rule).or_default() += more;
        }
    }

    fn all(mut self, lacking: Vec<Lacking>) -> Checked {
        self.listed.sort_by_key(|finding| finding.rule);
        Checked { findings: self.listed, counts: self.counts, lacking }
    }
}

#[cfg(test)]
mod tests;
