//! Real speech to the real program: voices of espeak-ng, as a telephone carries them.

use std::time::Duration;

use speech::recognisers::pocketsphinx::Pocketsphinx;
use speech::recognisers::segments::{Interim, Segments, Transcriber};
use speech::recognition::{FRAME_SAMPLES, Frame, Recognised, RecognitionSpec};
use speech::{Recogniser, SpeechError, SpeechWish, Synthesiser, espeak::Espeak};

const VOICES: [&str; 3] = ["en-us", "en-us+f3", "en-gb-scotland"];
const SENTENCES: [&str; 12] = [
    "yes",
    "no",
    "call me back later",
    "not interested",
    "stop",
    "goodbye",
    "how much does it cost",
    "tell me more",
    "yes please",
    "i have a question about my bill",
    "please repeat that",
    "cancel my appointment",
];
/// What the machine may take for one speech, also when it has other things to do.
const PATIENCE_MS: u32 = 30_000;

async fn said(text: &str, voice: &str) -> Vec<i16> {
    let wish = SpeechWish { text: text.into(), voice: voice.into(), ..SpeechWish::default() };
    let mut stream = Espeak::default().speak(&wish).await.unwrap();
    // Voice activity has some silence around the words.
    let mut samples = vec![0; 2_400];
    while let Some(piece) = stream.next().await {
        samples.extend_from_slice(&piece.unwrap());
    }
    samples.extend([0; 2_400]);
    samples
}

fn spec(phrases: &[&str]) -> RecognitionSpec {
    let phrases = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
    RecognitionSpec { language: "en".into(), phrases, ..RecognitionSpec::default() }
}

#[tokio::test]
async fn closed_sentences_are_understood_from_several_voices() {
    let program = Pocketsphinx::new(PATIENCE_MS);
    let spec = spec(&SENTENCES);
    let mut wrong = Vec::new();
    for voice in VOICES {
        for sentence in SENTENCES {
            let heard = program.transcribe(&said(sentence, voice).await, &spec).await.unwrap();
            if heard != sentence {
                wrong.push(format!("{voice}: {sentence:?} was heard as {heard:?}"));
            }
        }
    }
    let all = VOICES.len() * SENTENCES.len();
    println!("right {} of {all} sentences", all - wrong.len());
    assert!(wrong.len() * 10 <= all, "{wrong:#?}");
}

#[tokio::test]
async fn a_call_hears_its_speeches_in_order_and_silence_as_nothing() {
    let recogniser = Segments::new(Pocketsphinx::new(PATIENCE_MS), Interim::Skipped);
    let mut call = recogniser.open(&spec(&SENTENCES)).await.unwrap();
    let silence: Frame = [0; FRAME_SAMPLES];
    for sentence in ["tell me more", "", "yes please"] {
        call.begin();
        let samples =
            if sentence.is_empty() { vec![0; 8_000] } else { said(sentence, "en-us").await };
        for frame in samples.as_chunks::<FRAME_SAMPLES>().0 {
            call.hear(frame);
        }
        call.end();
        call.hear(&silence);
    }
    for sentence in ["tell me more", "", "yes please"] {
        assert_eq!(call.next().await.unwrap(), Recognised::Final { text: sentence.into() });
    }
}

#[tokio::test]
async fn nothing_is_heard_where_no_phrase_is_known() {
    let program = Pocketsphinx::new(PATIENCE_MS);
    let samples = said("yes", "en-us").await;
    for phrases in [&[][..], &["Callwright", "挂断"]] {
        assert_eq!(program.transcribe(&samples, &spec(phrases)).await.unwrap(), "");
    }
}

#[tokio::test]
async fn a_program_that_does_not_answer_in_time_is_ended() {
    let program = Pocketsphinx::new(1);
    let samples = said("how much does it cost", "en-us").await;
    let spec = spec(&SENTENCES);
    let late = program.transcribe(&samples, &spec);
    let error = tokio::time::timeout(Duration::from_secs(5), late).await.unwrap().unwrap_err();
    assert!(matches!(error, SpeechError::TimedOut), "{error}");
}
