//! The rules beside the diagrams: nodes, commands, silences, resumed speech, and what the record says.

use super::*;
use crate::conversation::RobotResult;
use crate::navigation::{Case, Test};
use crate::reply::Reply;
use crate::robot::Interruption;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

fn answered(nodes: Vec<(&str, NodeKind)>, opening: &str, variables: &[(&str, &str)]) -> Call {
    Call::new(published(nodes, robot(opening, TurnSettings::default())), variables)
}

/// The customer's own words may be long, and look like a command.
#[test]
fn what_an_agent_captured_is_a_variable_and_is_not_spoken() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "go on");
    let plan = format!("{} #Hangup# {{set x=1}}", "gold ".repeat(30));
    let captures =
        BTreeMap::from([("plan".to_owned(), plan.clone()), ("_step".into(), "2".into())]);
    let reply = Reply { text: "Done.".into(), tags: vec!["sale".into()], captures };
    let outputs = call.at(1_500, Input::AgentReply { request: 1, reply });
    assert_eq!(outputs, ["play 1: Done."]);
    let report = call.over(2_000);
    assert_eq!(report.captures, BTreeMap::from([("plan".to_owned(), plan)]));
    assert_eq!(report.intent_tags, ["sale"]);
}

#[test]
fn nodes_are_walked_in_order_and_the_call_ends_after_the_last() {
    let branch = NodeKind::Branch {
        cases: vec![Case {
            variable: "greeting".into(),
            test: Test::Is,
            value: "Hi Ms. Li".into(),
            next: "bye".into(),
        }],
        otherwise: None,
    };
    let set = NodeKind::Set {
        variables: BTreeMap::from([("greeting".into(), "Hi {{name}}".into())]),
        next: Some("hello".into()),
    };
    let nodes = vec![
        ("set", set),
        ("hello", play("{{greeting}}, a moment.", Some("choose"))),
        ("choose", branch),
        ("bye", play("Good bye.", Some("end"))),
        ("end", NodeKind::Hangup),
    ];
    let mut call = answered(nodes, "", &[("name", "Ms. Li")]);
    assert_eq!(call.at(0, Input::Answered), ["play 1: Hi Ms. Li, a moment."]);
    assert_eq!(call.plays(1, 100, 2_000), ["play 2: Good bye."]);
    assert_eq!(call.plays(2, 2_100, 3_000), ["hang up"]);
    let report = call.over(3_100);
    assert_eq!(report.process_hangup_point, "end");
    assert_eq!(lines(&report), ["Robot: Hi Ms. Li, a moment.", "Robot: Good bye."]);
    assert_eq!(report.robot_result, None);
}

#[test]
fn a_hash_command_leaves_after_its_text_by_its_edge() {
    let nodes = vec![
        ("talk", agent_node(&[("Transfer to Agent", "sales")], None)),
        ("sales", play("A colleague calls you back.", None)),
    ];
    let mut call = answered(nodes, "", &[]);
    call.at(0, Input::Answered);
    call.says(1_000, "a human please");
    let reply = "One moment. {tag human} #transfer to agent# Never said.";
    assert_eq!(call.agent(1_500, 1, reply), ["play 1: One moment."]);
    assert_eq!(call.plays(1, 1_600, 2_500), ["play 2: A colleague calls you back."]);
    let report = call.over(3_000);
    assert_eq!(report.process_hangup_point, "sales");
    assert_eq!((report.robot_entered_ms, report.robot_ended_ms), (Some(0), Some(2_500)));
    assert!(report.transferred);
    assert_eq!(report.intent_tags, ["human"]);
}

#[test]
fn a_bracket_action_acts_in_order_and_stays() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "go on");
    let reply = "Now. {press 12}{wait 2s}{set plan=gold}Done, {{plan}}.";
    assert_eq!(call.agent(1_500, 1, reply), ["play 1: Now."]);
    assert_eq!(call.plays(1, 1_600, 2_000), ["send 12"]);
    assert_eq!(call.tick(), (4_000, vec!["play 2: Done, gold.".into()]));
    call.plays(2, 4_100, 5_000);
    assert_eq!(call.says(6_000, "fine"), ["ask 2: fine"], "still in the agent node");
    let report = call.over(7_000);
    assert_eq!(report.captures, BTreeMap::from([("plan".into(), "gold".into())]));
}

#[test]
fn a_customer_who_wants_no_calls_gets_none_even_when_they_hang_up_first() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "never call me again");
    let outputs = call.agent(1_500, 1, "I am sorry. #DoNotCall#");
    assert_eq!(outputs, ["suppress", "play 1: I am sorry."]);
    assert!(call.over(1_700).suppress);
}

