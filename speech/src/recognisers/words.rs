//! What counts as words in the texts that recognisers give, and what they may be told of words to come.

use crate::failure::SpeechError;

/// Characters that the text of one speech may have: thirty seconds of the fastest talker have a third of it. More is
/// rubbish.
pub(super) const TEXT_CHARS_MAX: usize = 4_000;

/// The words of a transcript. Empty where it has none: services write dots, notes or remarks in brackets for noise.
pub(super) fn words(text: &str) -> Result<String, SpeechError> {
    let chars = text.chars().count();
    if chars > TEXT_CHARS_MAX {
        return Err(SpeechError::Failed(format!("it gave a text of {chars} characters")));
    }
    let text = without_remarks(text);
    let text = text.trim();
    if text.chars().any(char::is_alphanumeric) { Ok(text.to_owned()) } else { Ok(String::new()) }
}

/// The text without what stands in brackets, as `[BLANK_AUDIO]` and `(music)`. Brackets with digits stay: they may be a
/// number that was said.
fn without_remarks(text: &str) -> String {
    let mut left = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find(['[', '(']) {
        let closing = if rest[open..].starts_with('[') { ']' } else { ')' };
        let Some(length) = rest[open..].find(closing) else { break };
        let after = open + length + 1;
        let said = rest[open..after].chars().any(char::is_numeric);
        left.push_str(if said { &rest[..after] } else { rest[..open].trim_end() });
        rest = &rest[after..];
    }
    left.push_str(rest);
    left
}

/// Add a piece to a text. Words get a space between them, except in writing that has none.
pub(super) fn join(text: &mut String, piece: &str) -> Result<(), SpeechError> {
    let piece = piece.trim();
    let (Some(before), Some(after)) = (text.chars().last(), piece.chars().next()) else {
        text.push_str(piece);
        return Ok(());
    };
    if !is_unspaced(before) && !is_unspaced(after) {
        text.push(' ');
    }
    text.push_str(piece);
    // Counted in bytes here, as it is done for each piece; `words` counts what is passed on.
    if text.len() > TEXT_CHARS_MAX * 4 {
        return Err(SpeechError::Failed("it gave a text without an end".into()));
    }
    Ok(())
}

/// A character of Chinese or Japanese, or of their punctuation.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{a4cf}' | '\u{f900}'..='\u{faff}' | '\u{fe30}'..='\u{fe4f}' | '\u{ff00}'..='\u{ffef}')
}

/// The first phrases that together keep to these bounds; empty ones are left out.
pub(super) fn bounded(phrases: &[String], phrases_max: usize, bytes_max: usize) -> Vec<&str> {
    let mut bytes = 0;
    phrases
        .iter()
        .map(|phrase| phrase.trim())
        .filter(|phrase| !phrase.is_empty())
        .take(phrases_max)
        .take_while(|phrase| {
            bytes += phrase.len();
            bytes <= bytes_max
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_that_a_service_wrote_down_is_no_word() {
        for (text, said) in [
            ("", ""),
            (" . ", ""),
            ("...!?", ""),
            ("♪ ♪", ""),
            ("[BLANK_AUDIO]", ""),
            ("(soft music) [noise]", ""),
            (" Yes. ", "Yes."),
            ("Yes (coughs), please.", "Yes, please."),
            ("It is (555) 0100.", "It is (555) 0100."),
            ("An open ( bracket", "An open ( bracket"),
            ("好的。", "好的。"),
        ] {
            assert_eq!(words(text).unwrap(), said, "{text:?}");
        }
    }

    #[test]
    fn a_text_without_an_end_is_rubbish_and_not_quoted() {
        assert!(words(&"a".repeat(TEXT_CHARS_MAX)).is_ok());
        let error = words(&"secret ".repeat(TEXT_CHARS_MAX)).unwrap_err();
        assert_eq!(error.to_string(), "the provider failed: it gave a text of 28000 characters");
        let mut text = "a".repeat(TEXT_CHARS_MAX * 4);
        assert!(join(&mut text, "b").is_err());
    }

    #[test]
    fn pieces_are_joined_as_they_are_written() {
        for (pieces, whole) in [
            (vec!["Call me", " back. "], "Call me back."),
            (vec!["", "Yes"], "Yes"),
            (vec!["Yes", ""], "Yes"),
            (vec!["我在", "开车。", "稍后打"], "我在开车。稍后打"),
            (vec!["네", "알겠습니다"], "네 알겠습니다"),
        ] {
            let mut text = String::new();
            for piece in &pieces {
                join(&mut text, piece).unwrap();
            }
            assert_eq!(text.trim(), whole, "{pieces:?}");
        }
    }

    #[test]
    fn phrases_are_told_up_to_a_bound() {
        let phrases: Vec<String> = ["one", " ", "two", "three", "four"].map(String::from).into();
        assert_eq!(bounded(&phrases, 10, 100), ["one", "two", "three", "four"]);
        assert_eq!(bounded(&phrases, 2, 100), ["one", "two"]);
        assert_eq!(bounded(&phrases, 10, 7), ["one", "two"]);
    }
}
