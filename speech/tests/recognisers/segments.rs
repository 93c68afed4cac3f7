//! A transcriber of whole speeches as a recogniser of calls.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use speech::recognisers::segments::{Interim, Segments, Transcriber};
use speech::recognition::{FRAME_SAMPLES, Recognised, Recognition, RecognitionSpec, SPEECH_MS_MAX};
use speech::{Recogniser, SpeechError};
use tokio::time::{sleep, timeout};

const FRAME_MS: usize = 20;

/// Answers how many milliseconds it was given, after a while; fails from a number of requests on.
#[derive(Clone)]
struct Counting {
    takes_ms: u64,
    fails_from: usize,
    asked_ms: Arc<Mutex<Vec<usize>>>,
}

impl Counting {
    fn new(takes_ms: u64, fails_from: usize) -> Self {
        Self { takes_ms, fails_from, asked_ms: Arc::default() }
    }

    fn asked_ms(&self) -> Vec<usize> {
        self.asked_ms.lock().unwrap().clone()
    }

    async fn open(&self, interim: Interim) -> Box<dyn Recognition> {
        let segments = Segments::new(self.clone(), interim);
        segments.open(&RecognitionSpec::default()).await.unwrap()
    }
}

#[async_trait]
impl Transcriber for Counting {
    async fn transcribe(
        &self,
        samples: &[i16],
        _: &RecognitionSpec,
    ) -> Result<String, SpeechError> {
        let ms = samples.len() / 8;
        let before = {
            let mut asked = self.asked_ms.lock().unwrap();
            asked.push(ms);
            asked.len() - 1
        };
        sleep(Duration::from_millis(self.takes_ms)).await;
        if before >= self.fails_from { Err(SpeechError::TimedOut) } else { Ok(format!("{ms} ms")) }
    }
}

/// Hear so much, at the speed of a call, and take what comes meanwhile.
async fn hear(call: &mut dyn Recognition, ms: usize) -> Vec<Recognised> {
    let mut results = Vec::new();
    for _ in 0..ms / FRAME_MS {
        call.hear(&[1; FRAME_SAMPLES]);
        if let Ok(result) = timeout(Duration::from_millis(FRAME_MS as u64), call.next()).await {
            results.push(result.unwrap());
        }
    }
    results
}

fn last(text: &str) -> Recognised {
    Recognised::Final { text: text.into() }
}

#[tokio::test(start_paused = true)]
async fn a_long_speech_is_transcribed_in_between_and_never_twice_at_a_time() {
    let counting = Counting::new(1_000, usize::MAX);
    let mut call = counting.open(Interim::Wanted).await;
    call.begin();
    let partials = hear(&mut *call, 5_000).await;
    let asked = counting.asked_ms();
    assert_eq!(asked[0], 600);
    assert!(asked.windows(2).all(|pair| pair[1] - pair[0] >= 900), "{asked:?}");
    assert!(partials.len() >= 3, "{partials:?}");
    call.end();
    assert_eq!(call.next().await.unwrap(), last("5000 ms"));
}

#[tokio::test(start_paused = true)]
async fn a_short_speech_is_transcribed_once_with_what_was_heard_before_it() {
    let counting = Counting::new(10, usize::MAX);
    let mut call = counting.open(Interim::Wanted).await;
    hear(&mut *call, 2_000).await;
    call.begin();
    assert_eq!(hear(&mut *call, 500).await, []);
    call.end();
    assert_eq!(call.next().await.unwrap(), last("800 ms"));
    assert_eq!(counting.asked_ms(), [800]);
}

#[tokio::test(start_paused = true)]
async fn a_costly_transcriber_is_not_asked_in_between() {
    let counting = Counting::new(10, usize::MAX);
    let mut call = counting.open(Interim::Skipped).await;
    call.begin();
    assert_eq!(hear(&mut *call, 5_000).await, []);
    call.end();
    assert_eq!(call.next().await.unwrap(), last("5000 ms"));
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_a_partial_result_is_that_result_and_else_the_error() {
    let counting = Counting::new(10, 1);
    let mut call = counting.open(Interim::Wanted).await;
    call.begin();
    hear(&mut *call, 700).await;
    call.end();
    assert_eq!(call.next().await.unwrap(), last("600 ms"));
    call.begin();
    hear(&mut *call, 100).await;
    call.end();
    assert!(matches!(call.next().await, Err(SpeechError::TimedOut)));
    assert!(matches!(call.next().await, Err(SpeechError::TimedOut)));
}

#[tokio::test(start_paused = true)]
async fn a_speech_without_an_end_is_kept_up_to_its_bound() {
    let counting = Counting::new(10, usize::MAX);
    let mut call = counting.open(Interim::Skipped).await;
    call.begin();
    hear(&mut *call, 2 * SPEECH_MS_MAX as usize).await;
    call.end();
    assert_eq!(call.next().await.unwrap(), last(&format!("{SPEECH_MS_MAX} ms")));
}
