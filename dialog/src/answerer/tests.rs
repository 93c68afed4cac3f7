//! The rules by themselves, and the test set: transcribed openings with their times, one a line.

mod openings;
mod properties;

use super::*;
use LineEvent::{Due, Final, Partial, RobotSpeaks, SpeechStarted, SpeechStopped, Tone};

/// What a detector finds in these events, driven at its own deadlines between them and to the end after them.
fn findings(events: &[(Millis, LineEvent<'_>)]) -> Vec<Finding> {
    findings_with(DetectionSettings::default(), events)
}

fn findings_with(settings: DetectionSettings, events: &[(Millis, LineEvent<'_>)]) -> Vec<Finding> {
    let mut detector = AnswererDetector::new(settings);
    let mut found = Vec::new();
    for (at_ms, event) in events {
        while let Some(due) = detector.deadline().filter(|due| due < at_ms) {
            found.extend(detector.judge(due, Due));
        }
        found.extend(detector.judge(*at_ms, *event));
    }
    while let Some(due) = detector.deadline() {
        found.extend(detector.judge(due, Due));
    }
    found
}

fn verdict(answerer: Answerer, at_ms: Millis) -> Finding {
    Finding::Verdict { answerer, at_ms }
}

fn message(cue: MessageCue, at_ms: Millis) -> Finding {
    Finding::LeaveMessage { cue, at_ms }
}

#[test]
fn hello_and_a_short_quiet_is_a_person() {
    let hello = [(700, SpeechStarted), (1_000, Partial("Hello?")), (1_200, SpeechStopped)];
    assert_eq!(findings(&hello), [verdict(Answerer::Person, 1_900)]);
    let with_final = [&hello[..], &[(1_500, Final("Hello?"))]].concat();
    assert_eq!(findings(&with_final), [verdict(Answerer::Person, 2_200)], "words count, too");
}

#[test]
fn a_voicemail_that_pauses_like_a_person_is_a_machine() {
    // 2.33 s of speech and 0.53 s of silence.
    let opening = [
        (400, SpeechStarted),
        (2_730, SpeechStopped),
        (3_000, Final("Hello, this is the Miller family.")),
        (3_260, SpeechStarted),
        (4_600, Partial("please leave a message")),
    ];
    assert_eq!(findings(&opening[..3]), [verdict(Answerer::Person, 6_000)], "if no more came");
    let found = [verdict(Answerer::Machine, 4_600), message(MessageCue::Deadline, 30_000)];
    assert_eq!(findings(&opening), found);
}

#[test]
fn nothing_is_known_of_a_silent_line() {
    assert_eq!(findings(&[]), [verdict(Answerer::Unknown, 6_000)]);
    assert_eq!(findings(&[(1_000, RobotSpeaks)]), [verdict(Answerer::Unknown, 6_000)]);
    assert_eq!(findings(&[(1_000, Tone)]), [verdict(Answerer::Unknown, 6_000)]);
    assert_eq!(findings(&[(1_000, Final("…"))]), [verdict(Answerer::Unknown, 6_000)]);
}

#[test]
fn words_that_are_cut_by_the_deadline_are_nobodys() {
    let talking = [(400, SpeechStarted), (4_000, Partial("this is the Miller family"))];
    assert_eq!(findings(&talking), [verdict(Answerer::Unknown, 6_000)]);
    for (stopped_at, answerer) in [(5_300, Answerer::Person), (5_301, Answerer::Unknown)] {
        let stopped = [&talking[..], &[(stopped_at, SpeechStopped)]].concat();
        assert_eq!(findings(&stopped), [verdict(answerer, 6_000)], "{stopped_at}");
    }
    let noisy = [(400, SpeechStarted), (4_000, Partial("hello?"))];
    assert_eq!(findings(&noisy), [verdict(Answerer::Person, 6_000)], "noise goes on behind it");
}

#[test]
fn a_name_and_a_beep_is_not_a_person_yet_hello_and_a_beep_is() {
    let name = [(500, SpeechStarted), (1_500, SpeechStopped), (1_700, Final("It's Jo."))];
    assert_eq!(findings(&name), [verdict(Answerer::Person, 6_000)]);
    let beep = [&name[..], &[(2_000, Tone)]].concat();
    assert_eq!(findings(&beep), [verdict(Answerer::Unknown, 6_000)]);
    let hello = [(500, SpeechStarted), (1_000, Final("hello")), (1_200, SpeechStopped)];
    let beep = [&hello[..], &[(1_500, Tone)]].concat();
    assert_eq!(findings(&beep), [verdict(Answerer::Person, 1_900)]);
}

#[test]
fn hints_wait_for_the_deadline_and_a_beep_makes_them_whole() {
    let both = [(2_000, Final("You have reached Karen, I am not available"))];
    let found = [verdict(Answerer::Machine, 6_000), message(MessageCue::Quiet, 6_000)];
    assert_eq!(findings(&both), found);
    let one = [(2_000, Final("You have reached Karen"))];
    assert_eq!(findings(&one), [verdict(Answerer::Unknown, 6_000)]);
    let beep = [one[0], (2_600, Tone)];
    let found = [verdict(Answerer::Machine, 2_600), message(MessageCue::Tone, 2_600)];
    assert_eq!(findings(&beep), found);
    let person = [(2_000, Final("You have reached Karen, how can I help you?"))];
    assert_eq!(findings(&person), [verdict(Answerer::Person, 6_000)], "one hint does not speak");
}

#[test]
fn later_words_correct_a_person_or_nobody_once() {
    let machine = Final("you have reached Bob, leave a message");
    let late = [(6_500, SpeechStarted), (8_000, machine), (9_000, Final("ai assistant"))];
    let unknown = verdict(Answerer::Unknown, 6_000);
    let corrected = |from, at_ms| Finding::Corrected { from, to: Answerer::Machine, at_ms };
    assert_eq!(findings(&late)[..2], [unknown, corrected(Answerer::Unknown, 8_000)]);
    assert_eq!(findings(&late).len(), 3, "and the message");
    let hello = [(500, Final("Hello!")), (2_000, SpeechStarted), (4_000, machine)];
    let person = verdict(Answerer::Person, 1_200);
    assert_eq!(findings(&hello)[..2], [person, corrected(Answerer::Person, 4_000)]);
    // Four points are enough against nobody, not against a person.
    let short = Final("leave a message");
    let found = findings(&[(500, Final("Hello!")), (2_000, SpeechStarted), (4_000, short)]);
    assert_eq!(found, [person]);
    let found = findings(&[(6_500, SpeechStarted), (8_000, short)]);
    assert_eq!(found[..2], [unknown, corrected(Answerer::Unknown, 8_000)]);
}

#[test]
fn a_correction_has_its_time_and_a_machine_none() {
    for (at_ms, count) in [(21_000, 3), (21_001, 1)] {
        let late = [(18_000, SpeechStarted), (at_ms, Final("leave a message after the tone"))];
        assert_eq!(findings(&late).len(), count, "{at_ms}");
    }
    let machine = [(1_000, Final("leave a message")), (2_000, Final("say your name and"))];
    let found = findings(&machine);
    assert_eq!(found[0], verdict(Answerer::Machine, 1_000));
    assert!(!found.iter().any(|finding| matches!(finding, Finding::Corrected { .. })));
    let person = [(1_000, Final("leave a message")), (1_500, Final("hello? who is this?"))];
    assert!(!findings(&person).contains(&verdict(Answerer::Person, 2_200)));
}

#[test]
fn what_the_robot_may_have_asked_for_takes_nobody_for_a_machine() {
    for words in [
        "I'm not available right now, please call back later",
        "are you a virtual assistant or what",
        "thanks for calling but I can't take your call",
        "你是不是智能助手",
    ] {
        let events = [(300, RobotSpeaks), (2_000, SpeechStarted), (3_900, Final(words))];
        let found = findings(&events);
        let person = matches!(
            found[..],
            [Finding::Verdict { answerer: Answerer::Person | Answerer::Unknown, .. }]
        );
        assert!(person, "{words}: {found:?}");
    }
}

#[test]
fn a_message_begins_at_the_beep_or_in_the_quiet_or_in_the_end() {
    let greeting = [(500, SpeechStarted), (2_000, Partial("please leave a message"))];
    let found = |more: &[(Millis, LineEvent<'_>)]| {
        let found = findings(&[&greeting[..], more].concat());
        assert_eq!(found[0], verdict(Answerer::Machine, 2_000));
        assert_eq!(found.len(), 2);
        found[1]
    };
    assert_eq!(found(&[]), message(MessageCue::Deadline, 30_000), "music without end");
    assert_eq!(found(&[(2_500, SpeechStopped)]), message(MessageCue::Quiet, 4_000));
    let goes_on = [(2_500, SpeechStopped), (3_999, SpeechStarted), (6_000, SpeechStopped)];
    assert_eq!(found(&goes_on), message(MessageCue::Quiet, 7_500));
    let beep = [(2_500, SpeechStopped), (3_900, Tone), (9_000, Tone)];
    assert_eq!(found(&beep), message(MessageCue::Tone, 3_900));
    assert_eq!(found(&[(28_600, SpeechStopped)]), message(MessageCue::Deadline, 30_000));
    assert_eq!(found(&[(28_499, SpeechStopped)]), message(MessageCue::Quiet, 29_999));
}

#[test]
fn nobody_but_a_machine_is_left_a_message() {
    for words in ["hello", "say your name and", "virtual assistant", "this is"] {
        let found = findings(&[(1_000, Final(words)), (1_200, Tone)]);
        assert!(!found.iter().any(|finding| matches!(finding, Finding::LeaveMessage { .. })));
    }
}

#[test]
fn an_event_that_comes_late_is_judged_after_the_deadlines_before_it() {
    let mut detector = AnswererDetector::new(DetectionSettings::default());
    let found = detector.judge(60_000, Final("leave a message"));
    assert_eq!(found, [verdict(Answerer::Unknown, 6_000)], "the time for corrections is over");
    let mut detector = AnswererDetector::new(DetectionSettings::default());
    detector.judge(500, Final("hello"));
    assert_eq!(detector.deadline(), Some(1_200));
    assert_eq!(detector.answerer(), None);
    assert_eq!(detector.judge(1_199, Due), []);
    assert_eq!(detector.judge(9_000, Due), [verdict(Answerer::Person, 1_200)]);
    assert_eq!((detector.deadline(), detector.answerer()), (None, Some(Answerer::Person)));
}

#[test]
fn the_deadline_comes_before_a_quiet_that_ends_with_it() {
    let settings = DetectionSettings { deadline_ms: 1_200, ..DetectionSettings::default() };
    let hello = [(500, Final("hello"))];
    assert_eq!(findings_with(settings, &hello), [verdict(Answerer::Person, 1_200)]);
    let settings = DetectionSettings { deadline_ms: 1_199, ..settings };
    assert_eq!(findings_with(settings, &hello), [verdict(Answerer::Person, 1_199)]);
}

#[test]
fn a_corrected_verdict_is_what_is_known() {
    let mut detector = AnswererDetector::new(DetectionSettings::default());
    detector.judge(7_000, Final("leave a message after the tone"));
    assert_eq!(detector.answerer(), Some(Answerer::Machine));
    assert_eq!(detector.deadline(), Some(8_500), "the message");
}

#[test]
fn a_time_that_goes_back_counts_as_the_last_one() {
    let mut detector = AnswererDetector::new(DetectionSettings::default());
    detector.judge(2_000, SpeechStarted);
    let found = detector.judge(1_000, Final("leave a message"));
    assert_eq!(found, [verdict(Answerer::Machine, 2_000)]);
}

#[test]
fn records_and_logs_have_words_for_all_of_it() {
    let words = Answerer::ALL.map(Answerer::word);
    assert_eq!(words, ["person", "machine", "assistant", "screening", "unknown"]);
    for answerer in Answerer::ALL {
        let json = serde_json::to_value(answerer).expect("a word");
        assert_eq!(json, serde_json::json!(answerer.word()));
    }
    let cues = [MessageCue::Tone, MessageCue::Quiet, MessageCue::Deadline];
    assert_eq!(cues.map(MessageCue::word), ["tone", "quiet", "deadline"]);
}
