//! Sentences out of words that come bit by bit, so that the first is spoken while the rest is still being written.

/// A text without an end of a sentence is cut at a space or comma beyond so many characters.
pub const SENTENCE_CHARS_MAX: usize = 240;

/// Words that are not a whole sentence yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sentences {
    rest: String,
}

impl Sentences {
    /// Add words.
    pub fn push(&mut self, words: &str) {
        self.rest.push_str(words);
    }

    /// The next whole sentence.
    pub fn take(&mut self) -> Option<String> {
        let end = sentence_end(&self.rest)?;
        let rest = self.rest.split_off(end);
        Some(std::mem::replace(&mut self.rest, rest))
    }

    /// What is left, whole or not.
    pub fn finish(&mut self) -> String {
        std::mem::take(&mut self.rest)
    }
}

/// Where the first sentence ends. A mark at the very end may be a part of something longer, as in `3.5` or `...`, so it is
/// waited for what follows; marks of scripts without spaces are certain.
fn sentence_end(text: &str) -> Option<usize> {
    let mut signs = text.char_indices().peekable();
    let mut count = 0;
    // After how many bytes a text that is too long may be cut.
    let mut pause = None;
    while let Some((at, sign)) = signs.next() {
        count += 1;
        let end = at + sign.len_utf8();
        let next = signs.peek().map(|(_, next)| *next);
        match sign {
            '\n' | '。' | '！' | '？' | '；' if text[..at].chars().any(char::is_alphanumeric) =>
            {
                return Some(end);
            }
            '.' | '!' | '?' | '…'
                if next.is_some_and(char::is_whitespace)
                    && text[..at].chars().any(char::is_alphanumeric) =>
            {
                return Some(end);
            }
            ',' | ' ' | '，' | '、' => pause = Some(end),
            _ => {}
        }
        if count > SENTENCE_CHARS_MAX {
            return Some(pause.unwrap_or(end));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The sentences of a text that comes in pieces of so many characters.
    fn cut(text: &str, size: usize) -> Vec<String> {
        let signs: Vec<char> = text.chars().collect();
        let mut sentences = Sentences::default();
        let mut whole = Vec::new();
        for piece in signs.chunks(size) {
            sentences.push(&piece.iter().collect::<String>());
            while let Some(sentence) = sentences.take() {
                whole.push(sentence);
            }
        }
        whole.push(sentences.finish());
        whole
    }

    #[test]
    fn a_sentence_ends_at_its_mark_however_its_words_come() {
        for size in [1, 2, 7, 100] {
            for (text, expected) in [
                (
                    "Yes. It costs 3.5 euros! Shall we",
                    vec!["Yes.", " It costs 3.5 euros!", " Shall we"],
                ),
                ("好的。请稍等！我看一下", vec!["好的。", "请稍等！", "我看一下"]),
                ("Well... I think so", vec!["Well...", " I think so"]),
                ("One\nTwo", vec!["One\n", "Two"]),
                ("... and then", vec!["... and then"]),
                ("Done.", vec!["Done."]),
            ] {
                assert_eq!(cut(text, size), expected, "{size}");
            }
        }
    }

    #[test]
    fn a_text_without_an_end_is_cut_where_a_speaker_would_breathe() {
        let text = format!("{} {}", "a".repeat(200), "b".repeat(100));
        assert_eq!(cut(&text, 1)[0].len(), 201);
        assert_eq!(cut(&"字".repeat(300), 300)[0].chars().count(), SENTENCE_CHARS_MAX + 1);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_or_added(text in "[a-z .!?,。字\n]{0,600}", size in 1_usize..50) {
            prop_assert_eq!(cut(&text, size).concat(), text);
        }
    }
}
