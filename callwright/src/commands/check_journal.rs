//! `callwright check-journal`: the simulated line's journal against the database, rule by rule.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::Result;
use chrono::TimeDelta;
use clock::Clock;
use outbound::Time;
use outbound::ids::TaskId;
use outbound::task::{PauseReason, TaskState};
use serde_json::json;
use storage::Store;
use storage::checks::{self, LimitKind, Snapshot, StepTaken, TaskEvent};
use telephony::journal::check::{Finding, check};
use telephony::journal::read_all;
use telephony::journal::truth::{
    Change, Grace, ImportBrief, LiveBrief, Miscount, Move, MoveTo, RecordBrief, Scope, StepRuns,
    Stray, Truth,
};

use crate::config::Config;
use crate::node::{self, Node};

/// Rows of one kind of fault, at most.
const FAULTS_MAX: u32 = 100;
/// How long what follows a campaign (uploads, analysis) may take.
const SETTLE: Duration = Duration::from_secs(120);
const LOOK: Duration = Duration::from_millis(250);

/// Compare the simulated line's journal with the database, rule by rule. Ends with 1 on any finding.
#[derive(Debug, clap::Args)]
pub struct CheckJournal {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl CheckJournal {
    pub async fn run(self, config: &Config) -> Result<ExitCode> {
        let store = node::store(config)?;
        let report = report(&store, config, &config.clock.clock()).await?;
        if self.json {
            let findings: Vec<_> = report.findings.iter().map(as_json).collect();
            println!("{}", serde_json::to_string_pretty(&findings)?);
        } else {
            report.print();
        }
        Ok(report.code())
    }
}

fn as_json(finding: &Finding) -> serde_json::Value {
    json!({"rule": finding.rule.to_string(), "detail": finding.detail, "at": finding.at})
}

/// What a check found.
#[derive(Debug)]
pub struct Report {
    pub findings: Vec<Finding>,
    entries: usize,
    records: usize,
    /// Recordings that still wait for their upload: no finding, but not yet settled.
    pub pending_recordings: u64,
}

impl Report {
    fn print(&self) {
        for finding in &self.findings {
            let at = finding.at.map(|at| at.to_rfc3339()).unwrap_or_default();
            println!("{} {} {at}", finding.rule, finding.detail);
        }
        println!(
            "journal: {} entries, {} records, {} findings",
            self.entries,
            self.records,
            self.findings.len()
        );
    }

    fn code(&self) -> ExitCode {
        if self.findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// Check once what follows the campaign has settled.
pub async fn until_clean(config: &Config, node: &Node) -> Result<ExitCode> {
    let settled = async {
        while storage::recordings::pending_count(&node.store).await? > 0 {
            tokio::time::sleep(LOOK).await;
        }
        Ok::<_, storage::StoreError>(())
    };
    match tokio::time::timeout(SETTLE, settled).await {
        Ok(settled) => settled?,
        Err(_) => anyhow::bail!("recordings still wait for their upload"),
    }
    let report = report(&node.store, config, &node.clock).await?;
    report.print();
    Ok(report.code())
}

/// Read journal and database, and compare them.
pub async fn report(store: &Store, config: &Config, clock: &Clock) -> Result<Report> {
    let entries = read_all(&config.journal)?;
    let truth = truth(store, clock).await?;
    let pending_recordings = storage::recordings::pending_count(store).await?;
    let findings = check(&entries, &truth);
    Ok(Report {
        findings,
        entries: entries.len(),
        records: truth.records.len(),
        pending_recordings,
    })
}

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
    for step in snapshot.steps_not_once(clock.now(), FAULTS_MAX).await? {
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
        }));
    }
    for live in snapshot.live().await? {
        truth.live.push(LiveBrief { attempt: live.id, number: live.number });
    }
    for astray in snapshot.astray(FAULTS_MAX).await? {
        let detail = format!(
            "is {} with {} ready, {} waiting, {} live",
            astray.state, astray.ready, astray.waiting, astray.live
        );
        truth.strays.push(Stray { number: astray.number, detail });
    }
    for mismatch in snapshot.mismatches(FAULTS_MAX).await? {
        truth.miscounts.push(Miscount {
            counter: format!("{} of {} in {}", mismatch.what, mismatch.batch, mismatch.task),
            counted: mismatch.counter,
            found: mismatch.rows,
        });
    }
    truth.recordings_missing = snapshot.recordings_missing(FAULTS_MAX).await?;
    for (import, reported, found) in snapshot.torn_imports(FAULTS_MAX).await? {
        truth.imports.push(ImportBrief { import, reported: Some(reported), found });
    }
    Ok(truth)
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
