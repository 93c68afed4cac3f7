//! The five sequence diagrams of the guide (step 3), message by message.

use super::*;
use crate::robot::Backchannel;
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

fn apart() -> TurnSettings {
    TurnSettings { accumulation: false, ..TurnSettings::default() }
}

/// What was decided, in order, without the moments.
fn decided(report: &Report) -> Vec<EntryKind> {
    report.log.iter().map(|entry| entry.kind).collect()
}

/// Scenario 1: speech, text, reasoning, answer, playback.
#[test]
fn basic_conversation() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.speech(1_000), NOTHING);
    assert_eq!(
        call.says(3_000, "What is your interest rate"),
        ["ask 1: What is your interest rate"]
    );
    assert_eq!(call.agent(3_400, 1, "It is three percent."), ["play 1: It is three percent."]);
    assert_eq!(call.plays(1, 3_500, 5_000), NOTHING);

    let report = call.over(6_000);
    assert_eq!(
        lines(&report),
        ["Customer: What is your interest rate", "Robot: It is three percent."]
    );
    let customer = &report.transcript[0];
    assert_eq!((customer.start_ms, customer.end_ms), (1_000, 3_000));
    assert_eq!(
        (report.transcript[1].start_ms, report.transcript[1].heard_ms),
        (3_500, Some(1_500))
    );
    assert_eq!((report.turns, report.interruptions), (1, 0));
    assert_eq!(
        decided(&report),
        [
            EntryKind::Answered,
            EntryKind::NodeEnter,
            EntryKind::SpeechStarted,
            EntryKind::AsrResult,
            EntryKind::AgentRequest,
            EntryKind::AgentReply,
            EntryKind::Tts,
            EntryKind::PlaybackStart,
            EntryKind::PlaybackStop,
            EntryKind::HangUp,
        ]
    );
}

/// A robot that has been playing its first answer since 3,000.
fn playing() -> Call {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(2_000, "Tell me about the loan");
    let answer = "With pleasure, the loan is for everyone who has an account with us.";
    assert_eq!(call.agent(2_500, 1, answer), [format!("play 1: {answer}")]);
    assert_eq!(call.starts(3_000, 1), NOTHING);
    call
}

/// Scenario 2, first half: not an interruption, playback goes on.
#[test]
fn an_invalid_interruption_is_ignored() {
    let mut call = playing();
    assert_eq!(call.speech(4_000), NOTHING);
    assert_eq!(call.partial(4_600, "mm-hmm"), NOTHING);
    assert_eq!(call.says(4_900, "Mm-hmm."), NOTHING);
    assert_eq!(call.ends(7_000, 1), NOTHING, "played to its end, and nothing is asked");
    let report = call.over(8_000);
    assert_eq!((report.turns, report.interruptions), (1, 0));
    assert!(decided(&report).contains(&EntryKind::Interruption { valid: false }));
    assert!(!report.transcript.iter().any(|line| line.cut));
}

/// Scenario 2, second half: playback stops at once, the robot listens, a new round begins.
#[test]
fn a_valid_interruption_stops_the_robot_at_once() {
    let mut call = playing();
    assert_eq!(call.speech(4_000), NOTHING);
    assert_eq!(call.partial(4_600, "but how"), ["stop 1"]);
    assert_eq!(call.stopped(4_650, 1, 1_650), NOTHING);
    assert_eq!(call.partial(5_000, "but how much"), NOTHING, "it listens");
    assert_eq!(call.says(6_000, "But how much is it?"), ["ask 2: But how much is it?"]);
    assert_eq!(call.agent(6_400, 2, "Ten a month."), ["play 2: Ten a month."]);
    assert_eq!(call.plays(2, 6_500, 7_500), NOTHING);
    let report = call.over(8_000);
    assert_eq!(
        lines(&report),
        [
            "Customer: Tell me about the loan",
            "Robot: With pleasure, the loan is…",
            "Customer: But how much is it?",
            "Robot: Ten a month.",
        ]
    );
    assert_eq!((report.turns, report.interruptions), (2, 1));
}

