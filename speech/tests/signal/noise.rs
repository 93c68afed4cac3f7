//! Noise suppression.

use dialog::robot::NoiseReduction;
use speech::signal::noise::NoiseFilter;

use crate::sounds::{RATE, SENTENCES, VOICES, babble, both, dbfs, frames, pink, say, silence};

const LEVELS: [NoiseReduction; 4] =
    [NoiseReduction::Low, NoiseReduction::Medium, NoiseReduction::High, NoiseReduction::VeryHigh];
/// The suppressor knows the background after this time.
const LEARNT: usize = 2 * RATE;

fn filtered(level: NoiseReduction, sound: &[i16]) -> Vec<i16> {
    let mut filter = NoiseFilter::new(level).expect("a filter");
    let mut out = Vec::new();
    for frame in frames(sound) {
        let mut frame = *frame;
        filter.filter(&mut frame);
        out.extend(frame);
    }
    out
}

/// Two seconds without speech, then people speak, one after another.
fn speech() -> Vec<i16> {
    let mut sound = silence(LEARNT);
    for (voice, sentence) in VOICES.iter().zip(SENTENCES) {
        sound.extend(say(voice, sentence));
        sound.extend(silence(RATE / 4));
    }
    sound
}

/// The places where frames of this sound have speech.
fn spoken(sound: &[i16]) -> Vec<usize> {
    let loud = |(n, frame): (usize, &[i16; 160])| (dbfs(frame) > -40.0).then_some(n * 160);
    frames(sound).enumerate().filter_map(loud).collect()
}

/// How loud the sound is at these places, when it is late by the filter's delay.
fn loudness_at(places: &[usize], sound: &[i16]) -> f64 {
    let late = |place: &usize| {
        let from = place + NoiseFilter::DELAY_SAMPLES;
        sound.get(from..from + 160).unwrap_or_default().to_vec()
    };
    dbfs(&places.iter().flat_map(late).collect::<Vec<_>>())
}

#[test]
fn without_noise_reduction_nothing_is_filtered() {
    assert!(NoiseFilter::new(NoiseReduction::Off).is_none());
}

#[test]
fn silence_stays_silence() {
    for level in LEVELS {
        assert!(filtered(level, &silence(RATE)).iter().all(|sample| *sample == 0), "{level:?}");
    }
}

#[test]
fn a_steady_noise_becomes_quieter_and_the_more_the_higher_the_level() {
    let noise = pink(6 * RATE, -30.0);
    let mut before = 0.0;
    for (level, least_db) in LEVELS.into_iter().zip([5.0, 9.0, 12.0, 14.0]) {
        let quieter = dbfs(&noise[LEARNT..]) - dbfs(&filtered(level, &noise)[LEARNT..]);
        eprintln!("{level:?}: noise is {quieter:.1} dB quieter");
        assert!(quieter > before && quieter >= least_db, "{level:?}: {quieter:.1} dB");
        before = quieter;
    }
}

#[test]
fn speech_stands_out_of_the_noise_more_than_before() {
    let clean = speech();
    let places = spoken(&clean);
    for (level, least_db) in LEVELS.into_iter().zip([4.0, 7.0, 9.0, 10.0]) {
        let noise = pink(clean.len(), -32.0);
        let out = filtered(level, &both(&clean, &noise));
        let pause = LEARNT - RATE / 2..LEARNT;
        let before = loudness_at(&places, &clean) - dbfs(&noise[pause.clone()]);
        let after = loudness_at(&places, &out) - dbfs(&out[pause]);
        eprintln!("{level:?}: speech over noise {before:.1} dB, then {after:.1} dB");
        assert!(after - before >= least_db, "{level:?}: {before:.1} dB, then {after:.1} dB");
    }
}

