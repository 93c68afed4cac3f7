//! Speech that was made before is not made again: most of what robots say is the same in every call.

use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::failure::SpeechError;
use crate::synthesis::{SpeechWish, SpokenStream, Synthesiser};

/// Bytes of samples that are kept; what was not spoken for long goes first.
const BYTES_MAX: u64 = 64 << 20;
/// Texts that are kept, about.
const TEXTS: usize = 2_000;

/// A synthesiser that remembers what it spoke, by text, voice and language. A text that is being spoken for the first time
/// is passed on as it is made, and kept when it is whole.
pub struct Cached<S> {
    synthesiser: S,
    spoken: Arc<Spoken>,
}

type Spoken = Cache<SpeechWish, Arc<[i16]>, Bytes>;

#[derive(Clone)]
struct Bytes;

impl Weighter<SpeechWish, Arc<[i16]>> for Bytes {
    fn weight(&self, wish: &SpeechWish, samples: &Arc<[i16]>) -> u64 {
        (wish.text.len() + samples.len() * 2) as u64
    }
}

impl<S: Synthesiser> Cached<S> {
    pub fn new(synthesiser: S) -> Self {
        let spoken = Arc::new(Cache::with_weighter(TEXTS, BYTES_MAX, Bytes));
        Self { synthesiser, spoken }
    }
}

#[async_trait]
impl<S: Synthesiser> Synthesiser for Cached<S> {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        if let Some(samples) = self.spoken.get(wish) {
            return Ok(SpokenStream::of(samples));
        }
        let stream = self.synthesiser.speak(wish).await?;
        Ok(kept(stream, wish.clone(), Arc::clone(&self.spoken)))
    }
}

/// Pass speech on, and keep it when it is whole.
fn kept(mut stream: SpokenStream, wish: SpeechWish, spoken: Arc<Spoken>) -> SpokenStream {
    let (sink, passed_on) = SpokenStream::new();
    tokio::spawn(async move {
        let mut whole = Vec::new();
        while let Some(piece) = stream.next().await {
            match piece {
                Ok(piece) => {
                    whole.extend_from_slice(&piece);
                    if !sink.add(piece).await {
                        return;
                    }
                }
                Err(error) => return sink.fail(error).await,
            }
        }
        spoken.insert(wish, whole.into());
    });
    passed_on
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(Arc<AtomicUsize>);

    #[async_trait]
    impl Synthesiser for Counting {
        async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            let (sink, stream) = SpokenStream::new();
            match wish.text.as_str() {
                "bad" => return Err(SpeechError::TimedOut),
                "broken" => {
                    sink.add(vec![1]).await;
                    sink.fail(SpeechError::TimedOut).await;
                }
                _ => {
                    sink.add(vec![1, 2]).await;
                    sink.add(vec![3]).await;
                }
            }
            Ok(stream)
        }
    }

    fn wish(text: &str, voice: &str) -> SpeechWish {
        SpeechWish { text: text.into(), voice: voice.into(), language: String::new() }
    }

    async fn heard(cached: &Cached<Counting>, wish: &SpeechWish) -> Result<Vec<i16>, SpeechError> {
        let mut stream = cached.speak(wish).await?;
        let mut samples = Vec::new();
        while let Some(piece) = stream.next().await {
            samples.extend_from_slice(&piece?);
        }
        Ok(samples)
    }

    #[tokio::test]
    async fn a_text_is_made_once_for_each_voice() {
        let asked = Arc::new(AtomicUsize::new(0));
        let cached = Cached::new(Counting(asked.clone()));
        for (wish, made) in [
            (wish("Hello", ""), 1),
            (wish("Hello", ""), 1),
            (wish("Hello", "joe"), 2),
            (wish("Bye", ""), 3),
        ] {
            assert_eq!(heard(&cached, &wish).await.unwrap(), [1, 2, 3]);
            tokio::task::yield_now().await;
            assert_eq!(asked.load(Ordering::SeqCst), made, "{wish:?}");
        }
    }

    #[tokio::test]
    async fn what_failed_is_not_remembered() {
        let asked = Arc::new(AtomicUsize::new(0));
        let cached = Cached::new(Counting(asked.clone()));
        for made in 1..=2 {
            assert!(heard(&cached, &wish("bad", "")).await.is_err());
            assert!(heard(&cached, &wish("broken", "")).await.is_err());
            assert_eq!(asked.load(Ordering::SeqCst), made * 2);
        }
    }
}
