use proptest::prelude::*;

use super::*;
use crate::outcome::CalledStatus::{Busy, CallFailed, NoAnswer, PowerOff};
use crate::redial::Reference::{FirstCall, LastCall};

fn clock(minutes: i64) -> Time {
    "2026-11-23T10:00:00Z".parse::<Time>().unwrap() + TimeDelta::minutes(minutes)
}

fn policy(reference: Reference, minutes: &[u32]) -> RedialPolicy {
    RedialPolicy {
        enabled: true,
        reference,
        retry_seconds: minutes.iter().map(|minutes| minutes * 60).collect(),
        ..RedialPolicy::default()
    }
}

fn only(statuses: &[CalledStatus], policy: RedialPolicy) -> RedialPolicy {
    RedialPolicy { mode: Mode::Advanced, statuses: statuses.to_vec(), ..policy }
}

fn lost(status: CalledStatus) -> CallResult {
    CallResult::Unanswered(status)
}

/// Ring one number by a policy, each call a minute long; the times at which it rang.
fn ring(policy: &RedialPolicy, results: &[CallResult]) -> String {
    let mut rung = Vec::new();
    let mut at = clock(0);
    let mut status = None;
    for (round, result) in (0..).zip(results) {
        rung.push(at.format("%H:%M").to_string());
        let standing = Standing {
            round,
            chain_index: 0,
            chain_statuses: vec![status],
            first_called_at: clock(0),
            round_called_at: at,
            refusals: 0,
        };
        match after(policy, &standing, *result, false, at + TimeDelta::minutes(1)) {
            After::Redial { at: next, round: next_round, chain_index: 0 } => {
                assert_eq!(next_round, round + 1);
                at = next;
            }
            _ => break,
        }
        status = result.status();
    }
    rung.join(" ")
}

#[test]
fn rings_on_the_guides_timetable() {
    let answered = CallResult::Answered;
    for (reference, waits, results, rung) in [
        (LastCall, &[10, 20][..], &[lost(NoAnswer); 9][..], "10:00 10:10 10:30"),
        (
            FirstCall,
            &[10, 20],
            &[lost(NoAnswer), lost(Busy), lost(Busy), lost(Busy)],
            "10:00 10:10 10:20",
        ),
        (LastCall, &[10, 20], &[answered, answered], "10:00"),
        (LastCall, &[10, 20], &[lost(Busy), answered, answered], "10:00 10:10"),
        (LastCall, &[], &[lost(Busy), lost(Busy)], "10:00"),
        // A wait that is over before the call is: at its end.
        (FirstCall, &[1, 2, 3], &[lost(Busy); 4], "10:00 10:01 10:02 10:03"),
    ] {
        let policy = policy(reference, waits);
        assert_eq!(ring(&policy, results), rung, "{reference:?} {waits:?} {results:?}");
    }
}

#[test]
fn a_policy_that_is_off_or_does_not_cover_the_status_ends_the_number() {
    let off = RedialPolicy { enabled: false, ..policy(LastCall, &[10]) };
    assert_eq!(ring(&off, &[lost(Busy); 3]), "10:00");
    let busy = only(&[Busy], policy(LastCall, &[10, 10]));
    assert_eq!(ring(&busy, &[lost(NoAnswer); 3]), "10:00");
    assert_eq!(ring(&busy, &[lost(Busy), lost(NoAnswer), lost(Busy)]), "10:00 10:10");
    assert_eq!(ring(&busy, &[lost(Busy), lost(Busy), lost(Busy)]), "10:00 10:10 10:20");
}

fn chain(round: u16, chain_index: u16, statuses: &[Option<CalledStatus>]) -> Standing {
    Standing {
        round,
        chain_index,
        chain_statuses: statuses.to_vec(),
        first_called_at: clock(0),
        round_called_at: clock(5),
        refusals: 0,
    }
}

#[test]
fn backups_are_dialled_one_after_another_in_the_same_round() {
    let policy = only(&[Busy], policy(LastCall, &[10]));
    let next =
        |standing: &Standing, status| after(&policy, standing, lost(status), false, clock(6));
    // The first call goes through the whole chain, whatever the statuses.
    let first = chain(0, 0, &[None, None, None]);
    assert_eq!(next(&first, PowerOff), After::NextBackup { chain_index: 1 });
    assert_eq!(after(&policy, &first, CallResult::Answered, false, clock(6)), After::Connected);
    let second = chain(0, 1, &[Some(PowerOff), None, None]);
    assert_eq!(next(&second, Busy), After::NextBackup { chain_index: 2 });
    // The round counts from its first attempt, and starts again at the first phone that qualifies.
    let last = chain(0, 2, &[Some(PowerOff), Some(Busy), None]);
    assert_eq!(next(&last, PowerOff), After::Redial { round: 1, chain_index: 1, at: clock(15) });
}

