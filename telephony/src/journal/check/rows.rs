//! What the database finds about itself.

use super::{Findings, Rule, Trace};
use crate::journal::truth::{StepRuns, Truth};

pub(super) fn check(trace: &Trace<'_>, truth: &Truth, findings: &mut Findings) {
    for stray in &truth.strays.listed {
        findings.add(Rule::StrayNumber, None, || format!("{}: {}", stray.number, stray.detail));
    }
    for miscount in &truth.miscounts.listed {
        findings.add(Rule::Miscount, None, || {
            format!("{} says {}, there are {}", miscount.counter, miscount.counted, miscount.found)
        });
    }
    for attempt in &truth.recordings_missing.listed {
        findings.add(Rule::RecordingMissing, None, || {
            format!("the recording of {attempt} is neither there nor reported as failed")
        });
    }
    // One that is due now is taken in a moment; one that calls went on after was forgotten.
    let last = trace.invites().last().map(|invite| invite.at);
    let forgotten = |due_at| last.is_some_and(|last| due_at + truth.grace.step < last);
    let not_once = |step: &&StepRuns| step.runs > 1 || (step.runs == 0 && forgotten(step.due_at));
    for step in truth.steps.iter().filter(not_once) {
        findings.add(Rule::StepNotOnce, Some(step.due_at), || {
            format!("the {} of {} ran {} times", step.step, step.task, step.runs)
        });
    }
    for import in &truth.imports.listed {
        let reported = import.reported.unwrap_or(0);
        if import.found != reported {
            findings.add(Rule::TornImport, None, || {
                format!("{} landed {} numbers of {reported}", import.import, import.found)
            });
        }
    }
    for (rule, more) in [
        (Rule::StrayNumber, truth.strays.more),
        (Rule::Miscount, truth.miscounts.more),
        (Rule::RecordingMissing, truth.recordings_missing.more),
        (Rule::TornImport, truth.imports.more),
    ] {
        findings.add_more(rule, more);
    }
}
