//! Text as a synthesiser is given it. A language model or a variable may have anything in it: control characters, the same
//! word without end, a whole document. A synthesiser would fail at it, or speak for an hour.

use std::collections::VecDeque;
use std::sync::Arc;

use async_trait::async_trait;
use futures::stream;
use outbound::characters::is_invisible;

use crate::failure::SpeechError;
use crate::synthesis::{Piece, SpeechWish, SpokenStream, Synthesiser, TEXT_MAX};

/// The longest text, in characters: about twenty minutes.
pub const WHOLE_TEXT_MAX: usize = 20_000;
/// So often the same may stand behind itself; it is left out beyond. Digits are a number, and stay.
const REPEATS_MAX: usize = 8;
/// The longest part of a text that is looked for behind itself, in characters.
const REPEATED_MAX: usize = 64;
/// Where a long text may be cut, best first.
const ENDS: [&[char]; 3] = [
    &['.', '!', '?', '。', '！', '？', '…', '।'],
    &[',', ';', ':', '，', '；', '：', '、'],
    &[' '],
];

/// Speaks cleaned text: in parts of at most [`TEXT_MAX`] characters, one after another in one stream.
pub struct Plain<S> {
    synthesiser: Arc<S>,
}

impl<S> Plain<S> {
    pub fn new(synthesiser: S) -> Self {
        Self { synthesiser: Arc::new(synthesiser) }
    }
}

#[async_trait]
impl<S: Synthesiser + 'static> Synthesiser for Plain<S> {
    async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
        let characters = wish.text.chars().count();
        if characters > WHOLE_TEXT_MAX {
            return Err(SpeechError::TooLong(characters));
        }
        let mut parts: VecDeque<SpeechWish> = parts(&cleaned(&wish.text))
            .into_iter()
            .map(|text| SpeechWish { text, ..wish.clone() })
            .collect();
        let Some(first) = parts.pop_front() else { return Ok(SpokenStream::of(Vec::new())) };
        let speech = self.synthesiser.speak(&first).await?;
        if parts.is_empty() {
            return Ok(speech);
        }
        let spoken = Spoken { synthesiser: Arc::clone(&self.synthesiser), speech, parts };
        Ok(SpokenStream::from_pieces(stream::unfold(spoken, Spoken::next)))
    }
}

/// A part that is being spoken, and those behind it.
struct Spoken<S> {
    synthesiser: Arc<S>,
    speech: SpokenStream,
    parts: VecDeque<SpeechWish>,
}

impl<S: Synthesiser> Spoken<S> {
    async fn next(mut self) -> Option<(Piece, Self)> {
        loop {
            if let Some(piece) = self.speech.next().await {
                return Some((piece, self));
            }
            let part = self.parts.pop_front()?;
            match self.synthesiser.speak(&part).await {
                Ok(speech) => self.speech = speech,
                Err(error) => return Some((Err(error), self)),
            }
        }
    }
}

/// The text without what nobody sees, with single spaces, without endless repeats, and without the marks by which
/// espeak-ng and Piper read phonemes, `[[`.
pub fn cleaned(text: &str) -> String {
    let mut seen: Vec<char> = Vec::new();
    for c in text.chars() {
        let last = seen.last().copied();
        if c.is_whitespace() || c.is_control() {
            if last.is_some_and(|last| last != ' ') {
                seen.push(' ');
            }
        } else if !is_joiner(c) && (is_invisible(c) || (c == '[' && last == Some('['))) {
            continue;
        } else {
            seen.push(c);
        }
    }
    let text: String = unrepeated(&seen).into_iter().collect();
    text.trim().to_owned()
}

/// Joiners are unseen, but letters of Persian and of Indian scripts are others without them.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200c}' | '\u{200d}')
}

/// What stands behind itself more often than [`REPEATS_MAX`] times stands there so often.
fn unrepeated(text: &[char]) -> Vec<char> {
    let mut out = Vec::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        match (1..=REPEATED_MAX).find_map(|length| repeated(rest, length)) {
            Some((length, times)) => {
                out.extend_from_slice(&rest[..length * REPEATS_MAX]);
                at += length * times;
            }
            None => {
                out.push(rest[0]);
                at += 1;
            }
        }
    }
    out
}

/// How often the first `length` characters stand behind each other, when it is too often.
fn repeated(text: &[char], length: usize) -> Option<(usize, usize)> {
    let unit = text.get(..length)?;
    if unit.iter().any(|c| c.is_numeric()) {
        return None;
    }
    let times = text.chunks_exact(length).take_while(|chunk| *chunk == unit).count();
    (times > REPEATS_MAX).then_some((length, times))
}

/// The text in parts of at most [`TEXT_MAX`] characters: cut behind a sentence, else behind a clause, else behind a word,
/// else anywhere. Parts without a letter or digit are left out.
fn parts(text: &str) -> Vec<String> {
    let mut rest: Vec<char> = text.chars().collect();
    let mut parts = Vec::new();
    while !rest.is_empty() {
        let length = if rest.len() <= TEXT_MAX { rest.len() } else { cut(&rest[..TEXT_MAX]) };
        let later = rest.split_off(length);
        let part: String = rest.into_iter().collect();
        let part = part.trim();
        if part.chars().any(char::is_alphanumeric) {
            parts.push(part.to_owned());
        }
        rest = later;
    }
    parts
}

/// The length of the first part. A part shorter than half would make many.
fn cut(text: &[char]) -> usize {
    let behind = |ends: &&[char]| {
        let last =
            text.iter().enumerate().rposition(|(at, c)| ends.contains(c) && ends_here(text, at));
        last.filter(|at| *at >= text.len() / 2).map(|at| at + 1)
    };
    ENDS.iter().find_map(behind).unwrap_or(text.len())
}