#[test]
fn a_redial_round_leaves_out_phones_whose_own_status_does_not_qualify() {
    let policy = only(&[Busy], policy(LastCall, &[10, 10]));
    let statuses = [Some(Busy), Some(PowerOff), Some(Busy)];
    let next =
        |place, status| after(&policy, &chain(1, place, &statuses), lost(status), false, clock(6));
    assert_eq!(next(0, Busy), After::NextBackup { chain_index: 2 });
    assert_eq!(next(0, PowerOff), After::NextBackup { chain_index: 2 });
    assert_eq!(next(2, PowerOff), After::Redial { round: 2, chain_index: 0, at: clock(15) });
    let gone = chain(1, 2, &[Some(PowerOff), Some(PowerOff), Some(Busy)]);
    assert_eq!(after(&policy, &gone, lost(PowerOff), false, clock(6)), After::Unconnected);
}

#[test]
fn a_round_that_was_begun_is_finished_after_redial_is_switched_off() {
    let off = RedialPolicy { enabled: false, ..policy(LastCall, &[10]) };
    let standing = chain(0, 0, &[None, None]);
    assert_eq!(
        after(&off, &standing, lost(Busy), false, clock(6)),
        After::NextBackup { chain_index: 1 }
    );
    let last = chain(0, 1, &[Some(Busy), None]);
    assert_eq!(after(&off, &last, lost(Busy), false, clock(6)), After::Unconnected);
}

#[test]
fn a_line_that_refuses_burns_no_retry_until_it_has_five_times() {
    let policy = only(&[CallFailed], policy(LastCall, &[10]));
    let mut standing = chain(0, 0, &[None]);
    let again = After::AgainLater { at: clock(6) + TimeDelta::seconds(30) };
    for refusals in 0..REFUSALS_MAX {
        standing.refusals = refusals;
        assert_eq!(after(&policy, &standing, lost(NoAnswer), true, clock(6)), again, "{refusals}");
    }
    standing.refusals = REFUSALS_MAX;
    let redial = After::Redial { round: 1, chain_index: 0, at: clock(15) };
    assert_eq!(after(&policy, &standing, lost(NoAnswer), true, clock(6)), redial);
}

#[test]
fn each_fault_of_a_policy_is_named() {
    let good = policy(LastCall, &[1, 1, 43_200]);
    assert_eq!(good.check(), Ok(()));
    assert_eq!(policy(LastCall, &[1; RETRIES_MAX]).check(), Ok(()));
    assert_eq!(policy(FirstCall, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).check(), Ok(()));
    assert_eq!(RedialPolicy::default().check(), Ok(()));
    for (policy, wrong) in [
        (policy(LastCall, &[]), &[("/retry_seconds", "required")][..]),
        (policy(LastCall, &[1; 11]), &[("/retry_seconds", "too_many")]),
        (policy(LastCall, &[0]), &[("/retry_seconds/0", "too_small")]),
        (policy(LastCall, &[1, 43_201]), &[("/retry_seconds/1", "too_large")]),
        (policy(FirstCall, &[10, 10]), &[("/retry_seconds/1", "must_rise")]),
        (policy(FirstCall, &[10, 20, 15]), &[("/retry_seconds/2", "must_rise")]),
        (policy(LastCall, &[20, 10]), &[]),
        (only(&[], policy(LastCall, &[10])), &[("/statuses", "required")]),
        (only(&[Busy, Busy], policy(LastCall, &[10])), &[("/statuses/1", "repeated")]),
    ] {
        let faults = policy.check().err().unwrap_or_default();
        let found: Vec<_> = faults.iter().map(|f| (&*f.pointer, &*f.code)).collect();
        assert_eq!(found, wrong, "{policy:?}");
    }
}

proptest! {
    #[test]
    fn a_number_comes_to_an_end_and_never_rings_into_the_past(
        first: bool,
        waits in prop::collection::vec(1u32..100, 1..=10),
        length in 1usize..8,
        talks in prop::collection::vec((0usize..10, 1i64..30), 200),
        statuses in prop::collection::vec(0usize..10, 0..10),
    ) {
        let reference = if first { FirstCall } else { LastCall };
        let statuses: Vec<_> = statuses.into_iter().map(|at| CalledStatus::ALL[at]).collect();
        let policy = only(&statuses, policy(reference, &waits));
        let mut standing = chain(0, 0, &vec![None; length]);
        let (mut now, mut calls, mut rounds) = (clock(0), 0, 0);
        for (status, minutes) in talks {
            calls += 1;
            let status = CalledStatus::ALL[status];
            let ended = now + TimeDelta::minutes(minutes);
            let next = after(&policy, &standing, lost(status), false, ended);
            standing.chain_statuses[usize::from(standing.chain_index)] = Some(status);
            now = ended;
            match next {
                After::NextBackup { chain_index } => {
                    prop_assert!(chain_index > standing.chain_index);
                    standing.chain_index = chain_index;
                }
                After::Redial { round, chain_index, at } => {
                    prop_assert!(at >= ended);
                    prop_assert_eq!(round, standing.round + 1);
                    rounds = round;
                    now = at;
                    standing = Standing { round, chain_index, round_called_at: at, ..standing };
                }
                After::Unconnected => break,
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(usize::from(rounds) <= waits.len());
        prop_assert!(calls <= length * (waits.len() + 1));
    }
}
