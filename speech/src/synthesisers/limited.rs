//! Places of a provider: so many texts at a time, and no more.

use std::sync::Arc;

use async_trait::async_trait;
use futures::stream;

use crate::failure::SpeechError;
use crate::providers::Places;
use crate::synthesis::{SpeechWish, SpokenStream, Synthesiser};

/// A synthesiser that speaks at most so many texts at a time. One more is refused at once, as a call must not wait in silence.
/// A text has its place until its stream ends or is dropped.
pub struct Limited<S> {
    synthesiser: S,
    places: Arc<Places>,
    at_once: u32,
}

impl<S> Limited<S> {
    /// `at_once`: as a provider's configuration has it. `places` are the provider's, also after that was changed.
    pub fn new(synthesiser: S, at_once: u32, places: Arc<Places>) -> Self {
        Self { synthesiser, places, at_once }
    }
}

#[async_trait]
impl<S: Synthesiser> Synthesiser for Limited<S> {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let place = self.places.take(self.at_once);
        let place = place.ok_or(SpeechError::Overloaded(self.at_once))?;
        let speech = self.synthesiser.speak(wish).await?;
        // The place goes with the state, which is dropped at the end of the speech and with the stream.
        let next = |(mut speech, place): (SpokenStream, _)| async move {
            let piece = speech.next().await?;
            Some((piece, (speech, place)))
        };
        Ok(SpokenStream::from_pieces(stream::unfold((speech, place), next)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::synthesis::SpokenSink;

    /// Gives its sink out, so that a test decides when a speech ends.
    struct Held(tokio::sync::mpsc::UnboundedSender<SpokenSink>);

    #[async_trait]
    impl Synthesiser for Held {
        async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
            if wish.text == "bad" {
                return Err(SpeechError::TimedOut);
            }
            let (sink, stream) = SpokenStream::new();
            self.0.send(sink).unwrap();
            Ok(stream)
        }
    }

    fn wish(text: &str) -> SpeechWish {
        SpeechWish { text: text.into(), ..SpeechWish::default() }
    }

    #[tokio::test]
    async fn a_full_provider_refuses_at_once_and_each_end_of_a_text_makes_room() {
        let (sinks, mut given) = tokio::sync::mpsc::unbounded_channel();
        let limited = Limited::new(Held(sinks), 2, Arc::default());
        let mut first = limited.speak(&wish("one")).await.unwrap();
        let second = limited.speak(&wish("two")).await.unwrap();
        for _ in 0..50 {
            let refused = limited.speak(&wish("three")).await.unwrap_err();
            assert!(matches!(refused, SpeechError::Overloaded(2)), "{refused}");
        }
        // The first is heard to its end, and its stream is kept.
        let sink = given.recv().await.unwrap();
        assert!(sink.add(vec![1]).await);
        drop(sink);
        assert_eq!(*first.next().await.unwrap().unwrap(), [1]);
        assert!(first.next().await.is_none());
        let third = limited.speak(&wish("three")).await.unwrap();
        assert!(limited.speak(&wish("four")).await.is_err());
        // The second is dropped.
        drop(second);
        let mut fourth = limited.speak(&wish("four")).await.unwrap();
        // The fourth fails in its middle.
        let sinks = [given.recv().await.unwrap(), given.recv().await.unwrap()];
        let sink = given.recv().await.unwrap();
        sink.fail(SpeechError::TimedOut).await;
        assert!(fourth.next().await.unwrap().is_err());
        let fifth = limited.speak(&wish("five")).await.unwrap();
        drop((third, fifth, sinks));
    }

    #[tokio::test]
    async fn what_is_open_counts_on_when_the_configuration_was_changed() {
        let (sinks, _given) = tokio::sync::mpsc::unbounded_channel();
        let places = Arc::new(Places::default());
        let before = Limited::new(Held(sinks.clone()), 1, Arc::clone(&places));
        let speaks = before.speak(&wish("one")).await.unwrap();
        let after = Limited::new(Held(sinks), 1, places);
        assert!(matches!(after.speak(&wish("two")).await, Err(SpeechError::Overloaded(1))));
        drop(speaks);
        assert!(after.speak(&wish("two")).await.is_ok());
    }

    #[tokio::test]
    async fn a_text_that_failed_before_its_first_sample_holds_no_place() {
        let (sinks, _given) = tokio::sync::mpsc::unbounded_channel();
        let limited = Limited::new(Held(sinks), 1, Arc::default());
        for _ in 0..3 {
            let failed = limited.speak(&wish("bad")).await.unwrap_err();
            assert!(matches!(failed, SpeechError::TimedOut));
        }
    }
}
