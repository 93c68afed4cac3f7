//! The moments at which something is decided, and what comes at an odd one.

use super::*;
use crate::robot::{Backchannel, Interruption};
use crate::transcript::EntryKind;

const NOTHING: [&str; 0] = [];

fn signs() -> TurnSettings {
    TurnSettings {
        backchannel: Backchannel { enabled: true, ..Backchannel::default() },
        ..TurnSettings::default()
    }
}

/// A robot that is asked at 1,000 and has been playing this answer since 3,000.
fn playing(answer: &str, turn: TurnSettings) -> Call {
    let mut call = Call::with_robot(turn);
    call.says(1_000, "tell me");
    call.agent(2_500, 1, answer);
    assert_eq!(call.starts(3_000, 1), NOTHING);
    call
}

fn history(outputs: &[Output]) -> Vec<&str> {
    let [Output::Ask(request)] = outputs else { panic!("{outputs:?}") };
    request.history.iter().map(|(_, text)| text.as_str()).collect()
}

#[test]
fn speech_stops_the_robot_once_it_has_been_long_enough() {
    let mut call = playing("The loan is for everyone who has an account.", TurnSettings::default());
    call.speech(4_000);
    assert_eq!(call.partial(4_300, "but how"), NOTHING, "too short yet");
    assert_eq!(call.partial(4_500, "but how"), ["stop 1"]);
}

#[test]
fn what_the_recogniser_corrects_to_a_filler_is_no_interruption() {
    let answer = "The loan is for everyone who has an account.";
    let heard = |last: &str| {
        let mut call = playing(answer, TurnSettings::default());
        call.speech(4_000);
        assert_eq!(call.partial(4_600, "but how"), ["stop 1"]);
        call.stopped(4_650, 1, 720);
        call.says(5_000, last)
    };
    assert_eq!(heard("uh"), ["play 2: for everyone who has an account."]);
    assert_eq!(heard("pardon"), ["ask 2: pardon"], "one word is few, and no filler");
    assert_eq!(heard("but how much"), ["ask 2: but how much"]);
    assert_eq!(heard("stop"), ["ask 2: stop"]);
}

#[test]
fn a_filler_on_the_list_of_words_that_stop_does_stop() {
    let allow_list = ["yes".to_owned()].into();
    let interruption = Interruption { allow_list, ..Interruption::default() };
    let turn = TurnSettings { interruption, ..TurnSettings::default() };
    let mut call = playing("The loan is for everyone who has an account.", turn);
    call.speech(4_000);
    assert_eq!(call.partial(4_100, "yes"), ["stop 1"]);
    call.stopped(4_150, 1, 1_150);
    assert_eq!(call.says(4_400, "yes"), ["ask 2: yes"]);
}

#[test]
fn who_spoke_first_is_answered_after_the_robot() {
    for (speech_at, outputs) in [(2_999, &["ask 2: pardon"][..]), (3_000, &[]), (3_001, &[])] {
        let mut call = Call::with_robot(TurnSettings::default());
        call.says(1_000, "tell me");
        call.agent(2_500, 1, "The loan is for everyone.");
        let mut events =
            [(3_000, Input::PlaybackStarted { utterance: 1 }), (speech_at, Input::SpeechStarted)];
        events.sort_by_key(|(at, _)| *at);
        for (at, input) in events {
            assert_eq!(call.at(at, input), NOTHING);
        }
        assert_eq!(call.says(3_400, "pardon"), NOTHING, "too few words to stop the robot");
        assert_eq!(call.ends(5_000, 1), outputs, "{speech_at}");
    }
}

#[test]
fn a_stopped_robot_waits_for_words_at_least_until_they_are_known() {
    for (end_of_speech_ms, due) in [(1_500, 6_600), (1_501, 6_601), (3_000, 8_100)] {
        let turn = TurnSettings { end_of_speech_ms, ..TurnSettings::default() };
        let mut call = playing("The loan is for everyone who has an account.", turn);
        call.speech(4_000);
        assert_eq!(call.partial(4_600, "but how"), ["stop 1"]);
        assert_eq!(call.tick().0, due, "{end_of_speech_ms}");
    }
}

