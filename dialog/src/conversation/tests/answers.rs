//! Answers that are spoken while they come, questions that are asked early, and robots that can't go on.

use super::*;
use crate::conversation::{AgentStep, RobotResult, StepKind};
use crate::llm::{Capture, CaptureKind, LlmAgent};
use crate::reply::Reply;
use crate::robot::Interruption;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

impl Call {
    fn token(&mut self, at: Millis, request: u64, text: &str) -> Vec<String> {
        self.at(at, Input::AgentSays { request, text: text.into() })
    }

    fn likely(&mut self, at: Millis, text: &str) -> Vec<String> {
        self.at(at, Input::LikelyOver { text: text.into() })
    }

    fn fails(&mut self, at: Millis, request: u64, why: Failure) -> Vec<String> {
        self.at(at, Input::AgentFailed { request, why })
    }
}

fn asked(turn: TurnSettings) -> Call {
    let mut call = Call::with_robot(turn);
    assert_eq!(call.says(1_000, "what does it cost"), ["ask 1: what does it cost"]);
    call
}

fn eager() -> TurnSettings {
    TurnSettings { eager: true, ..TurnSettings::default() }
}

fn logged(report: &Report, kind: EntryKind) -> Vec<&str> {
    let of = report.log.iter().filter(|entry| entry.kind == kind);
    of.map(|entry| entry.detail.as_str()).collect()
}

#[test]
fn the_first_sentence_is_spoken_while_the_rest_is_still_being_written() {
    let mut call = asked(TurnSettings::default());
    assert_eq!(call.token(1_400, 1, "It costs "), NOTHING);
    assert_eq!(call.token(1_500, 1, "five euros."), NOTHING, "it may be five euros.50");
    assert_eq!(call.token(1_600, 1, " Shall I"), ["play 1: It costs five euros."]);
    call.starts(1_700, 1);
    assert_eq!(call.token(1_800, 1, " order it?"), NOTHING);
    assert_eq!(call.agent(1_900, 1, ""), NOTHING);
    assert_eq!(call.ends(3_000, 1), ["play 2: Shall I order it?"]);
    let report = call.over(4_000);
    assert_eq!(report.turns, 1);
    assert_eq!(logged(&report, EntryKind::AgentReply), ["It costs five euros. Shall I order it?"]);
    assert_eq!(logged(&report, EntryKind::AgentFirstWords), ["1"]);
}

#[test]
fn a_command_that_comes_in_pieces_is_obeyed_and_never_spoken() {
    let mut call = asked(TurnSettings::default());
    assert_eq!(call.token(1_400, 1, "Goodbye. #Han"), ["play 1: Goodbye."]);
    assert_eq!(call.token(1_500, 1, "gup# and a word too many"), ["cancel 1"]);
    assert_eq!(call.plays(1, 1_600, 2_400), ["hang up"], "after the goodbye was heard");
}

#[test]
fn what_comes_of_an_answer_during_a_false_interruption_is_said_after_it() {
    let mut call = asked(TurnSettings::default());
    call.token(1_400, 1, "The loan is for everyone with an account. It");
    call.starts(1_500, 1);
    call.speech(3_000);
    assert_eq!(call.partial(3_600, "but how"), ["stop 1"]);
    call.stopped(3_650, 1, 900);
    assert_eq!(call.partial(3_700, "uh"), NOTHING, "the request stays");
    assert_eq!(call.token(3_800, 1, " costs five. Or"), NOTHING);
    assert_eq!(call.says(4_400, "uh"), ["play 2: everyone with an account."]);
    call.agent(4_500, 1, " six.");
    assert_eq!(call.plays(2, 4_600, 6_000), ["play 3: It costs five."]);
    assert_eq!(call.plays(3, 6_100, 7_000), ["play 4: Or six."]);
}

#[test]
fn of_an_answer_that_was_interrupted_nothing_more_is_said() {
    for accumulation in [true, false] {
        let mut call = asked(TurnSettings { accumulation, ..TurnSettings::default() });
        call.token(1_400, 1, "The loan is for everyone with an account. It");
        call.starts(1_500, 1);
        call.speech(3_000);
        assert_eq!(call.partial(3_600, "but how much"), ["stop 1"]);
        assert_eq!(call.says(4_400, "but how much"), ["cancel 1", "ask 2: but how much"]);
        assert_eq!(call.token(4_500, 1, " costs five."), NOTHING);
        assert_eq!(call.agent(4_600, 1, " Or six."), NOTHING);
        assert_eq!(call.agent(4_700, 2, "Five."), ["play 2: Five."]);
    }
}

#[test]
fn an_answer_is_kept_back_while_the_customer_may_go_on() {
    let mut call = asked(TurnSettings::default());
    call.speech(1_300);
    assert_eq!(call.token(1_400, 1, "It costs five. And"), NOTHING);
    assert_eq!(call.says(1_900, ""), ["play 1: It costs five."], "it was a noise");
    let mut call = asked(TurnSettings::default());
    call.speech(1_300);
    assert_eq!(call.token(1_400, 1, "It costs five. And"), NOTHING);
    assert_eq!(call.partial(1_600, "in euros"), ["cancel 1"]);
    assert_eq!(call.says(2_000, "in euros"), ["ask 2: what does it cost in euros"]);
}

