//! Calls to people, for customers who are transferred: each is known, placed once, and over when it was ended.

use std::collections::HashMap;

use outbound::ids::AttemptId;

use super::{Findings, Rule, Trace};
use crate::journal::truth::{LegBrief, Truth};
use crate::journal::{Entry, Event};

pub(super) fn check(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let mut placed: HashMap<AttemptId, (Vec<&Entry>, bool)> = HashMap::new();
    for entry in trace.entries.iter().filter(|entry| entry.transfer_of.is_some()) {
        let (invites, hung_up) = placed.entry(entry.attempt).or_default();
        match entry.event {
            Event::Invite => invites.push(entry),
            Event::Bye => *hung_up = true,
            Event::Ring | Event::Answer => {}
        }
    }
    for (leg, (invites, hung_up)) in placed {
        let Some(first) = invites.first() else { continue };
        let at = Some(first.at);
        if invites.len() > 1 {
            findings.add(Rule::SecondInvite, at, || {
                format!("{leg}, a transfer, was placed {} times", invites.len())
            });
        }
        match truth.legs.get(&leg) {
            None => findings.add(Rule::InviteWithoutRecord, at, || {
                format!("{leg} was placed as a transfer, and nobody asked for it")
            }),
            Some(LegBrief { ended_at: Some(ended_at), lost: false }) if !hung_up => {
                findings.add(Rule::CallLeftUp, Some(*ended_at), || {
                    format!("{leg}, a transfer, has ended, and was never hung up")
                });
            }
            Some(_) => {}
        }
    }
}
