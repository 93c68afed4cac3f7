//! Speech that was made before is not made again: most of what robots say is the same in every call.

use std::sync::Arc;

use async_trait::async_trait;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::synthesis::{SynthesisError, Synthesiser};

/// Bytes of samples that are kept; what was not spoken for long goes first.
const BYTES_MAX: u64 = 64 << 20;
/// Texts that are kept, about.
const TEXTS: usize = 2_000;

/// A synthesiser that remembers. Several calls that want the same text at a time wait for one synthesis.
pub struct Cached<S> {
    synthesiser: S,
    spoken: Cache<String, Arc<[i16]>, Bytes>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<String, Arc<[i16]>> for Bytes {
    fn weight(&self, text: &String, samples: &Arc<[i16]>) -> u64 {
        (text.len() + samples.len() * 2) as u64
    }
}

impl<S: Synthesiser> Cached<S> {
    pub fn new(synthesiser: S) -> Self {
        Self { synthesiser, spoken: Cache::with_weighter(TEXTS, BYTES_MAX, Bytes) }
    }
}

#[async_trait]
impl<S: Synthesiser> Synthesiser for Cached<S> {
    async fn speak(&self, text: &str) -> Result<Arc<[i16]>, SynthesisError> {
        self.spoken.get_or_insert_async(text, self.synthesiser.speak(text)).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[derive(Default)]
    struct Counting(Arc<AtomicUsize>);

    #[async_trait]
    impl Synthesiser for Counting {
        async fn speak(&self, text: &str) -> Result<Arc<[i16]>, SynthesisError> {
            self.0.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            match text {
                "bad" => Err(SynthesisError::TimedOut),
                _ => Ok(Arc::from([1, 2, 3])),
            }
        }
    }

    #[tokio::test]
    async fn a_text_is_spoken_once_also_for_calls_that_want_it_at_a_time() {
        let asked = Arc::new(AtomicUsize::new(0));
        let cached = Cached::new(Counting(asked.clone()));
        let (one, other) = tokio::join!(cached.speak("Hello"), cached.speak("Hello"));
        assert_eq!((one.unwrap(), other.unwrap()), (Arc::from([1, 2, 3]), Arc::from([1, 2, 3])));
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        cached.speak("Bye").await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let asked = Arc::new(AtomicUsize::new(0));
        let cached = Cached::new(Counting(asked.clone()));
        assert!(cached.speak("bad").await.is_err() && cached.speak("bad").await.is_err());
        assert_eq!(asked.load(Ordering::SeqCst), 2);
    }
}
