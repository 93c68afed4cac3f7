//! Deepgram's streaming recognition, by WebSocket. The messages are those of developers.deepgram.com (“Live audio”,
//! “Finalize”, “Audio Keep Alive”, “Close Stream”). It was tested against a stand-in; the real service was not called.
//!
//! Only speeches are sent, one right after the other, so the service's times tell which speech a text belongs to.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use outbound::provider::ModelService;
use serde::Deserialize;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use url::Url;

use super::streamed::{Protocol, Streamed, rubbish};
use super::words::{bounded, join, words};
use crate::failure::SpeechError;
use crate::reach::Reach;
use crate::recognition::{
    FRAME_SAMPLES, Frame, Recognised, Recogniser, Recognition, RecognitionSpec,
};
use crate::synthesis::RATE;

/// The service takes 500 tokens of key terms in all.
const PHRASES_MAX: usize = 100;
const PHRASES_BYTES_MAX: usize = 1_000;
/// Two times that are closer than this are the same.
const CLOSE: u64 = FRAME_SAMPLES as u64;
/// Where less than this is left to recognise, the service may give no answer to `Finalize`.
const NOTICEABLE: u64 = RATE as u64 / 2;

/// The service.
pub struct Deepgram {
    service: ModelService,
    patience: Duration,
    reach: Reach,
}

impl Deepgram {
    pub fn new(service: &ModelService, timeout_ms: u32, reach: Reach) -> Self {
        let patience = Duration::from_millis(timeout_ms.into());
        Self { service: service.clone(), patience, reach }
    }

    fn url(&self, spec: &RecognitionSpec) -> Result<Url, SpeechError> {
        let url = format!("{}/listen", self.service.url.trim_end_matches('/'));
        let mut url =
            Url::parse(&url).map_err(|_| SpeechError::NotAllowed("it is no URL".into()))?;
        let language = Some(&spec.language).filter(|language| !language.is_empty());
        // Newer models know key terms by another name than older ones.
        let term = if self.service.model.starts_with("nova-3") { "keyterm" } else { "keywords" };
        let mut query = url.query_pairs_mut();
        query.extend_pairs([
            ("model", &*self.service.model),
            ("encoding", "linear16"),
            ("sample_rate", &RATE.to_string()),
            ("channels", "1"),
            ("interim_results", "true"),
            ("punctuate", "true"),
        ]);
        if let Some(language) = language.or(self.service.language.as_ref()) {
            query.append_pair("language", language);
        }
        for phrase in bounded(&spec.phrases, PHRASES_MAX, PHRASES_BYTES_MAX) {
            query.append_pair(term, phrase);
        }
        drop(query);
        Ok(url)
    }
}

