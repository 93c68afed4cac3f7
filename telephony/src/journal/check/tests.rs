//! Each rule finds a deliberate violation, and finds nothing in a clean trace.

use chrono::{TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use outbound::hours::{CalleeLocalTime, Hours};
use outbound::ids::{EnterpriseId, ImportId, NumberId, TaskId, TrunkId};
use outbound::outcome::{CallResult, CalledStatus, cause};
use outbound::redial::{Mode, RedialPolicy, Reference};
use uuid::Uuid;

use super::*;
use crate::journal::PhoneHash;
use crate::journal::truth::{
    ImportBrief, LegBrief, LiveBrief, Miscount, Move, MoveTo, Restored, Scope, StepRuns, Stray,
};

const ANSWERED: CallResult = CallResult::Answered;
const BUSY: CallResult = CallResult::Unanswered(CalledStatus::Busy);
const NO_ANSWER: CallResult = CallResult::Unanswered(CalledStatus::NoAnswer);
const FAILED: CallResult = CallResult::Unanswered(CalledStatus::CallFailed);

/// Seconds after 10:00 on a Monday.
fn at(seconds: f64) -> Time {
    let ten = Utc.with_ymd_and_hms(2026, 11, 23, 10, 0, 0).unwrap();
    ten + TimeDelta::milliseconds((seconds * 1_000.0) as i64)
}

fn id<T: From<Uuid>>(number: u128) -> T {
    T::from(Uuid::from_u128(number))
}

/// A run of one task, written down call by call.
#[derive(Default)]
struct Run {
    entries: Vec<Entry>,
    truth: Truth,
}

/// One call of a run.
#[derive(Clone)]
struct Call {
    id: u128,
    number: u128,
    from: f64,
    to: f64,
    round: u16,
    chain: u16,
    result: CallResult,
    cause: &'static str,
}

fn call(id: u128, number: u128, from: f64, to: f64, result: CallResult) -> Call {
    Call { id, number, from, to, round: 0, chain: 0, result, cause: "" }
}

impl Call {
    fn round(self, round: u16) -> Self {
        Self { round, ..self }
    }

    fn chain(self, chain: u16) -> Self {
        Self { chain, ..self }
    }

    fn cause(self, cause: &'static str) -> Self {
        Self { cause, ..self }
    }

    fn entry(&self, event: Event, seconds: f64) -> Entry {
        Entry {
            at: at(seconds),
            real_us: at(seconds).timestamp_micros(),
            event,
            attempt: id(self.id),
            token: 1,
            task: id(1),
            trunk: id(1),
            enterprise: id(1),
            phone_hash: PhoneHash(self.number * 10 + u128::from(self.chain)),
            worker: "dialer".to_owned(),
            transfer_of: None,
        }
    }

    fn record(&self) -> RecordBrief {
        RecordBrief {
            id: id(self.id),
            task: id(1),
            trunk: id(1),
            number: id(self.number),
            round: self.round,
            chain_index: self.chain,
            policy_id: 1,
            result: self.result,
            cause: self.cause.to_owned(),
            started_at: at(self.from),
            ended_at: at(self.to),
            callback_at: None,
        }
    }
}

impl Run {
    fn of(calls: impl IntoIterator<Item = Call>) -> Self {
        let mut run = Self::default();
        for call in calls {
            run.entries.push(call.entry(Event::Invite, call.from));
            run.entries.push(call.entry(Event::Bye, call.to));
            run.truth.records.push(call.record());
        }
        run
    }

    fn without(mut self, attempt: u128, event: Event) -> Self {
        self.entries.retain(|entry| entry.attempt != id(attempt) || entry.event != event);
        self
    }

    fn without_bye(mut self) -> Self {
        self.entries.retain(|entry| entry.event != Event::Bye);
        self
    }

    fn limit(mut self, scope: Scope, seconds: f64, value: u32) -> Self {
        self.truth.limits.push(Change { of: scope, at: at(seconds), value });
        self
    }

    fn policy(mut self, policy: RedialPolicy) -> Self {
        self.truth.policies.insert(1, policy);
        self
    }

    fn moved(mut self, seconds: f64, to: MoveTo) -> Self {
        self.truth.moves.push(Move { task: id(1), at: at(seconds), to });
        self
    }

    #[track_caller]
    fn finds(&self, rules: &[Rule]) {
        let checked = check(&self.entries, &self.truth);
        let found: Vec<_> = checked.findings.iter().map(|finding| finding.rule).collect();
        assert_eq!(found, rules, "{checked:#?}");
        assert_eq!(checked.lacking, [], "nothing was restored");
    }
}

const TASK: fn() -> Scope = || Scope::Task(id::<TaskId>(1));

fn retries(reference: Reference, retry_seconds: &[u32]) -> RedialPolicy {
    let retry_seconds = retry_seconds.to_vec();
    RedialPolicy {
        enabled: true,
        reference,
        mode: Mode::Basic,
        statuses: Vec::new(),
        retry_seconds,
    }
}

#[test]
fn live_calls_stay_within_the_limit_of_every_scope() {
    let scopes = [TASK(), Scope::Trunk(id::<TrunkId>(1)), Scope::Enterprise(id::<EnterpriseId>(1))];
    for scope in scopes {
        let two_at_a_time = || {
            Run::of([
                call(1, 1, 0.0, 10.0, BUSY),
                call(2, 2, 5.0, 15.0, BUSY),
                call(3, 3, 10.5, 20.0, BUSY),
            ])
        };
        two_at_a_time().limit(scope, -60.0, 2).finds(&[]);
        two_at_a_time().limit(scope, -60.0, 1).finds(&[Rule::LimitExceeded, Rule::LimitExceeded]);
    }
}

/// Call 1 is up from 0 to 60 s; a person is called for its customer from 10 to 30 s.
fn handed_over(known: bool) -> Run {
    let mut run = Run::of([call(1, 1, 0.0, 60.0, CallResult::Answered)]);
    for (event, seconds) in [(Event::Invite, 10.0), (Event::Bye, 30.0)] {
        let entry = call(2, 2, 10.0, 30.0, BUSY).entry(event, seconds);
        run.entries.push(Entry { transfer_of: Some(id(1)), ..entry });
    }
    if known {
        let leg = LegBrief { ended_at: Some(at(30.0)), lost: false };
        run.truth.legs.insert(id(2), leg);
    }
    run
}

#[test]
fn a_call_to_a_person_counts_for_its_trunk_and_for_nothing_else() {
    let trunk = Scope::Trunk(id::<TrunkId>(1));
    handed_over(true).limit(TASK(), -60.0, 1).limit(trunk, -60.0, 2).finds(&[]);
    handed_over(true).limit(trunk, -60.0, 1).finds(&[Rule::LimitExceeded]);
    // The person's phone is a customer's, too, with a call up.
    let mut both = handed_over(true);
    for entry in &mut both.entries {
        entry.phone_hash = PhoneHash(1);
    }
    both.finds(&[]);
}

#[test]
fn a_call_to_a_person_is_known_placed_once_and_hung_up() {
    handed_over(true).finds(&[]);
    // A later call, so that the database does not only lack the end of the journal.
    let mut unknown = handed_over(false);
    unknown.entries.push(call(3, 3, 70.0, 80.0, BUSY).entry(Event::Invite, 70.0));
    unknown.entries.push(call(3, 3, 70.0, 80.0, BUSY).entry(Event::Bye, 80.0));
    unknown.truth.records.push(call(3, 3, 70.0, 80.0, BUSY).record());
    unknown.finds(&[Rule::InviteWithoutRecord]);
    let mut twice = handed_over(true);
    let again = twice.entries.iter().find(|entry| entry.transfer_of.is_some()).cloned().unwrap();
    twice.entries.push(Entry { at: at(11.0), real_us: at(11.0).timestamp_micros(), ..again });
    twice.finds(&[Rule::SecondInvite]);
    handed_over(true).without(2, Event::Bye).finds(&[Rule::CallLeftUp]);
    let mut lost = handed_over(true).without(2, Event::Bye);
    lost.truth.legs.insert(id(2), LegBrief { ended_at: Some(at(30.0)), lost: true });
    lost.finds(&[]);
}

#[test]
fn a_callback_is_the_next_round_at_the_phone_that_was_reached_and_not_early() {
    let called_back = |at_seconds: f64, round: u16, chain: u16| {
        let first = call(1, 1, 0.0, 60.0, CallResult::Answered).chain(1);
        let again = call(2, 1, at_seconds, at_seconds + 10.0, BUSY).round(round).chain(chain);
        let mut run = Run::of([first, again]);
        run.truth.records[0].callback_at = Some(at(1_800.0));
        run
    };
    called_back(1_800.0, 1, 1).finds(&[]);
    called_back(1_799.0, 1, 1).finds(&[Rule::RedialEarly]);
    called_back(1_800.0, 1, 0).finds(&[Rule::WrongRound]);
    called_back(1_800.0, 2, 1).finds(&[Rule::WrongRound]);
    let mut nobody_agreed = called_back(1_800.0, 1, 1);
    nobody_agreed.truth.records[0].callback_at = None;
    nobody_agreed.finds(&[Rule::CalledAfterConnected]);
}

#[test]
fn a_lowered_limit_binds_calls_started_after_it_only() {
    let up = [call(1, 1, 0.0, 60.0, BUSY), call(2, 2, 1.0, 60.0, BUSY)];
    let lowered = |later: f64| {
        let later = call(3, 3, later, 90.0, BUSY);
        Run::of(up.clone().into_iter().chain([later])).limit(TASK(), -60.0, 3).limit(
            TASK(),
            20.0,
            2,
        )
    };
    lowered(19.0).finds(&[]);
    // It had its slot before the change.
    lowered(20.2).finds(&[]);
    lowered(40.0).finds(&[Rule::LimitExceeded]);
    lowered(61.0).finds(&[]);
}

#[test]
fn a_raised_limit_holds_from_its_moment_on() {
    let raised = |at| {
        Run::of([call(1, 1, 0.0, 60.0, BUSY), call(2, 2, at, 60.0, BUSY)])
            .limit(TASK(), -60.0, 1)
            .limit(TASK(), 20.0, 2)
    };
    raised(20.0).finds(&[]);
    raised(19.9).finds(&[Rule::LimitExceeded]);
}

#[test]
fn a_lost_call_counts_as_up_until_its_record_ends_it() {
    let run = |next: f64| {
        let lost = call(1, 1, 0.0, 30.0, FAILED).cause(cause::WORKER_LOST);
        Run::of([lost, call(2, 2, next, 60.0, BUSY)]).without(1, Event::Bye).limit(TASK(), -60.0, 1)
    };
    run(30.0).finds(&[]);
    run(29.0).finds(&[Rule::LimitExceeded]);
}

#[test]
fn calls_per_second_hold_in_every_second() {
    let rate = |gap: f64| {
        let calls = (0..4).map(|n| call(n + 1, n + 1, n as f64 * gap, n as f64 * gap + 9.0, BUSY));
        let mut run = Run::of(calls);
        run.truth.rates.push(Change { of: TASK(), at: at(-60.0), value: Some(2) });
        run
    };
    rate(0.5).finds(&[]);
    rate(0.45).finds(&[Rule::RateExceeded, Rule::RateExceeded]);
    let mut unlimited = rate(0.1);
    unlimited.truth.rates.push(Change { of: TASK(), at: at(-1.0), value: None });
    unlimited.finds(&[]);
}

fn office_hours() -> Hours {
    let call = serde_json::json!({
        "name": "office", "kind": "call", "ranges": [{ "start": "09:00", "end": "10:29" }]
    });
    let call = serde_json::from_value(call).unwrap();
    Hours { call: Some(call), ..Hours::always(chrono_tz::UTC) }
}

#[test]
fn no_call_starts_in_a_closed_minute() {
    let run = |from: f64| {
        let mut run = Run::of([call(1, 1, from, from + 600.0, BUSY)]);
        run.truth.plans.push(Change { of: id(1), at: at(-3_600.0), value: office_hours() });
        run
    };
    run(1_799.9).finds(&[]);
    run(1_800.0).finds(&[Rule::ClosedMinute]);
    let edited = |plan_at: f64| {
        let mut run = run(1_900.0);
        run.truth.plans[0].value = Hours::always(chrono_tz::UTC);
        run.truth.plans.push(Change { of: id(1), at: at(plan_at), value: office_hours() });
        run
    };
    edited(1_899.9).finds(&[]);
    edited(1_899.0).finds(&[Rule::ClosedMinute]);
}

#[test]
fn the_callees_own_time_counts_where_the_task_says_so() {
    const UTC: Tz = chrono_tz::UTC;
    const SHANGHAI: Tz = chrono_tz::Asia::Shanghai;
    let run = |callee_local_time, zones| {
        let mut run = Run::of([call(1, 1, 0.0, 60.0, BUSY)]);
        let value = Hours { callee_local_time, ..office_hours() };
        run.truth.plans.push(Change { of: id(1), at: at(-3_600.0), value });
        run.truth.callee_zones.insert(id(1), zones);
        run
    };
    let (on, strict) = (CalleeLocalTime::On, CalleeLocalTime::Strict);
    run(on, &[UTC]).finds(&[]);
    run(on, &[SHANGHAI]).finds(&[Rule::ClosedMinute]);
    // Where the number does not tell its zone.
    run(on, &[UTC, SHANGHAI]).finds(&[]);
    run(strict, &[UTC]).finds(&[]);
    run(strict, &[UTC, SHANGHAI]).finds(&[Rule::ClosedMinute]);
}

#[test]
fn no_call_starts_between_an_acknowledged_stop_and_the_next_start() {
    let stopped = MoveTo::Stopped { acknowledged_at: at(10.5) };
    let run = |from: f64| {
        Run::of([call(1, 1, from, from + 5.0, BUSY)])
            .moved(0.0, MoveTo::Running)
            .moved(10.0, stopped)
            .moved(12.0, MoveTo::Stopped { acknowledged_at: at(12.5) })
            .moved(20.0, MoveTo::Running)
    };
    for (from, found) in
        [(-1.0, true), (1.0, false), (10.4, false), (11.0, true), (15.0, true), (20.0, false)]
    {
        let expected = if found { &[Rule::StoppedTask][..] } else { &[] };
        run(from).finds(expected);
    }
}

#[test]
fn an_attempt_is_placed_once() {
    let mut run = Run::of([call(1, 1, 0.0, 10.0, BUSY)]);
    run.finds(&[]);
    run.entries.push(call(1, 1, 0.0, 10.0, BUSY).entry(Event::Invite, 5.0));
    run.finds(&[Rule::SecondInvite]);
}

#[test]
fn a_phone_has_one_call_at_a_time_in_an_enterprise() {
    // The same phone as two numbers of the enterprise.
    let run = |second: f64| {
        let mut run = Run::of([call(1, 1, 0.0, 10.0, BUSY), call(2, 2, second, 20.0, BUSY)]);
        run.entries.iter_mut().for_each(|entry| entry.phone_hash = PhoneHash(7));
        run
    };
    run(10.1).finds(&[]);
    run(9.0).finds(&[Rule::TwoCallsToAPhone]);
    let mut elsewhere = run(9.0);
    elsewhere.entries[2].enterprise = id(2);
    elsewhere.finds(&[]);
}

#[test]
fn every_call_has_a_record_or_is_live() {
    let mut run = Run::of([call(1, 1, 0.0, 10.0, BUSY), call(2, 2, 5.0, 10.0, BUSY)]);
    run.truth.records.remove(0);
    run.finds(&[Rule::InviteWithoutRecord]);
    run.truth.live.push(LiveBrief { attempt: id(1), number: id(1), started_at: Some(at(0.0)) });
    run.finds(&[]);
}

#[test]
fn every_record_of_a_placed_call_has_an_invite() {
    let unplaced =
        |why| Run::of([call(1, 1, 0.0, 10.0, FAILED).cause(why)]).without(1, Event::Invite);
    unplaced("").finds(&[Rule::RecordWithoutInvite]);
    unplaced(cause::WORKER_LOST).finds(&[]);
    unplaced(cause::TRUNK_REFUSED).finds(&[]);
}

#[test]
fn an_attempt_has_one_record() {
    let mut run = Run::of([call(1, 1, 0.0, 10.0, BUSY)]);
    run.truth.records.push(RecordBrief { number: id(2), ..run.truth.records[0].clone() });
    run.finds(&[Rule::SecondRecord]);
}

#[test]
fn a_zombie_places_no_call() {
    let zombie = |placed: f64| {
        let lost = call(1, 1, 0.0, 30.0, FAILED).cause(cause::WORKER_LOST);
        let mut run = Run::of([lost.clone()]);
        run.entries = vec![lost.entry(Event::Invite, placed)];
        run
    };
    zombie(29.0).finds(&[]);
    zombie(31.0).finds(&[Rule::ZombieInvite]);
}

#[test]
fn a_record_is_written_when_its_call_is_over() {
    let run = |why| Run::of([call(1, 1, 0.0, 10.0, FAILED).cause(why)]).without(1, Event::Bye);
    run("").finds(&[Rule::CallLeftUp]);
    run(cause::WORKER_LOST).finds(&[]);
}

#[test]
fn a_redial_is_never_early() {
    // First called at 10:00, redialled after 10 and 20 minutes.
    let run = |reference, first: f64, second: f64| {
        Run::of([
            call(1, 1, 0.0, 40.0, BUSY),
            call(2, 1, first, first + 40.0, BUSY).round(1),
            call(3, 1, second, second + 40.0, ANSWERED).round(2),
        ])
        .policy(retries(reference, &[600, 1_200]))
    };
    run(Reference::LastCall, 600.0, 1_800.0).finds(&[]);
    run(Reference::FirstCall, 601.0, 1_200.0).finds(&[]);
    run(Reference::LastCall, 599.9, 1_800.0).finds(&[Rule::RedialEarly]);
    run(Reference::LastCall, 601.0, 1_800.0).finds(&[Rule::RedialEarly]);
    run(Reference::FirstCall, 601.0, 1_199.0).finds(&[Rule::RedialEarly]);
}

#[test]
fn a_rounds_redial_counts_from_its_first_attempt_and_backups_belong_to_their_round() {
    let run = |redial: f64, backup_round| {
        Run::of([
            call(1, 1, 0.0, 40.0, BUSY),
            call(2, 1, 41.0, 80.0, NO_ANSWER).chain(1).round(backup_round),
            call(3, 1, redial, redial + 9.0, ANSWERED).round(backup_round + 1),
        ])
        .policy(retries(Reference::LastCall, &[600, 600]))
    };
    run(600.0, 0).finds(&[]);
    run(599.0, 0).finds(&[Rule::RedialEarly]);
    run(700.0, 1).finds(&[Rule::RedialEarly]);
    run(700.0, 2).finds(&[Rule::WrongRound, Rule::TooManyRounds]);
}

#[test]
fn phones_of_a_chain_have_their_turn_once_a_round() {
    let twice = |why| {
        Run::of([call(1, 1, 0.0, 9.0, FAILED).cause(why), call(2, 1, 40.0, 49.0, BUSY)])
            .policy(retries(Reference::LastCall, &[600]))
    };
    twice("").finds(&[Rule::WrongRound]);
    twice(cause::TRUNK_REFUSED).finds(&[]);
    let first = |round| Run::of([call(1, 1, 0.0, 9.0, BUSY).round(round)]);
    first(0).finds(&[]);
    first(1).finds(&[Rule::WrongRound]);
}

#[test]
fn there_are_no_more_rounds_than_retries_and_one() {
    let run = |rounds: u16| {
        let calls = (0..rounds).map(|round| {
            let from = f64::from(round) * 600.0;
            call(u128::from(round) + 1, 1, from, from + 9.0, BUSY).round(round)
        });
        Run::of(calls).policy(retries(Reference::LastCall, &[600, 600]))
    };
    run(3).finds(&[]);
    run(4).finds(&[Rule::TooManyRounds]);
    let off = RedialPolicy { enabled: false, ..retries(Reference::LastCall, &[600, 600]) };
    run(2).policy(off).finds(&[Rule::TooManyRounds]);
}

#[test]
fn only_covered_statuses_are_redialled() {
    let run = |first, backup, chain| {
        let only_busy = RedialPolicy {
            mode: Mode::Advanced,
            statuses: vec![CalledStatus::Busy],
            ..retries(Reference::LastCall, &[600])
        };
        Run::of([
            call(1, 1, 0.0, 9.0, first),
            call(2, 1, 10.0, 19.0, backup).chain(1),
            call(3, 1, 600.0, 609.0, NO_ANSWER).round(1).chain(chain),
        ])
        .policy(only_busy)
    };
    run(BUSY, NO_ANSWER, 0).finds(&[]);
    run(NO_ANSWER, BUSY, 1).finds(&[]);
    run(NO_ANSWER, BUSY, 0).finds(&[Rule::StatusNotCovered]);
    run(NO_ANSWER, NO_ANSWER, 0).finds(&[Rule::StatusNotCovered]);
    let mut with_backup = run(BUSY, NO_ANSWER, 0);
    with_backup.entries.extend(Run::of([call(4, 1, 610.0, 619.0, BUSY)]).entries);
    with_backup.truth.records.push(call(4, 1, 610.0, 619.0, BUSY).round(1).chain(1).record());
    with_backup.finds(&[Rule::StatusNotCovered]);
}

#[test]
fn a_connected_number_is_not_called_again() {
    let run = |first| {
        Run::of([call(1, 1, 0.0, 9.0, first), call(2, 1, 600.0, 609.0, BUSY).round(1)])
            .policy(retries(Reference::LastCall, &[600]))
    };
    run(BUSY).finds(&[]);
    run(ANSWERED).finds(&[Rule::CalledAfterConnected]);
}

#[test]
fn what_the_database_finds_about_itself_is_reported() {
    // Calls went on for long after everything below was due.
    let policy = retries(Reference::LastCall, &[]);
    let mut run = Run::of([call(1, 1, 900.0, 909.0, BUSY)]).policy(policy);
    let step = |runs| StepRuns { task: id(1), step: "start".to_owned(), due_at: at(0.0), runs };
    let import = |reported, found| ImportBrief { import: id::<ImportId>(1), reported, found };
    run.truth.steps = vec![step(1)];
    run.truth.imports.listed = vec![import(Some(1_000), 1_000), import(None, 0)];
    run.finds(&[]);
    let now = at(890.0);
    run.truth.steps = vec![StepRuns { due_at: now, ..step(0) }];
    run.finds(&[]);
    run.truth.steps = vec![step(0), step(2)];
    run.truth.imports.listed = vec![import(Some(1_000), 999), import(None, 5)];
    run.truth.recordings_missing.listed.push(id(1));
    let detail = "waiting, and nothing waits for it".to_owned();
    run.truth.strays.listed.push(Stray { number: id::<NumberId>(1), detail });
    let counter = "number_count".to_owned();
    run.truth.miscounts.listed.push(Miscount { counter, counted: 2, found: 1 });
    run.finds(&[
        Rule::StrayNumber,
        Rule::Miscount,
        Rule::RecordingMissing,
        Rule::StepNotOnce,
        Rule::StepNotOnce,
        Rule::TornImport,
        Rule::TornImport,
    ]);
}

#[test]
fn a_rule_that_is_broken_everywhere_is_counted_and_not_listed_without_end() {
    let calls = (1..=300).map(|n| call(n, n, 0.0, 9.0, BUSY));
    let mut run = Run::of(calls).without_bye();
    run.truth.strays.listed =
        (0..100).map(|n| Stray { number: id(n), detail: String::new() }).collect();
    run.truth.strays.more = 4_312;
    let checked = check(&run.entries, &run.truth);
    assert_eq!(checked.findings.len(), FINDINGS_MAX + 100);
    assert_eq!((checked.counts[&Rule::CallLeftUp], checked.more(Rule::CallLeftUp)), (300, 200));
    assert_eq!(checked.more(Rule::StrayNumber), 4_312);
    assert_eq!(checked.total(), 300 + 4_412);
}

/// A backup of 100 seconds in: it knows the first call, and has the fourth as claimed.
fn restored_at_100() -> Run {
    let mut run = Run::of([
        call(1, 1, 90.0, 99.0, BUSY),
        call(2, 2, 110.0, 120.0, BUSY),
        call(3, 3, 115.0, 130.0, BUSY),
        call(4, 4, 101.0, 109.0, BUSY),
    ]);
    run.truth.records.truncate(1);
    run.truth.live.push(LiveBrief { attempt: id(4), number: id(4), started_at: None });
    // Its task was paused in the database of then, and runs calls in the journal.
    run.moved(0.0, MoveTo::Running).moved(100.0, MoveTo::Stopped { acknowledged_at: at(105.0) })
}

#[test]
fn calls_that_a_restored_backup_does_not_know_are_no_fault_and_told_apart() {
    let run = restored_at_100();
    let checked = check(&run.entries, &run.truth);
    assert_eq!(checked.findings, []);
    let stretch = Lacking { after: Some(at(90.0)), until: at(130.0), calls: 2, noted: false };
    assert_eq!(checked.lacking, [stretch]);
    assert!(!checked.is_clean());

    // A call that was lost before the newest that the database knows is a fault all the same.
    let mut lost = restored_at_100();
    lost.entries.extend(Run::of([call(5, 5, 80.0, 85.0, BUSY)]).entries);
    let found: Vec<_> =
        check(&lost.entries, &lost.truth).findings.iter().map(|finding| finding.rule).collect();
    assert_eq!(found, [Rule::InviteWithoutRecord]);
}

#[test]
fn a_noted_restore_is_told_apart_also_when_calls_go_on_after_it() {
    let mut run = restored_at_100();
    // Nothing hung up the third, and the fourth, which the backup had as claimed, is placed again.
    run.entries.retain(|entry| entry.attempt != id(3) || entry.event != Event::Bye);
    run.truth.live.clear();
    let again = Run::of([call(4, 4, 500.0, 509.0, BUSY), call(6, 3, 600.0, 609.0, BUSY)]);
    run.entries.extend(again.entries);
    run.truth.records.extend(again.truth.records);
    let mut run = run.moved(400.0, MoveTo::Running);
    assert!(check(&run.entries, &run.truth).counts.contains_key(&Rule::InviteWithoutRecord));

    run.truth
        .restored
        .push(Restored { after: newest_known(&run.truth, at(300.0)), until: at(300.0) });
    let checked = check(&run.entries, &run.truth);
    assert_eq!(checked.findings, []);
    let stretch = Lacking { after: Some(at(90.0)), until: at(120.0), calls: 3, noted: true };
    assert_eq!(checked.lacking, [stretch]);
}
