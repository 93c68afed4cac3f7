//! Turns whatever transcribes whole speeches into a recogniser of calls.
//!
//! One request when a speech is over gives its final result. While it goes on, requests with what was said so far give
//! partial ones, so that the customer can interrupt with words. Each request is a task that ends when the recognition is
//! dropped.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;

use async_trait::async_trait;
use tokio_util::task::AbortOnDropHandle;

use super::pre_roll::PreRoll;
use super::words::words;
use super::{FRAME_MS, SPEECHES_WAITING_MAX, frames};
use crate::failure::SpeechError;
use crate::recognition::{
    FRAME_SAMPLES, Frame, Recognised, Recogniser, Recognition, RecognitionSpec, SPEECH_MS_MAX,
};

/// How long a speech lasts when it is transcribed for the first time, in milliseconds.
const INTERIM_FIRST_MS: u32 = 600;
/// How much of a speech there must be for it to be transcribed again, in milliseconds.
const INTERIM_EACH_MS: u32 = 700;

/// Gives the words of a speech.
#[async_trait]
pub trait Transcriber: Send + Sync + 'static {
    /// The words of a whole speech, at 8 kHz; empty when there are none. It keeps to a deadline of its own. Dropping the
    /// future ends the work.
    async fn transcribe(
        &self,
        samples: &[i16],
        spec: &RecognitionSpec,
    ) -> Result<String, SpeechError>;
}

/// Whether a speech is transcribed while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interim {
    Wanted,
    /// It costs too much: what the customer says can't interrupt before it is over.
    Skipped,
}

/// A recogniser made of a transcriber.
pub struct Segments<T> {
    transcriber: Arc<T>,
    interim: Interim,
}

impl<T: Transcriber> Segments<T> {
    pub fn new(transcriber: T, interim: Interim) -> Self {
        Self { transcriber: Arc::new(transcriber), interim }
    }
}

#[async_trait]
impl<T: Transcriber> Recogniser for Segments<T> {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        Ok(Box::new(Listening {
            transcriber: Arc::clone(&self.transcriber),
            spec: Arc::new(spec.clone()),
            interim: self.interim,
            pre_roll: PreRoll::default(),
            running: None,
            ended: VecDeque::new(),
            broken: None,
        }))
    }
}

type Request = AbortOnDropHandle<Result<String, SpeechError>>;

/// The recognition of one call.
struct Listening<T> {
    transcriber: Arc<T>,
    spec: Arc<RecognitionSpec>,
    interim: Interim,
    pre_roll: PreRoll,
    running: Option<Speech>,
    /// Speeches whose final results are still to come, in order.
    ended: VecDeque<Ended>,
    /// Why nothing comes any more.
    broken: Option<SpeechError>,
}

/// A speech that goes on.
struct Speech {
    samples: Vec<i16>,
    /// How long it has gone on, without what was heard before it.
    lasts_ms: u32,
    /// When it is to be transcribed again.
    interim_at_ms: u32,
    /// At most one at a time.
    request: Option<Request>,
    partial: String,
}

/// A speech that is over.
struct Ended {
    request: Request,
    /// What it was so far when it ended.
    partial: String,
}

impl<T: Transcriber> Listening<T> {
    fn ask(&self, samples: Vec<i16>) -> Request {
        let (transcriber, spec) = (Arc::clone(&self.transcriber), Arc::clone(&self.spec));
        AbortOnDropHandle::new(tokio::spawn(async move {
            words(&transcriber.transcribe(&samples, &spec).await?)
        }))
    }

    /// Transcribe the running speech when it is time, and when the last such request has been answered. The newest audio
    /// is sent: an answer to older audio would be out of date.
    fn ask_in_between(&mut self) {
        let due =
            |speech: &&Speech| speech.request.is_none() && speech.lasts_ms >= speech.interim_at_ms;
        let Some(samples) = self.running.as_ref().filter(due).map(|speech| speech.samples.clone())
        else {
            return;
        };
        let request = self.ask(samples);
        if let Some(speech) = &mut self.running {
            speech.interim_at_ms = speech.lasts_ms + INTERIM_EACH_MS;
            speech.request = Some(request);
        }
    }

    /// The final result of the oldest speech that has ended. When its request fails, what was heard of it in between counts.
    fn final_of(
        &mut self,
        answer: Result<String, SpeechError>,
    ) -> Option<Result<Recognised, SpeechError>> {
        let ended = self.ended.pop_front()?;
        Some(match answer {
            Ok(text) => Ok(Recognised::Final { text }),
            Err(_) if !ended.partial.is_empty() => Ok(Recognised::Final { text: ended.partial }),
            Err(error) => self.fail(error),
        })
    }

    fn fail(&mut self, error: SpeechError) -> Result<Recognised, SpeechError> {
        self.running = None;
        self.ended.clear();
        self.broken = Some(error.clone());
        Err(error)
    }
}

#[async_trait]
impl<T: Transcriber> Recognition for Listening<T> {
    fn hear(&mut self, frame: &Frame) {
        self.pre_roll.keep(frame);
        let Some(speech) = &mut self.running else { return };
        // Whoever decides where speeches end ends this one; until then the rest of it is not kept.
        if speech.samples.len() < frames(SPEECH_MS_MAX) * FRAME_SAMPLES {
            speech.samples.extend_from_slice(frame);
            speech.lasts_ms += FRAME_MS;
        }
        if self.interim == Interim::Wanted {
            self.ask_in_between();
        }
    }

    fn begin(&mut self) {
        if self.running.is_some() || self.broken.is_some() {
            return;
        }
        self.running = Some(Speech {
            samples: self.pre_roll.frames().flatten().copied().collect(),
            lasts_ms: 0,
            interim_at_ms: INTERIM_FIRST_MS,
            request: None,
            partial: String::new(),
        });
    }

    fn end(&mut self) {
        let Some(speech) = self.running.take() else { return };
        if self.ended.len() >= SPEECHES_WAITING_MAX {
            // `next` tells it.
            self.broken = Some(SpeechError::Failed("it does not keep up with the call".into()));
            return;
        }
        let request = self.ask(speech.samples);
        self.ended.push_back(Ended { request, partial: speech.partial });
    }

    async fn next(&mut self) -> Result<Recognised, SpeechError> {
        loop {
            if let Some(error) = &self.broken {
                return Err(error.clone());
            }
            if let Some(ended) = self.ended.front_mut() {
                let answer =
                    (&mut ended.request).await.unwrap_or_else(|e| Err(SpeechError::failed(e)));
                if let Some(result) = self.final_of(answer) {
                    return result;
                }
                continue;
            }
            let Some(speech) = &mut self.running else { return pending().await };
            let Some(request) = &mut speech.request else { return pending().await };
            let answer = request.await.unwrap_or_else(|e| Err(SpeechError::failed(e)));
            speech.request = None;
            // A request in between that fails is left out: the next one, or the final one, tells.
            if let Ok(text) = answer
                && !text.is_empty()
                && text != speech.partial
            {
                speech.partial.clone_from(&text);
                return Ok(Recognised::Partial { text });
            }
        }
    }
}