#[async_trait]
impl Recogniser for Deepgram {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        let url = self.url(spec)?;
        let mut request = url.as_str().into_client_request().map_err(SpeechError::failed)?;
        if let Some(key) = &self.service.key {
            let value = HeaderValue::from_str(&format!("Token {}", key.reveal()));
            let mut value =
                value.map_err(|_| SpeechError::Failed("its key is no header".into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let opening = tokio::time::timeout(self.patience, self.reach.web_socket(request));
        let socket = opening.await.map_err(|_| SpeechError::TimedOut)??;
        Ok(Box::new(Streamed::new(socket, Listening::default(), self.patience)))
    }
}

/// A message of the service.
#[derive(Deserialize)]
#[serde(tag = "type")]
enum Answer {
    Results(Results),
    /// `Metadata`, `SpeechStarted`, `UtteranceEnd`, and what is added to them.
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Results {
    /// Seconds of the audio that was sent.
    start: f64,
    duration: f64,
    #[serde(default)]
    is_final: bool,
    #[serde(default)]
    from_finalize: bool,
    channel: Channel,
}

#[derive(Deserialize)]
struct Channel {
    alternatives: Vec<Alternative>,
}

#[derive(Deserialize)]
struct Alternative {
    transcript: String,
}

/// The protocol of one call.
#[derive(Default)]
struct Listening {
    /// Samples that were sent.
    sent: u64,
    /// All before this sample has its final text.
    settled: u64,
    /// Speeches without a final result, oldest first.
    speeches: VecDeque<Speech>,
}

#[derive(Default)]
struct Speech {
    begins: u64,
    ends: Option<u64>,
    /// The pieces that are final.
    text: String,
    /// What may follow them.
    interim: String,
}

impl Listening {
    /// The speech that a stretch of audio belongs to; none when its speech has its final result.
    fn speech_at(&self, middle: u64) -> Option<usize> {
        self.speeches.iter().rposition(|speech| speech.begins < middle)
    }

    /// The final results of the oldest speeches, up to this number.
    fn finals(&mut self, count: usize) -> Result<Vec<Recognised>, SpeechError> {
        let ended = self.speeches.iter().take(count).take_while(|speech| speech.ends.is_some());
        let ended = ended.count();
        let text = |speech: Speech| Ok(Recognised::Final { text: words(&speech.whole()?)? });
        self.speeches.drain(..ended).map(text).collect()
    }

    /// Speeches whose audio has been recognised to its end, but for this many samples. One of which nothing was recognised is
    /// not among them: then the service may not answer at all.
    fn settled_but(&self, samples: u64) -> usize {
        let settled = |speech: &&Speech| {
            let ends = speech.ends.is_some_and(|end| end <= self.settled + samples);
            ends && speech.begins < self.settled
        };
        self.speeches.iter().take_while(settled).count()
    }

    fn results(&mut self, results: Results) -> Result<Vec<Recognised>, SpeechError> {
        let (start, duration) = (samples(results.start)?, samples(results.duration)?);
        let alternative = results.channel.alternatives.into_iter().next();
        let piece = words(&alternative.map(|first| first.transcript).unwrap_or_default())?;
        if results.is_final {
            self.settled = self.settled.max(start + duration);
        }
        let Some(at) = self.speech_at(start + duration / 2) else { return Ok(Vec::new()) };
        let speech = &mut self.speeches[at];
        let before = speech.whole()?;
        if results.is_final {
            join(&mut speech.text, &piece)?;
            speech.interim.clear();
        } else {
            speech.interim = piece;
        }
        let whole = speech.whole()?;
        let mut told = Vec::new();
        if speech.ends.is_none() && at == 0 && !whole.is_empty() && whole != before {
            told.push(Recognised::Partial { text: whole });
        }
        let done = if results.from_finalize { at + 1 } else { self.settled_but(CLOSE) };
        told.extend(self.finals(done)?);
        Ok(told)
    }
}

impl Speech {
    fn whole(&self) -> Result<String, SpeechError> {
        let mut whole = self.text.clone();
        join(&mut whole, &self.interim)?;
        Ok(whole)
    }
}

/// A time of the service in samples.
fn samples(seconds: f64) -> Result<u64, SpeechError> {
    // A day of a call, at most; a cast of what is left can't wrap.
    let sane = (0.0..86_400.0).contains(&seconds);
    if sane { Ok((seconds * f64::from(RATE)).round() as u64) } else { Err(rubbish()) }
}

fn control(kind: &str) -> Message {
    Message::text(serde_json::json!({ "type": kind }).to_string())
}

impl Protocol for Listening {
    fn begin(&mut self) -> Vec<Message> {
        self.speeches.push_back(Speech { begins: self.sent, ..Speech::default() });
        Vec::new()
    }

    fn audio(&mut self, frame: &Frame) -> Message {
        self.sent += frame.len() as u64;
        let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Message::binary(bytes)
    }

    fn end(&mut self) -> Vec<Message> {
        if let Some(speech) = self.speeches.back_mut() {
            speech.ends = Some(self.sent);
        }
        vec![control("Finalize")]
    }

    fn idle(&self) -> Message {
        control("KeepAlive")
    }

    fn close(&self) -> Option<Message> {
        Some(control("CloseStream"))
    }

    fn heard(&mut self, text: &str) -> Result<Vec<Recognised>, SpeechError> {
        match serde_json::from_str(text).map_err(|_| rubbish())? {
            Answer::Results(results) => self.results(results),
            Answer::Other => Ok(Vec::new()),
        }
    }

    fn settled(&mut self) -> Result<Vec<Recognised>, SpeechError> {
        self.finals(self.settled_but(CLOSE))
    }

    fn overdue(&mut self) -> Result<Vec<Recognised>, SpeechError> {
        self.finals(self.settled_but(NOTICEABLE))
    }
}
