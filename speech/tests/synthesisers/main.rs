//! Whoever speaks, as a call hears it: programs and stand-ins of services, right and at fault.

#![allow(clippy::unwrap_used)]

mod contract;
mod espeak;
mod openai;
#[path = "../stand_ins/openai_speech.rs"]
mod openai_speech;
mod piper;
mod real_piper;

use std::time::Duration;

use speech::{SpeechError, SpeechWish, SpokenStream, Synthesiser};

fn wish(text: &str) -> SpeechWish {
    SpeechWish { text: text.into(), ..SpeechWish::default() }
}

/// All samples, or the first error.
async fn heard(synthesiser: &dyn Synthesiser, wish: &SpeechWish) -> Result<Vec<i16>, SpeechError> {
    rest(synthesiser.speak(wish).await?).await
}

async fn rest(mut speech: SpokenStream) -> Result<Vec<i16>, SpeechError> {
    let mut samples = Vec::new();
    while let Some(piece) = speech.next().await {
        samples.extend_from_slice(&piece?);
    }
    Ok(samples)
}

fn seconds(samples: &[i16]) -> f64 {
    samples.len() as f64 / f64::from(speech::synthesis::RATE)
}

/// Wait for something of another process, which tells nobody.
async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..2_000 {
        if holds() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it does not come: {what}");
}
