//! What every provider that hears must keep to, against its stand-in.

use std::sync::Arc;
use std::time::Duration;

use outbound::provider::{ModelService, PlainService};
use outbound::secret::Secret;
use speech::recognisers::deepgram::Deepgram;
use speech::recognisers::funasr::Funasr;
use speech::recognisers::openai::OpenaiTranscriber;
use speech::recognisers::segments::{Interim, Segments};
use speech::recognition::{FRAME_SAMPLES, Recognised, Recognition, RecognitionSpec};
use speech::{Reach, Recogniser, SpeechError};
use tokio::time::timeout;

use crate::stand_ins::{Fault, StandIn};

const PATIENCE_MS: u32 = 3_000;
/// Within it a test's answer comes, or something is wrong.
const LONG: Duration = Duration::from_secs(20);
const SECRET: &str = "secret-key";

#[derive(Debug, Clone, Copy)]
enum Provider {
    Openai,
    Deepgram,
    Funasr,
}

const ALL: [Provider; 3] = [Provider::Openai, Provider::Deepgram, Provider::Funasr];

fn recogniser(provider: Provider, stand_in: &StandIn) -> Arc<dyn Recogniser> {
    let reach = Reach::new(&["127.0.0.1".into()]).unwrap();
    let key = Some(Secret::new(SECRET));
    let model = |scheme: &str| ModelService {
        url: format!("{scheme}://{}/v1", where_it_is(stand_in, scheme)),
        key: key.clone(),
        model: "nova-3".into(),
        language: Some("en".into()),
    };
    match provider {
        Provider::Openai => Arc::new(Segments::new(
            OpenaiTranscriber::new(&model("http"), PATIENCE_MS, reach),
            Interim::Wanted,
        )),
        Provider::Deepgram => Arc::new(Deepgram::new(&model("ws"), PATIENCE_MS, reach)),
        Provider::Funasr => {
            let url = format!("ws://{}/funasr", stand_in.sockets);
            let service = PlainService { url, key: key.clone() };
            Arc::new(Funasr::new(&service, PATIENCE_MS, reach))
        }
    }
}

fn where_it_is<'a>(stand_in: &'a StandIn, scheme: &str) -> &'a str {
    if scheme == "ws" { &stand_in.sockets } else { &stand_in.address }
}

fn spec() -> RecognitionSpec {
    let phrases = vec!["call back".into()];
    RecognitionSpec { phrases, ..RecognitionSpec::default() }
}

async fn open(recogniser: &dyn Recogniser) -> Result<Box<dyn Recognition>, SpeechError> {
    timeout(LONG, recogniser.open(&spec())).await.unwrap()
}

/// Each number is said for half a second.
fn say(call: &mut dyn Recognition, numbers: &[i16]) {
    for number in numbers {
        for _ in 0..25 {
            call.hear(&[*number; FRAME_SAMPLES]);
        }
    }
}

async fn next(call: &mut dyn Recognition) -> Result<Recognised, SpeechError> {
    timeout(LONG, call.next()).await.unwrap()
}

/// The partial results up to the final one, and that.
async fn finished(call: &mut dyn Recognition) -> (Vec<String>, String) {
    let mut partials = Vec::new();
    loop {
        match next(call).await.unwrap() {
            Recognised::Partial { text } => partials.push(text),
            Recognised::Final { text } => return (partials, text),
        }
    }
}

#[tokio::test]
async fn a_speech_has_partial_results_and_then_one_final_one() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        say(&mut *call, &[0]);
        call.begin();
        say(&mut *call, &[1, 2]);
        let partial = next(&mut *call).await.unwrap();
        assert!(matches!(partial, Recognised::Partial { .. }), "{provider:?}: {partial:?}");
        say(&mut *call, &[3, 0]);
        call.end();
        let (_, text) = finished(&mut *call).await;
        assert_eq!(text, "one two three", "{provider:?}");
        // Nothing more comes of it.
        assert!(timeout(Duration::from_millis(100), call.next()).await.is_err(), "{provider:?}");
    }
}

#[tokio::test]
async fn speeches_that_end_before_their_results_come_are_neither_lost_nor_doubled() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        for number in 1..=4 {
            say(&mut *call, &[0]);
            call.begin();
            say(&mut *call, &[number]);
            call.end();
        }
        for word in ["one", "two", "three", "four"] {
            assert_eq!(finished(&mut *call).await.1, word, "{provider:?}");
        }
    }
}

