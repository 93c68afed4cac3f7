//! Rounds, backups and redial times, as the policy said that was in force when a call was triggered.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use outbound::Time;
use outbound::ids::NumberId;
use outbound::outcome::{CalledStatus, cause};
use outbound::redial::{Mode, RedialPolicy, Reference};

use super::{Findings, Rule};
use crate::journal::truth::{RecordBrief, Truth};

pub(super) fn check(truth: &Truth, findings: &mut Findings) {
    let mut numbers: BTreeMap<NumberId, Vec<&RecordBrief>> = BTreeMap::new();
    for record in &truth.records {
        numbers.entry(record.number).or_default().push(record);
    }
    for (number, mut calls) in numbers {
        calls.sort_by_key(|call| (call.started_at, call.round, call.chain_index));
        let mut walk = Walk::new(truth, calls[0]);
        for pair in calls.windows(2) {
            walk.step(number, pair[0], pair[1], findings);
        }
        if calls[0].round != 0 {
            findings.add(Rule::WrongRound, Some(calls[0].started_at), || {
                format!("{number}: its first call is of round {}", calls[0].round)
            });
        }
    }
}

/// One number, call by call.
struct Walk<'a> {
    truth: &'a Truth,
    first_called_at: Time,
    round_called_at: Time,
    connected: bool,
    /// The last status of each phone of the chain.
    statuses: BTreeMap<u16, CalledStatus>,
}

impl<'a> Walk<'a> {
    fn new(truth: &'a Truth, first: &RecordBrief) -> Self {
        let started_at = first.started_at;
        Self {
            truth,
            first_called_at: started_at,
            round_called_at: started_at,
            connected: false,
            statuses: BTreeMap::new(),
        }
    }

    fn step(
        &mut self,
        number: NumberId,
        past: &RecordBrief,
        call: &RecordBrief,
        findings: &mut Findings,
    ) {
        let mut find = |rule, what: &str| {
            findings.add(rule, Some(call.started_at), || format!("{number}: {} {what}", call.id));
        };
        match past.result.status() {
            Some(status) => {
                self.statuses.insert(past.chain_index, status);
            }
            None => self.connected = true,
        }
        if let Some(callback_at) = past.callback_at.filter(|_| self.connected) {
            self.connected = false;
            self.round_called_at = call.started_at;
            if call.started_at < callback_at {
                find(
                    Rule::RedialEarly,
                    &format!("was placed before the callback at {callback_at}"),
                );
            }
            if (call.round, call.chain_index) != (past.round + 1, past.chain_index) {
                find(Rule::WrongRound, "is not the callback to the phone that was reached");
            }
            return;
        }
        if self.connected {
            find(Rule::CalledAfterConnected, "was placed after a connected call");
            return;
        }
        let policy = self.truth.policies.get(&past.policy_id);
        if call.round == past.round {
            self.same_round(past, call, policy, &mut find);
        } else if call.round == past.round + 1 {
            if let Some(policy) = policy {
                self.next_round(past, call, policy, &mut find);
            }
            self.round_called_at = call.started_at;
        } else {
            find(Rule::WrongRound, "is not of the round of the call before, nor of the next");
            self.round_called_at = call.started_at;
        }
    }

    fn same_round(
        &self,
        past: &RecordBrief,
        call: &RecordBrief,
        policy: Option<&RedialPolicy>,
        find: &mut impl FnMut(Rule, &str),
    ) {
        // What the line refused is tried again, in its place.
        let again = call.chain_index == past.chain_index && past.cause == cause::TRUNK_REFUSED;
        if call.chain_index <= past.chain_index && !again {
            find(Rule::WrongRound, "rings a phone of the chain that had its turn in this round");
        }
        if call.round > 0 && !again && policy.is_some_and(|policy| !self.rings(policy, call)) {
            find(Rule::StatusNotCovered, "rings a backup whose status the policy does not cover");
        }
    }

    fn next_round(
        &self,
        past: &RecordBrief,
        call: &RecordBrief,
        policy: &RedialPolicy,
        find: &mut impl FnMut(Rule, &str),
    ) {
        let wait = policy.retry_seconds.get(usize::from(past.round)).filter(|_| policy.enabled);
        let Some(wait) = wait else {
            find(Rule::TooManyRounds, "is of a round that the policy does not have");
            return;
        };
        let from = match policy.reference {
            Reference::FirstCall => self.first_called_at,
            Reference::LastCall => self.round_called_at,
        };
        let due = from + TimeDelta::seconds(i64::from(*wait));
        if call.started_at < due {
            find(Rule::RedialEarly, &format!("was placed before it was due at {due}"));
        }
        if !self.statuses.values().any(|status| covers(policy, *status)) {
            find(Rule::StatusNotCovered, "redials a number none of whose statuses is covered");
        } else if !self.rings(policy, call) {
            find(
                Rule::StatusNotCovered,
                "rings a phone whose own status the policy does not cover",
            );
        }
    }

    /// A phone that was never called has no status that could leave it out.
    fn rings(&self, policy: &RedialPolicy, call: &RecordBrief) -> bool {
        let status = self.statuses.get(&call.chain_index);
        status.is_none_or(|status| covers(policy, *status))
    }
}

fn covers(policy: &RedialPolicy, status: CalledStatus) -> bool {
    match policy.mode {
        Mode::Basic => true,
        Mode::Advanced => policy.statuses.contains(&status),
    }
}
