//! Piper's processes, with a stand-in of Piper: what becomes of them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use outbound::provider::LocalService;
use speech::synthesisers::piper::{PROCESSES_MAX, Piper, PiperProcesses, PiperProgram};
use speech::{SpeechError, SpeechWish, Synthesiser};
use tempfile::TempDir;

use crate::{contract, heard, rest, seconds, until, wish};

/// A folder of voices, and a program that speaks with them.
struct Voices {
    folder: TempDir,
    program: PiperProgram,
}

impl Voices {
    fn new(voices: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        for voice in voices {
            std::fs::write(folder.path().join(format!("{voice}.onnx")), "").unwrap();
        }
        let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stand_ins/piper.py");
        let program = PiperProgram { python: stand_in, voices: folder.path().to_owned() };
        Self { folder, program }
    }

    fn piper(&self) -> Piper {
        Piper::new(&PiperProcesses::new(self.program.clone()), &LocalService::default(), 20_000)
    }

    /// What the processes wrote down that begins with this word.
    fn log(&self, word: &str) -> Vec<String> {
        let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
        log.lines().filter(|line| line.starts_with(word)).map(str::to_owned).collect()
    }

    /// Processes that were started and are still there.
    fn alive(&self) -> usize {
        let started = self.log("started");
        let pids = started.iter().filter_map(|line| line.split(' ').nth(1));
        let state = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/stat"));
        // What waits to be reaped is not alive.
        pids.filter(|pid| state(pid).is_ok_and(|state| !state.contains(") Z "))).count()
    }
}

#[tokio::test]
async fn piper_keeps_to_the_contract_with_a_few_processes() {
    let voices = Voices::new(&["en_US-a", "zh_CN-b"]);
    contract::keeps(Arc::new(voices.piper()), Some("")).await;
    assert!(voices.alive() <= PROCESSES_MAX, "{}", voices.alive());
}

#[tokio::test]
async fn a_process_speaks_many_texts_and_ends_with_its_owner() {
    let voices = Voices::new(&["en_US-a"]);
    let piper = voices.piper();
    for characters in 1..20 {
        let samples = heard(&piper, &wish(&"a".repeat(characters))).await.unwrap();
        assert!((seconds(&samples) - 0.06 * characters as f64).abs() < 0.001);
        let level = i16::try_from(characters * 100).unwrap();
        assert!((samples[samples.len() / 2] - level).abs() <= 2);
    }
    assert_eq!(voices.log("started").len(), 1);
    assert_eq!(voices.alive(), 1);
    drop(piper);
    until("the process ends", || voices.alive() == 0).await;
}

#[tokio::test]
async fn a_text_that_nobody_hears_any_more_is_stopped_and_its_process_speaks_the_next() {
    let voices = Voices::new(&["en_US-a"]);
    let piper = voices.piper();
    let mut speech = piper.speak(&wish("long text")).await.unwrap();
    assert!(speech.next().await.unwrap().is_ok());
    drop(speech);
    until("the text is stopped", || voices.log("stopped").len() == 1).await;
    let samples = heard(&piper, &wish("Hello")).await.unwrap();
    assert!((samples[samples.len() / 2] - 500).abs() <= 2, "nothing of the text before");
    assert!(voices.log("started").len() <= 2);
}

#[tokio::test]
async fn a_listener_who_is_slow_does_not_keep_a_process() {
    let voices = Voices::new(&["en_US-a"]);
    let piper = voices.piper();
    let mut unheard = Vec::new();
    for _ in 0..PROCESSES_MAX * 3 {
        let text = wish(&"a".repeat(300));
        let speech = tokio::time::timeout(Duration::from_secs(20), piper.speak(&text)).await;
        unheard.push(speech.unwrap().unwrap());
    }
    for speech in unheard {
        assert!((seconds(&rest(speech).await.unwrap()) - 18.0).abs() < 0.01);
    }
}

#[tokio::test]
async fn a_process_at_fault_is_an_error_and_replaced() {
    let voices = Voices::new(&["en_US-a"]);
    let piper = voices.piper();
    for (text, why) in [
        ("crash now", "ended"),
        ("rubbish now", "something else than speech"),
        ("fail now", "ValueError"),
        ("silent now", "no sound"),
    ] {
        let error = heard(&piper, &wish(text)).await.unwrap_err();
        assert!(matches!(error, SpeechError::Failed(_)), "{text}: {error}");
        assert!(error.to_string().contains(why) && !error.to_string().contains("now"), "{error}");
        assert!(!heard(&piper, &wish("Hello")).await.unwrap().is_empty(), "after {text}");
    }
    // A text that fails leaves its process well, two faults end theirs.
    assert_eq!(voices.log("started").len(), 3);
}

