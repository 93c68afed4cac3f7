//! The checker is known to check: a small campaign is run and recorded, its journal and its truth are
//! broken by one deliberate fault for each rule, and the rule is found. Faults of rows are made in the
//! database itself, the others in what was read.

use std::collections::BTreeSet;

use callwright::commands::check_journal;
use chrono::TimeDelta;
use harness::{Line, World};
use outbound::Time;
use outbound::ids::AttemptId;
use outbound::outcome::{CallResult, CalledStatus};
use serde_json::json;
use telephony::journal::check::{Rule, check};
use telephony::journal::truth::{Change, MoveTo, RecordBrief, Scope, StepRuns, Truth};
use telephony::journal::{Entry, Event, read_all};

/// What was recorded of a campaign.
#[derive(Clone)]
struct Recorded {
    entries: Vec<Entry>,
    truth: Truth,
}

impl Recorded {
    async fn of(world: &World) -> Self {
        let entries = read_all(&world.config.journal).expect("a journal");
        let truth = check_journal::truth(&world.node.store, &world.clock).await.expect("a truth");
        Self { entries, truth }
    }

    fn found(&self) -> BTreeSet<Rule> {
        check(&self.entries, &self.truth).counts.into_keys().collect()
    }

    /// The first record of a number that was called again, and the record of the call again.
    fn redialled(&self) -> (usize, usize) {
        let records = &self.truth.records;
        let again = records.iter().position(|record| record.round == 1).expect("a redial");
        let first = records
            .iter()
            .position(|record| record.number == records[again].number && record.round == 0);
        (first.expect("a first call"), again)
    }

    fn record(&mut self, place: usize) -> &mut RecordBrief {
        &mut self.truth.records[place]
    }

    fn entry(&mut self, attempt: AttemptId, event: Event) -> &mut Entry {
        let found = |entry: &&mut Entry| entry.attempt == attempt && entry.event == event;
        self.entries.iter_mut().find(found).expect("an entry")
    }

    fn first_call(&self) -> AttemptId {
        self.truth.records[0].id
    }
}

/// The deliberate fault that breaks a rule; none where it is made in the database.
fn break_rule(rule: Rule, run: &mut Recorded) -> Option<()> {
    let attempt = run.first_call();
    let hour = TimeDelta::hours(1);
    match rule {
        // Slots are given back while their calls are up.
        Rule::LimitExceeded => run.entries.retain(|entry| entry.event != Event::Bye),
        // Calls per second are not kept.
        Rule::RateExceeded => {
            let of = Scope::Task(run.entries[0].task);
            run.truth.rates = vec![Change { of, at: Time::MIN_UTC, value: Some(1) }];
            let at = run.entries[0].at;
            run.entries.iter_mut().for_each(|entry| entry.at = at);
        }
        // The window is looked at in the claim, and not again before the INVITE.
        Rule::ClosedMinute => run.entry(attempt, Event::Invite).at += hour * 12,
        // A begin does not look at the task's state.
        Rule::StoppedTask => {
            let stopped = run.truth.moves.iter().rev().find_map(|change| match change.to {
                MoveTo::Stopped { acknowledged_at } => Some(acknowledged_at),
                MoveTo::Running => None,
            });
            run.entry(attempt, Event::Invite).at = stopped.expect("a stop") + hour;
        }
        // A job that is delivered twice dials twice.
        Rule::SecondInvite => {
            let mut second = run.entry(attempt, Event::Invite).clone();
            second.real_us += 1;
            run.entries.push(second);
        }
        // A phone that is up in one task is called by another.
        Rule::TwoCallsToAPhone => {
            let first = run.entry(attempt, Event::Invite).clone();
            let other = run.truth.records[1].id;
            let invite = run.entry(other, Event::Invite);
            (invite.phone_hash, invite.real_us) = (first.phone_hash, first.real_us);
            invite.at = first.at;
            run.entry(attempt, Event::Bye).real_us = i64::MAX;
        }
        // A crash between the INVITE and the record loses the call.
        Rule::InviteWithoutRecord => drop(run.truth.records.remove(0)),
        // A record is written for a call that was not placed.
        Rule::RecordWithoutInvite => run.entries.retain(|entry| entry.attempt != attempt),
        // A finish that is tried again writes again.
        Rule::SecondRecord => run.truth.records.push(run.truth.records[0].clone()),
        // A worker that wakes after its lease places its call.
        Rule::ZombieInvite => {
            let ended_at = run.record(0).ended_at;
            run.entry(attempt, Event::Invite).at = ended_at + TimeDelta::seconds(1);
        }
        // A call is let go of and not hung up.
        Rule::CallLeftUp => {
            run.entries.retain(|entry| entry.attempt != attempt || entry.event != Event::Bye);
        }
        _ => return break_redial(rule, run),
    }
    Some(())
}

