use chrono::TimeDelta;

use super::*;
use crate::number::NumberState;
use crate::redial::{Mode, Reference};

fn at(minutes: i64) -> Time {
    Time::from_timestamp(1_800_000_000, 0).unwrap() + TimeDelta::minutes(minutes)
}

fn phone(n: u64) -> Phone {
    Phone::from_digits(861_380_000_000 + n)
}

fn policy() -> RedialPolicy {
    RedialPolicy {
        enabled: true,
        reference: Reference::LastCall,
        retry_seconds: vec![600, 600],
        ..RedialPolicy::default()
    }
}

/// A number with two backups, of which these are on the do-not-call list.
fn chain(listed: &[u64], statuses: &[&str], place: ChainPlace) -> Chain {
    let statuses: Vec<String> = statuses.iter().map(|word| (*word).to_owned()).collect();
    let listed: Vec<Phone> = listed.iter().copied().map(phone).collect();
    Chain::new(phone(0), [phone(1), phone(2)], &statuses, &listed, place).unwrap()
}

fn on(chain_index: u16) -> ChainPlace {
    ChainPlace { chain_index, ..ChainPlace::default() }
}

fn call(result: CallResult) -> EndedCall {
    EndedCall {
        result,
        trunk_refused: false,
        started_at: at(0),
        ended_at: at(1),
        callback_at: None,
    }
}

fn unanswered(status: CalledStatus) -> CallResult {
    CallResult::Unanswered(status)
}

#[test]
fn a_place_that_names_no_phone_is_refused() {
    let new = |index| Chain::new(phone(0), [phone(1)], &[], &[], on(index));
    assert!(new(1).is_ok());
    assert_eq!(new(2), Err(NoSuchBackup));
}

#[test]
fn after_a_call_the_next_backup_that_is_not_listed_comes() {
    let busy = call(unanswered(CalledStatus::Busy));
    let next = |listed: &[u64]| chain(listed, &[], on(0)).after_call(&policy(), busy).after;
    assert_eq!(next(&[]), After::NextBackup { chain_index: 1 });
    assert_eq!(next(&[1]), After::NextBackup { chain_index: 2 });
    let over = After::Redial { round: 1, chain_index: 0, at: at(10) };
    assert_eq!(next(&[1, 2]), over, "as if it had no backups");
}

#[test]
fn a_new_round_starts_at_the_place_of_the_phone_in_the_whole_chain() {
    // Only busy phones are tried again: the second backup, as the first is listed.
    let policy =
        RedialPolicy { mode: Mode::Advanced, statuses: vec![CalledStatus::Busy], ..policy() };
    let chain = chain(&[1], &["no_answer", "", ""], on(2));
    let next = chain.after_call(&policy, call(unanswered(CalledStatus::Busy)));
    assert_eq!(next.after, After::Redial { round: 1, chain_index: 2, at: at(10) });
    assert_eq!((next.round, next.chain_index, next.round_called_at), (1, 2, None));
    assert_eq!(next.statuses, ["no_answer", "", "busy"]);
}

#[test]
fn a_number_whose_own_phone_was_listed_during_the_call_is_not_called_again() {
    let chain = chain(&[0], &[], on(0));
    let next = chain.after_call(&policy(), call(unanswered(CalledStatus::NoAnswer)));
    assert_eq!((next.after, next.after.state()), (After::Suppressed, NumberState::Suppressed));
    assert_eq!((next.round, next.chain_index, next.called_at), (0, 0, Some(at(0))));
    assert_eq!(chain.after_call(&policy(), call(CallResult::Answered)).after, After::Connected);
}

