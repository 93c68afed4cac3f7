//! Speech that was made before is not made again, and speech that is being made is made once: most of what robots say is
//! the same in every call.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use async_trait::async_trait;
use futures::stream;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use tokio::sync::watch;

use crate::failure::SpeechError;
use crate::synthesis::{SPEECH_SAMPLES_MAX, SpeechWish, SpokenStream, Synthesiser, too_much};

/// Bytes of samples that are kept; what was not spoken for long goes first.
const BYTES_MAX: u64 = 64 << 20;
/// Texts that are kept, about.
const TEXTS: usize = 2_000;
/// Samples that are handed on at a time: a second.
const PIECE: usize = 8_000;

/// A synthesiser that remembers what it spoke, by provider, text, voice and language.
///
/// Whoever wants a text that is being spoken hears what is there and then what comes. The work goes on as long as somebody
/// listens, at the pace of the synthesiser, so that a slow listener holds no one up. What failed is not remembered.
pub struct Cached<S> {
    synthesiser: Arc<S>,
    provider: Arc<str>,
    spoken: SpokenTexts,
}

/// What was spoken, and what is being spoken. Several synthesisers may share it, so that all of a process is bounded.
#[derive(Clone)]
pub struct SpokenTexts(Arc<Texts>);

struct Texts {
    whole: Cache<Key, Arc<[i16]>, Bytes>,
    /// An entry is there as long as its text is being spoken.
    begun: Mutex<HashMap<Key, Weak<watch::Sender<Progress>>>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    provider: Arc<str>,
    wish: SpeechWish,
}

/// How far a text is spoken.
#[derive(Default)]
struct Progress {
    samples: Vec<i16>,
    end: Option<Result<(), SpeechError>>,
}

#[derive(Clone)]
struct Bytes;

impl Weighter<Key, Arc<[i16]>> for Bytes {
    fn weight(&self, key: &Key, samples: &Arc<[i16]>) -> u64 {
        (key.wish.text.len() + samples.len() * 2) as u64
    }
}

impl Default for SpokenTexts {
    fn default() -> Self {
        Self::within(BYTES_MAX)
    }
}

impl SpokenTexts {
    fn within(bytes_max: u64) -> Self {
        let whole = Cache::with_weighter(TEXTS, bytes_max, Bytes);
        Self(Arc::new(Texts { whole, begun: Mutex::default() }))
    }
}

impl<S: Synthesiser + 'static> Cached<S> {
    /// A synthesiser that remembers for itself.
    pub fn new(synthesiser: S) -> Self {
        Self::sharing(&SpokenTexts::default(), "", synthesiser)
    }

    /// One that remembers beside others. `provider` tells it from them: whose it is, its name, and which version of its
    /// configuration, as a voice without a name is another one after a change.
    pub fn sharing(spoken: &SpokenTexts, provider: &str, synthesiser: S) -> Self {
        let synthesiser = Arc::new(synthesiser);
        Self { synthesiser, provider: provider.into(), spoken: spoken.clone() }
    }

    /// Listen to this text, which somebody else may have begun.
    fn joined(&self, key: Key) -> watch::Receiver<Progress> {
        let mut begun = self.spoken.0.begun();
        if let Some(progress) = begun.get(&key).and_then(Weak::upgrade) {
            return progress.subscribe();
        }
        let (progress, listener) = watch::channel(Progress::default());
        let progress = Arc::new(progress);
        begun.insert(key.clone(), Arc::downgrade(&progress));
        drop(begun);
        let work = Work { texts: Arc::clone(&self.spoken.0), key, progress };
        tokio::spawn(work.run(Arc::clone(&self.synthesiser)));
        listener
    }
}

#[async_trait]
impl<S: Synthesiser + 'static> Synthesiser for Cached<S> {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let key = Key { provider: Arc::clone(&self.provider), wish: wish.clone() };
        if let Some(samples) = self.spoken.0.whole.get(&key) {
            return Ok(SpokenStream::of(samples));
        }
        let listener = Listener { progress: self.joined(key), at: 0 };
        SpokenStream::from_pieces(stream::unfold(Some(listener), |listener| async {
            listener?.next().await
        }))
        .begun()
        .await
    }
}

/// The next samples; none at the end.
fn piece(samples: &[i16], at: usize) -> Option<Arc<[i16]>> {
    let rest = samples.get(at..).filter(|rest| !rest.is_empty())?;
    Some(rest[..rest.len().min(PIECE)].into())
}

/// Somebody who hears a text that is being spoken.
struct Listener {
    progress: watch::Receiver<Progress>,
    at: usize,
}

impl Listener {
    async fn next(mut self) -> Option<(Result<Arc<[i16]>, SpeechError>, Option<Self>)> {
        loop {
            let (next, end) = {
                let progress = self.progress.borrow_and_update();
                (piece(&progress.samples, self.at), progress.end.clone())
            };
            match (next, end) {
                (Some(piece), _) => {
                    self.at += piece.len();
                    return Some((Ok(piece), Some(self)));
                }
                (None, Some(Ok(()))) => return None,
                (None, Some(Err(error))) => return Some((Err(error), None)),
                (None, None) => {}
            }
            if self.progress.changed().await.is_err() {
                return Some((Err(SpeechError::failed("it broke off")), None));
            }
        }
    }
}

impl Texts {
    fn begun(&self) -> MutexGuard<'_, HashMap<Key, Weak<watch::Sender<Progress>>>> {
        // A map is whole after each of its calls, also where one that held it panicked.
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A text that is being spoken for all who listen.
struct Work {
    texts: Arc<Texts>,
    key: Key,
    progress: Arc<watch::Sender<Progress>>,
}

impl Work {
    async fn run<S: Synthesiser>(self, synthesiser: Arc<S>) {
        let mut speaking = std::pin::pin!(self.speak(&*synthesiser));
        let end = loop {
            tokio::select! {
                end = &mut speaking => break end,
                () = self.progress.closed() => {
                    // Somebody may have joined since. The map is locked, so nobody joins from here on.
                    let mut begun = self.texts.begun();
                    if self.progress.receiver_count() == 0 {
                        begun.remove(&self.key);
                        return;
                    }
                }
            }
        };
        if end.is_ok() {
            let samples = self.progress.borrow().samples.as_slice().into();
            self.texts.whole.insert(self.key.clone(), samples);
        }
        self.progress.send_modify(|progress| progress.end = Some(end));
    }

    async fn speak(&self, synthesiser: &dyn Synthesiser) -> Result<(), SpeechError> {
        let mut speech = synthesiser.speak(&self.key.wish).await?;
        while let Some(piece) = speech.next().await {
            let piece = piece?;
            if self.progress.borrow().samples.len() + piece.len() > SPEECH_SAMPLES_MAX {
                return Err(too_much());
            }
            self.progress.send_modify(|progress| progress.samples.extend_from_slice(&piece));
        }
        Ok(())
    }
}

impl Drop for Work {
    /// Also after a panic of the synthesiser.
    fn drop(&mut self) {
        let mut begun = self.texts.begun();
        let own = Arc::as_ptr(&self.progress);
        if begun.get(&self.key).is_some_and(|entry| entry.as_ptr() == own) {
            begun.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