#[test]
fn words_in_a_pause_at_the_end_of_a_reply_end_the_pause() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    assert_eq!(call.agent(1_500, 1, "{wait 20s}"), NOTHING);
    assert_eq!(call.says(5_000, "hello there, anyone"), ["ask 2: hello there, anyone"]);
    assert_eq!(call.agent(5_500, 2, "Here I am."), ["play 1: Here I am."]);
}

#[test]
fn a_partial_without_words_takes_nothing_back() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "how much");
    call.speech(1_200);
    assert_eq!(call.partial(1_300, ""), NOTHING);
    assert_eq!(call.partial(1_400, "is it"), ["cancel 1"]);
}

#[test]
fn speech_that_is_never_ended_is_taken_as_it_was_last_heard() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.speech(1_000);
    call.partial(2_000, "hello there");
    assert_eq!(call.tick(), (32_000, vec!["ask 1: hello there".into()]));
}

#[test]
fn a_reply_waits_three_seconds_for_a_noise_to_become_speech() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(2_000, "how much");
    call.speech(2_200);
    assert_eq!(call.agent(2_500, 1, "Ten."), NOTHING);
    assert_eq!(call.agent(2_600, 1, "Eleven."), NOTHING, "answered already");
    assert_eq!(call.at(2_700, Input::AgentFailed { request: 1, why: Failure::Failed }), NOTHING);
    assert_eq!(call.tick(), (5_200, vec!["play 1: Ten.".into()]));
    assert_eq!(call.over(6_000).turns, 1);
}

#[test]
fn pieces_that_stay_apart_are_answered_while_the_next_is_spoken() {
    let turn = TurnSettings { accumulation: false, ..TurnSettings::default() };
    let mut call = Call::with_robot(turn);
    call.says(2_000, "how much");
    call.speech(2_200);
    assert_eq!(call.agent(2_500, 1, "Ten."), ["play 1: Ten."]);
}

#[test]
fn nothing_is_asked_again_while_the_customer_speaks() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "hello there");
    call.speech(1_200);
    assert_eq!(
        call.at(1_400, Input::AgentFailed { request: 7, why: Failure::Failed }),
        NOTHING,
        "was never asked"
    );
    assert_eq!(call.at(1_500, Input::AgentFailed { request: 1, why: Failure::Failed }), NOTHING);
    assert_eq!(call.says(2_000, ""), ["ask 2: hello there"]);
}

#[test]
fn the_log_tells_what_was_put_together_only_when_something_was() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "I want");
    call.says(1_500, "to ask");
    call.says(2_000, "the price");
    let log = call.over(3_000).log;
    let whole = log.iter().filter(|entry| entry.kind == EntryKind::Accumulated);
    let whole: Vec<&str> = whole.map(|entry| entry.detail.as_str()).collect();
    assert_eq!(whole, ["I want to ask", "I want to ask the price"]);
}

#[test]
fn no_sign_is_given_over_another_nor_in_a_pause_of_the_robot() {
    let mut call = Call::with_robot(signs());
    call.speech(1_000);
    call.partial(4_000, "my mother bought");
    assert_eq!(call.tick(), (5_000, vec!["play 1: Mm-hmm".into()]));
    call.starts(5_050, 1);
    call.partial(8_000, "my mother bought a car");
    assert_eq!(call.tick(), (9_000, Vec::new()), "the line is at the first one still");
    call.ends(9_100, 1);
    call.partial(12_000, "my mother bought a car and");
    assert_eq!(call.tick(), (13_000, vec!["play 2: Okay".into()]));
    call.plays(2, 13_050, 13_500);
    let text = "my mother bought a car and it is broken".to_owned();
    let outputs = call.conversation.handle(14_000, Input::SpeechFinal { text });
    assert!(history(&outputs).is_empty(), "signs are no part of what was said");

    let mut call = Call::with_robot(signs());
    call.says(1_000, "go on");
    assert_eq!(call.agent(1_500, 1, "{wait 20s}Done."), NOTHING);
    call.speech(2_000);
    call.partial(5_500, "uh");
    assert_eq!(call.tick(), (6_000, Vec::new()));
}