/// Scenario 3: signs of listening while the customer goes on, one answer at the end.
#[test]
fn backchannel() {
    let settings = TurnSettings {
        backchannel: Backchannel { enabled: true, ..Backchannel::default() },
        ..TurnSettings::default()
    };
    let mut call = Call::with_robot(settings);
    assert_eq!(call.speech(1_000), NOTHING);
    assert_eq!(call.partial(3_000, "my mother bought"), NOTHING);
    assert_eq!(call.tick(), (5_000, vec!["play 1: Mm-hmm".into()]));
    assert_eq!(call.plays(1, 5_050, 5_500), NOTHING);
    assert_eq!(call.partial(7_000, "my mother bought a car from you"), NOTHING);
    assert_eq!(call.tick(), (9_000, vec!["play 2: Okay".into()]));
    assert_eq!(call.starts(9_050, 2), NOTHING);
    assert_eq!(call.partial(9_300, "my mother bought a car from you and now"), NOTHING);
    assert_eq!(call.ends(9_500, 2), NOTHING);
    let whole = "My mother bought a car from you and now it does not start";
    assert_eq!(call.says(11_000, whole), [format!("ask 1: {whole}")]);
    assert_eq!(call.agent(11_500, 1, "I am sorry."), ["play 3: I am sorry."]);
    assert_eq!(call.plays(3, 11_600, 12_500), NOTHING);
    let report = call.over(13_000);
    assert_eq!((report.turns, report.interruptions), (1, 0));
    let signs = decided(&report).into_iter().filter(|kind| *kind == EntryKind::Backchannel);
    assert_eq!(signs.count(), 2);
}

/// Scenario 4, switched off: each fragment is answered by itself.
#[test]
fn accumulation_disabled_answers_every_fragment() {
    let mut call = Call::with_robot(apart());
    let mut at = 1_000;
    for (round, (said, answer)) in (1..).zip([
        ("I want to ask", "Hello, what would you like to ask?"),
        ("about you", "Could you please say it more completely?"),
        ("what is the current interest rate", "Our interest rate is three percent."),
    ]) {
        assert_eq!(call.says(at, said), [format!("ask {round}: {said}")]);
        assert_eq!(call.agent(at + 300, round, answer), [format!("play {round}: {answer}")]);
        assert_eq!(call.plays(round, at + 400, at + 2_000), NOTHING);
        at += 3_000;
    }
    let report = call.over(at);
    assert_eq!(report.turns, 3);
    assert_eq!(report.transcript.len(), 6);
}

/// Switched off, a fragment that comes while the agent thinks is asked in its turn; no request is cancelled.
#[test]
fn accumulation_disabled_cancels_nothing() {
    let mut call = Call::with_robot(apart());
    assert_eq!(call.says(1_000, "I want to ask"), ["ask 1: I want to ask"]);
    assert_eq!(call.says(1_200, "about you"), NOTHING);
    assert_eq!(call.agent(1_500, 1, "Yes?"), ["play 1: Yes?"]);
    assert_eq!(call.plays(1, 1_600, 2_000), ["ask 2: about you"]);
}

/// Scenario 4, switched on: the first request is cancelled, the whole is asked, one answer is played.
#[test]
fn accumulation_enabled_answers_the_whole() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.speech(1_000), NOTHING);
    assert_eq!(call.says(2_000, "I want to ask..."), ["ask 1: I want to ask..."]);
    assert_eq!(
        call.says(2_900, "...what is your current interest rate?"),
        ["cancel 1", "ask 2: I want to ask what is your current interest rate?"]
    );
    assert_eq!(call.agent(3_000, 1, "What would you like to ask?"), NOTHING, "too late");
    let answer = "Sure, our current interest rate is three percent.";
    assert_eq!(call.agent(3_300, 2, answer), [format!("play 1: {answer}")]);
    assert_eq!(call.plays(1, 3_400, 6_000), NOTHING);
    let report = call.over(7_000);
    assert_eq!((report.turns, report.interruptions), (1, 0));
    assert_eq!(lines(&report).last(), Some(&format!("Robot: {answer}")));
    let requests = decided(&report).into_iter().filter(|kind| *kind == EntryKind::AgentRequest);
    assert_eq!(requests.count(), 2);
}

/// Switched on, the request is taken back with the customer's first word, and the cancelled one leaves no trace
/// in what the agent knows.
#[test]
fn going_on_takes_the_question_back_at_once() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(2_000, "I want to ask");
    assert_eq!(call.speech(2_200), NOTHING);
    assert_eq!(call.partial(2_500, "what"), ["cancel 1"]);
    let outputs = call.conversation.handle(4_000, Input::SpeechFinal { text: "what is it".into() });
    let [Output::Ask(request)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(request.text, "I want to ask what is it");
    assert!(request.history.is_empty());
}

/// A reply that comes while something is heard waits; it is said when that was only noise.
#[test]
fn a_reply_waits_while_the_customer_may_be_going_on() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(2_000, "How much is it");
    assert_eq!(call.speech(2_200), NOTHING);
    assert_eq!(call.agent(2_500, 1, "Ten."), NOTHING);
    assert_eq!(call.says(2_800, ""), ["play 1: Ten."]);
    call.plays(1, 2_900, 3_500);

    call.says(4_000, "And");
    call.speech(4_200);
    assert_eq!(call.agent(4_500, 2, "And what?"), NOTHING);
    assert_eq!(call.says(5_000, "for two"), ["ask 3: And for two"], "the kept reply is never said");
    assert_eq!(call.agent(5_500, 3, "Twenty."), ["play 2: Twenty."]);
}