#[test]
fn a_callback_rings_the_phone_that_was_reached_and_nobody_who_does_not_want_it() {
    let agreed = EndedCall { callback_at: Some(at(90)), ..call(CallResult::Answered) };
    let next = |listed: &[u64]| chain(listed, &["busy"], on(1)).after_call(&policy(), agreed);
    let back = next(&[]);
    assert_eq!(back.after, After::Redial { round: 1, chain_index: 1, at: at(90) });
    assert_eq!(back.statuses, ["busy", "answered", ""]);
    assert_eq!(next(&[2]).after, back.after, "another phone of the number");
    // They asked not to be called again in the same talk, or somebody listed the number meanwhile.
    assert_eq!((next(&[1]).after, next(&[0]).after), (After::Connected, After::Connected));
    // Listed while it waits: whoever was reached is not followed by the other phones.
    let waits = ChainPlace { round: 1, ..on(1) };
    let listed = chain(&[1], &["busy", "answered", ""], waits);
    assert_eq!(listed.skip(&policy(), false), After::Connected);
    // One that agrees on a callback each time comes to an end.
    let often = ChainPlace { round: redial::ROUNDS_MAX, ..on(1) };
    assert_eq!(chain(&[], &[], often).after_call(&policy(), agreed).after, After::Connected);
}

#[test]
fn a_call_that_the_line_refused_leaves_no_trace_but_its_count() {
    let place = ChainPlace { refusals: 1, round_called_at: Some(at(-9)), ..on(1) };
    let refused = EndedCall { trunk_refused: true, ..call(unanswered(CalledStatus::CallFailed)) };
    let next = chain(&[], &["busy"], place).after_call(&policy(), refused);
    assert!(matches!(next.after, After::AgainLater { .. }), "{next:?}");
    assert_eq!((next.round, next.chain_index, next.refusals), (0, 1, 2));
    assert_eq!((next.called_at, next.round_called_at), (None, Some(at(-9))));
    assert_eq!(next.statuses, ["busy", "", ""]);
}

#[test]
fn the_first_call_of_a_round_is_remembered_for_all_of_it() {
    let busy = call(unanswered(CalledStatus::Busy));
    let first = chain(&[], &[], on(0)).after_call(&policy(), busy);
    assert_eq!((first.round, first.refusals, first.round_called_at), (0, 0, Some(at(0))));
    let later = ChainPlace { round_called_at: first.round_called_at, refusals: 2, ..on(1) };
    let busy_later = EndedCall { started_at: at(3), ended_at: at(4), ..busy };
    let second = chain(&[], &["busy"], later).after_call(&policy(), busy_later);
    assert_eq!((second.refusals, second.round_called_at), (0, Some(at(0))));
    assert_eq!(second.called_at, Some(at(3)));
}

#[test]
fn a_round_that_begins_skips_listed_backups_and_those_with_another_status() {
    let policy =
        RedialPolicy { mode: Mode::Advanced, statuses: vec![CalledStatus::Busy], ..policy() };
    let skip =
        |listed: &[u64], statuses: &[&str]| chain(listed, statuses, on(1)).skip(&policy, false);
    assert_eq!(skip(&[1], &["busy", "busy", "busy"]), After::NextBackup { chain_index: 2 });
    assert_eq!(skip(&[1], &["busy", "busy", ""]), After::NextBackup { chain_index: 2 });
    assert_eq!(skip(&[1], &["busy", "busy", "no_answer"]), After::Unconnected);
    assert_eq!(skip(&[1, 2], &["busy", "busy", "busy"]), After::Unconnected);
}

#[test]
fn a_round_under_way_goes_on_as_after_its_last_call() {
    let skip = |listed: &[u64], statuses: &[&str], last_called_at| {
        let place = ChainPlace { last_called_at, round_called_at: last_called_at, ..on(1) };
        chain(listed, statuses, place).skip(&policy(), true)
    };
    let called = Some(at(5));
    assert_eq!(skip(&[1], &["busy"], called), After::NextBackup { chain_index: 2 });
    let over = After::Redial { round: 1, chain_index: 0, at: at(15) };
    assert_eq!(skip(&[1, 2], &["busy"], called), over);
    assert_eq!(skip(&[1], &[], called), After::Unconnected, "nothing of it was called");
    assert_eq!(skip(&[1], &["busy"], None), After::Unconnected);
}