/// A mark of a script without spaces ends where it stands. Others do before a space only, as `1.5` is a number.
fn ends_here(text: &[char], at: usize) -> bool {
    let next = text.get(at + 1);
    !text[at].is_ascii() || text[at] == ' ' || next == Some(&' ')
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn what_nobody_sees_or_hears_is_left_out() {
        for (text, clean) in [
            ("Hello,\r\n\tAnna!\u{0}\u{7}  Bye.", "Hello, Anna! Bye."),
            ("\u{feff}An\u{200b}na \u{202e}Li\u{ad}", "Anna Li"),
            ("您好\u{3000}，\u{2028}再见", "您好 ， 再见"),
            ("می\u{200c}روم", "می\u{200c}روم"),
            ("[[h@l'oU]] [x] a[[[[b", "[h@l'oU]] [x] a[b"),
            (" \n ", ""),
            ("", ""),
        ] {
            assert_eq!(cleaned(text), clean, "{text:?}");
        }
    }

    #[test]
    fn what_repeats_without_end_is_bounded_and_numbers_stay() {
        for (text, clean) in [
            ("no".repeat(500), "no".repeat(8)),
            ("a".repeat(9_000), "a".repeat(8)),
            ("好".repeat(9), "好".repeat(8)),
            ("I am sorry. ".repeat(300), "I am sorry. ".repeat(8).trim().to_owned()),
            (format!("Oh {} well", "!".repeat(100)), format!("Oh {} well", "!".repeat(8))),
            ("ha ".repeat(8), "ha ".repeat(8).trim().to_owned()),
            ("1000000000000".to_owned(), "1000000000000".to_owned()),
            ("1 1 1 1 1 1 1 1 1 1".to_owned(), "1 1 1 1 1 1 1 1 1 1".to_owned()),
        ] {
            assert_eq!(cleaned(&text), clean);
        }
    }

    #[test]
    fn a_long_text_is_cut_behind_sentences_or_else_behind_less() {
        let sentence = |n: usize| format!("This is sentence {n} of 1.5 million. ");
        let english: String = (0..200).map(sentence).collect();
        let chinese: String = (0..400).map(|n| format!("这是第{n}句话，请听。")).collect();
        let words: String = (0..900).map(|n| format!("word{n} ")).collect();
        let solid: String = (0..1_500).map(|n| format!("a{n}b")).collect();
        for (text, end) in [(&english, "million."), (&chinese, "。"), (&words, ""), (&solid, "")] {
            let text = text.trim();
            let made = parts(text);
            assert!(made.len() > 1);
            let together: String = made.concat();
            assert_eq!(together.replace(' ', ""), text.replace(' ', ""));
            for part in &made {
                assert!(part.chars().count() <= TEXT_MAX);
                assert!(part.ends_with(end), "{part}");
            }
        }
        assert!(parts(&words).iter().all(|part| part.starts_with("word")));
    }

    /// Writes down what it is asked, and fails at a text with an `x`.
    #[derive(Default)]
    struct Asked(Arc<Mutex<Vec<SpeechWish>>>);

    #[async_trait]
    impl Synthesiser for Asked {
        async fn speak(&self, wish: &SpeechWish) -> Result<SpokenStream, SpeechError> {
            self.0.lock().unwrap().push(wish.clone());
            if wish.text.contains('x') {
                return Err(SpeechError::TimedOut);
            }
            Ok(SpokenStream::of(vec![i16::try_from(wish.text.len()).unwrap()]))
        }
    }

    fn wish(text: String) -> SpeechWish {
        SpeechWish { text, voice: "eva".into(), language: "de".into() }
    }

    async fn heard(plain: &Plain<Asked>, text: &str) -> Result<Vec<i16>, SpeechError> {
        let mut stream = plain.speak(&wish(text.to_owned())).await?;
        let mut samples = Vec::new();
        while let Some(piece) = stream.next().await {
            samples.extend_from_slice(&piece?);
        }
        Ok(samples)
    }

    #[tokio::test]
    async fn parts_are_spoken_one_after_another_with_the_same_voice_until_one_fails() {
        let asked = Arc::default();
        let plain = Plain::new(Asked(Arc::clone(&asked)));
        let sentence = format!("{}end. ", "some words ".repeat(7));
        let numbered: String = (0..60).map(|n| format!("{n} {sentence}")).collect();
        let lengths = heard(&plain, &numbered).await.unwrap();
        {
            let asked = asked.lock().unwrap();
            assert!(asked.len() > 1);
            assert_eq!(lengths.len(), asked.len());
            assert!(asked.iter().all(|part| *part == wish(part.text.clone())));
        }
        asked.lock().unwrap().clear();
        let mut stream = plain.speak(&wish(format!("{numbered} x {numbered}"))).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
        let mut last = stream.next().await.unwrap();
        while last.is_ok() {
            last = stream.next().await.unwrap();
        }
        assert!(matches!(last, Err(SpeechError::TimedOut)));
        assert!(stream.next().await.is_none());
        let asked = asked.lock().unwrap();
        assert!(asked.last().unwrap().text.contains('x'), "nothing is asked after a failure");
    }

    #[tokio::test]
    async fn a_text_without_words_asks_nobody_and_one_without_end_is_refused() {
        let asked = Arc::default();
        let plain = Plain::new(Asked(Arc::clone(&asked)));
        for text in ["", " \u{200b}\n", "…!? --"] {
            assert!(heard(&plain, text).await.unwrap().is_empty());
        }
        let refused = heard(&plain, &"word ".repeat(20_000)).await.unwrap_err();
        assert!(matches!(refused, SpeechError::TooLong(100_000)));
        assert!(asked.lock().unwrap().is_empty());
    }
}
