use super::super::persona::persona;
use super::*;

const OPENING: &str = "Good morning, this is the garage, I am calling about your appointment tomorrow \
                       at ten in the morning, does that still suit you?";

/// What is noticed of a customer until nothing more is due, at most `until` ms.
fn watch(customer: &mut Customer, until: u64) -> Vec<(u64, Deed)> {
    let mut seen = Vec::new();
    while customer.due().is_some_and(|due| due <= until) {
        let (at, deed) = customer.act().unwrap();
        let over = deed == Some(Deed::HangsUp);
        seen.extend(deed.map(|deed| (at, deed)));
        if over {
            break;
        }
    }
    seen
}

fn finals(seen: &[(u64, Deed)]) -> Vec<&str> {
    let text = |(_, deed): &'_ (u64, Deed)| match deed {
        Deed::Heard(Input::SpeechFinal { text }) => Some(text.clone()),
        _ => None,
    };
    seen.iter().filter_map(text).map(|text| &*text.leak()).collect()
}

fn starts(seen: &[(u64, Deed)]) -> Vec<u64> {
    let started = |deed: &Deed| *deed == Deed::Heard(Input::SpeechStarted);
    seen.iter().filter(|(_, deed)| started(deed)).map(|(at, _)| *at).collect()
}

#[test]
fn a_polite_customer_lets_the_robot_finish_and_answers() {
    let mut customer = Customer::answers(persona("polite"), 1_000);
    customer.hear(1_100, 1, OPENING.to_owned());
    let seen = watch(&mut customer, 10_000);
    let end = 1_100 + spoken_ms(OPENING);
    assert_eq!(seen[0], (1_100, Deed::Heard(Input::PlaybackStarted { utterance: 1 })));
    assert_eq!(seen[1], (end, Deed::Heard(Input::PlaybackFinished { utterance: 1 })));
    assert_eq!(starts(&seen), [end + 700]);
    assert_eq!(finals(&seen), ["Yes, that works for me."]);
}

