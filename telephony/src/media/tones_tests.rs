use super::*;
use crate::media::Codec;

/// A sound: frequencies (none: silence) and milliseconds.
type Stretch<'a> = (&'a [f64], usize);

/// The stretches over and over for so many seconds, through A-law as the network sends them.
fn heard(stretches: &[Stretch<'_>], seconds: usize, amplitude: f64) -> Vec<Tone> {
    let mut samples = vec![0; 1_234];
    'all: loop {
        for (frequencies, ms) in stretches {
            for at in 0..ms * 8 {
                let turn = |hz: &f64| (hz * std::f64::consts::TAU * at as f64 / 8_000.0).sin();
                let sum: f64 = frequencies.iter().map(turn).sum();
                let noise = f64::from((samples.len() * 7_919 % 61) as u8) - 30.0;
                samples.push((sum * amplitude + noise) as i16);
                if samples.len() == seconds * 8_000 {
                    break 'all;
                }
            }
        }
    }
    let mut detector = ToneDetector::default();
    samples
        .chunks_exact(FRAME_SAMPLES)
        .filter_map(|chunk| {
            let law = |sample: i16| Codec::Pcma.decode(Codec::Pcma.encode(sample));
            let frame: Frame = std::array::from_fn(|at| law(chunk[at]));
            detector.hear(&frame)
        })
        .collect()
}

#[test]
fn each_countrys_tones_say_what_they_mean() {
    let tones: [(&str, &[Stretch<'_>], Tone); 15] = [
        ("busy, China", &[(&[450.0], 350), (&[], 350)], Tone::Busy),
        ("busy, America", &[(&[480.0, 620.0], 500), (&[], 500)], Tone::Busy),
        ("busy, Europe", &[(&[425.0], 500), (&[], 500)], Tone::Busy),
        ("busy, Britain", &[(&[400.0], 375), (&[], 375)], Tone::Busy),
        ("congestion, China", &[(&[450.0], 700), (&[], 700)], Tone::Congestion),
        ("congestion, America", &[(&[480.0, 620.0], 250), (&[], 250)], Tone::Congestion),
        ("congestion, Europe", &[(&[425.0], 200), (&[], 200)], Tone::Congestion),
        ("ringback, China", &[(&[450.0], 1_000), (&[], 4_000)], Tone::Ringback),
        ("ringback, America", &[(&[440.0, 480.0], 2_000), (&[], 4_000)], Tone::Ringback),
        ("ringback, Europe", &[(&[425.0], 1_000), (&[], 4_000)], Tone::Ringback),
        (
            "ringback, Britain",
            &[(&[400.0, 450.0], 400), (&[], 200), (&[400.0, 450.0], 400), (&[], 2_000)],
            Tone::Ringback,
        ),
        ("dial tone, China", &[(&[450.0], 60_000)], Tone::Dial),
        ("dial tone, America", &[(&[350.0, 440.0], 60_000)], Tone::Dial),
        ("dial tone, Europe", &[(&[425.0], 60_000)], Tone::Dial),
        (
            "special information",
            &[(&[950.0], 330), (&[1_400.0], 330), (&[1_800.0], 330), (&[], 30_000)],
            Tone::SpecialInformation,
        ),
    ];
    for (name, stretches, tone) in tones {
        for amplitude in [400.0, 4_000.0, 12_000.0] {
            assert_eq!(heard(stretches, 12, amplitude), [tone], "{name} at {amplitude}");
        }
    }
}

#[test]
fn special_information_of_another_spelling_is_heard() {
    let spelling: [Stretch<'_>; 4] =
        [(&[985.2], 276), (&[1_370.6], 380), (&[1_776.7], 380), (&[], 9_000)];
    assert_eq!(heard(&spelling, 6, 5_000.0), [Tone::SpecialInformation]);
}

#[test]
fn ringing_that_turns_busy_is_told_twice() {
    let mut detector = ToneDetector::default();
    let mut told = Vec::new();
    let mut play = |hz: f64, ms: usize| {
        for from in (0..ms * 8).step_by(FRAME_SAMPLES) {
            let sample = |at: usize| {
                (hz * std::f64::consts::TAU * (from + at) as f64 / 8_000.0).sin() * 5_000.0
            };
            told.extend(detector.hear(&std::array::from_fn(|at| sample(at) as i16)));
        }
    };
    for (on_ms, off_ms) in [(1_000, 4_000), (1_000, 4_000), (340, 360), (360, 340), (340, 360)] {
        play(450.0, on_ms);
        play(0.0, off_ms);
    }
    play(450.0, 100);
    assert_eq!(told, [Tone::Ringback, Tone::Busy]);
}

#[test]
fn speech_and_music_are_no_tones() {
    // Syllables: a pitch of 120 Hz and its harmonics, which glide, with pauses as in speech.
    let mut detector = ToneDetector::default();
    let mut phase = 0.0_f64;
    for frame in 0..1_500_usize {
        let syllable = frame / 9;
        let loud = if syllable % 5 == 4 { 0.0 } else { 1.0 };
        let pitch = 100.0 + (syllable * 37 % 90) as f64;
        let samples: Frame = std::array::from_fn(|_| {
            phase += pitch * std::f64::consts::TAU / 8_000.0;
            let sum: f64 = (1..12)
                .map(|harmonic| (phase * f64::from(harmonic)).sin() / f64::from(harmonic))
                .sum();
            (sum * 6_000.0 * loud) as i16
        });
        assert_eq!(detector.hear(&samples), None, "frame {frame}");
    }
    let melody: [Stretch<'_>; 4] =
        [(&[523.0, 659.0], 300), (&[587.0, 880.0], 300), (&[784.0], 600), (&[880.0], 300)];
    assert_eq!(heard(&melody, 20, 4_000.0), []);
}