#[test]
fn an_agent_that_stops_in_mid_answer_is_not_asked_to_begin_again() {
    let mut call = asked(TurnSettings::default());
    assert_eq!(call.token(1_400, 1, "It costs five. And"), ["play 1: It costs five."]);
    assert_eq!(call.fails(1_500, 1, Failure::Failed), NOTHING);
    assert_eq!(call.plays(1, 1_600, 2_000), ["play 2: And"]);
    call.plays(2, 2_100, 2_300);
    assert_eq!(call.says(5_000, "and then"), ["ask 2: and then"]);
    let gone = call.fails(5_500, 2, Failure::Failed);
    assert_eq!(gone, ["play 3: Sorry, goodbye."], "twice in a row is too often");
    assert_eq!(call.plays(3, 5_600, 6_500), ["hang up"]);
    assert_eq!(call.over(7_000).robot_result, Some(RobotResult::Error));
}

#[test]
fn an_agent_that_dribbles_is_given_up_after_a_bounded_time() {
    let mut call = asked(TurnSettings::default());
    let mut at = 1_000;
    let stopped = loop {
        at += 1_000;
        let out = call.token(at, 1, "a");
        if !out.is_empty() {
            break out;
        }
        assert!(at < 100_000);
    };
    assert_eq!((at, stopped[0].as_str()), (61_000, "cancel 1"));
}

#[test]
fn an_agent_that_is_full_gets_no_second_question() {
    let mut call = asked(TurnSettings::default());
    assert_eq!(call.fails(1_100, 1, Failure::Overloaded), ["play 1: Sorry, goodbye."]);
    call.starts(1_200, 1);
    call.speech(1_300);
    assert_eq!(call.partial(2_500, "stop stop stop"), NOTHING, "the apology is heard to its end");
    assert_eq!(call.says(2_600, "stop stop stop"), NOTHING);
    assert_eq!(call.ends(3_000, 1), ["hang up"]);
    assert_eq!(call.over(4_000).robot_result, Some(RobotResult::Overloaded));
}

#[test]
fn a_node_with_an_edge_for_errors_is_left_by_it_without_an_apology() {
    let agent = NodeKind::Agent {
        robot: "anna".into(),
        edges: [("error".to_owned(), "sorry".to_owned())].into(),
        next: None,
    };
    let sorry = NodeKind::Play { text: "We call again.".into(), sound: None, next: None };
    let mut content = one_robot(robot("", TurnSettings::default()));
    content.navigation = navigation(vec![("talk", agent), ("sorry", sorry)]);
    let id = content.robots.keys().next().expect("a robot").clone();
    if let NodeKind::Agent { robot, .. } = &mut content.navigation.nodes[0].kind {
        *robot = id;
    }
    let mut call = Call::new(content, &[]);
    call.at(0, Input::Answered);
    let why = Failure::Failed;
    assert_eq!(call.at(1_000, Input::HearingFailed { why }), ["play 1: We call again."]);
    let report = call.over(4_000);
    assert_eq!(logged(&report, EntryKind::HearingFailed), [""]);
    assert_eq!(report.robot_result, Some(RobotResult::Error));
}

#[test]
fn an_eager_robot_asks_at_a_likely_end_and_answers_at_the_real_one() {
    let mut call = Call::with_robot(eager());
    call.speech(500);
    call.partial(1_000, "what does it cost");
    assert_eq!(call.likely(1_300, "What does it cost?"), ["ask 1: What does it cost?"]);
    assert_eq!(call.token(1_500, 1, "Five euros. And"), NOTHING, "not before the end");
    assert_eq!(call.says(1_900, "what does it cost"), ["play 1: Five euros."]);
    assert_eq!(call.agent(2_000, 1, " more."), NOTHING);
    let report = call.over(3_000);
    assert_eq!((report.turns, lines(&report).len()), (1, 1));
    assert_eq!(logged(&report, EntryKind::AgentRequest), ["early: What does it cost?"]);
}

#[test]
fn what_was_asked_early_is_taken_back_when_the_customer_goes_on() {
    for accumulation in [true, false] {
        let mut call = Call::with_robot(TurnSettings { accumulation, ..eager() });
        call.speech(500);
        assert_eq!(call.likely(1_300, "what does it"), ["ask 1: what does it"]);
        assert_eq!(call.agent(1_400, 1, "What?"), NOTHING);
        assert_eq!(call.partial(1_500, "what does it"), NOTHING, "the same words again");
        assert_eq!(call.partial(1_600, "what does it cost"), NOTHING, "its answer had come");
        assert_eq!(call.says(2_400, "what does it cost"), ["ask 2: what does it cost"]);
        let report = call.over(3_000);
        assert_eq!(logged(&report, EntryKind::AgentCancel)[0], "1: the customer goes on speaking");
    }
    let mut call = Call::with_robot(eager());
    call.speech(500);
    call.likely(1_300, "what does it");
    assert_eq!(call.partial(1_600, "what does it cost"), ["cancel 1"]);
    let mut call = Call::with_robot(eager());
    call.speech(500);
    call.likely(1_300, "what");
    assert_eq!(call.says(1_600, ""), ["cancel 1"], "it was nothing");
}

