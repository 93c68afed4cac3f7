//! One provider after the other, and a provider that is full.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use speech::SpeechError;
use speech::recognisers::falling_back::{FallingBack, NamedRecogniser};
use speech::recognisers::limited::Limited;
use speech::recognition::{
    FRAME_SAMPLES, Frame, Recognised, Recogniser, Recognition, RecognitionSpec,
};

/// A provider that hears heights as words, and fails as its letter says.
struct Letter(char);

struct Call {
    letter: char,
    running: Option<Vec<i16>>,
    results: VecDeque<Recognised>,
}

#[async_trait]
impl Recogniser for Letter {
    async fn open(&self, _: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        match self.0 {
            'f' => Err(SpeechError::Failed("no".into())),
            'h' => pending().await,
            letter => Ok(Box::new(Call { letter, running: None, results: VecDeque::new() })),
        }
    }
}

#[async_trait]
impl Recognition for Call {
    fn hear(&mut self, frame: &Frame) {
        if let Some(running) = &mut self.running {
            running.push(frame[0]);
            let text = format!("{}{running:?}", self.letter);
            if self.letter != 's' {
                self.results.push_back(Recognised::Partial { text });
            }
        }
    }

    fn begin(&mut self) {
        self.running = Some(Vec::new());
    }

    fn end(&mut self) {
        let running = self.running.take().unwrap();
        let text = format!("{}{running:?}", self.letter);
        self.results.push_back(Recognised::Final { text });
    }

    async fn next(&mut self) -> Result<Recognised, SpeechError> {
        match (self.letter, self.results.front()) {
            // It is silent.
            ('s', _) => pending().await,
            // It fails in the middle of a speech.
            ('m', Some(_)) => Err(SpeechError::Failed("broken".into())),
            // It fails at the end of a speech.
            ('e', Some(Recognised::Final { .. })) => Err(SpeechError::Failed("broken".into())),
            // It has partial results only.
            ('p', Some(Recognised::Final { .. })) => pending().await,
            (_, Some(_)) => Ok(self.results.pop_front().unwrap()),
            (_, None) => pending().await,
        }
    }
}

struct Heard {
    call: Box<dyn Recognition>,
    failed: Arc<Mutex<Vec<String>>>,
}

async fn open(letters: &str) -> Result<Heard, SpeechError> {
    let failed = Arc::new(Mutex::new(Vec::new()));
    let told = Arc::clone(&failed);
    let provider = |letter: char| NamedRecogniser {
        name: letter.to_string(),
        recogniser: Arc::new(Letter(letter)),
        timeout_ms: 1_000,
    };
    let chain = FallingBack::new(letters.chars().map(provider).collect(), move |name, error| {
        told.lock().unwrap().push(format!("{name}: {error}"));
    });
    let call = chain.open(&RecognitionSpec::default()).await?;
    Ok(Heard { call, failed })
}

impl Heard {
    fn say(&mut self, words: &[i16]) {
        self.call.begin();
        for word in words {
            self.call.hear(&[*word; FRAME_SAMPLES]);
        }
    }

    async fn last(&mut self) -> Result<String, SpeechError> {
        loop {
            let next = tokio::time::timeout(Duration::from_secs(60), self.call.next());
            if let Recognised::Final { text } = next.await.unwrap()? {
                return Ok(text);
            }
        }
    }

    fn failed(&self) -> Vec<String> {
        self.failed.lock().unwrap().clone()
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_open_leads_to_the_next() {
    let mut heard = open("fhg").await.unwrap();
    heard.say(&[1]);
    heard.call.end();
    assert_eq!(heard.last().await.unwrap(), "g[1]");
    let why = ["f: the provider failed: no", "h: the provider did not answer in time"];
    assert_eq!(heard.failed(), why);
    assert!(matches!(open("fh").await, Err(SpeechError::TimedOut)));
    assert!(matches!(open("").await, Err(SpeechError::Failed(_))));
}

#[tokio::test(start_paused = true)]
async fn the_next_provider_hears_a_running_speech_from_its_beginning() {
    let mut heard = open("mg").await.unwrap();
    heard.say(&[1, 2]);
    let partial = Recognised::Partial { text: "g[1]".into() };
    assert_eq!(heard.call.next().await.unwrap(), partial);
    heard.call.hear(&[3; FRAME_SAMPLES]);
    heard.call.end();
    heard.say(&[4]);
    heard.call.end();
    assert_eq!(heard.last().await.unwrap(), "g[1, 2, 3]");
    assert_eq!(heard.last().await.unwrap(), "g[4]");
    assert_eq!(heard.failed(), ["m: the provider failed: broken"]);
}

#[tokio::test(start_paused = true)]
async fn a_final_result_that_does_not_come_in_time_leads_to_the_next_provider() {
    let mut heard = open("sg").await.unwrap();
    heard.say(&[1, 2]);
    heard.call.end();
    assert_eq!(heard.last().await.unwrap(), "g[1, 2]");
    assert_eq!(heard.failed(), ["s: the provider did not answer in time"]);
}

#[tokio::test(start_paused = true)]
async fn the_last_partial_result_counts_where_the_final_one_does_not_come_in_time() {
    let mut heard = open("pg").await.unwrap();
    heard.say(&[1, 2]);
    heard.call.end();
    assert_eq!(heard.last().await.unwrap(), "p[1, 2]");
    assert_eq!(heard.failed(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn when_all_have_failed_the_call_is_told_why() {
    let mut heard = open("ms").await.unwrap();
    heard.say(&[1]);
    heard.call.end();
    assert!(matches!(heard.last().await, Err(SpeechError::TimedOut)));
    assert!(matches!(heard.last().await, Err(SpeechError::TimedOut)));
    assert_eq!(heard.failed().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_last_provider_had_heard_counts_before_its_failure() {
    let mut heard = open("e").await.unwrap();
    heard.say(&[1, 2]);
    for _ in 0..2 {
        heard.call.next().await.unwrap();
    }
    heard.call.end();
    assert_eq!(heard.last().await.unwrap(), "e[1, 2]");
    assert!(matches!(heard.last().await, Err(SpeechError::Failed(_))));
    assert_eq!(heard.failed(), ["e: the provider failed: broken"]);
}

#[tokio::test(start_paused = true)]
async fn calls_beyond_a_providers_limit_are_told_at_once_and_a_call_that_ends_frees_its_place() {
    let limited = Limited::new(Letter('g'), 50, Arc::default());
    let spec = RecognitionSpec::default();
    let mut calls = Vec::new();
    let mut refused = 0;
    for _ in 0..500 {
        match limited.open(&spec).await {
            Ok(call) => calls.push(call),
            Err(SpeechError::Overloaded(50)) => refused += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!((calls.len(), refused), (50, 450));
    calls.pop();
    assert!(limited.open(&spec).await.is_ok());
}
