//! Speech over the network, with a stand-in of the service.

use std::sync::Arc;
use std::time::{Duration, Instant};

use outbound::provider::VoiceService;
use outbound::secret::Secret;
use speech::synthesisers::openai::OpenaiSpeech;
use speech::{Reach, SpeechError, SpeechWish, Synthesiser};

use crate::openai_speech::{Behaviour, OpenaiSpeech as Server};
use crate::{contract, heard, rest, seconds, wish};

const KEY: &str = "sk-very-secret";

fn speaking(server: &Server, timeout_ms: u32) -> OpenaiSpeech {
    let service = VoiceService {
        url: server.url.clone(),
        key: Some(Secret::new(KEY)),
        model: "m".into(),
        voice: "alloy".into(),
        pcm_rate: 24_000,
    };
    OpenaiSpeech::new(&service, timeout_ms, Reach::new(&["127.0.0.1".into()]).unwrap())
}

#[tokio::test]
async fn the_service_keeps_to_the_contract() {
    for behaviour in [Behaviour::Speaks, Behaviour::SpeaksWav] {
        let server = Server::start(behaviour).await;
        contract::keeps(Arc::new(speaking(&server, 20_000)), Some("")).await;
        server.open(0).await;
    }
}

#[tokio::test]
async fn it_is_asked_as_the_reference_has_it_with_the_wished_voice_or_the_configured_one() {
    let server = Server::start(Behaviour::Speaks).await;
    let speaking = speaking(&server, 20_000);
    heard(&speaking, &wish("Hi")).await.unwrap();
    heard(&speaking, &SpeechWish { voice: "eva".into(), ..wish("Hi") }).await.unwrap();
    for (asked, voice) in server.asked().iter().zip(["alloy", "eva"]) {
        assert_eq!(asked.authorization, format!("Bearer {KEY}"));
        let right = serde_json::json!({
            "model": "m", "voice": voice, "input": "Hi", "response_format": "pcm",
        });
        assert_eq!(asked.body, right);
    }
}

#[tokio::test]
async fn a_hundred_calls_at_a_time_hear_each_its_own_words() {
    let server = Server::start(Behaviour::Speaks).await;
    let speaking = Arc::new(speaking(&server, 30_000));
    let calls: Vec<_> = (1..=100)
        .map(|characters| {
            let speaking = Arc::clone(&speaking);
            tokio::spawn(async move { heard(&*speaking, &wish(&"a".repeat(characters))).await })
        })
        .collect();
    for (call, characters) in calls.into_iter().zip(1..) {
        let samples = call.await.unwrap().unwrap();
        assert_eq!(samples.len(), characters * 480);
        let level = i16::try_from(characters * 100).unwrap();
        let middle = &samples[100..samples.len() - 100];
        assert!(middle.iter().all(|sample| (sample - level).abs() <= 2), "{characters}");
    }
}

#[tokio::test]
async fn the_first_samples_are_heard_before_the_last_are_made() {
    let server = Server::start(Behaviour::SpeaksInTwoParts).await;
    let mut speech = speaking(&server, 20_000).speak(&wish("Hello, Anna.")).await.unwrap();
    let first = speech.next().await.unwrap().unwrap();
    assert!(seconds(&first) < 0.4);
    server.open(1).await;
    server.go_on();
    let all = first.len() + rest(speech).await.unwrap().len();
    assert_eq!(all, 12 * 480);
}

#[tokio::test]
async fn who_leaves_closes_the_connection_before_and_after_the_first_sample() {
    let server = Server::start(Behaviour::NeverAnswers).await;
    let speaking_never = speaking(&server, 20_000);
    let waiting = tokio::spawn(async move { heard(&speaking_never, &wish("Hello")).await });
    server.open(1).await;
    waiting.abort();
    server.open(0).await;
    for behaviour in [Behaviour::Stalls, Behaviour::Endless] {
        let server = Server::start(behaviour).await;
        let mut speech = speaking(&server, 20_000).speak(&wish("Hello")).await.unwrap();
        assert!(speech.next().await.unwrap().is_ok());
        server.open(1).await;
        drop(speech);
        server.open(0).await;
    }
}

