//! What the database says, as a check of the journal needs it.

use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use clock::Clock;
use outbound::Time;
use outbound::ids::TaskId;
use outbound::task::{PauseReason, TaskState};
use storage::Store;
use storage::checks::{self, LimitKind, Snapshot, StepTaken, TaskEvent};
use telephony::journal::check::FINDINGS_MAX;
use telephony::journal::truth::{
    Change, Faults, Grace, ImportBrief, LegBrief, LiveBrief, Miscount, Move, MoveTo, RecordBrief,
    Restored, Scope, StepRuns, Stray, Truth,
};

/// Rows of one kind of fault that are listed; all are counted.
const FAULTS_MAX: u32 = FINDINGS_MAX as u32;

/// What the database says, in one snapshot.
pub async fn truth(store: &Store, clock: &Clock) -> Result<Truth> {
    let mut snapshot = Snapshot::take(store).await?;
    let mut truth = Truth { grace: grace(clock), ..Truth::default() };
    for change in snapshot.limits(LimitKind::Concurrency).await? {
        let value = change.value.unwrap_or(u32::MAX);
        truth.limits.push(Change { of: scope(change.scope), at: change.at, value });
    }
    for change in snapshot.limits(LimitKind::CallsPerSecond).await? {
        truth.rates.push(Change { of: scope(change.scope), at: change.at, value: change.value });
    }
    truth.callee_zones = snapshot.callee_zones().await?.into_iter().collect();
    for step in snapshot.steps_not_once(clock.now()).await? {
        let StepTaken { task, step, due_at, times } = step;
        truth.steps.push(StepRuns { task, step, due_at, runs: times });
    }
    for plan in snapshot.plans().await? {
        truth.plans.push(Change { of: plan.task, at: plan.at, value: plan.hours });
    }
    let answers = snapshot.acknowledgements().await?;
    for event in snapshot.events().await? {
        let to = match event.state {
            // A task whose lines have failed still places their probes.
            TaskState::Running | TaskState::Paused(PauseReason::TrunkFailure) => MoveTo::Running,
            _ => MoveTo::Stopped { acknowledged_at: acknowledged(&event, &answers, truth.grace) },
        };
        truth.moves.push(Move { task: event.task, at: event.at, to });
    }
    for policy in snapshot.policies().await? {
        truth.policies.insert(policy.id, policy.policy);
    }
    let mut after = None;
    loop {
        let page = snapshot.records(after).await?;
        let Some(last) = page.last() else { break };
        after = Some(storage::records::RecordCursor { started_at: last.started_at, id: last.id });
        truth.records.extend(page.into_iter().map(|record| RecordBrief {
            id: record.id,
            task: record.task,
            trunk: record.trunk,
            number: record.number,
            round: record.round,
            chain_index: record.chain_index,
            policy_id: record.policy_id,
            result: record.result,
            cause: record.cause,
            started_at: record.started_at,
            ended_at: record.ended_at,
            callback_at: record.callback_at,
        }));
    }
    for live in snapshot.live().await? {
        let started_at = live.started_at;
        truth.live.push(LiveBrief { attempt: live.id, number: live.number, started_at });
    }
    for leg in snapshot.transfer_legs().await? {
        truth.legs.insert(leg.id, LegBrief { ended_at: leg.ended_at, lost: leg.lost });
    }
    truth.strays = faults(snapshot.astray(FAULTS_MAX).await?, |astray| Stray {
        number: astray.number,
        detail: format!(
            "is {} with {} ready, {} waiting, {} live",
            astray.state, astray.ready, astray.waiting, astray.live
        ),
    });
    truth.miscounts = faults(snapshot.mismatches(FAULTS_MAX).await?, |mismatch| Miscount {
        counter: format!("{} of {} in {}", mismatch.what, mismatch.batch, mismatch.task),
        counted: mismatch.counter,
        found: mismatch.rows,
    });
    truth.recordings_missing = faults(snapshot.recordings_missing(FAULTS_MAX).await?, |id| id);
    truth.imports =
        faults(snapshot.torn_imports(FAULTS_MAX).await?, |(import, reported, found)| ImportBrief {
            import,
            reported: Some(reported),
            found,
        });
    let restored = snapshot.restored().await?;
    truth.restored = restored
        .into_iter()
        .map(|restored| Restored { after: restored.known_until, until: restored.restored_at })
        .collect();
    Ok(truth)
}

fn faults<Row, T>(found: checks::Faults<Row>, one: impl FnMut(Row) -> T) -> Faults<T> {
    Faults { listed: found.listed.into_iter().map(one).collect(), more: found.more }
}

/// When whoever stopped a task was told so. The event carries the time at which it was asked for, which
/// may be well before it is committed. A stop that nobody was told of (a window that closed, an API that
/// died before its answer) counts from when all workers must have heard of it.
fn acknowledged(event: &TaskEvent, answers: &[(TaskId, Time)], grace: Grace) -> Time {
    let answer = answers.iter().find(|(task, at)| *task == event.task && *at >= event.at);
    let heard = event.at + grace.begin + grace.claim;
    match answer {
        Some((_, at)) if ["pause", "end"].contains(&event.event.as_str()) => *at,
        _ => heard,
    }
}

fn scope(scope: checks::Scope) -> Scope {
    match scope {
        checks::Scope::Enterprise(id) => Scope::Enterprise(id),
        checks::Scope::Trunk(id) => Scope::Trunk(id),
        checks::Scope::Task(id) => Scope::Task(id),
    }
}

/// What may cross in real time is longer in business time where that runs faster.
fn grace(clock: &Clock) -> Grace {
    let second = clock.real(Duration::from_secs(1_000)).as_secs_f64().max(f64::EPSILON);
    let factor = (1_000.0 / second).round().clamp(1.0, f64::from(clock::FACTOR_MAX));
    let scaled = |span: TimeDelta| span * (factor as i32);
    let grace = Grace::default();
    Grace { begin: scaled(grace.begin), claim: scaled(grace.claim), step: scaled(grace.step) }
}