#[test]
fn speech_is_not_eaten() {
    let clean = speech();
    let places = spoken(&clean);
    for (level, most_db) in LEVELS.into_iter().zip([1.0, 1.5, 2.0, 2.5]) {
        let quiet_room = both(&clean, &pink(clean.len(), -60.0));
        let lost =
            loudness_at(&places, &clean) - loudness_at(&places, &filtered(level, &quiet_room));
        eprintln!("{level:?}: speech is {lost:.2} dB quieter");
        assert!(lost.abs() <= most_db, "{level:?}: {lost:.2} dB");
    }
}

#[test]
fn weak_syllables_are_quieter_at_every_level_and_still_heard() {
    let clean = speech();
    let weak = |frame: &[i16; 160]| (-40.0..-32.0).contains(&dbfs(frame));
    let places = frames(&clean).enumerate().filter(|(_, frame)| weak(frame));
    let places: Vec<usize> = places.map(|(n, _)| n * 160).collect();
    assert!(places.len() > 50, "{} frames", places.len());
    let quiet_room = both(&clean, &pink(clean.len(), -55.0));
    for level in LEVELS {
        let lost =
            loudness_at(&places, &clean) - loudness_at(&places, &filtered(level, &quiet_room));
        eprintln!("{level:?}: weak frames are {lost:.2} dB quieter");
        assert!(lost <= 6.0, "{level:?}: {lost:.2} dB");
    }
}

#[test]
fn a_room_of_people_is_turned_down_less_than_a_hall_and_the_customer_is_kept() {
    let clean = speech();
    let places = spoken(&clean);
    let room = babble(8, clean.len(), -36.0);
    for level in LEVELS {
        let out = filtered(level, &both(&clean, &room));
        let pause = LEARNT - RATE / 2..LEARNT;
        let quieter = dbfs(&room[pause.clone()]) - dbfs(&out[pause]);
        let lost = loudness_at(&places, &clean) - loudness_at(&places, &out);
        eprintln!("{level:?}: the room {quieter:.1} dB quieter, the customer {lost:.2} dB");
        assert!(quieter >= 2.0 && lost <= 2.0, "{level:?}: {quieter:.1} dB, {lost:.2} dB");
    }
}

#[test]
fn the_filtered_sound_is_late_by_what_is_told() {
    let clean = speech();
    for level in LEVELS {
        let out = filtered(level, &clean);
        let alike = |late: usize| -> i64 {
            out[late..].iter().zip(&clean).map(|(a, b)| i64::from(*a) * i64::from(*b)).sum()
        };
        let late = (0..400).max_by_key(|late| alike(*late)).unwrap();
        assert!(late.abs_diff(NoiseFilter::DELAY_SAMPLES) <= 1, "{level:?}: {late} samples");
    }
}

#[test]
fn two_calls_do_not_hear_each_other() {
    let (noise, person) = (pink(3 * RATE, -25.0), say("en-us", SENTENCES[0]));
    let mut one = NoiseFilter::new(NoiseReduction::High).expect("a filter");
    let mut other = NoiseFilter::new(NoiseReduction::High).expect("a filter");
    let mut heard = Vec::new();
    for (noise, person) in frames(&noise).zip(frames(&person)) {
        one.filter(&mut noise.to_owned());
        let mut person = *person;
        other.filter(&mut person);
        heard.extend(person);
    }
    assert_eq!(heard, filtered(NoiseReduction::High, &person[..heard.len()]));
}

#[test]
fn the_loudest_sound_does_not_wrap() {
    let loud: Vec<i16> = say("en-us", SENTENCES[1]).iter().map(|s| s.saturating_mul(20)).collect();
    let out = filtered(NoiseReduction::Low, &loud);
    let pairs = out[NoiseFilter::DELAY_SAMPLES..].iter().zip(&loud);
    let opposite = pairs.filter(|(a, b)| {
        a.unsigned_abs() > 20_000 && b.unsigned_abs() > 20_000 && (**a > 0) != (**b > 0)
    });
    let opposite = opposite.count();
    assert!(opposite * 100 < loud.len(), "{opposite} of {} samples", loud.len());
}
