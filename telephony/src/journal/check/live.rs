//! Calls that are up: limits of every scope, one call a phone, calls per second.

use std::collections::{BTreeMap, HashMap};

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::{AttemptId, EnterpriseId};
use outbound::outcome::cause;

use super::{Changes, Findings, Rule, Trace};
use crate::journal::truth::{Scope, Truth};
use crate::journal::{Entry, Event, PhoneHash};

pub(super) fn check(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    sweep(trace, truth, findings);
    rates(trace, truth, findings);
}

/// Who is up at a moment of the sweep.
#[derive(Default)]
struct Up<'a> {
    calls: HashMap<AttemptId, &'a Entry>,
    scopes: HashMap<Scope, u32>,
    phones: HashMap<(EnterpriseId, PhoneHash), AttemptId>,
}

impl<'a> Up<'a> {
    fn starts(&mut self, entry: &'a Entry) {
        if self.calls.insert(entry.attempt, entry).is_none() {
            for scope in scopes(entry) {
                *self.scopes.entry(scope).or_default() += 1;
            }
        }
        if entry.transfer_of.is_none() {
            self.phones.insert((entry.enterprise, entry.phone_hash), entry.attempt);
        }
    }

    fn ends(&mut self, attempt: AttemptId) {
        let Some(entry) = self.calls.remove(&attempt) else { return };
        for scope in scopes(entry) {
            self.scopes.entry(scope).and_modify(|live| *live = live.saturating_sub(1));
        }
        let phone = (entry.enterprise, entry.phone_hash);
        if self.phones.get(&phone) == Some(&attempt) {
            self.phones.remove(&phone);
        }
    }
}

/// What a call counts for. One to a person takes a slot of its trunk, beside the customer's call that has the others.
fn scopes(entry: &Entry) -> Vec<Scope> {
    let trunk = Scope::Trunk(entry.trunk);
    match entry.transfer_of {
        Some(_) => vec![trunk],
        None => vec![Scope::Enterprise(entry.enterprise), trunk, Scope::Task(entry.task)],
    }
}

fn sweep(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let limits = Changes::new(&truth.limits);
    let mut lost = lost_calls(truth);
    let mut up = Up::default();
    for entry in &trace.entries {
        // A call whose worker was lost has no BYE of its own: it is over when its record says so.
        while let Some((_, attempt)) = lost.pop_if(|(ended_at, _)| *ended_at <= entry.at) {
            up.ends(attempt);
        }
        match entry.event {
            Event::Bye => up.ends(entry.attempt),
            Event::Invite => {
                if entry.transfer_of.is_none()
                    && let Some(other) = up.phones.get(&(entry.enterprise, entry.phone_hash))
                    && *other != entry.attempt
                {
                    findings.add(Rule::TwoCallsToAPhone, Some(entry.at), || {
                        format!(
                            "{} was placed while {other} to the same phone was up",
                            entry.attempt
                        )
                    });
                }
                // One that its record ended before it was placed is a zombie's, found elsewhere.
                up.starts(entry);
                for scope in scopes(entry) {
                    let from = entry.at - truth.grace.claim;
                    let limit = limits.between(scope, from, entry.at).max();
                    let live = up.scopes.get(&scope).copied().unwrap_or(0);
                    if let Some(limit) = limit.filter(|limit| live > **limit) {
                        findings.add(Rule::LimitExceeded, Some(entry.at), || {
                            format!("{} made {live} calls up in {scope}, of {limit}", entry.attempt)
                        });
                    }
                }
            }
            Event::Ring | Event::Answer => {}
        }
    }
}

/// Lost calls and when they were ended in the database, the earliest last.
fn lost_calls(truth: &Truth) -> Vec<(Time, AttemptId)> {
    let lost = truth.records.iter().filter(|record| record.cause == cause::WORKER_LOST);
    let legs = truth.legs.iter().filter(|(_, leg)| leg.lost);
    let legs = legs.filter_map(|(id, leg)| Some((leg.ended_at?, *id)));
    let mut lost: Vec<_> = lost.map(|record| (record.ended_at, record.id)).chain(legs).collect();
    lost.sort_by(|a, b| b.cmp(a));
    lost
}

fn rates(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let rates = Changes::new(&truth.rates);
    let second = TimeDelta::seconds(1);
    let mut by_scope: BTreeMap<Scope, Vec<&Entry>> = BTreeMap::new();
    for entry in trace.all_invites() {
        for scope in scopes(entry) {
            if rates.0.contains_key(&scope) {
                by_scope.entry(scope).or_default().push(entry);
            }
        }
    }
    for (scope, mut invites) in by_scope {
        invites.sort_by_key(|entry| entry.at);
        for (place, entry) in invites.iter().enumerate() {
            let in_force: Option<Vec<u32>> =
                rates.between(scope, entry.at - second, entry.at).copied().collect();
            let Some(rate) = in_force.and_then(|rates| rates.into_iter().max()) else { continue };
            let before = usize::try_from(rate).ok().and_then(|rate| place.checked_sub(rate));
            if before.is_some_and(|before| entry.at - invites[before].at < second) {
                findings.add(Rule::RateExceeded, Some(entry.at), || {
                    format!("{} was one more than {rate} in a second in {scope}", entry.attempt)
                });
            }
        }
    }
}
