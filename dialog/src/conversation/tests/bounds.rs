//! What a call keeps at most, and what it keeps of a call that ends early.

use super::*;
use crate::conversation::RobotResult;

const NOTHING: [&str; 0] = [];

fn replied(reply: &str) -> (Call, Vec<String>) {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "go on");
    let outputs = call.agent(1_500, 1, reply);
    (call, outputs)
}

#[test]
fn fifty_tags_are_kept_and_sixty_four_things_wait_in_line() {
    let tags: String = (0..60).map(|at| format!("{{tag t{at:02}}}")).collect();
    let report = replied(&tags).0.over(2_000);
    assert_eq!(report.intent_tags, (0..50).map(|at| format!("t{at:02}")).collect::<Vec<_>>());

    let (_, outputs) = replied(&"{press 1}".repeat(70));
    assert_eq!(outputs, ["send 1"; 64]);
}

#[test]
fn two_hundred_values_are_captured_and_kept_up_to_date() {
    let sets: String = (0..201).map(|at| format!("{{set v{at:03}=x}}")).collect();
    let report = replied(&format!("{sets}{{set v000=new}}{{set _step=two}}")).0.over(2_000);
    let names: Vec<_> = report.captures.keys().cloned().collect();
    assert_eq!(names, (0..200).map(|at| format!("v{at:03}")).collect::<Vec<_>>());
    assert_eq!(report.captures["v000"], "new");

    let report = replied("{set _step=two}{set plan=gold}").0.over(2_000);
    assert_eq!(report.captures, BTreeMap::from([("plan".into(), "gold".into())]), "no step");
}

#[test]
fn a_call_has_four_hundred_variables_and_changes_them() {
    for (given, last) in [(399, "kept"), (400, "")] {
        let names: Vec<String> = (0..given).map(|at| format!("v{at:03}")).collect();
        let row: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x")).collect();
        let opening = "{set last=kept}{set v000=new}{{v000}} {{last}}.";
        let mut call = Call::new(one_robot(robot(opening, TurnSettings::default())), &row);
        assert_eq!(call.at(0, Input::Answered), [format!("play 1: new {last}.")], "{given}");
    }
}

#[test]
fn a_call_that_nobody_answered_went_through_no_node() {
    let mut call = Call::new(one_robot(robot("Hello.", TurnSettings::default())), &[]);
    assert_eq!(call.says(100, "hello?"), NOTHING, "nothing is heard before the answer");
    assert_eq!(call.at(200, Input::Digit('1')), NOTHING);
    assert_eq!(call.conversation.deadline(), None);
    let report = call.over(1_000);
    assert_eq!((&*report.process_hangup_point, report.robot_result), ("", None));
    assert_eq!((lines(&report), report.log.len()), (Vec::<String>::new(), 1));
}

#[test]
fn a_robot_that_never_said_a_word_did_not_answer() {
    let report = Call::with_robot(TurnSettings::default()).over(1_000);
    assert_eq!(report.robot_result, Some(RobotResult::NotAnswered));

    let nodes = vec![("hello", play("Welcome.", Some("talk"))), ("talk", agent_node(&[], None))];
    let mut call = Call::new(published(nodes, robot("", TurnSettings::default())), &[]);
    call.at(0, Input::Answered);
    call.plays(1, 100, 900);
    assert_eq!(call.conversation.node(), "talk");
    let report = call.over(1_000);
    assert_eq!(report.robot_result, Some(RobotResult::NotAnswered), "an announcement is no robot");
    assert_eq!((report.robot_entered_ms, report.robot_ended_ms), (Some(900), Some(1_000)));
}

#[test]
fn what_was_being_said_when_the_call_ended_is_in_the_transcript() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone.");
    call.starts(2_000, 1);
    call.speech(2_500);
    call.partial(2_600, "I");
    assert_eq!(call.at(2_720, Input::HungUp(Party::Customer)), NOTHING);
    assert_eq!(call.says(2_800, "too late"), NOTHING);
    assert_eq!(call.at(2_900, Input::Digit('1')), NOTHING);
    let report = call.over(3_000);
    assert_eq!(lines(&report), ["Customer: tell me", "Robot: The loan is…", "Customer: I"]);
    assert_eq!(report.transcript[1].heard_ms, Some(720));
    let last = report.log.last().expect("it is logged");
    assert_eq!((last.at_ms, &*last.detail), (2_720, "by the customer"));

    let mut call = Call::with_robot(TurnSettings::default());
    call.speech(1_000);
    assert_eq!(lines(&call.over(2_000)), NOTHING, "a noise is no line");
}

#[test]
fn a_customer_who_hangs_up_before_the_opening_is_heard_heard_none_of_it() {
    let mut call = Call::new(one_robot(robot("Hello.", TurnSettings::default())), &[]);
    call.at(0, Input::Answered);
    let report = call.over(300);
    assert_eq!(report.opening_hangup_seconds, Some(0.0));
    assert_eq!(report.robot_result, Some(RobotResult::NotAnswered));
}

#[test]
fn a_command_without_an_edge_does_what_it_means_or_nothing() {
    let nodes = |edges: &[(&str, &str)]| {
        vec![("talk", agent_node(edges, Some("after"))), ("after", play("Good bye.", None))]
    };
    for (command, outputs, transferred) in [
        ("#nowhere#", &[][..], false),
        ("#Transfer to Agent#", &["play 1: Good bye."], true),
        ("#Hangup#", &["hang up"], false),
        ("#hang up#", &["hang up"], false),
        ("#DoNotCall#", &["suppress", "hang up"], false),
        ("#do not call#", &["suppress", "hang up"], false),
    ] {
        let content = published(nodes(&[]), robot("", TurnSettings::default()));
        let mut call = Call::new(content, &[]);
        call.at(0, Input::Answered);
        call.says(1_000, "go on");
        assert_eq!(call.agent(1_500, 1, command), outputs, "{command}");
        assert_eq!(call.over(2_000).transferred, transferred, "{command}");
    }
    let content = published(nodes(&[("DoNotCall", "talk")]), robot("", TurnSettings::default()));
    let mut call = Call::new(content, &[]);
    call.at(0, Input::Answered);
    call.says(1_000, "never again");
    assert_eq!(call.agent(1_500, 1, "#DoNotCall#"), ["suppress"]);
    call.says(2_000, "I said never");
    assert_eq!(call.agent(2_500, 2, "#DoNotCall#"), NOTHING, "once is enough");
}