#[tokio::test]
async fn a_service_that_is_too_slow_to_begin_is_given_up_in_time() {
    for behaviour in [Behaviour::NeverAnswers, Behaviour::AnswersNothing, Behaviour::Trickles] {
        let server = Server::start(behaviour).await;
        let began = Instant::now();
        let error = speaking(&server, 300).speak(&wish("Hello")).await.unwrap_err();
        assert!(matches!(error, SpeechError::TimedOut), "{behaviour:?}: {error}");
        assert!(began.elapsed() < Duration::from_secs(5), "{behaviour:?}");
        server.open(0).await;
    }
}

#[tokio::test]
async fn a_service_that_refuses_or_sends_rubbish_is_an_error_that_quotes_nothing() {
    for (behaviour, why) in [
        (Behaviour::Status(401), "key"),
        (Behaviour::Status(404), ""),
        (Behaviour::Status(429), ""),
        (Behaviour::Status(500), ""),
        (Behaviour::Json, "something else than PCM"),
        (Behaviour::Mp3, "MP3"),
        (Behaviour::Silent, "no sound"),
    ] {
        let server = Server::start(behaviour).await;
        let error = speaking(&server, 20_000).speak(&wish("Hello Anna")).await.unwrap_err();
        let told = format!("{error} {error:?}");
        assert!(matches!(error, SpeechError::Failed(_)), "{told}");
        assert!(told.contains(why), "{told}");
        assert!(!told.contains(KEY) && !told.contains("Anna") && !told.contains("127."), "{told}");
    }
    let mut nobody = Server::start(Behaviour::Speaks).await;
    nobody.url = "http://127.0.0.1:1/v1".into();
    let error = speaking(&nobody, 20_000).speak(&wish("Hello")).await.unwrap_err();
    assert!(!error.to_string().contains("127."), "{error}");
}

#[tokio::test]
async fn a_fault_in_the_middle_ends_what_is_heard_with_an_error() {
    for behaviour in [Behaviour::Closes, Behaviour::Endless] {
        let server = Server::start(behaviour).await;
        let mut speech = speaking(&server, 20_000).speak(&wish("Hello, Anna.")).await.unwrap();
        let mut samples = 0;
        let error = loop {
            match speech.next().await.unwrap() {
                Ok(piece) => samples += piece.len(),
                Err(error) => break error,
            }
        };
        assert!(samples > 0 && samples <= 600 * 8_000);
        assert!(matches!(error, SpeechError::Failed(_)), "{error}");
        assert!(speech.next().await.is_none());
        server.open(0).await;
    }
}

#[tokio::test]
async fn a_service_that_stalls_in_the_middle_is_given_up() {
    let server = Server::start(Behaviour::Stalls).await;
    let mut speech = speaking(&server, 20_000).speak(&wish("Hello, Anna.")).await.unwrap();
    // What is there is heard first; from then on only time passes.
    let stalled = async {
        while let Some(piece) = speech.next().await {
            if let Err(error) = piece {
                return Some(error);
            }
        }
        None
    };
    let error = tokio::time::timeout(Duration::from_secs(15), stalled).await.unwrap();
    assert!(matches!(error, Some(SpeechError::TimedOut)), "{error:?}");
    server.open(0).await;
}

#[tokio::test]
async fn an_address_in_the_operators_network_is_not_asked() {
    let server = Server::start(Behaviour::Speaks).await;
    let service = VoiceService {
        url: server.url.clone(),
        key: None,
        model: "m".into(),
        voice: "v".into(),
        pcm_rate: 24_000,
    };
    let closed = OpenaiSpeech::new(&service, 5_000, Reach::new(&[]).unwrap());
    let error = closed.speak(&wish("Hello")).await.unwrap_err();
    assert!(matches!(error, SpeechError::NotAllowed(_)), "{error}");
    assert!(server.asked().is_empty());
}