/// The faults of redials.
fn break_redial(rule: Rule, run: &mut Recorded) -> Option<()> {
    let (first, again) = run.redialled();
    match rule {
        // A redial's time counts from the wrong call, or not at all.
        Rule::RedialEarly => {
            run.record(again).started_at = run.record(first).ended_at;
        }
        // The round is counted twice.
        Rule::WrongRound => run.record(again).round = 2,
        // The policy's retries are not counted.
        Rule::TooManyRounds => {
            let last = run.record(again).clone();
            let started_at = last.started_at + TimeDelta::hours(1);
            let result = CallResult::Unanswered(CalledStatus::Busy);
            run.record(again).result = result;
            let one_more = RecordBrief {
                id: clock::new_id::<AttemptId>(),
                round: 2,
                started_at,
                result,
                ..last
            };
            run.truth.records.push(one_more);
        }
        // A status that the policy leaves out is redialled.
        Rule::StatusNotCovered => {
            run.record(first).result = CallResult::Unanswered(CalledStatus::OutOfService);
        }
        // A connected call does not end its number.
        Rule::CalledAfterConnected => run.record(first).result = CallResult::Answered,
        // A window's edge is taken by its job and by the sweep.
        Rule::StepNotOnce => {
            let (task, due_at) = (run.entries[0].task, run.entries[0].at);
            run.truth.steps.push(StepRuns { task, step: "start".into(), due_at, runs: 2 });
        }
        _ => return None,
    }
    Some(())
}

/// The fault that breaks a rule of rows, as SQL, and how it is mended.
fn break_rows(rule: Rule) -> Option<(&'static str, &'static str)> {
    match rule {
        // A number is taken from its lane and comes into no other place.
        Rule::StrayNumber => Some((
            "update number set state = 'waiting' where state = 'unconnected'",
            "update number set state = 'unconnected' where state = 'waiting'",
        )),
        // A counter changes outside the transaction of what it counts.
        Rule::Miscount => Some((
            "update number_count set n = n + 1 where state = 'connected'",
            "update number_count set n = n - 1 where state = 'connected'",
        )),
        // A record names a recording that was never kept.
        Rule::RecordingMissing => Some((
            "update call_record set recording_state = 'ready'",
            "update call_record set recording_state = null",
        )),
        // A landing is committed in two transactions, and its worker dies between them.
        Rule::TornImport => Some((
            "update import set result = jsonb_set(result, '{imported}', '99')",
            "update import set result = jsonb_set(result, '{imported}', '5')",
        )),
        _ => None,
    }
}

#[tokio::test]
async fn a_deliberate_bug_in_each_invariant_is_caught() {
    let mut world = World::with("2026-12-01T10:00:00+08:00", 60, Line::Instant).await;
    campaign(&world).await;
    world.stop_workers().await;
    let clean = Recorded::of(&world).await;
    assert_eq!(clean.found(), BTreeSet::new());
    for rule in Rule::ALL {
        let mut broken = clean.clone();
        let found = match (break_rows(*rule), break_rule(*rule, &mut broken)) {
            (None, Some(())) => broken.found(),
            (Some((fault, mended)), None) => {
                sql(&world, fault).await;
                let found = Recorded::of(&world).await.found();
                sql(&world, mended).await;
                found
            }
            _ => panic!("{rule} has no fault of its own"),
        };
        assert!(found.contains(rule), "{rule} is not found, but {found:?}");
    }
    world.end().await;
}

/// Five numbers in a window, two calls at a time; some are called again.
async fn campaign(world: &World) {
    let ranges = json!([{"start": "09:00", "end": "17:59"}]);
    let period =
        world.made("periods", json!({"name": "day", "kind": "call", "ranges": ranges})).await;
    let redial = json!({"enabled": true, "mode": "advanced", "retry_seconds": [60],
        "statuses": ["busy", "no_answer"]});
    let more = json!({"concurrency": 2, "schedule": {"call_period": period}, "redial": redial});
    let task = world.task("campaign", more).await;
    let phones = ["13800000001", "13800000002", "13800000003", "13800000018", "13800000005"];
    world.import(&task, "batch", &phones).await;
    world.start(&task).await;
    world.until_records(&task, 8).await;
    world.until_state(&task, "paused no_pending_numbers").await;
}

/// Change rows behind everybody's back.
async fn sql(world: &World, statement: &str) {
    let database = world.config.database.as_ref().expect("a database");
    let done = tokio::process::Command::new("psql")
        .args([database.url.as_str(), "--quiet", "-v", "ON_ERROR_STOP=1", "-c", statement])
        .output()
        .await
        .expect("psql runs");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}
