//! One provider after the other.

use std::sync::Arc;

use async_trait::async_trait;

use crate::failure::SpeechError;
use crate::synthesis::{SpeechWish, SpokenStream, Synthesiser};

/// A provider, and how it is called.
#[derive(Clone)]
pub struct NamedSynthesiser {
    pub name: String,
    pub synthesiser: Arc<dyn Synthesiser>,
}

/// Is told which provider failed, and why.
pub type ProviderFailed = Box<dyn Fn(&str, &SpeechError) + Send + Sync>;

/// Asks providers in their order, until one speaks. Failures, time-outs and providers that are full lead to the next, as
/// long as nothing was heard. After the first samples the stream ends with the error: another voice would begin anew.
///
/// Only the first provider gets the wished voice, as voices are names of its own. The others use theirs.
pub struct FallingBack {
    providers: Vec<NamedSynthesiser>,
    failed: ProviderFailed,
}

impl FallingBack {
    pub fn new(
        providers: Vec<NamedSynthesiser>,
        failed: impl Fn(&str, &SpeechError) + Send + Sync + 'static,
    ) -> Self {
        Self { providers, failed: Box::new(failed) }
    }
}

#[async_trait]
impl Synthesiser for FallingBack {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let mut last = SpeechError::Failed("there is no provider that speaks".into());
        for (at, provider) in self.providers.iter().enumerate() {
            let mut wish = wish.clone();
            if at > 0 {
                wish.voice.clear();
            }
            let speech = provider.synthesiser.speak(&wish).await;
            let begun = match speech {
                Ok(speech) => speech.begun().await,
                Err(error) => Err(error),
            };
            match begun {
                Ok(speech) => return Ok(speech),
                Err(error) => {
                    (self.failed)(&provider.name, &error);
                    last = error;
                }
            }
        }
        Err(last)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::synthesis::Piece;

    /// Speaks, or fails, as its letter says; writes down what it was asked.
    struct Letter(char, Arc<Mutex<Vec<String>>>);

    #[async_trait]
    impl Synthesiser for Letter {
        async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
            self.1.lock().unwrap().push(format!("{} {}", self.0, wish.voice));
            let (sink, stream) = SpokenStream::new();
            match self.0 {
                'f' => return Err(SpeechError::Failed("no".into())),
                't' => return Err(SpeechError::TimedOut),
                'o' => return Err(SpeechError::Overloaded(1)),
                // It fails in its stream, before a sample.
                'e' => sink.fail(SpeechError::TimedOut).await,
                // It fails after a sample.
                'm' => {
                    sink.add(vec![7]).await;
                    sink.fail(SpeechError::TimedOut).await;
                }
                'n' => {}
                _ => {
                    sink.add(vec![1, 2]).await;
                    sink.add(vec![3]).await;
                }
            }
            Ok(stream)
        }
    }

    struct Outcome {
        pieces: Vec<Piece>,
        asked: Vec<String>,
        failed: Vec<String>,
    }

    async fn spoken(letters: &str) -> Outcome {
        let (asked, failed) = (Arc::default(), Arc::new(Mutex::new(Vec::new())));
        let provider = |letter: char| NamedSynthesiser {
            name: letter.to_string(),
            synthesiser: Arc::new(Letter(letter, Arc::clone(&asked))),
        };
        let written = Arc::clone(&failed);
        let chain =
            FallingBack::new(letters.chars().map(provider).collect(), move |name, error| {
                written.lock().unwrap().push(format!("{name}: {error}"));
            });
        let wish = SpeechWish { voice: "eva".into(), ..SpeechWish::default() };
        let mut pieces = Vec::new();
        match chain.speak(&wish).await {
            Ok(mut speech) => {
                while let Some(piece) = speech.next().await {
                    pieces.push(piece);
                }
            }
            Err(error) => pieces.push(Err(error)),
        }
        let taken = |list: &Mutex<Vec<String>>| std::mem::take(&mut *list.lock().unwrap());
        Outcome { pieces, asked: taken(&asked), failed: taken(&failed) }
    }

    fn heard(outcome: Outcome) -> Vec<Vec<i16>> {
        outcome.pieces.into_iter().map(|piece| piece.unwrap().to_vec()).collect()
    }

    #[tokio::test]
    async fn the_first_that_speaks_is_heard_and_no_other_is_asked() {
        let outcome = spoken("ss").await;
        assert_eq!((&*outcome.asked, outcome.failed.len()), (&["s eva".to_owned()][..], 0));
        assert_eq!(heard(outcome), [vec![1, 2], vec![3]]);
    }

    #[tokio::test]
    async fn whoever_fails_before_a_sample_is_told_of_and_the_next_speaks_with_a_voice_of_its_own()
    {
        let outcome = spoken("ftoes").await;
        assert_eq!(outcome.asked, ["f eva", "t ", "o ", "e ", "s "]);
        assert_eq!(
            outcome.failed,
            [
                "f: the provider failed: no",
                "t: the provider did not answer in time",
                "o: all 1 places of the provider are taken",
                "e: the provider did not answer in time",
            ]
        );
        assert_eq!(heard(outcome), [vec![1, 2], vec![3]]);
    }

    #[tokio::test]
    async fn after_a_sample_no_other_voice_begins_anew() {
        let outcome = spoken("ms").await;
        assert_eq!(outcome.asked, ["m eva"]);
        assert!(
            matches!(&outcome.pieces[..], [Ok(piece), Err(SpeechError::TimedOut)] if piece[..] == [7])
        );
    }

    #[tokio::test]
    async fn when_all_fail_the_last_failure_is_told_and_silence_is_no_failure() {
        let outcome = spoken("fo").await;
        assert!(matches!(&outcome.pieces[..], [Err(SpeechError::Overloaded(1))]));
        let outcome = spoken("").await;
        assert!(matches!(&outcome.pieces[..], [Err(SpeechError::Failed(_))]));
        let outcome = spoken("ns").await;
        assert_eq!((outcome.asked.len(), outcome.pieces.len()), (1, 0));
    }
}
