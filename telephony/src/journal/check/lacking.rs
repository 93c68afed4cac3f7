//! Calls that the database does not know since it is older than they are: it was restored from a backup.
//!
//! Such a call is no fault of the software, and the rules can't judge it: edits of limits, windows and states
//! from the same time are gone, too. So its entries are taken out, and counted by stretch.

use std::collections::{BTreeMap, HashMap, HashSet};

use outbound::Time;
use outbound::ids::AttemptId;
use serde::Serialize;

use crate::journal::truth::{Restored, Truth};
use crate::journal::{Entry, Event};

/// A stretch of the journal that the database does not know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lacking {
    /// The start of the newest call before it that the database knows; none: it knows no call.
    pub after: Option<Time>,
    /// The last sign of the calls that it lacks.
    pub until: Time,
    /// Calls that were placed in between, and are in the journal only.
    pub calls: u64,
    /// Somebody noted that the database was restored then. One that nobody noted ends with the journal.
    pub noted: bool,
}

/// Attempts that were placed, and that `truth` has neither a record nor a live attempt of.
pub fn unknown(entries: &[Entry], truth: &Truth) -> Vec<AttemptId> {
    let known = known(truth);
    let mut seen = HashSet::new();
    let placed = entries.iter().filter(|entry| entry.event == Event::Invite);
    placed.map(|entry| entry.attempt).filter(|id| !known.contains(id) && seen.insert(*id)).collect()
}

/// The start of the newest call before `before` that `truth` knows.
pub fn newest_known(truth: &Truth, before: Time) -> Option<Time> {
    let recorded = truth.records.iter().map(|record| record.started_at);
    let live = truth.live.iter().filter_map(|live| live.started_at);
    recorded.chain(live).filter(|at| *at < before).max()
}

fn known(truth: &Truth) -> HashSet<AttemptId> {
    let live = truth.live.iter().map(|live| live.attempt);
    let legs = truth.legs.keys().copied();
    truth.records.iter().map(|record| record.id).chain(live).chain(legs).collect()
}

/// The entries that are not judged.
#[derive(Default)]
pub(super) struct TakenOut {
    calls: HashSet<AttemptId>,
    /// Calls that the backup had as claimed, and that were placed again after it was restored: only what
    /// they did before that is taken out.
    placed_again: HashMap<AttemptId, Time>,
}

impl TakenOut {
    pub(super) fn holds(&self, entry: &Entry) -> bool {
        self.calls.contains(&entry.attempt)
            || self.placed_again.get(&entry.attempt).is_some_and(|until| entry.at <= *until)
    }
}

/// The stretches that the database lacks, and the entries that lie in them.
pub(super) fn split(entries: &[Entry], truth: &Truth) -> (Vec<Lacking>, TakenOut) {
    let mut stretches: Vec<(Restored, bool)> =
        truth.restored.iter().map(|restored| (*restored, true)).collect();
    // The rest of the journal, when the database knows nothing of it.
    let end = Restored { after: newest_known(truth, Time::MAX_UTC), until: Time::MAX_UTC };
    stretches.push((end, false));
    let known = known(truth);
    let mut calls: BTreeMap<AttemptId, Vec<&Entry>> = BTreeMap::new();
    for entry in entries {
        calls.entry(entry.attempt).or_default().push(entry);
    }
    let mut out = TakenOut::default();
    let mut lacking = BTreeMap::new();
    for (attempt, entries) in calls {
        let invites = entries.iter().filter(|entry| entry.event == Event::Invite);
        let Some(first) = invites.clone().map(|entry| entry.at).min() else { continue };
        let within = stretches.iter().position(|(stretch, _)| {
            stretch.after.is_none_or(|after| first > after) && first <= stretch.until
        });
        let Some(place) = within else { continue };
        let (stretch, noted) = stretches[place];
        if !known.contains(&attempt) {
            out.calls.insert(attempt);
        } else if noted && invites.clone().any(|entry| entry.at > stretch.until) {
            out.placed_again.insert(attempt, stretch.until);
        } else {
            continue;
        }
        let last = entries.iter().map(|entry| entry.at).filter(|at| *at <= stretch.until).max();
        let last = last.unwrap_or(first);
        let found = lacking.entry(place).or_insert(Lacking {
            after: stretch.after,
            until: last,
            calls: 0,
            noted,
        });
        found.calls += 1;
        found.until = found.until.max(last);
    }
    (lacking.into_values().collect(), out)
}
