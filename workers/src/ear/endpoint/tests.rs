//! When a speech begins and ends, in made-up time.

use super::*;

const PATIENCE: Patience = Patience { silence: Duration::from_millis(800), eager: false };

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn tell(input: Input) -> Do {
    Do::Tell(input)
}

fn over(text: &str) -> Do {
    tell(Input::SpeechFinal { text: text.into() })
}

/// With a recogniser that hears.
fn hearing(patience: Patience) -> Endpoint {
    let mut endpoint = Endpoint::new(patience);
    assert_eq!(endpoint.recogniser_is_new(), []);
    endpoint
}

#[test]
fn a_speech_is_over_after_the_silence_and_has_its_words() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    assert_eq!(endpoint.due(), None);
    assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted), Do::Begin]);
    assert_eq!(endpoint.partial("next"), [tell(Input::SpeechPartial { text: "next".into() })]);
    assert_eq!(endpoint.voice_paused(at), [tell(Input::VoicePaused), Do::Judge]);
    assert_eq!(endpoint.due(), Some(at + ms(800)));
    assert_eq!(endpoint.tick(at + ms(799)), []);
    assert_eq!(endpoint.tick(at + ms(800)), [Do::End]);
    assert_eq!(endpoint.words("next week"), [over("next week")]);
    assert_eq!(endpoint.due(), None);
}

#[test]
fn a_short_pause_ends_nothing() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    endpoint.voice_started();
    endpoint.voice_paused(at);
    assert_eq!(endpoint.voice_started(), []);
    assert_eq!(endpoint.due(), None);
    endpoint.voice_paused(at + ms(500));
    assert_eq!(endpoint.due(), Some(at + ms(1_300)));
}

#[test]
fn what_may_be_a_voice_holds_the_end_for_a_moment() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    endpoint.hold(at + ms(300));
    assert_eq!(endpoint.due(), None, "nobody speaks");
    endpoint.voice_started();
    endpoint.voice_paused(at);
    endpoint.hold(at + ms(700));
    assert_eq!(endpoint.due(), Some(at + ms(800)));
    endpoint.hold(at + ms(1_000));
    assert_eq!(endpoint.tick(at + ms(999)), []);
    assert_eq!(endpoint.tick(at + ms(1_000)), [Do::End]);
}

#[test]
fn a_model_shortens_or_lengthens_the_silence() {
    for (ended, over_after_ms) in [(0.9, 320), (0.5, 320), (0.3, 800), (0.1, 1_600)] {
        let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
        endpoint.voice_started();
        assert_eq!(endpoint.judged(ended), [], "nothing pauses");
        endpoint.voice_paused(at);
        assert_eq!(endpoint.judged(ended), []);
        assert_eq!(endpoint.due(), Some(at + ms(over_after_ms)), "{ended}");
    }
}

#[test]
fn an_eager_robot_has_the_words_before_the_silence_is_over_and_goes_on_with_them() {
    let patience = Patience { eager: true, ..PATIENCE };
    let (mut endpoint, at) = (hearing(patience), Instant::now());
    endpoint.voice_started();
    endpoint.voice_paused(at);
    assert_eq!(endpoint.judged(0.9), [Do::End]);
    let likely = |text: &str| tell(Input::LikelyOver { text: text.into() });
    assert_eq!(endpoint.words("I want"), [likely("I want")]);
    assert_eq!(endpoint.voice_started(), [Do::Begin]);
    let so_far = Input::SpeechPartial { text: "I want to".into() };
    assert_eq!(endpoint.partial("to"), [tell(so_far)]);
    endpoint.voice_paused(at + ms(900));
    assert_eq!(endpoint.judged(0.9), [Do::End]);
    assert_eq!(endpoint.words("to book"), [likely("I want to book")]);
    assert_eq!(endpoint.tick(at + ms(1_220)), [over("I want to book")]);
}

#[test]
fn words_that_come_too_late_are_nobody_elses() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    endpoint.voice_started();
    endpoint.partial("hello");
    endpoint.voice_paused(at);
    let silent = at + ms(800);
    assert_eq!(endpoint.tick(silent), [Do::End]);
    assert_eq!(endpoint.due(), Some(silent + RESULT_WAIT));
    assert_eq!(endpoint.tick(silent + RESULT_WAIT), [over("hello")]);
    endpoint.voice_started();
    assert_eq!(endpoint.words("hello there"), []);
    endpoint.voice_paused(silent + ms(20_000));
    assert_eq!(endpoint.tick(silent + ms(20_800)), [Do::End]);
    assert_eq!(endpoint.words("yes"), [over("yes")]);
}

#[test]
fn who_speaks_again_while_words_are_awaited_begins_a_speech_of_their_own() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    endpoint.voice_started();
    endpoint.voice_paused(at);
    endpoint.tick(at + ms(800));
    assert_eq!(endpoint.voice_started(), [Do::Begin]);
    assert_eq!(endpoint.partial("and"), [], "whose it is can't be told");
    assert_eq!(endpoint.voice_paused(at + ms(1_000)), []);
    assert_eq!(endpoint.words("one"), [over("one"), tell(Input::SpeechStarted)]);
    assert_eq!(endpoint.due(), Some(at + ms(1_800)));
    assert_eq!(endpoint.tick(at + ms(1_800)), [Do::End]);
    assert_eq!(endpoint.words("two"), [over("two")]);
}

#[test]
fn without_a_recogniser_speech_has_no_words_and_still_ends() {
    let (mut endpoint, at) = (Endpoint::new(PATIENCE), Instant::now());
    assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted)]);
    endpoint.voice_paused(at);
    assert_eq!(endpoint.tick(at + ms(800)), [over("")]);
}

#[test]
fn a_recogniser_that_dies_or_is_exchanged_holds_no_speech_up() {
    let (mut endpoint, at) = (hearing(PATIENCE), Instant::now());
    endpoint.voice_started();
    endpoint.partial("well");
    assert_eq!(endpoint.recogniser_is_new(), [Do::Begin], "the voice goes on");
    endpoint.voice_paused(at);
    endpoint.tick(at + ms(800));
    assert_eq!(endpoint.recogniser_is_gone(), [over("well")]);
    assert_eq!(endpoint.voice_started(), [tell(Input::SpeechStarted)]);
}
