//! Speech over the network: `POST {url}/audio/speech`, as OpenAI and many servers have it.
//!
//! The samples are heard while the service still speaks. Built after OpenAI's public API reference (“Create speech”) and
//! tried with a stand-in of it; the service itself was not called.

use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, Stream, StreamExt};
use outbound::provider::VoiceService;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Method, Response};
use serde_json::json;
use tokio::time::{Instant, timeout};

use super::pcm::Pcm;
use crate::failure::SpeechError;
use crate::http_failure::{failure, refusal};
use crate::reach::Reach;
use crate::synthesis::{
    Piece, SPEECH_SAMPLES_MAX, SpeechWish, SpokenStream, Synthesiser, silent, too_much,
};

/// Once it speaks, its next 20 ms may take so long. A call that hears nothing for longer is better told so.
const STALL_MAX: Duration = Duration::from_secs(5);
/// All the time that a text may wait for the service.
const WAITED_MAX: Duration = Duration::from_secs(60);

/// The synthesiser. Each text is a request of its own.
#[derive(Debug, Clone)]
pub struct OpenaiSpeech {
    service: VoiceService,
    url: String,
    first_max: Duration,
    reach: Reach,
}

impl OpenaiSpeech {
    /// `timeout_ms`: until the first samples.
    pub fn new(service: &VoiceService, timeout_ms: u32, reach: Reach) -> Self {
        let url = format!("{}/audio/speech", service.url.trim_end_matches('/'));
        let first_max = Duration::from_millis(timeout_ms.into());
        Self { service: service.clone(), url, first_max, reach }
    }

    async fn asked(&self, text: &str, wish: &SpeechWish) -> Result<Response, SpeechError> {
        let voice = if wish.voice.is_empty() { &self.service.voice } else { &wish.voice };
        // Without `stream_format` the sound itself is streamed, which servers that don't know that field do, too.
        let body = json!({
            "model": self.service.model,
            "voice": voice,
            "input": text,
            "response_format": "pcm",
        });
        let mut request = self.reach.request(Method::POST, &self.url)?.json(&body);
        if let Some(key) = &self.service.key {
            request = request.bearer_auth(key.reveal());
        }
        let response = request.send().await.map_err(failure)?;
        if !response.status().is_success() {
            return Err(refusal(response.status()));
        }
        let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let kind = kind.unwrap_or_default().to_ascii_lowercase();
        if ["text/", "application/json", "audio/mpeg"].iter().any(|other| kind.starts_with(other)) {
            return Err(SpeechError::Failed("it answers with something else than PCM".into()));
        }
        Ok(response)
    }
}

#[async_trait]
impl Synthesiser for OpenaiSpeech {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let Some(text) = wish.words()? else { return Ok(SpokenStream::of(Vec::new())) };
        let begun = async {
            let body = self.asked(text, wish).await?.bytes_stream().boxed();
            let speaking = Speaking::new(body, self.service.pcm_rate, self.first_max);
            let pieces =
                stream::unfold(Some(speaking), |speaking| async { speaking?.next().await });
            SpokenStream::from_pieces(pieces).begun().await
        };
        timeout(self.first_max, begun).await.map_err(|_| SpeechError::TimedOut)?
    }
}

type Body = Pin<Box<dyn Stream<Item = reqwest::Result<Bytes>> + Send>>;

/// An answer that is being heard.
struct Speaking {
    body: Body,
    pcm: Pcm,
    /// What may still come, how long its next 20 ms may take, and all that is still to come.
    samples_left: usize,
    stall_max: Duration,
    wait_left: Duration,
}

impl Speaking {
    fn new(body: Body, rate: u32, first_max: Duration) -> Self {
        Self {
            body,
            pcm: Pcm::new(rate),
            samples_left: SPEECH_SAMPLES_MAX,
            stall_max: first_max,
            wait_left: WAITED_MAX,
        }
    }

    /// The next piece, and what follows it; none at the end.
    async fn next(mut self) -> Option<(Piece, Option<Self>)> {
        let began = Instant::now();
        let came = timeout(self.stall_max.min(self.wait_left), self.gathered()).await;
        self.wait_left = self.wait_left.saturating_sub(began.elapsed());
        self.stall_max = STALL_MAX;
        match came.unwrap_or(Err(SpeechError::TimedOut)) {
            Err(error) => Some((Err(error), None)),
            Ok(Some(piece)) => match self.samples_left.checked_sub(piece.len()) {
                None => Some((Err(too_much()), None)),
                Some(left) => {
                    self.samples_left = left;
                    Some((Ok(piece.into()), Some(self)))
                }
            },
            Ok(None) => {
                let nothing_came = self.samples_left == SPEECH_SAMPLES_MAX;
                match self.pcm.finish() {
                    Ok(rest) if !rest.is_empty() => Some((Ok(rest.into()), None)),
                    Ok(_) if nothing_came => Some((Err(silent()), None)),
                    Ok(_) => None,
                    Err(error) => Some((Err(error), None)),
                }
            }
        }
    }

    /// Read until there are 20 ms; none at the end of the answer.
    async fn gathered(&mut self) -> Result<Option<Vec<i16>>, SpeechError> {
        while let Some(bytes) = self.body.next().await {
            let piece = self.pcm.add(&bytes.map_err(failure)?)?;
            if !piece.is_empty() {
                return Ok(Some(piece));
            }
        }
        Ok(None)
    }
}
