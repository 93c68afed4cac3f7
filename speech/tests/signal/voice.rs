//! The check that somebody speaks.

use speech::signal::voice::{SPEECH_MIN, VoiceCheck};
use speech::signal::{ModelError, Models};

use crate::models;
use crate::sounds::{
    RATE, SENTENCES, VOICES, Vowels, babble, both, clicks, frames, keys, music, pink, say, silence,
    tones,
};

/// The probabilities of all windows, and after how many samples it was confirmed first.
fn heard(sound: &[i16]) -> (Vec<f32>, Option<usize>) {
    let mut check = VoiceCheck::new(models());
    let (mut windows, mut confirmed) = (Vec::new(), None);
    for (n, frame) in frames(sound).enumerate() {
        windows.extend(check.hear(frame).unwrap());
        if check.confirms() {
            confirmed.get_or_insert((n + 1) * frame.len());
        }
    }
    (windows, confirmed)
}

/// How long after the beginning of each thing that is said it was confirmed, in milliseconds, sorted.
fn delays_ms(words: &[&str], line: impl Fn(usize) -> Vec<i16>) -> Vec<usize> {
    let mut delays = Vec::new();
    for (n, words) in words.iter().enumerate() {
        for voice in &VOICES[..3] {
            // Windows are 32 ms, so speech begins at another place in one each time.
            let lead = RATE + n * 37;
            let sound = [silence(lead), say(voice, words), silence(RATE / 4)].concat();
            let (_, confirmed) = heard(&both(&sound, &line(sound.len())));
            let confirmed = confirmed.unwrap_or_else(|| panic!("{words} by {voice}: never"));
            assert!(confirmed > lead, "{words} by {voice}: before it was said");
            delays.push((confirmed - lead) * 1_000 / RATE);
        }
    }
    delays.sort_unstable();
    delays
}

#[test]
fn a_person_who_speaks_is_confirmed_within_200_ms() {
    let words =
        [&SENTENCES[..], &["Stop, stop.", "No, no, no.", "Wait a moment.", "Yes, hello?"]].concat();
    for (line, dbfs) in [("a quiet line", -65.0), ("a noisy line", -38.0)] {
        let delays = delays_ms(&words, |samples| pink(samples, dbfs));
        eprintln!("{line}: {delays:?}");
        let within = delays.iter().filter(|ms| **ms <= 200).count();
        assert!(within * 10 >= delays.len() * 9, "{line}: {delays:?}");
        assert!(delays.iter().all(|ms| *ms <= 260), "{line}: {delays:?}");
    }
}

#[test]
fn a_person_who_is_already_speaking_is_confirmed_within_200_ms() {
    for voice in VOICES {
        let sound = say(voice, SENTENCES[2]);
        let (_, confirmed) = heard(&sound[RATE / 3..]);
        let ms = confirmed.unwrap_or_else(|| panic!("{voice}: never")) * 1_000 / RATE;
        assert!(ms <= 200, "{voice}: {ms} ms");
    }
}

#[test]
fn what_is_no_person_confirms_nothing() {
    let samples = 8 * RATE;
    for (what, sound) in [
        ("silence", silence(samples)),
        ("a hall", pink(samples, -20.0)),
        ("a quiet hall", pink(samples, -40.0)),
        ("a tone of the network", tones(&[425.0], samples, -15.0)),
        ("a key that is held", tones(&[770.0, 1_336.0], samples, -12.0)),
        ("keys", keys(samples, -15.0)),
        ("clicks", clicks(samples)),
        ("music", music(samples, -15.0)),
        ("a room full of people", babble(16, samples, -25.0)),
    ] {
        let (windows, confirmed) = heard(&sound);
        let most = windows.iter().copied().fold(0.0, f32::max);
        eprintln!("{what}: at most {most:.2}");
        assert_eq!(windows.len(), samples / 256, "{what}");
        assert!(confirmed.is_none() && most < SPEECH_MIN, "{what}: {most}");
    }
}