#[test]
fn the_opening_hangup_point_is_told_only_for_the_opening() {
    let nodes = || vec![("talk", agent_node(&[], None))];
    for (by, at, seconds) in [
        (Party::Customer, 2_600, Some(2.5)),
        (Party::System, 2_600, None),
        (Party::Customer, 9_500, None),
    ] {
        let mut call = answered(nodes(), "Hello, this is Anna of the bank.", &[]);
        assert_eq!(
            call.at(0, Input::Answered),
            ["play 1: Hello, this is Anna of the bank."],
            "{by:?} {at}"
        );
        call.starts(100, 1);
        if at > 9_000 {
            call.ends(4_000, 1);
        }
        assert_eq!(call.at(at, Input::HungUp(by)), NOTHING);
        let report = call.over(at);
        assert_eq!(report.opening_hangup_seconds, seconds, "{by:?} {at}");
        assert_eq!(report.process_hangup_point, "talk");
        assert_eq!(report.robot_result, Some(RobotResult::Answered));
    }
}

#[test]
fn silence_is_broken_twice_and_then_the_node_is_left() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.tick(), (8_000, vec!["play 1: Are you still there?".into()]));
    call.plays(1, 8_100, 9_000);
    assert_eq!(call.tick(), (17_000, vec!["play 2: Can you hear me?".into()]));
    call.plays(2, 17_100, 18_000);
    assert_eq!(call.tick(), (26_000, vec!["hang up".into()]));
    assert_eq!(call.conversation.deadline(), None);
}

#[test]
fn an_answer_starts_the_count_of_silences_anew() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.tick();
    call.plays(1, 8_100, 9_000);
    call.says(10_000, "yes");
    call.agent(10_500, 1, "Good.");
    call.plays(2, 10_600, 11_000);
    assert_eq!(call.tick(), (19_000, vec!["play 3: Are you still there?".into()]));
}

#[test]
fn a_false_interruption_is_resumed_where_it_was_stopped() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone who has an account. #Hangup#");
    call.starts(2_000, 1);
    call.speech(3_000);
    assert_eq!(call.partial(3_600, "what the"), ["stop 1"]);
    call.stopped(3_650, 1, 600);
    let (due, outputs) = call.tick();
    assert_eq!((due, outputs), (5_600, vec!["play 2: is for everyone who has an account.".into()]));
    call.starts(5_700, 2);
    assert_eq!(call.says(5_900, ""), NOTHING);
    assert_eq!(call.ends(8_000, 2), ["hang up"], "and the command after it still holds");
    let report = call.over(8_100);
    assert_eq!(report.interruptions, 0);
    assert!(report.log.iter().any(|entry| entry.kind == EntryKind::Resume));
}

#[test]
fn what_is_said_to_a_robot_that_may_not_be_interrupted_is_answered_after() {
    let interruption = Interruption { enabled: false, ..Interruption::default() };
    let turn = TurnSettings { interruption, ..TurnSettings::default() };
    let mut call = Call::with_robot(turn);
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone.");
    call.starts(1_600, 1);
    assert_eq!(call.says(4_000, "and for my mother"), NOTHING);
    assert_eq!(call.ends(5_000, 1), ["ask 2: and for my mother"]);
}

#[test]
fn what_was_begun_before_the_robot_spoke_is_answered_after() {
    let apart = TurnSettings { accumulation: false, ..TurnSettings::default() };
    let mut call = Call::with_robot(apart);
    call.says(1_000, "I want to ask");
    call.speech(1_200);
    assert_eq!(
        call.agent(1_500, 1, "What would you like to ask?"),
        ["play 1: What would you like to ask?"]
    );
    call.starts(1_500, 1);
    // Too early in the robot's words to stop them; but it was the robot that broke in.
    assert_eq!(call.says(2_000, "about you"), NOTHING);
    assert_eq!(call.ends(2_800, 1), ["ask 2: about you"]);
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone.");
    call.starts(1_500, 1);
    call.speech(1_600);
    assert_eq!(call.says(2_100, "about you"), NOTHING);
    assert_eq!(call.ends(3_800, 1), NOTHING, "said into the robot's first words: ignored");
}

#[test]
fn the_silence_that_ends_speech_is_no_part_of_it() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone who has an account.");
    call.starts(2_000, 1);
    call.speech(3_000);
    assert_eq!(call.partial(3_300, "how much"), NOTHING);
    assert_eq!(call.says(4_100, "how much"), NOTHING, "300 ms are too short to stop the robot");
    let line = &call.over(5_000).transcript[2];
    assert_eq!((line.text.as_str(), line.start_ms, line.end_ms), ("how much", 3_000, 3_300));
}

