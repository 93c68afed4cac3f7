use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::timeout;

use super::*;
use crate::synthesis::SpokenSink;

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
            "panic" => panic!("a synthesiser that panics, for a test"),
            "long" => return Ok(SpokenStream::of((0..20_000).collect::<Vec<_>>())),
            "endless" => {
                let second = || vec![1; 800_000];
                let pieces = stream::repeat_with(move || Ok(second().into()));
                return Ok(SpokenStream::from_pieces(pieces));
            }
            _ => {
                sink.add(vec![1, 2]).await;
                sink.add(vec![3]).await;
            }
        }
        Ok(stream)
    }
}

/// Gives its sinks out, so that a test decides when something is spoken.
struct Held(mpsc::UnboundedSender<SpokenSink>);

#[async_trait]
impl Synthesiser for Held {
    async fn speak(&self, _: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let (sink, stream) = SpokenStream::new();
        self.0.send(sink).unwrap();
        Ok(stream)
    }
}

fn wish(text: &str, voice: &str) -> SpeechWish {
    SpeechWish { text: text.into(), voice: voice.into(), language: String::new() }
}

async fn rest(mut stream: SpokenStream) -> Result<Vec<i16>, SpeechError> {
    let mut samples = Vec::new();
    while let Some(piece) = stream.next().await {
        samples.extend_from_slice(&piece?);
    }
    Ok(samples)
}

async fn heard(cached: &dyn Synthesiser, wish: &SpeechWish) -> Result<Vec<i16>, SpeechError> {
    rest(cached.speak(wish).await?).await
}

/// Wait until the work on a text has ended.
async fn nothing_begun(texts: &SpokenTexts) {
    let waiting = async {
        while !texts.0.begun().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), waiting).await.unwrap();
}

#[tokio::test]
async fn a_text_is_made_once_for_each_voice() {
    let asked = Arc::new(AtomicUsize::new(0));
    let cached = Cached::new(Counting(asked.clone()));
    for (wish, made) in [
        (wish("Hello", ""), 1),
        (wish("Hello", ""), 1),
        (wish("Hello", "joe"), 2),
        (SpeechWish { language: "de".into(), ..wish("Hello", "") }, 3),
        (wish("Bye", ""), 4),
    ] {
        assert_eq!(heard(&cached, &wish).await.unwrap(), [1, 2, 3]);
        assert_eq!(asked.load(Ordering::SeqCst), made, "{wish:?}");
    }
}

#[tokio::test]
async fn providers_that_share_the_memory_keep_their_speech_apart() {
    let (texts, asked) = (SpokenTexts::default(), Arc::new(AtomicUsize::new(0)));
    let cached = |provider| Cached::sharing(&texts, provider, Counting(asked.clone()));
    for (provider, made) in [("one", 1), ("other", 2), ("one", 2), ("other", 2)] {
        heard(&cached(provider), &wish("Hello", "")).await.unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), made, "{provider}");
    }
}

#[tokio::test]
async fn what_failed_is_not_remembered() {
    let asked = Arc::new(AtomicUsize::new(0));
    let cached = Cached::new(Counting(asked.clone()));
    for made in 1..=2 {
        for text in ["bad", "broken", "panic", "endless"] {
            assert!(heard(&cached, &wish(text, "")).await.is_err(), "{text}");
        }
        nothing_begun(&cached.spoken).await;
        assert_eq!(asked.load(Ordering::SeqCst), made * 4);
    }
    let error = cached.speak(&wish("bad", "")).await.unwrap_err();
    assert!(matches!(error, SpeechError::TimedOut), "told before a stream begins");
}