#[test]
fn partial_results_grow_into_the_final_one() {
    let mut customer = Customer::answers(persona("polite"), 0);
    customer.hear(0, 1, OPENING.to_owned());
    let partials: Vec<String> = watch(&mut customer, 10_000)
        .into_iter()
        .filter_map(|(_, deed)| match deed {
            Deed::Heard(Input::SpeechPartial { text }) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(partials, ["Yes, that", "Yes, that works for", "Yes, that works for me."]);
}

#[test]
fn the_robots_silence_ends_what_is_said() {
    for (end_of_speech_ms, whole) in [
        (500, &["I want to ask…", "uh… about you…", "what is the current interest rate?"][..]),
        (1_199, &["I want to ask…", "uh… about you…", "what is the current interest rate?"]),
        (1_200, &["I want to ask… uh… about you… what is the current interest rate?"]),
    ] {
        let mut customer = Customer::answers(persona("asks_in_pieces"), 0);
        customer.listen(end_of_speech_ms);
        customer.hear(0, 1, "Good morning, how can I help you?".to_owned());
        let seen = watch(&mut customer, 15_000);
        assert_eq!(finals(&seen), whole, "{end_of_speech_ms}");
        assert_eq!(starts(&seen).len(), whole.len(), "one beginning for each end");
        let last = seen.iter().rev().find_map(|(at, deed)| match deed {
            Deed::Heard(Input::SpeechPartial { text }) if text.ends_with("rate?") => Some(*at),
            _ => None,
        });
        let ended = seen.iter().rev().find_map(|(at, deed)| {
            matches!(deed, Deed::Heard(Input::SpeechFinal { .. })).then_some(*at)
        });
        assert_eq!(ended, last.map(|at| at + end_of_speech_ms));
    }
}

#[test]
fn a_sign_of_listening_is_not_answered() {
    let mut customer = Customer::answers(persona("asks_in_pieces"), 0);
    customer.hear(0, 1, "Good morning.".to_owned());
    let begun = customer.due().unwrap();
    let mut seen = watch(&mut customer, begun + 2_000);
    // It begins while the customer speaks, and ends when they have nothing more to say.
    customer.hear(begun + 4_000, 2, ["mm-hmm"; 40].join(" "));
    seen.extend(watch(&mut customer, begun + 15_000));
    assert_eq!(finals(&seen).len(), 3, "{seen:?}");
    customer.hear(begun + 15_000, 3, "Our rate is three percent. Goodbye.".to_owned());
    assert_eq!(finals(&watch(&mut customer, begun + 30_000)), ["Thank you, bye."]);
}

#[test]
fn the_last_words_before_a_hang_up_are_heard() {
    let mut customer = Customer::answers(persona("polite"), 0);
    customer.listen(5_000);
    customer.hear(0, 1, "Good bye.".to_owned());
    let seen = watch(&mut customer, 10_000);
    let [.., (said, Deed::Heard(Input::SpeechFinal { text })), (left, Deed::HangsUp)] = &seen[..]
    else {
        panic!("{seen:?}")
    };
    assert_eq!((text.as_str(), said), ("Thank you, goodbye.", left));
}

#[test]
fn an_impatient_customer_speaks_into_the_opening_and_a_stop_tells_what_was_played() {
    let mut customer = Customer::answers(persona("impatient"), 0);
    customer.hear(0, 1, OPENING.to_owned());
    let seen = watch(&mut customer, 2_000);
    assert_eq!(starts(&seen), [1_400]);
    customer.stop(2_000, 1);
    let seen = watch(&mut customer, 2_000);
    let stopped = Input::PlaybackStopped { utterance: 1, played_ms: 2_000 };
    assert_eq!(seen, [(2_000, Deed::Heard(stopped))]);
    let seen = watch(&mut customer, 9_000);
    assert_eq!(finals(&seen), ["Wait, who is calling please?"]);
}

#[test]
fn a_hesitant_customer_speaks_in_fragments() {
    let mut customer = Customer::answers(persona("hesitant"), 0);
    customer.hear(0, 1, OPENING.to_owned());
    let seen = watch(&mut customer, 15_000);
    assert_eq!(finals(&seen), ["Well, I think", "the appointment", "is fine for me, yes."]);
    let starts = starts(&seen);
    assert!(starts.is_sorted_by(|a, b| a + 900 < *b), "{starts:?}");
}

#[test]
fn an_attentive_customer_murmurs_and_still_answers() {
    let mut customer = Customer::answers(persona("attentive"), 0);
    customer.hear(0, 1, OPENING.to_owned());
    let seen = watch(&mut customer, 15_000);
    assert_eq!(finals(&seen), ["mm-hmm", "Yes, I will be there in time."]);
    assert_eq!(starts(&seen)[0], 1_800);
}

#[test]
fn who_hangs_up_in_the_opening_does_so_two_seconds_into_it() {
    let mut customer = Customer::answers(persona("hangs_up_in_opening"), 500);
    customer.hear(700, 1, OPENING.to_owned());
    let seen = watch(&mut customer, 60_000);
    assert_eq!(seen.last(), Some(&(2_700, Deed::HangsUp)));
    assert!(finals(&seen).is_empty());
}

#[test]
fn a_text_that_follows_at_once_puts_the_answer_off() {
    let mut customer = Customer::answers(persona("polite"), 0);
    customer.hear(0, 1, "Good morning.".to_owned());
    customer.hear(10, 2, "Are you coming to your appointment?".to_owned());
    let seen = watch(&mut customer, 8_000);
    assert_eq!(finals(&seen), ["Yes, that works for me."]);
    let second = spoken_ms("Good morning.");
    assert!(seen.contains(&(second, Deed::Heard(Input::PlaybackStarted { utterance: 2 }))));
}

#[test]
fn a_text_stopped_before_its_turn_was_not_played() {
    let mut customer = Customer::answers(persona("silent"), 0);
    customer.hear(0, 1, "One.".to_owned());
    customer.hear(0, 2, "Two.".to_owned());
    customer.stop(10, 2);
    let seen = watch(&mut customer, 60_000);
    assert!(
        seen.contains(&(10, Deed::Heard(Input::PlaybackStopped { utterance: 2, played_ms: 0 })))
    );
    assert!(!seen.contains(&(160, Deed::Heard(Input::PlaybackStarted { utterance: 2 }))));
}

#[test]
fn silence_on_both_sides_ends_patience_but_never_that_of_the_silent() {
    let mut customer = Customer::answers(persona("polite"), 0);
    assert_eq!(watch(&mut customer, 60_000), [(20_000, Deed::HangsUp)]);
    let mut customer = Customer::answers(persona("silent"), 0);
    customer.hear(0, 1, OPENING.to_owned());
    assert_eq!(watch(&mut customer, u64::MAX).len(), 2);
}

#[test]
fn keys_are_pressed_when_asked_for() {
    let mut customer = Customer::answers(persona("presses_keys"), 0);
    customer.hear(0, 1, "Please press 1 for yes.".to_owned());
    let pressed = Deed::Heard(Input::Digit('1'));
    assert!(watch(&mut customer, 10_000).iter().any(|(_, deed)| *deed == pressed));
}

#[test]
fn no_more_texts_wait_than_fit_the_playlist() {
    let mut customer = Customer::answers(persona("silent"), 0);
    for utterance in 0..400 {
        customer.hear(0, utterance, "Hello.".to_owned());
    }
    let seen = watch(&mut customer, u64::MAX);
    let stopped =
        |deed: &Deed| matches!(deed, Deed::Heard(Input::PlaybackStopped { played_ms: 0, .. }));
    assert_eq!(seen.iter().filter(|(_, deed)| stopped(deed)).count(), 400 - PLAYLIST_MAX - 1);
}
