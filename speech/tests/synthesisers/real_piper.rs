//! Piper itself, as `scripts/setup tests` installs it.

use std::path::Path;
use std::sync::Arc;

use outbound::provider::LocalService;
use speech::synthesisers::piper::{Piper, PiperProcesses, PiperProgram};
use speech::{SpeechError, Synthesiser};

use crate::{contract, rest, seconds, wish};

/// A machine that builds and tests other things may take long to load a voice.
const TIMEOUT_MS: u32 = 120_000;

fn piper() -> Piper {
    let tools = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tools/piper");
    let program = PiperProgram { python: tools.join("bin/python"), voices: tools.join("voices") };
    assert!(program.python.exists(), "Piper is missing: run `scripts/setup tests`");
    Piper::new(&PiperProcesses::new(program), &LocalService::default(), TIMEOUT_MS)
}

#[tokio::test]
async fn piper_itself_keeps_to_the_contract() {
    // There is no Chinese voice of it that may be fetched from a package registry.
    contract::keeps(Arc::new(piper()), None).await;
}

#[tokio::test]
async fn the_first_sentence_is_heard_while_the_others_are_made() {
    let text = "This is a sentence of some length, to be spoken. ".repeat(12);
    let piper = piper();
    let mut speech = piper.speak(&wish(&text)).await.unwrap();
    let first = speech.next().await.unwrap().unwrap();
    let all = first.len() + rest(speech).await.unwrap().len();
    assert!(all > 12 * 8_000, "{all}");
    assert!(seconds(&first) < 5.0, "{}", seconds(&first));
}

#[tokio::test]
async fn a_language_that_no_voice_has_goes_to_the_next_provider() {
    let error = piper().speak(&wish("您好")).await.unwrap_err();
    assert!(matches!(error, SpeechError::Failed(_)), "{error}");
}