#[tokio::test]
async fn many_who_want_the_same_at_the_same_moment_share_the_work_and_each_hears_all_of_it() {
    let (sinks, mut given) = mpsc::unbounded_channel();
    let cached = Arc::new(Cached::new(Held(sinks)));
    let listen = || {
        let cached = Arc::clone(&cached);
        tokio::spawn(async move { heard(&*cached, &wish("Hello", "")).await })
    };
    let early: Vec<_> = (0..100).map(|_| listen()).collect();
    let sink = given.recv().await.unwrap();
    assert!(sink.add(vec![1, 2]).await);
    // A late one hears what is there, and what comes.
    let mut late = cached.speak(&wish("Hello", "")).await.unwrap();
    assert_eq!(*late.next().await.unwrap().unwrap(), [1, 2]);
    assert!(sink.add(vec![3]).await);
    assert_eq!(*late.next().await.unwrap().unwrap(), [3]);
    drop(sink);
    assert!(late.next().await.is_none());
    for listener in early {
        assert_eq!(listener.await.unwrap().unwrap(), [1, 2, 3]);
    }
    assert_eq!(heard(&*cached, &wish("Hello", "")).await.unwrap(), [1, 2, 3]);
    assert!(given.try_recv().is_err(), "it was asked once");
}

#[tokio::test]
async fn a_listener_who_leaves_takes_nothing_from_the_others_and_the_last_one_ends_the_work() {
    let (sinks, mut given) = mpsc::unbounded_channel();
    let cached = Arc::new(Cached::new(Held(sinks)));
    // The one who began leaves before the first sample.
    let first = {
        let cached = Arc::clone(&cached);
        tokio::spawn(async move { heard(&*cached, &wish("Hello", "")).await })
    };
    let sink = given.recv().await.unwrap();
    let second = {
        let cached = Arc::clone(&cached);
        tokio::spawn(async move { cached.speak(&wish("Hello", "")).await })
    };
    tokio::task::yield_now().await;
    first.abort();
    assert!(sink.add(vec![1]).await);
    let mut second = second.await.unwrap().unwrap();
    assert_eq!(*second.next().await.unwrap().unwrap(), [1]);
    let third = cached.speak(&wish("Hello", "")).await.unwrap();
    drop(second);
    assert!(sink.add(vec![2]).await, "the third listens");
    drop(third);
    timeout(Duration::from_secs(10), sink.closed()).await.unwrap();
    nothing_begun(&cached.spoken).await;
    // What was not spoken to its end is made anew.
    let again = Arc::clone(&cached);
    let again = tokio::spawn(async move { heard(&*again, &wish("Hello", "")).await });
    let sink = given.recv().await.unwrap();
    sink.add(vec![7]).await;
    drop(sink);
    assert_eq!(again.await.unwrap().unwrap(), [7]);
}

#[tokio::test]
async fn a_listener_who_is_slow_holds_no_one_up() {
    let (sinks, mut given) = mpsc::unbounded_channel();
    let cached = Arc::new(Cached::new(Held(sinks)));
    let begun = Arc::clone(&cached);
    let slow = tokio::spawn(async move { begun.speak(&wish("Hello", "")).await });
    let sink = given.recv().await.unwrap();
    // Far more than what a stream holds back, while nobody takes anything.
    for n in 0..500 {
        let added = timeout(Duration::from_secs(10), sink.add(vec![n])).await;
        assert!(added.unwrap());
    }
    drop(sink);
    let all: Vec<i16> = (0..500).collect();
    assert_eq!(rest(slow.await.unwrap().unwrap()).await.unwrap(), all);
}

#[tokio::test]
async fn what_is_remembered_is_bounded_in_bytes_and_handed_on_without_a_copy() {
    let asked = Arc::new(AtomicUsize::new(0));
    let texts = SpokenTexts::within(200_000);
    let cached = Cached::sharing(&texts, "", Counting(asked.clone()));
    for voice in 0..50 {
        heard(&cached, &wish("long", &voice.to_string())).await.unwrap();
        assert!(texts.0.whole.weight() <= 200_000);
    }
    let cached = Cached::new(Counting(asked));
    heard(&cached, &wish("long", "")).await.unwrap();
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = cached.speak(&wish("long", "")).await.unwrap();
        kept.push(stream.next().await.unwrap().unwrap());
        assert!(stream.next().await.is_none());
    }
    assert_eq!(kept[0].len(), 20_000);
    assert!(Arc::ptr_eq(&kept[0], &kept[1]), "many calls share the samples");
}
