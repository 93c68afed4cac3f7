//! Handing the customer to a person.

use super::*;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

/// A robot that is asked for a person at 1 s, and hands on at 3 s.
fn asked_for_a_person(otherwise: Option<&str>) -> Call {
    let nodes = vec![
        ("talk", agent_node(&[("Transfer to Agent", "wait")], None)),
        ("wait", queue_message("Please hold, {{name}}.", "person")),
        ("person", transfer(otherwise)),
        ("sorry", play("Nobody is free.", Some("later"))),
        ("later", NodeKind::Callback { after_minutes: 30, next: None }),
    ];
    let nodes = match otherwise {
        Some(_) => nodes,
        None => nodes.into_iter().take(3).collect(),
    };
    let mut call =
        Call::new(published(nodes, robot("", TurnSettings::default())), &[("name", "Ms. Li")]);
    call.at(0, Input::Answered);
    assert_eq!(call.says(1_000, "a person please"), ["ask 1: a person please"]);
    assert_eq!(call.agent(1_500, 1, "A moment. #Transfer to Agent#"), ["play 1: A moment."]);
    assert_eq!(call.plays(1, 1_600, 3_000), ["transfer 1: skill billing"]);
    call
}

fn person() -> Person {
    Person { employee_number: "1001".into(), name: "Wang".into() }
}

#[test]
fn the_customer_hears_the_message_again_and_again_until_somebody_answers() {
    let mut call = asked_for_a_person(None);
    assert_eq!(call.tick(), (3_001, vec!["play 2: Please hold, Ms. Li.".to_owned()]));
    assert_eq!(call.plays(2, 3_100, 5_000), NOTHING);
    assert_eq!(call.tick(), (15_000, vec!["play 3: Please hold, Ms. Li.".to_owned()]));
    call.starts(15_100, 3);
    let rings = Input::TransferRinging { transfer: 1, who: "1001".into() };
    assert_eq!(call.at(15_200, rings), NOTHING);
    let answers = Input::TransferConnected { transfer: 1, person: person() };
    assert_eq!(call.at(16_000, answers), ["stop 3"], "the message is not said into the talk");
    // From here on the two talk; the robot is off the call.
    call.stopped(16_050, 3, 900);
    call.speech(17_000);
    assert_eq!(call.says(20_000, "stop, hold on, wait"), NOTHING);
    assert_eq!(call.at(600_000, Input::Tick), NOTHING);
    let report = call.over(700_000);
    assert!(report.transferred);
    assert_eq!(report.person, Some(person()));
    assert_eq!(report.robot_ended_ms, Some(3_000));
    let kinds: Vec<EntryKind> = report.log.iter().map(|entry| entry.kind).collect();
    for kind in
        [EntryKind::TransferRequest, EntryKind::TransferRinging, EntryKind::TransferConnected]
    {
        assert!(kinds.contains(&kind), "{kind:?}");
    }
}

#[test]
fn when_nobody_answers_the_call_goes_on_otherwise_and_a_callback_is_kept() {
    let mut call = asked_for_a_person(Some("sorry"));
    let nobody = Input::TransferFailed { transfer: 1, why: "nobody answered".into() };
    assert_eq!(call.at(40_000, nobody), ["play 2: Nobody is free."]);
    assert_eq!(call.plays(2, 40_100, 42_000), ["hang up"]);
    let report = call.over(42_100);
    assert!(report.transferred && report.person.is_none());
    assert_eq!(report.callback_ms, Some(42_000 + 30 * 60_000));
}

#[test]
fn without_a_way_on_the_call_ends_when_nobody_answers() {
    let mut call = asked_for_a_person(None);
    let nobody = Input::TransferFailed { transfer: 1, why: "nobody is on duty".into() };
    assert_eq!(call.at(7_000, nobody), ["hang up"]);
}

#[test]
fn a_transfer_that_fails_at_once_takes_its_time_and_comes_to_an_end() {
    let nodes = vec![("person", transfer(Some("person")))];
    let mut call = Call::new(published(nodes, robot("", TurnSettings::default())), &[]);
    let mut outputs = call.at(0, Input::Answered);
    let mut now = 0;
    for round in 1..=50 {
        assert_eq!(outputs, [format!("transfer {round}: skill billing")], "at {now}");
        let nobody = Input::TransferFailed { transfer: round, why: "busy".into() };
        assert_eq!(call.at(now + 10, nobody), NOTHING);
        let (due, then) = call.tick();
        assert_eq!(due, now + 3_000);
        (now, outputs) = (due, then);
    }
    assert_eq!(outputs, ["hang up"], "it goes round in circles");
}

#[test]
fn a_customer_who_hangs_up_while_waiting_is_looked_for_nobody_any_more() {
    let mut call = asked_for_a_person(Some("sorry"));
    assert_eq!(call.at(5_000, Input::HungUp(Party::Customer)), ["cancel transfer 1"]);
    let answers = Input::TransferConnected { transfer: 1, person: person() };
    assert_eq!(call.at(5_100, answers), NOTHING, "too late");
    assert_eq!(call.over(5_200).person, None);
}

#[test]
fn a_transfer_of_which_nothing_is_heard_is_given_up() {
    let mut call = asked_for_a_person(Some("sorry"));
    let (mut due, mut outputs) = call.tick();
    let mut utterance = 1;
    while !outputs.iter().any(|output| output.starts_with("cancel")) {
        assert!(due < 3_000 + 60_000 + 20_000 + 30_000, "{due}: {outputs:?}");
        if outputs.iter().any(|output| output.starts_with("play")) {
            utterance += 1;
            call.plays(utterance, due + 10, due + 500);
        }
        (due, outputs) = call.tick();
    }
    assert_eq!(due, 3_000 + 60_000 + 20_000 + 30_000);
    assert_eq!(
        outputs[..2],
        ["cancel transfer 1".to_owned(), format!("play {}: Nobody is free.", utterance + 1)]
    );
}

#[test]
fn what_comes_of_an_older_transfer_changes_nothing() {
    let mut call = asked_for_a_person(Some("sorry"));
    let stale = Input::TransferFailed { transfer: 0, why: String::new() };
    assert_eq!(call.at(4_000, stale), ["play 2: Please hold, Ms. Li."], "only the message was due");
    let answers = Input::TransferConnected { transfer: 1, person: person() };
    call.at(5_000, answers);
    let late = Input::TransferFailed { transfer: 1, why: String::new() };
    assert_eq!(call.at(6_000, late), NOTHING, "somebody has the call");
}
