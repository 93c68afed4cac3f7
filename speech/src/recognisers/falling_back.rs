//! One provider after the other, without losing a word.
//!
//! What the customer said is kept until its final result is there. When the provider that listens fails, the next one hears
//! it again from the beginning of the speech.

use std::collections::VecDeque;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures::future::BoxFuture;
use tokio::time::{Instant, sleep_until, timeout};

use super::pre_roll::PreRoll;
use super::{SPEECHES_WAITING_MAX, frames};
use crate::failure::SpeechError;
use crate::recognition::{
    Frame, Recognised, Recogniser, Recognition, RecognitionSpec, SPEECH_MS_MAX,
};

/// A provider, and how it is called.
#[derive(Clone)]
pub struct NamedRecogniser {
    pub name: String,
    pub recogniser: Arc<dyn Recogniser>,
    /// How long it may take to open, and from the end of a speech to its final result.
    pub timeout_ms: u32,
}

/// Is told which provider failed, and why.
pub type ProviderFailed = Arc<dyn Fn(&str, &SpeechError) + Send + Sync>;

/// Asks providers in their order. A provider that fails is not asked again in the same call.
pub struct FallingBack {
    providers: Arc<[NamedRecogniser]>,
    failed: ProviderFailed,
}

impl FallingBack {
    pub fn new(
        providers: Vec<NamedRecogniser>,
        failed: impl Fn(&str, &SpeechError) + Send + Sync + 'static,
    ) -> Self {
        Self { providers: providers.into(), failed: Arc::new(failed) }
    }
}

#[async_trait]
impl Recogniser for FallingBack {
    async fn open(&self, spec: &RecognitionSpec) -> Result<Box<dyn Recognition>, SpeechError> {
        let chain = Chain {
            providers: Arc::clone(&self.providers),
            failed: Arc::clone(&self.failed),
            spec: spec.clone(),
        };
        let (at, recognition) = chain.open_from(0, no_provider()).await?;
        Ok(Box::new(Listening {
            chain: Arc::new(chain),
            at,
            source: Source::Open(recognition),
            pre_roll: PreRoll::default(),
            speeches: VecDeque::new(),
            late_finals: 0,
        }))
    }
}

fn no_provider() -> SpeechError {
    SpeechError::Failed("there is no provider that hears".into())
}

/// The providers of one call.
struct Chain {
    providers: Arc<[NamedRecogniser]>,
    failed: ProviderFailed,
    spec: RecognitionSpec,
}