#[test]
fn nobody_asks_early_unless_they_may_and_it_is_their_turn() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.speech(500);
    assert_eq!(call.likely(1_300, "what does it cost"), NOTHING, "it is switched off");
    let mut call = Call::with_robot(eager());
    assert_eq!(call.likely(1_300, "what does it cost"), NOTHING, "nobody speaks");
    call.says(1_500, "what does it cost");
    call.agent(1_600, 1, "Five euros a month for all.");
    call.starts(1_700, 1);
    call.speech(2_000);
    assert_eq!(call.likely(2_300, "and in dollars"), NOTHING, "the robot speaks");
}

#[test]
fn what_an_agent_did_on_its_way_is_in_the_log() {
    let mut call = asked(TurnSettings::default());
    for (kind, detail) in [
        (StepKind::ToolCall, "order 17"),
        (StepKind::ToolResult, "200 in 80 ms"),
        (StepKind::Knowledge, "prices.md"),
        (StepKind::ProviderFailed, "main: timed out"),
    ] {
        let step = AgentStep { kind, detail: detail.into() };
        call.at(1_200, Input::AgentDid { request: 1, step: step.clone() });
        call.at(1_200, Input::AgentDid { request: 2, step });
    }
    let report = call.over(2_000);
    for (kind, detail) in [
        (EntryKind::ToolCall, "order 17"),
        (EntryKind::ToolResult, "200 in 80 ms"),
        (EntryKind::Knowledge, "prices.md"),
        (EntryKind::ProviderFailed, "main: timed out"),
    ] {
        assert_eq!(logged(&report, kind), [detail], "once, as nobody asked a second time");
    }
}

#[test]
fn a_captured_value_that_does_not_fit_is_not_kept_and_the_log_says_so() {
    let mut anna = robot("", TurnSettings::default());
    let captures =
        vec![Capture { name: "day".into(), description: String::new(), kind: CaptureKind::Date }];
    anna.agent = AgentConfig::Llm(Box::new(LlmAgent {
        providers: vec!["main".into()],
        prompt: "You are Anna.".into(),
        temperature: None,
        reply_tokens_max: 300,
        tools: Vec::new(),
        knowledge: Vec::new(),
        intents: Vec::new(),
        captures,
    }));
    let mut call = Call::new(one_robot(anna), &[]);
    call.at(0, Input::Answered);
    call.says(1_000, "tomorrow");
    call.agent(1_500, 1, "{set day=tomorrow} Which day is that?");
    call.plays(1, 1_600, 2_000);
    call.says(3_000, "the second");
    let captures = [("day".to_owned(), "2026-12-02".to_owned())].into();
    let reply = Reply { text: "Fine.".into(), tags: Vec::new(), captures };
    call.at(3_500, Input::AgentReply { request: 2, reply });
    let report = call.over(4_000);
    assert_eq!(report.captures, [("day".to_owned(), "2026-12-02".to_owned())].into());
    let commands = logged(&report, EntryKind::Command);
    assert_eq!(commands[0], "not kept, as it does not fit: day");
}

#[test]
fn an_endless_answer_is_cut_and_a_long_one_is_said_whole() {
    let mut call = asked(TurnSettings {
        interruption: Interruption { enabled: false, ..Interruption::default() },
        ..TurnSettings::default()
    });
    let mut played = String::new();
    let mut take = |out: Vec<String>| {
        for line in out {
            let text = line.split_once(": ").expect("a playback").1;
            played.push_str(text);
            played.push(' ');
        }
    };
    for number in 0..200 {
        take(call.token(1_400 + number, 1, &format!("Sentence {number}. ")));
    }
    take(call.agent(2_000, 1, "End."));
    for (utterance, at) in (1..100).zip((3_000..).step_by(1_000)) {
        let out = call.plays(utterance, at, at + 900);
        if out.is_empty() {
            break;
        }
        take(out);
    }
    assert!(played.ends_with("Sentence 199. End. "), "{played}");
    assert_eq!(played.matches("Sentence").count(), 200);
    let mut call = asked(TurnSettings::default());
    for number in 0..2_000 {
        call.token(1_400 + number, 1, "word ");
    }
    call.agent(4_000, 1, "");
    let report = call.over(5_000);
    assert!(logged(&report, EntryKind::AgentReply)[0].len() <= 8_000);
}

#[test]
fn a_robot_that_can_not_speak_ends_the_call_as_an_error() {
    let mut call = Call::new(one_robot(robot("Hello.", TurnSettings::default())), &[]);
    assert_eq!(call.at(0, Input::Answered), ["play 1: Hello."]);
    assert_eq!(call.stopped(100, 1, 0), ["play 2: Sorry, goodbye."]);
    assert_eq!(call.stopped(200, 2, 0), ["hang up"]);
    let report = call.over(300);
    assert_eq!(report.robot_result, Some(RobotResult::Error));
    assert_eq!(lines(&report), Vec::<String>::new(), "nothing was heard");
}
