//! When calls may be placed: open minutes, running tasks.

use std::collections::BTreeMap;

use outbound::Time;
use outbound::ids::TaskId;

use super::{Changes, Findings, Rule, Trace};
use crate::journal::truth::{Move, MoveTo, Truth};

pub(super) fn check(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    closed_minutes(trace, truth, findings);
    stopped_tasks(trace, truth, findings);
}

fn closed_minutes(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let plans = Changes::new(&truth.plans);
    for entry in trace.invites() {
        let zones = truth.callee_zones.get(&entry.attempt).copied().unwrap_or_default();
        let mut closed = None;
        for hours in plans.between(entry.task, entry.at - truth.grace.begin, entry.at) {
            match hours.may_call_where(entry.at, zones) {
                Ok(()) => {
                    closed = None;
                    break;
                }
                Err(why) => closed = Some(why),
            }
        }
        if let Some(why) = closed {
            findings.add(Rule::ClosedMinute, Some(entry.at), || {
                format!("{} of {} was placed while closed: {why:?}", entry.attempt, entry.task)
            });
        }
    }
}

fn stopped_tasks(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    let stops = stops(&truth.moves);
    for entry in trace.invites() {
        let spans = stops.get(&entry.task).map_or(&[][..], Vec::as_slice);
        let after = spans.partition_point(|span| span.from < entry.at);
        let stopped = spans[..after].iter().rev().take(2).any(|span| span.holds(entry.at));
        if stopped {
            findings.add(Rule::StoppedTask, Some(entry.at), || {
                format!("{} was placed while {} was stopped", entry.attempt, entry.task)
            });
        }
    }
}

/// From an acknowledged stop until the next start, both left out.
struct Stop {
    from: Time,
    until: Option<Time>,
}

impl Stop {
    fn holds(&self, at: Time) -> bool {
        self.from < at && self.until.is_none_or(|until| at < until)
    }
}

fn stops(moves: &[Move]) -> BTreeMap<TaskId, Vec<Stop>> {
    let mut by_task: BTreeMap<TaskId, Vec<&Move>> = BTreeMap::new();
    for change in moves {
        by_task.entry(change.task).or_default().push(change);
    }
    // In the order that they were made: whoever made one may have read the clock before the one that came
    // ahead of it in the task's lock, so their times may stand the other way round.
    let spans = |moves: Vec<&Move>| {
        let mut spans = Vec::new();
        let mut latest = Time::MIN_UTC;
        // Before its first start a task is stopped too.
        let mut from = Some(Time::MIN_UTC);
        for change in moves {
            match change.to {
                MoveTo::Running => {
                    spans.extend(from.take().map(|from| Stop { from, until: Some(change.at) }));
                }
                // A second stop does not open what the first has closed.
                MoveTo::Stopped { acknowledged_at } => {
                    from = from.or(Some(acknowledged_at.max(latest)));
                }
            }
            latest = latest.max(change.at);
        }
        spans.extend(from.map(|from| Stop { from, until: None }));
        spans.retain(|span| span.until.is_none_or(|until| span.from < until));
        spans
    };
    by_task.into_iter().map(|(task, moves)| (task, spans(moves))).collect()
}