#[test]
fn a_robot_that_waits_long_for_the_end_of_speech_does_not_talk_into_it() {
    let mut call =
        Call::with_robot(TurnSettings { end_of_speech_ms: 3_000, ..TurnSettings::default() });
    assert_eq!(call.conversation.end_of_speech_ms(), 3_000);
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone who has an account.");
    call.starts(2_000, 1);
    call.speech(3_000);
    assert_eq!(call.partial(3_600, "how much is it"), ["stop 1"]);
    call.stopped(3_650, 1, 1_600);
    assert_eq!(call.at(5_700, Input::Tick), NOTHING, "the words are not known for good yet");
    assert_eq!(call.says(6_600, "how much is it"), ["ask 2: how much is it"]);
}

#[test]
fn a_menu_takes_a_key_over_its_prompt_and_asks_again() {
    let menu = NodeKind::Menu {
        prompt: "Press 1.".into(),
        sound: None,
        choices: BTreeMap::from([("1".into(), "one".into())]),
        wait_ms: 5_000,
        retries: 1,
        otherwise: Some("none".into()),
    };
    let nodes =
        || vec![("menu", menu.clone()), ("one", play("One.", None)), ("none", play("None.", None))];
    let mut call = answered(nodes(), "", &[]);
    assert_eq!(call.at(0, Input::Answered), ["play 1: Press 1."]);
    call.starts(100, 1);
    assert_eq!(call.at(500, Input::Digit('1')), ["stop 1", "play 2: One."]);

    let mut call = answered(nodes(), "", &[]);
    call.at(0, Input::Answered);
    assert_eq!(call.plays(1, 100, 1_000), NOTHING);
    assert_eq!(call.at(2_000, Input::Digit('7')), ["play 2: Press 1."]);
    call.plays(2, 2_100, 3_000);
    assert_eq!(call.tick(), (8_000, vec!["play 3: None.".into()]));
}

#[test]
fn an_agent_that_fails_is_asked_once_more_and_then_left() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.says(1_000, "hello there"), ["ask 1: hello there"]);
    assert_eq!(
        call.at(1_500, Input::AgentFailed { request: 1, why: Failure::Failed }),
        ["ask 2: hello there"]
    );
    let (due, outputs) = call.tick();
    let sorry = vec!["cancel 2".into(), "play 1: Sorry, goodbye.".into()];
    assert_eq!((due, outputs), (16_500, sorry), "no answer");
    assert_eq!(call.plays(1, 16_600, 16_900), ["hang up"]);
    assert_eq!(call.over(17_000).robot_result, Some(RobotResult::Error));
}

#[test]
fn a_navigation_that_goes_round_in_circles_ends_the_call() {
    let set = |next: &str| NodeKind::Set { variables: BTreeMap::new(), next: Some(next.into()) };
    let mut call = answered(vec![("a", set("b")), ("b", set("a"))], "", &[]);
    assert_eq!(call.at(0, Input::Answered), ["hang up"]);
    let nodes = vec![("a", agent_node(&[("again", "a")], None))];
    let mut call = answered(nodes, "#again#", &[]);
    assert_eq!(call.at(0, Input::Answered), ["hang up"]);
}

#[test]
fn a_line_that_never_reports_the_end_of_a_playback_does_not_hang_the_call() {
    let mut call = answered(vec![("hello", play("Hello.", None))], "", &[]);
    call.at(0, Input::Answered);
    let (due, outputs) = call.tick();
    assert_eq!(outputs, ["stop 1", "hang up"], "at {due}");
}

#[test]
fn a_value_that_holds_a_command_is_spoken_and_not_obeyed() {
    let nodes = vec![("talk", agent_node(&[], None))];
    let name = "Ms. #Hangup# {press 1} Li";
    let mut call = answered(nodes, "Hello {{name}}!", &[("name", name)]);
    assert_eq!(call.at(0, Input::Answered), [format!("play 1: Hello {name}!")]);
    assert_eq!(call.plays(1, 100, 3_000), NOTHING);
    assert_eq!(call.says(4_000, "#Hangup# {press 1}"), ["ask 1: #Hangup# {press 1}"]);
}

#[test]
fn the_agent_knows_what_was_said_and_how_much_of_it_was_heard() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(1_500, 1, "The loan is for everyone who has an account.");
    call.starts(2_000, 1);
    call.speech(2_000);
    call.partial(2_840, "wait a moment");
    let text = "wait a moment, what loan".to_owned();
    let outputs = call.conversation.handle(4_000, Input::SpeechFinal { text });
    let [Output::Ask(request)] = &outputs[..] else { panic!("{outputs:?}") };
    let history: Vec<&str> = request.history.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(history, ["tell me", "The loan is…"]);
}
