//! What every synthesiser keeps to.

use std::sync::Arc;

use speech::synthesis::TEXT_MAX;
use speech::{SpeechError, SpeechWish, Synthesiser};

use crate::{heard, seconds, wish};

/// Samples of 20 ms.
const PIECE_SAMPLES_MIN: usize = 160;
/// Speech of a neural voice is longer or shorter each time.
const ALIKE: std::ops::RangeInclusive<f64> = 0.65..=1.5;

pub async fn keeps(synthesiser: Arc<dyn Synthesiser>, chinese: Option<&str>) {
    a_text_becomes_speech(&*synthesiser, &wish("Hello, this is the garage. Your car is ready."))
        .await;
    if let Some(voice) = chinese {
        let wish = SpeechWish {
            text: "您好，这里是客服中心。请问您现在方便吗？".into(),
            voice: voice.into(),
            language: "zh".into(),
        };
        a_text_becomes_speech(&*synthesiser, &wish).await;
    }
    what_has_no_words_is_silence_and_too_much_is_refused(&*synthesiser).await;
    many_at_a_time_do_not_mix(&synthesiser).await;
    who_leaves_takes_no_place_along(&*synthesiser).await;
}

async fn a_text_becomes_speech(synthesiser: &dyn Synthesiser, wish: &SpeechWish) {
    let mut speech = synthesiser.speak(wish).await.unwrap();
    let mut pieces = Vec::new();
    while let Some(piece) = speech.next().await {
        pieces.push(piece.unwrap());
    }
    let (last, others) = pieces.split_last().unwrap();
    assert!(others.iter().all(|piece| piece.len() >= PIECE_SAMPLES_MIN));
    assert!(!last.is_empty());
    let samples = pieces.concat();
    assert!((1.2..10.0).contains(&seconds(&samples)), "{} s", seconds(&samples));
    let loud: f64 = samples.iter().map(|sample| f64::from(sample.unsigned_abs())).sum();
    assert!(loud / samples.len() as f64 > 200.0);
}

async fn what_has_no_words_is_silence_and_too_much_is_refused(synthesiser: &dyn Synthesiser) {
    for text in ["", " ", "…", "?!"] {
        assert!(heard(synthesiser, &wish(text)).await.unwrap().is_empty(), "{text:?}");
    }
    let refused = heard(synthesiser, &wish(&"a".repeat(TEXT_MAX + 1))).await.unwrap_err();
    assert!(matches!(refused, SpeechError::TooLong(2_001)), "{refused}");
}

async fn many_at_a_time_do_not_mix(synthesiser: &Arc<dyn Synthesiser>) {
    let texts = [1, 3, 9].map(|times| "It is ready. ".repeat(times));
    let mut alone = Vec::new();
    for text in &texts {
        alone.push(seconds(&heard(&**synthesiser, &wish(text)).await.unwrap()));
    }
    let many: Vec<_> = (0..12)
        .map(|n| {
            let (synthesiser, wish) = (Arc::clone(synthesiser), wish(&texts[n % 3]));
            tokio::spawn(async move { heard(&*synthesiser, &wish).await })
        })
        .collect();
    for (n, one) in many.into_iter().enumerate() {
        let length = seconds(&one.await.unwrap().unwrap());
        assert!(ALIKE.contains(&(length / alone[n % 3])), "{length} s and {} s", alone[n % 3]);
    }
}

async fn who_leaves_takes_no_place_along(synthesiser: &dyn Synthesiser) {
    let long = wish(&"It is ready, and this goes on and on. ".repeat(20));
    for _ in 0..10 {
        let mut speech = synthesiser.speak(&long).await.unwrap();
        assert!(speech.next().await.unwrap().is_ok());
    }
    assert!(!heard(synthesiser, &wish("Hello.")).await.unwrap().is_empty());
}
