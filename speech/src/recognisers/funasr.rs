//! A FunASR server in its mode of two passes, by WebSocket. The messages are those of FunASR's runtime
//! (`runtime/docs/websocket_protocol.md`). It was tested against a stand-in; a real server was not called.
//!
//! Each speech has a name, which the server repeats, so that a text can't get into another speech.

use std::collections::VecDeque;
use std::time::Duration;

use async_trait::async_trait;
use outbound::provider::PlainService;
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;

use super::streamed::{Protocol, Streamed, rubbish};
use super::words::{bounded, join, words};
use crate::failure::SpeechError;
use crate::reach::Reach;
use crate::recognition::{Frame, Recognised, Recogniser, Recognition, RecognitionSpec};
use crate::synthesis::RATE;

const PHRASES_MAX: usize = 100;
const PHRASES_BYTES_MAX: usize = 2_000;
/// How much more likely a phrase of the call is, as the server's documentation has it.
const PHRASE_WEIGHT: u32 = 20;

/// The server.
pub struct Funasr {
    service: PlainService,
    patience: Duration,
    reach: Reach,
}

impl Funasr {
    pub fn new(service: &PlainService, timeout_ms: u32, reach: Reach) -> Self {
        let patience = Duration::from_millis(timeout_ms.into());
        Self { service: service.clone(), patience, reach }
    }
}

#[async_trait]
impl Recogniser for Funasr {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        let mut request = self
            .service
            .url
            .as_str()
            .into_client_request()
            .map_err(|_| SpeechError::NotAllowed("it is no URL".into()))?;
        if let Some(key) = &self.service.key {
            let value = HeaderValue::from_str(&format!("Bearer {}", key.reveal()));
            let mut value =
                value.map_err(|_| SpeechError::Failed("its key is no header".into()))?;
            value.set_sensitive(true);
            request.headers_mut().insert(AUTHORIZATION, value);
        }
        let opening = tokio::time::timeout(self.patience, self.reach.web_socket(request));
        let socket = opening.await.map_err(|_| SpeechError::TimedOut)??;
        let phrases = bounded(&spec.phrases, PHRASES_MAX, PHRASES_BYTES_MAX);
        let weights: serde_json::Map<_, _> =
            phrases.into_iter().map(|phrase| (phrase.to_owned(), PHRASE_WEIGHT.into())).collect();
        let listening = Listening { hotwords: json!(weights).to_string(), ..Listening::default() };
        Ok(Box::new(Streamed::new(socket, listening, self.patience)))
    }
}

/// A message of the server.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    mode: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    wav_name: String,
    #[serde(default)]
    is_final: bool,
}

/// The protocol of one call.
#[derive(Default)]
struct Listening {
    /// JSON in a text, as the server wants it.
    hotwords: String,
    begun: u64,
    /// Speeches without a final result, oldest first.
    speeches: VecDeque<Speech>,
}

#[derive(Default)]
struct Speech {
    name: String,
    ended: bool,
    /// A text of the second pass came after the end.
    corrected: bool,
    /// The pieces of the second pass.
    text: String,
    /// The pieces of the first pass that follow them.
    interim: String,
}

impl Speech {
    fn whole(&self) -> Result<String, SpeechError> {
        let mut whole = self.text.clone();
        join(&mut whole, &self.interim)?;
        words(&whole)
    }
}

impl Listening {
    fn finals(&mut self, count: usize) -> Result<Vec<Recognised>, SpeechError> {
        let text = |speech: Speech| Ok(Recognised::Final { text: speech.whole()? });
        self.speeches.drain(..count).map(text).collect()
    }
}

impl Protocol for Listening {
    fn begin(&mut self) -> Vec<Message> {
        self.begun += 1;
        let name = format!("speech-{}", self.begun);
        let start = json!({
            "mode": "2pass",
            "chunk_size": [5, 10, 5],
            "chunk_interval": 10,
            "wav_name": name,
            "wav_format": "pcm",
            "audio_fs": RATE,
            "is_speaking": true,
            "hotwords": self.hotwords,
            "itn": true,
        });
        self.speeches.push_back(Speech { name, ..Speech::default() });
        vec![Message::text(start.to_string())]
    }

    fn audio(&mut self, frame: &Frame) -> Message {
        let bytes: Vec<u8> = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        Message::binary(bytes)
    }

    fn end(&mut self) -> Vec<Message> {
        if let Some(speech) = self.speeches.back_mut() {
            speech.ended = true;
        }
        vec![Message::text(json!({ "is_speaking": false }).to_string())]
    }

    fn idle(&self) -> Message {
        Message::Ping(Vec::new().into())
    }

    fn close(&self) -> Option<Message> {
        None
    }

    fn heard(&mut self, text: &str) -> Result<Vec<Recognised>, SpeechError> {
        let answer: Answer = serde_json::from_str(text).map_err(|_| rubbish())?;
        let named = |speech: &Speech| speech.name == answer.wav_name;
        let Some(at) = self.speeches.iter().position(named) else { return Ok(Vec::new()) };
        let speech = &mut self.speeches[at];
        let before = speech.whole()?;
        match &*answer.mode {
            "2pass-offline" => {
                join(&mut speech.text, &answer.text)?;
                speech.interim.clear();
                speech.corrected = speech.ended;
            }
            "2pass-online" => join(&mut speech.interim, &answer.text)?,
            // The last message has no mode where there were no words.
            _ if answer.text.is_empty() => {}
            _ => return Err(rubbish()),
        }
        let whole = speech.whole()?;
        if answer.is_final && speech.ended {
            return self.finals(at + 1);
        }
        let told = !speech.ended && at == 0 && !whole.is_empty() && whole != before;
        Ok(told.then_some(Recognised::Partial { text: whole }).into_iter().collect())
    }

    fn settled(&mut self) -> Result<Vec<Recognised>, SpeechError> {
        Ok(Vec::new())
    }

    /// The server in Python marks no message as the last one: a text of the second pass counts as it.
    fn overdue(&mut self) -> Result<Vec<Recognised>, SpeechError> {
        let corrected = self.speeches.iter().take_while(|speech| speech.corrected).count();
        self.finals(corrected)
    }
}