impl Chain {
    /// The first provider from this place on that opens; `last` where there is none.
    async fn open_from(
        &self,
        first: usize,
        mut last: SpeechError,
    ) -> Result<(usize, Box<dyn Recognition>), SpeechError> {
        for (at, provider) in self.providers.iter().enumerate().skip(first) {
            let opening = provider.recogniser.open(&self.spec);
            let opened = timeout(provider.patience(), opening).await;
            match opened.unwrap_or(Err(SpeechError::TimedOut)) {
                Ok(recognition) => return Ok((at, recognition)),
                Err(error) => {
                    (self.failed)(&provider.name, &error);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

impl NamedRecogniser {
    fn patience(&self) -> Duration {
        Duration::from_millis(self.timeout_ms.into())
    }
}

type Opening = BoxFuture<'static, Result<(usize, Box<dyn Recognition>), SpeechError>>;

/// Who listens.
enum Source {
    Open(Box<dyn Recognition>),
    /// The next one, while it is opened.
    Opening(Opening),
    /// Nobody is left.
    Broken(SpeechError),
}

/// The recognition of one call.
struct Listening {
    chain: Arc<Chain>,
    at: usize,
    source: Source,
    pre_roll: PreRoll,
    /// Speeches whose final results are still to come, oldest first. Only the last one can be running.
    speeches: VecDeque<Speech>,
    /// Final results of this provider that come after their partial results were taken in their place.
    late_finals: usize,
}

struct Speech {
    before: Vec<Frame>,
    frames: Vec<Frame>,
    ended: Option<Instant>,
    partial: String,
}

impl Listening {
    fn running(&mut self) -> Option<&mut Speech> {
        self.speeches.back_mut().filter(|speech| speech.ended.is_none())
    }

    /// When the oldest speech that has ended is to have its final result.
    fn deadline(&self) -> Option<Instant> {
        let ended = self.speeches.front()?.ended?;
        Some(ended + self.chain.providers[self.at].patience())
    }

    /// The deadline of the oldest speech has passed.
    fn overdue(&mut self) -> Option<Recognised> {
        let speech = self.speeches.front()?;
        if speech.partial.is_empty() {
            self.give_up(SpeechError::TimedOut);
            return None;
        }
        self.late_finals += 1;
        self.speeches.pop_front().map(|speech| Recognised::Final { text: speech.partial })
    }

    /// Where nobody is left, what was heard of a speech that is over counts.
    fn left_over(&mut self) -> Option<Recognised> {
        let told = |speech: &mut Speech| speech.ended.is_some() && !speech.partial.is_empty();
        let speech = self.speeches.pop_front_if(told)?;
        Some(Recognised::Final { text: speech.partial })
    }

    /// The provider that listens has failed: the next one is opened.
    fn give_up(&mut self, error: SpeechError) {
        (self.chain.failed)(&self.chain.providers[self.at].name, &error);
        let (chain, next) = (Arc::clone(&self.chain), self.at + 1);
        self.late_finals = 0;
        self.source = Source::Opening(Box::pin(async move { chain.open_from(next, error).await }));
    }

    /// Let a provider hear all that has no final result yet.
    fn replay(&mut self, at: usize, mut recognition: Box<dyn Recognition>) {
        let now = Instant::now();
        for speech in &mut self.speeches {
            for frame in &speech.before {
                recognition.hear(frame);
            }
            recognition.begin();
            for frame in &speech.frames {
                recognition.hear(frame);
            }
            if speech.ended.is_some() {
                recognition.end();
                // It has its time from now on.
                speech.ended = Some(now);
            }
        }
        self.at = at;
        self.source = Source::Open(recognition);
    }

    /// A result of the provider that listens, unless it comes too late.
    fn take(&mut self, recognised: Recognised) -> Option<Recognised> {
        match recognised {
            Recognised::Final { .. } if self.late_finals > 0 => {
                self.late_finals -= 1;
                None
            }
            Recognised::Final { text } => {
                self.speeches.pop_front()?;
                Some(Recognised::Final { text })
            }
            // It belongs to a speech that has its final result already.
            Recognised::Partial { .. } if self.late_finals > 0 => None,
            Recognised::Partial { text } => {
                let speech = self.speeches.front_mut()?;
                speech.partial.clone_from(&text);
                // Where the speech is over, its final result is what counts.
                speech.ended.is_none().then_some(Recognised::Partial { text })
            }
        }
    }
}

#[async_trait]
impl Recognition for Listening {
    fn hear(&mut self, frame: &Frame) {
        self.pre_roll.keep(frame);
        if let Some(speech) = self.running()
            && speech.frames.len() < frames(SPEECH_MS_MAX)
        {
            speech.frames.push(*frame);
        }
        if let Source::Open(recognition) = &mut self.source {
            recognition.hear(frame);
        }
    }

    fn begin(&mut self) {
        if self.running().is_some() || matches!(self.source, Source::Broken(_)) {
            return;
        }
        if self.speeches.len() >= SPEECHES_WAITING_MAX {
            self.source = Source::Broken(SpeechError::Failed("no provider keeps up".into()));
            return;
        }
        self.speeches.push_back(Speech {
            before: self.pre_roll.frames().copied().collect(),
            frames: Vec::new(),
            ended: None,
            partial: String::new(),
        });
        if let Source::Open(recognition) = &mut self.source {
            recognition.begin();
        }
    }

    fn end(&mut self) {
        let Some(speech) = self.running() else { return };
        speech.ended = Some(Instant::now());
        if let Source::Open(recognition) = &mut self.source {
            recognition.end();
        }
    }

    async fn next(&mut self) -> Result<Recognised, SpeechError> {
        loop {
            let deadline = self.deadline();
            match &mut self.source {
                Source::Broken(error) => {
                    let error = error.clone();
                    return self.left_over().ok_or(error);
                }
                Source::Opening(opening) => match opening.await {
                    Ok((at, recognition)) => self.replay(at, recognition),
                    Err(error) => self.source = Source::Broken(error),
                },
                Source::Open(recognition) => {
                    let late = async {
                        match deadline {
                            Some(deadline) => sleep_until(deadline).await,
                            None => pending().await,
                        }
                    };
                    let result = tokio::select! {
                        biased;
                        result = recognition.next() => Some(result),
                        () = late => None,
                    };
                    let taken = match result {
                        Some(Ok(recognised)) => self.take(recognised),
                        Some(Err(error)) => {
                            self.give_up(error);
                            None
                        }
                        None => self.overdue(),
                    };
                    if let Some(recognised) = taken {
                        return Ok(recognised);
                    }
                }
            }
        }
    }
}
