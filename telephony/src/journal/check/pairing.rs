//! Journal and records name the same calls.

use std::collections::HashSet;

use outbound::ids::AttemptId;
use outbound::outcome::cause;

use super::{Findings, Rule, Trace};
use crate::journal::truth::{RecordBrief, Truth};

pub(super) fn check(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    invites(trace, truth, findings);
    records(trace, truth, findings);
}

fn invites(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let live: HashSet<AttemptId> = truth.live.iter().map(|live| live.attempt).collect();
    for entry in trace.invites() {
        let (attempt, at) = (entry.attempt, Some(entry.at));
        let invites = &trace.calls[&attempt].invites;
        if invites.len() > 1 && std::ptr::eq(invites[0], entry) {
            findings.add(Rule::SecondInvite, at, || {
                format!("{attempt} was placed {} times", invites.len())
            });
        }
        match trace.records.get(&attempt) {
            Some(record) if entry.at > record.ended_at => {
                findings.add(Rule::ZombieInvite, at, || {
                    format!("{attempt} was placed after its record had ended it")
                });
            }
            None if !live.contains(&attempt) => {
                findings.add(Rule::InviteWithoutRecord, at, || {
                    format!("{attempt} of {} has neither record nor live attempt", entry.task)
                });
            }
            _ => {}
        }
    }
}

fn records(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let mut seen = HashSet::new();
    for record in &truth.records {
        let (id, at) = (record.id, Some(record.started_at));
        if !seen.insert(id) {
            findings.add(Rule::SecondRecord, at, || format!("{id} has more than one record"));
        }
        match trace.calls.get(&id) {
            Some(placed) if !placed.invites.is_empty() => {
                let hung_up = placed.bye.is_some() || record.cause == cause::WORKER_LOST;
                left_up(record, hung_up, findings);
            }
            _ if was_placed(record) => {
                findings.add(Rule::RecordWithoutInvite, at, || {
                    format!("{id} has a record ({}), and was never placed", record.result.word())
                });
            }
            _ => {}
        }
    }
}

fn left_up(record: &RecordBrief, hung_up: bool, findings: &mut Findings) {
    if !hung_up {
        findings.add(Rule::CallLeftUp, Some(record.ended_at), || {
            format!("{} has a record, and its call was never hung up", record.id)
        });
    }
}

/// A worker may be lost, and a line may refuse, before the INVITE has left.
fn was_placed(record: &RecordBrief) -> bool {
    ![cause::WORKER_LOST, cause::TRUNK_REFUSED].contains(&record.cause.as_str())
}
