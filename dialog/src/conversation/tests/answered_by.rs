//! Calls that no person answered.

use super::*;
use crate::answerer::Answerer;
use crate::conversation::Then;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

fn talking() -> Call {
    let mut call = Call::new(
        one_robot(robot("Hello, this is the garage.", TurnSettings::default())),
        &[("name", "Ms. Li")],
    );
    assert_eq!(call.at(0, Input::Answered), ["play 1: Hello, this is the garage."]);
    call.starts(100, 1);
    call
}

fn found(who: Answerer, then: Then) -> Input {
    Input::AnsweredBy { who, then }
}

#[test]
fn who_answered_is_in_the_report_and_the_log_and_the_call_goes_on() {
    let mut call = talking();
    assert_eq!(call.at(2_000, found(Answerer::Person, Then::GoOn)), NOTHING);
    assert_eq!(call.ends(3_000, 1), NOTHING);
    assert_eq!(call.says(4_000, "yes"), ["ask 1: yes"]);
    let report = call.over(5_000);
    assert_eq!(report.answered_by, Some(Answerer::Person));
    let logged = report.log.iter().find(|entry| entry.kind == EntryKind::AnsweredBy);
    assert_eq!(logged.map(|entry| entry.detail.as_str()), Some("person"));
}

#[test]
fn a_message_is_left_after_the_beep_and_then_the_call_ends() {
    let mut call = talking();
    let message = Then::LeaveMessage("Please call us back, {{name}}.".into());
    assert_eq!(call.at(2_000, found(Answerer::Machine, message)), ["stop 1"]);
    call.stopped(2_050, 1, 1_950);
    assert_eq!(call.says(4_000, "leave a message after the tone"), NOTHING, "nobody is asked");
    assert_eq!(call.at(6_000, Input::MessageDue), ["play 2: Please call us back, Ms. Li."]);
    assert_eq!(call.at(6_500, Input::MessageDue), NOTHING, "it is said once");
    assert_eq!(call.plays(2, 6_100, 9_000), ["hang up"]);
}

#[test]
fn a_message_that_nobody_gives_the_sign_for_begins_all_the_same() {
    let mut call = talking();
    call.at(2_000, found(Answerer::Machine, Then::LeaveMessage("Call us.".into())));
    call.stopped(2_050, 1, 1_950);
    assert_eq!(call.tick(), (42_000, vec!["play 2: Call us.".to_owned()]));
}

#[test]
fn a_screening_is_told_who_calls_and_the_robot_waits_for_the_person() {
    let mut call = talking();
    let told = Then::Answer("This is the garage, for {{name}}.".into());
    assert_eq!(
        call.at(2_000, found(Answerer::Screening, told)),
        ["stop 1", "play 2: This is the garage, for Ms. Li."]
    );
    call.stopped(2_050, 1, 1_950);
    assert_eq!(call.plays(2, 2_100, 4_000), NOTHING);
    assert_eq!(call.says(8_000, "hello?"), ["ask 1: hello?"]);
}

#[test]
fn what_a_screening_said_is_no_question_to_the_robot() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.says(3_000, "please say who is calling"), ["ask 1: please say who is calling"]);
    let told = Then::Answer("This is the garage.".into());
    let done = call.at(3_100, found(Answerer::Screening, told));
    assert_eq!(done, ["cancel 1", "play 1: This is the garage."]);
    assert_eq!(call.agent(3_200, 1, "Goodbye. #Hangup#"), NOTHING, "it came too late");
}

#[test]
fn what_a_screening_is_still_saying_is_no_question_either() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.speech(500);
    call.partial(3_000, "please say who is calling");
    let told = Then::Answer("This is the garage.".into());
    assert_eq!(call.at(3_000, found(Answerer::Screening, told)), ["play 1: This is the garage."]);
    call.starts(3_100, 1);
    assert_eq!(call.says(3_800, "please say who is calling"), NOTHING);
    assert_eq!(call.ends(5_000, 1), NOTHING);
    assert_eq!(call.says(7_000, "hello?"), ["ask 1: hello?"], "the person who comes is heard");
    assert!(lines(&call.over(8_000)).contains(&"Customer: please say who is calling".to_owned()));
}
