//! How long words last where no voice speaks them: 160 ms a word, 220 ms a CJK character.
//!
//! The simulated line plays by it, recordings draw their tones by it, and what of a text was heard
//! after so many milliseconds is cut by it: one measure, so that all three agree.

/// Milliseconds that a word in a spaced script takes.
pub const WORD_MS: u64 = 160;
/// Milliseconds that a CJK character takes.
pub const CJK_MS: u64 = 220;
/// The shortest playback, one packet of audio.
pub const SHORTEST_MS: u64 = 20;

/// Milliseconds that it takes to say `text`.
pub fn spoken_ms(text: &str) -> u64 {
    words(text).map(|word| word.ms).sum::<u64>().max(SHORTEST_MS)
}

/// One spoken word: a run of letters and digits, or one CJK character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    pub text: &'a str,
    /// Where the word ends in the text, in bytes, with the punctuation that follows it.
    pub end: usize,
    pub ms: u64,
}

/// The words of `text`, in order. Punctuation takes no time and belongs to the word before it.
pub fn words(text: &str) -> Words<'_> {
    Words { text, at: 0 }
}

/// See [`words`].
#[derive(Debug, Clone)]
pub struct Words<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Iterator for Words<'a> {
    type Item = Word<'a>;

    fn next(&mut self) -> Option<Word<'a>> {
        let rest = &self.text[self.at..];
        let start = self.at + rest.find(char::is_alphanumeric)?;
        let first = self.text[start..].chars().next()?;
        let (stop, ms) = if is_cjk(first) {
            (start + first.len_utf8(), CJK_MS)
        } else {
            let run = &self.text[start..];
            let goes_on = |c: char| !is_cjk(c) && !c.is_whitespace();
            (start + run.find(|c| !goes_on(c)).unwrap_or(run.len()), WORD_MS)
        };
        let after = &self.text[stop..];
        let end = stop + after.find(char::is_alphanumeric).unwrap_or(after.len());
        self.at = end;
        Some(Word { text: &self.text[start..stop], end, ms })
    }
}

/// What of `text` was said after `played_ms`: whole words only.
pub fn said(text: &str, played_ms: u64) -> &str {
    let mut left_ms = played_ms;
    let mut end = 0;
    for word in words(text) {
        if word.ms > left_ms {
            return text[..end].trim_end();
        }
        left_ms -= word.ms;
        end = word.end;
    }
    text
}

fn is_cjk(c: char) -> bool {
    matches!(u32::from(c), 0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xAC00..=0xD7AF | 0xF900..=0xFAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_lasts_as_long_as_its_words() {
        for (text, ms) in [
            ("Hello, Mr Wang.", 3 * WORD_MS),
            ("您好，王先生", 5 * CJK_MS),
            ("您好 Callwright!", 2 * CJK_MS + WORD_MS),
            ("It's 10:30", 2 * WORD_MS),
            ("…", SHORTEST_MS),
            ("", SHORTEST_MS),
        ] {
            assert_eq!(spoken_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn a_stopped_text_is_cut_after_the_last_whole_word() {
        assert_eq!(said("Good morning, this is the garage.", 500), "Good morning, this");
        assert_eq!(said("您好，这里是", 450), "您好，");
        assert_eq!(said("Hello", 100), "");
        assert_eq!(said("Hello there", 10_000), "Hello there");
    }
}