#[tokio::test]
async fn silence_alone_gives_nothing_and_a_speech_without_words_an_empty_result() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        say(&mut *call, &[0, 5, 0]);
        assert!(timeout(Duration::from_millis(100), call.next()).await.is_err(), "{provider:?}");
        call.begin();
        say(&mut *call, &[0]);
        call.end();
        let result = next(&mut *call).await.unwrap();
        assert_eq!(result, Recognised::Final { text: String::new() }, "{provider:?}");
    }
}

#[tokio::test]
async fn what_was_heard_just_before_belongs_to_the_speech() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        say(&mut *call, &[4]);
        call.begin();
        say(&mut *call, &[5]);
        call.end();
        assert_eq!(finished(&mut *call).await.1, "four five", "{provider:?}");
    }
}

#[tokio::test]
async fn calls_never_hear_each_other() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let calls = (0..30_i16).map(|at| {
            let recogniser = Arc::clone(&recogniser);
            tokio::spawn(async move {
                let mut call = open(&*recogniser).await.unwrap();
                let number = at % 9 + 1;
                call.begin();
                say(&mut *call, &[number]);
                call.end();
                let (_, text) = finished(&mut *call).await;
                (number, text)
            })
        });
        let words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        for call in calls.collect::<Vec<_>>() {
            let (number, text) = call.await.unwrap();
            assert_eq!(text, words[number as usize - 1], "{provider:?}");
        }
    }
}

#[tokio::test]
async fn a_call_that_is_over_closes_its_connection() {
    for provider in ALL {
        let stand_in = StandIn::start(Fault::Silent).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        call.begin();
        say(&mut *call, &[1]);
        call.end();
        // The request of the speech is on its way.
        assert!(timeout(Duration::from_millis(300), call.next()).await.is_err(), "{provider:?}");
        drop(call);
        timeout(LONG, stand_in.closed()).await.unwrap();
    }
}

#[tokio::test]
async fn every_fault_ends_as_an_error_that_quotes_nothing() {
    let faults = [
        Fault::Silent,
        Fault::Rubbish,
        Fault::Closes,
        Fault::Status(401),
        Fault::Status(429),
        Fault::Status(500),
    ];
    for provider in ALL {
        for fault in faults {
            let stand_in = StandIn::start(fault).await;
            let recogniser = recogniser(provider, &stand_in);
            let error = match open(&*recogniser).await {
                Err(error) => error,
                Ok(mut call) => {
                    call.begin();
                    say(&mut *call, &[1]);
                    call.end();
                    let error = next(&mut *call).await.unwrap_err();
                    // Nothing comes any more.
                    next(&mut *call).await.unwrap_err();
                    error
                }
            };
            let quoted = error.to_string();
            let clean = !quoted.contains(SECRET) && !quoted.contains("html");
            assert!(clean, "{provider:?} {fault:?}: {quoted}");
            let late = matches!(error, SpeechError::TimedOut);
            assert_eq!(late, fault == Fault::Silent, "{provider:?} {fault:?}: {quoted}");
        }
    }
}

#[tokio::test]
async fn a_provider_gets_its_key_and_what_it_may_know_of_the_call() {
    let wanted: [(Provider, &[&str]); 3] = [
        (
            Provider::Openai,
            &["Bearer secret-key", "model=nova-3", "language=en", "prompt=call back"],
        ),
        (Provider::Deepgram, &["Token secret-key", "keyterm=call+back", "sample_rate=8000"]),
        (Provider::Funasr, &["Bearer secret-key", "call back", "2pass"]),
    ];
    for (provider, parts) in wanted {
        let stand_in = StandIn::start(Fault::None).await;
        let recogniser = recogniser(provider, &stand_in);
        let mut call = open(&*recogniser).await.unwrap();
        call.begin();
        say(&mut *call, &[1]);
        call.end();
        finished(&mut *call).await;
        let seen = stand_in.requests().join(" ");
        for part in parts {
            assert!(seen.contains(part), "{provider:?}: {part:?} is not in {seen}");
        }
    }
}