#[tokio::test]
async fn a_process_that_hangs_is_given_up_in_time_and_ended() {
    let voices = Voices::new(&["en_US-a"]);
    let processes = PiperProcesses::new(voices.program.clone());
    let impatient = Piper::new(&processes, &LocalService::default(), 300);
    let patient = Piper::new(&processes, &LocalService::default(), 20_000);
    heard(&patient, &wish("Hello")).await.unwrap();
    let error = heard(&impatient, &wish("hang")).await.unwrap_err();
    assert!(matches!(error, SpeechError::TimedOut), "{error}");
    until("the one that hangs is ended", || voices.alive() == 0).await;
    assert!(!heard(&patient, &wish("Hello")).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_voice_that_takes_longer_to_load_than_a_caller_waits_is_there_for_the_next() {
    let voices = Voices::new(&["en_US-slow"]);
    let processes = PiperProcesses::new(voices.program.clone());
    let impatient = Piper::new(&processes, &LocalService::default(), 300);
    let error = impatient.speak(&wish("Hello")).await.unwrap_err();
    assert!(matches!(error, SpeechError::TimedOut), "{error}");
    until("the voice is loaded", || voices.log("ready").len() == 1).await;
    let patient = Piper::new(&processes, &LocalService::default(), 20_000);
    heard(&patient, &wish("Hello")).await.unwrap();
    assert_eq!(voices.log("started").len(), 1);
}

#[tokio::test]
async fn a_process_without_a_text_ends_after_a_while() {
    let voices = Voices::new(&["en_US-a"]);
    let processes = PiperProcesses::resting(voices.program.clone(), Duration::from_millis(200));
    let piper = Piper::new(&processes, &LocalService::default(), 20_000);
    for started in 1..=2 {
        heard(&piper, &wish("Hello")).await.unwrap();
        assert_eq!(voices.log("started").len(), started);
        until("the process ends", || voices.alive() == 0).await;
    }
}

#[tokio::test]
async fn more_voices_than_places_take_turns() {
    let names: Vec<String> = (0..PROCESSES_MAX + 2).map(|n| format!("en_US-{n}")).collect();
    let voices = Voices::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let piper = voices.piper();
    for voice in names.iter().chain(&names) {
        let wish = SpeechWish { voice: voice.clone(), ..wish("Hello") };
        assert!(!heard(&piper, &wish).await.unwrap().is_empty());
    }
    until("the others have ended", || voices.alive() <= PROCESSES_MAX).await;
}

#[tokio::test]
async fn the_voice_is_the_wished_one_or_the_configured_one_or_one_of_the_language() {
    let voices = Voices::new(&["en_US-a", "en_GB-b", "zh_CN-c", "fr_FR-d"]);
    let configured = LocalService { voice: Some("fr_FR-d".into()) };
    for (service, voice, language, text, used) in [
        (LocalService::default(), "", "", "Hello", "en_GB-b"),
        (LocalService::default(), "", "zh", "Hello", "zh_CN-c"),
        (LocalService::default(), "", "", "您好", "zh_CN-c"),
        (LocalService::default(), "en_US-a", "zh", "Hello", "en_US-a"),
        (configured, "", "en", "Hello", "fr_FR-d"),
    ] {
        let processes = PiperProcesses::new(voices.program.clone());
        let piper = Piper::new(&processes, &service, 20_000);
        let [text, voice, language] = [text, voice, language].map(str::to_owned);
        heard(&piper, &SpeechWish { text, voice, language }).await.unwrap();
        let started = voices.log("started");
        assert!(started.last().unwrap().ends_with(&format!("{used}.onnx")), "{started:?}");
    }
    for (voice, language) in [("../en_US-a", ""), ("nobody", ""), ("", "de")] {
        let [voice, language] = [voice, language].map(str::to_owned);
        let refused = SpeechWish { voice, language, ..wish("Hello") };
        let error = heard(&voices.piper(), &refused).await.unwrap_err();
        assert!(matches!(error, SpeechError::Failed(_)), "{error}");
    }
}

#[tokio::test]
async fn without_piper_or_with_a_broken_one_the_error_says_what_to_install() {
    let mut voices = Voices::new(&["en_US-a", "en_US-broken"]);
    let broken = SpeechWish { voice: "en_US-broken".into(), ..wish("Hello") };
    let error = heard(&voices.piper(), &broken).await.unwrap_err();
    assert!(error.to_string().contains("piper-tts"), "{error}");
    voices.program.python = PathBuf::from("/nowhere/bin/python");
    let error = heard(&voices.piper(), &wish("Hello")).await.unwrap_err();
    assert!(error.to_string().contains("pip install piper-tts"), "{error}");
    voices.program.voices = PathBuf::from("/nowhere");
    let error = heard(&voices.piper(), &wish("Hello")).await.unwrap_err();
    assert!(error.to_string().contains(".onnx"), "{error}");
}