#[test]
fn people_in_the_background_confirm_nothing_when_they_are_quieter_than_50_db() {
    for people in [1, 2, 4, 8] {
        for dbfs in [-56.0, -65.0] {
            let (_, confirmed) = heard(&babble(people, 8 * RATE, dbfs));
            assert_eq!(confirmed, None, "{people} people at {dbfs} dB");
        }
    }
    let near = heard(&babble(1, 8 * RATE, -30.0));
    assert!(near.1.is_some(), "a person near the telephone");
}

/// Every sixth window, by `reference.py`.
#[test]
fn fixed_sounds_are_heard_as_by_the_original() {
    let one = Vowels { seconds: 1.5, pitch: (140.0, 90.0), syllables: 6.0, pause: 2_400 };
    let other = Vowels { seconds: 3.0, pitch: (200.0, 150.0), syllables: 12.0, pause: 1_600 };
    for (vowels, expected) in [
        (
            one,
            &[
                0.0045, 0.0028, 0.2619, 0.3128, 0.3740, 0.1363, 0.0288, 0.0332, 0.0206, 0.0102,
                0.0027,
            ][..],
        ),
        (
            other,
            &[
                0.0045, 0.0028, 0.3087, 0.4094, 0.1705, 0.1039, 0.0277, 0.0333, 0.0167, 0.0095,
                0.0112, 0.0217, 0.0125, 0.0026, 0.0080, 0.0040, 0.0258, 0.0052, 0.0014,
            ],
        ),
    ] {
        let (windows, _) = heard(&vowels.samples());
        let sixth: Vec<f32> = windows.into_iter().skip(5).step_by(6).collect();
        assert_eq!(sixth.len(), expected.len());
        for (probability, expected) in sixth.iter().zip(expected) {
            assert!((probability - expected).abs() < 1e-3, "{vowels:?}: {sixth:?}");
        }
    }
}

#[test]
fn it_is_confirmed_no_more_soon_after_the_person_has_stopped() {
    let sound = [say("en-us", SENTENCES[0]), silence(RATE)].concat();
    let mut check = VoiceCheck::new(models());
    let ever = frames(&sound).fold(false, |ever, frame| {
        check.hear(frame).unwrap();
        ever || check.confirms()
    });
    assert!(ever && !check.confirms());
}

#[test]
fn two_calls_do_not_hear_each_other() {
    let person = say("en-us", SENTENCES[3]);
    let (mut one, mut other) = (VoiceCheck::new(models()), VoiceCheck::new(models()));
    let mut windows = Vec::new();
    for frame in frames(&person) {
        windows.extend(one.hear(frame).unwrap());
        let nobody = other.hear(&[0; 160]).unwrap();
        assert!(nobody.is_none_or(|probability| probability < 0.1));
    }
    assert_eq!(windows, heard(&person).0);
}

#[test]
fn after_a_reset_it_is_as_new() {
    let person = say("en-us", SENTENCES[4]);
    let mut check = VoiceCheck::new(models());
    for frame in frames(&person) {
        check.hear(frame).unwrap();
    }
    check.reset();
    assert!(!check.confirms());
    let again: Vec<f32> = frames(&person).filter_map(|frame| check.hear(frame).unwrap()).collect();
    assert_eq!(again, heard(&person).0);
}

#[test]
fn a_folder_without_models_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let error = Models::load(folder.path()).unwrap_err();
    assert!(matches!(error, ModelError::Missing { .. }), "{error}");
    assert!(error.to_string().contains("silero_vad_op18_ifless.onnx"), "{error}");
}

#[test]
fn a_file_that_is_no_model_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("silero_vad_op18_ifless.onnx"), b"no model").unwrap();
    let error = Models::load(folder.path()).unwrap_err();
    assert!(matches!(error, ModelError::Unusable { .. }), "{error}");
}
