//! espeak-ng, the program itself.

use std::sync::Arc;

use outbound::provider::LocalService;
use speech::espeak::Espeak;
use speech::synthesis::TEXT_MAX;
use speech::{SpeechWish, Synthesiser};

use crate::{contract, seconds, until, wish};

#[tokio::test]
async fn espeak_keeps_to_the_contract() {
    let espeak = Espeak::default().configured(&LocalService::default(), 20_000);
    contract::keeps(Arc::new(espeak), Some("")).await;
}

/// Processes of espeak-ng with this voice.
fn running(voice: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|byte| *byte == 0).any(|word| word == voice.as_bytes())).count()
}

#[tokio::test]
async fn a_text_is_heard_before_it_is_made_and_who_leaves_ends_its_process() {
    let text: String = "This takes long to speak. ".repeat(80).chars().take(TEXT_MAX).collect();
    // No other test has this voice.
    let long = SpeechWish { voice: "en-us+m7".into(), ..wish(&text) };
    let mut speech = Espeak::default().speak(&long).await.unwrap();
    let first = speech.next().await.unwrap().unwrap();
    assert!(seconds(&first) < 30.0, "the first piece is not all of it: {} s", seconds(&first));
    drop(speech);
    until("the process ends", || running("en-us+m7") == 0).await;
}
