//! `POST {url}/audio/transcriptions`, as OpenAI and many servers have it (platform.openai.com, API reference, “Create
//! transcription”). It was tested against a stand-in; the real service was not called.

use std::io::Cursor;
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt;
use outbound::provider::ModelService;
use reqwest::multipart::{Form, Part};
use reqwest::{Method, Response};
use serde::Deserialize;

use super::segments::Transcriber;
use super::words::{bounded, words};
use crate::failure::SpeechError;
use crate::reach::Reach;
use crate::recognition::RecognitionSpec;
use crate::synthesis::RATE;

/// The service reads the last 224 tokens of a prompt.
const PHRASES_MAX: usize = 60;
const PHRASES_BYTES_MAX: usize = 600;
/// The longest answer: a text of the longest length, and what may stand beside it.
const ANSWER_BYTES_MAX: usize = 64 << 10;

/// Transcribes speech by a request for each.
pub struct OpenaiTranscriber {
    service: ModelService,
    patience: Duration,
    reach: Reach,
}

impl OpenaiTranscriber {
    /// `timeout_ms`: from the request to the end of its answer.
    pub fn new(service: &ModelService, timeout_ms: u32, reach: Reach) -> Self {
        let patience = Duration::from_millis(timeout_ms.into());
        Self { service: service.clone(), patience, reach }
    }

    async fn ask(&self, samples: &[i16], spec: &RecognitionSpec) -> Result<String, SpeechError> {
        let url = format!("{}/audio/transcriptions", self.service.url.trim_end_matches('/'));
        let mut request =
            self.reach.request(Method::POST, &url)?.multipart(self.form(samples, spec)?);
        if let Some(key) = &self.service.key {
            request = request.bearer_auth(key.reveal());
        }
        // The error of the library names the address, which is the operator's to know and not the log's.
        let response = request.send().await.map_err(|error| {
            SpeechError::Failed(match error.is_connect() {
                true => "it could not be reached".into(),
                false => "it ended the request".into(),
            })
        })?;
        if !response.status().is_success() {
            return Err(SpeechError::Failed(format!("it answered {}", response.status().as_u16())));
        }
        let answer = body(response).await?;
        let answer: Answer = serde_json::from_slice(&answer)
            .map_err(|_| SpeechError::Failed("its answer is no transcription".into()))?;
        words(&answer.text)
    }

    fn form(&self, samples: &[i16], spec: &RecognitionSpec) -> Result<Form, SpeechError> {
        let wav = Part::bytes(wav(samples).map_err(SpeechError::failed)?).file_name("speech.wav");
        let wav = wav.mime_str("audio/wav").map_err(SpeechError::failed)?;
        let mut form = Form::new()
            .part("file", wav)
            .text("model", self.service.model.clone())
            .text("response_format", "json");
        let language = Some(&spec.language).filter(|language| !language.is_empty());
        if let Some(language) = language.or(self.service.language.as_ref()) {
            form = form.text("language", language.clone());
        }
        let phrases = bounded(&spec.phrases, PHRASES_MAX, PHRASES_BYTES_MAX);
        if !phrases.is_empty() {
            form = form.text("prompt", phrases.join(", "));
        }
        Ok(form)
    }
}

#[async_trait]
impl Transcriber for OpenaiTranscriber {
    async fn transcribe(
        &self,
        samples: &[i16],
        spec: &RecognitionSpec,
    ) -> Result<String, SpeechError> {
        let answer = tokio::time::timeout(self.patience, self.ask(samples, spec)).await;
        answer.map_err(|_| SpeechError::TimedOut)?
    }
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

/// The body of an answer, if it is not too long.
async fn body(response: Response) -> Result<Vec<u8>, SpeechError> {
    let mut body = Vec::new();
    let mut pieces = response.bytes_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| SpeechError::Failed("it broke off its answer".into()))?;
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err(SpeechError::Failed("its answer has no end".into()));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

/// The samples as a WAV file, at the telephone's rate.
fn wav(samples: &[i16]) -> Result<Vec<u8>, hound::Error> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut file = Cursor::new(Vec::with_capacity(samples.len() * 2 + 44));
    let mut writer = hound::WavWriter::new(&mut file, spec)?;
    for sample in samples {
        writer.write_sample(*sample)?;
    }
    writer.finalize()?;
    Ok(file.into_inner())
}