#[test]
fn the_line_says_how_far_a_stopped_text_came() {
    let mut call = playing("The loan is for everyone who has an account.", TurnSettings::default());
    call.starts(3_500, 1);
    call.speech(3_600);
    assert_eq!(call.partial(4_200, "but how"), ["stop 1"]);
    call.stopped(4_300, 1, 1_260);
    let text = "but how much".to_owned();
    let outputs = call.conversation.handle(5_000, Input::SpeechFinal { text });
    assert_eq!(history(&outputs), ["tell me", "The loan is for…"], "told once, as it was stopped");
    let report = call.over(6_000);
    let line = &report.transcript[1];
    assert_eq!((&*line.text, line.start_ms), ("The loan is for…", 3_000));
    assert_eq!((line.heard_ms, line.end_ms), (Some(1_260), 4_260));
    let starts = report.log.iter().filter(|entry| entry.kind == EntryKind::PlaybackStart);
    assert_eq!(starts.count(), 1, "it began once");
}

#[test]
fn a_text_that_was_played_to_its_end_was_heard_from_when_it_was_asked_for_at_least() {
    let mut call = Call::with_robot(TurnSettings::default());
    call.says(1_000, "tell me");
    call.agent(2_500, 1, "The loan is for everyone.");
    call.ends(4_000, 1);
    let line = &call.over(5_000).transcript[1];
    assert_eq!((line.start_ms, line.heard_ms), (2_500, Some(1_500)));
}

#[test]
fn a_playback_is_given_up_fifteen_seconds_after_three_times_its_length() {
    for (starts, due) in [(None, 16_080), (Some(700), 16_780)] {
        let nodes = vec![("hello", play("Hello.", None))];
        let mut call = Call::new(published(nodes, robot("", TurnSettings::default())), &[]);
        call.at(0, Input::Answered);
        if let Some(at) = starts {
            call.starts(at, 1);
        }
        assert_eq!(call.tick(), (due, vec!["stop 1".into(), "hang up".into()]));
    }
}

#[test]
fn a_key_pressed_to_a_robot_ends_the_silence() {
    let mut call = Call::with_robot(TurnSettings::default());
    assert_eq!(call.at(5_000, Input::Digit('1')), NOTHING);
    assert_eq!(call.tick(), (13_000, vec!["play 1: Are you still there?".into()]));
}

#[test]
fn a_menu_waits_from_the_end_of_its_prompt() {
    let menu = NodeKind::Menu {
        prompt: "Press 1.".into(),
        sound: None,
        choices: BTreeMap::from([("1".into(), "menu".into())]),
        wait_ms: 5_000,
        retries: 2,
        otherwise: None,
    };
    let content = published(vec![("menu", menu)], robot("", TurnSettings::default()));
    let mut call = Call::new(content, &[]);
    call.at(0, Input::Answered);
    assert_eq!(call.plays(1, 1_000, 7_000), NOTHING);
    assert_eq!(call.tick(), (12_000, vec!["play 2: Press 1.".into()]));
    assert_eq!(call.plays(2, 12_100, 13_000), NOTHING);
    assert_eq!(call.at(14_000, Input::Digit('9')), ["play 3: Press 1."]);
    assert_eq!(call.plays(3, 14_100, 15_000), NOTHING);
    assert_eq!(call.tick(), (20_000, vec!["hang up".into()]));
}
