//! A provider that hears so many calls at a time, and no more.

use std::sync::Arc;

use async_trait::async_trait;

use crate::failure::SpeechError;
use crate::providers::{Place, Places};
use crate::recognition::{Frame, Recognised, Recogniser, Recognition, RecognitionSpec};

/// At most `at_once` recognitions of a provider; a call that finds all of them taken is told at once, so that it can go to
/// the next provider.
pub struct Limited<R> {
    recogniser: R,
    at_once: u32,
    places: Arc<Places>,
}

impl<R: Recogniser> Limited<R> {
    /// `places` are the provider's, also after its configuration was changed.
    pub fn new(recogniser: R, at_once: u32, places: Arc<Places>) -> Self {
        Self { recogniser, at_once, places }
    }
}

#[async_trait]
impl<R: Recogniser> Recogniser for Limited<R> {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        let place = self.places.take(self.at_once);
        let place = place.ok_or(SpeechError::Overloaded(self.at_once))?;
        let recognition = self.recogniser.open(spec).await?;
        Ok(Box::new(Placed { recognition, _place: place }))
    }
}

/// A recognition, and the place that it takes.
struct Placed {
    recognition: Box<dyn Recognition>,
    _place: Place,
}

#[async_trait]
impl Recognition for Placed {
    fn hear(&mut self, frame: &Frame) {
        self.recognition.hear(frame);
    }

    fn begin(&mut self) {
        self.recognition.begin();
    }

    fn end(&mut self) {
        self.recognition.end();
    }

    async fn next(&mut self) -> Result<Recognised, SpeechError> {
        self.recognition.next().await
    }
}
