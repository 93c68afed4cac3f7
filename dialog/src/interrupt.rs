//! Does what the customer says over the robot stop the robot?
//!
//! The guide's scenario 2: an interruption that is not valid is ignored and playback goes on; a valid one
//! stops it at once and a new round begins. The decision is asked again with each partial text, so speech that
//! begins as a filler becomes an interruption when it goes on.

use crate::robot::Interruption;

/// What to do about speech over playback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Stop playing and listen.
    Valid,
    /// Go on playing, for this reason.
    Ignored(Reason),
}

/// Why speech did not stop the robot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The robot is not to be interrupted.
    Disabled,
    /// Nothing but fillers, or no words at all.
    OnlyFillers,
    /// The playback has only begun.
    Guard,
    /// Too few words yet.
    TooFewWords,
    /// Too short yet.
    TooShort,
}

impl Reason {
    /// The word that stands in the interaction log.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Disabled => "disabled",
            Self::OnlyFillers => "only fillers",
            Self::Guard => "guard",
            Self::TooFewWords => "too few words",
            Self::TooShort => "too short",
        }
    }
}

/// Speech heard while the robot plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard<'a> {
    /// All its words so far.
    pub text: &'a str,
    /// How long the customer has been speaking, in milliseconds.
    pub spoken_ms: u64,
    /// How long the robot's utterance has been playing, in milliseconds.
    pub played_ms: u64,
}

/// Decides about speech over playback.
///
/// A word of the allow list interrupts whatever the other figures say, once the robot may be interrupted at
/// all; the guard holds against everything else.
#[must_use]
pub fn decide(settings: &Interruption, heard: Heard<'_>) -> Decision {
    if !settings.enabled {
        return Decision::Ignored(Reason::Disabled);
    }
    let words = words(heard.text);
    if settings.allow_list.iter().any(|allowed| contains(&words, &self::words(allowed))) {
        return Decision::Valid;
    }
    let count = words_beside(&words, settings);
    if count == 0 {
        return Decision::Ignored(Reason::OnlyFillers);
    }
    if heard.played_ms < u64::from(settings.guard_ms) {
        return Decision::Ignored(Reason::Guard);
    }
    if count < settings.min_words as usize {
        return Decision::Ignored(Reason::TooFewWords);
    }
    if heard.spoken_ms < u64::from(settings.min_ms) {
        return Decision::Ignored(Reason::TooShort);
    }
    Decision::Valid
}

/// Whether a text has no word beside fillers.
#[must_use]
pub fn only_fillers(settings: &Interruption, text: &str) -> bool {
    words_beside(&words(text), settings) == 0
}

/// Whether two texts have the same words, whatever their case and marks.
#[must_use]
pub fn same_words(one: &str, other: &str) -> bool {
    words(one) == words(other)
}

/// The number of words that are no part of a filler.
fn words_beside(words: &[String], settings: &Interruption) -> usize {
    let fillers: Vec<Vec<String>> = settings.fillers.iter().map(|f| self::words(f)).collect();
    let mut count = 0;
    let mut rest = words;
    while !rest.is_empty() {
        let filler = fillers.iter().filter(|f| !f.is_empty() && rest.starts_with(f));
        match filler.map(Vec::len).max() {
            Some(length) => rest = &rest[length..],
            None => {
                count += 1;
                rest = &rest[1..];
            }
        }
    }
    count
}

fn contains(words: &[String], phrase: &[String]) -> bool {
    !phrase.is_empty() && words.windows(phrase.len()).any(|window| window == phrase)
}

/// Lower-case words without punctuation. Each sign of a script that is written without spaces counts as a
/// word of its own.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    for sign in text.chars() {
        if is_unspaced(sign) {
            flush(&mut word, &mut words);
            words.push(sign.to_string());
        } else if sign.is_alphanumeric() || sign == '\'' {
            word.extend(sign.to_lowercase());
        } else if sign == '’' {
            word.push('\'');
        } else {
            flush(&mut word, &mut words);
        }
    }
    flush(&mut word, &mut words);
    words
}

fn flush(word: &mut String, words: &mut Vec<String>) {
    if !word.is_empty() {
        words.push(std::mem::take(word));
    }
}

/// Thai, Lao, Khmer, kana and Han.
fn is_unspaced(sign: char) -> bool {
    matches!(sign, '\u{e00}'..='\u{eff}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}')
        || matches!(sign, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_speech_that_means_it_stops_the_robot() {
        let settings = Interruption::default();
        for (text, spoken_ms, played_ms, decision) in [
            ("how much is it", 900, 3_000, Decision::Valid),
            ("uh", 900, 3_000, Decision::Ignored(Reason::OnlyFillers)),
            ("Mm-hmm, okay. I see!", 2_000, 3_000, Decision::Ignored(Reason::OnlyFillers)),
            ("", 900, 3_000, Decision::Ignored(Reason::OnlyFillers)),
            ("yeah pardon", 900, 3_000, Decision::Ignored(Reason::TooFewWords)),
            ("how much", 300, 3_000, Decision::Ignored(Reason::TooShort)),
            ("how much is it", 900, 799, Decision::Ignored(Reason::Guard)),
            ("Stop!", 100, 100, Decision::Valid),
            ("please hold on a second", 100, 100, Decision::Valid),
            ("nonsense", 900, 3_000, Decision::Ignored(Reason::TooFewWords)),
            ("多少钱", 900, 3_000, Decision::Valid),
            ("เท่าไหร่", 900, 3_000, Decision::Valid),
            // At the figures themselves.
            ("how much", 500, 800, Decision::Valid),
            ("how much", 499, 800, Decision::Ignored(Reason::TooShort)),
        ] {
            let heard = Heard { text, spoken_ms, played_ms };
            assert_eq!(decide(&settings, heard), decision, "{text}");
        }
    }

    #[test]
    fn words_are_the_same_with_either_apostrophe() {
        let fillers = ["I don't know".to_owned()].into();
        let settings = Interruption { fillers, ..Interruption::default() };
        assert!(only_fillers(&settings, "I don't know"));
        assert!(only_fillers(&settings, "i don’t know."));
        assert!(!only_fillers(&settings, "I dont know"));
    }

    #[test]
    fn entries_without_a_word_stop_nobody_and_fill_nothing() {
        let marks = || ["…".to_owned(), String::new()].into();
        let settings =
            Interruption { fillers: marks(), allow_list: marks(), ..Interruption::default() };
        let heard = |text| Heard { text, spoken_ms: 900, played_ms: 3_000 };
        assert_eq!(decide(&settings, heard("how much is it")), Decision::Valid);
        assert_eq!(decide(&settings, heard("pardon")), Decision::Ignored(Reason::TooFewWords));
        assert_eq!(decide(&settings, heard("…")), Decision::Ignored(Reason::OnlyFillers));
    }

    #[test]
    fn the_log_says_why_speech_did_not_stop_the_robot() {
        for (reason, word) in [
            (Reason::Disabled, "disabled"),
            (Reason::OnlyFillers, "only fillers"),
            (Reason::Guard, "guard"),
            (Reason::TooFewWords, "too few words"),
            (Reason::TooShort, "too short"),
        ] {
            assert_eq!(reason.word(), word);
        }
    }

    #[test]
    fn a_robot_that_may_not_be_interrupted_is_not() {
        let settings = Interruption { enabled: false, ..Interruption::default() };
        let heard = Heard { text: "stop", spoken_ms: 5_000, played_ms: 5_000 };
        assert_eq!(decide(&settings, heard), Decision::Ignored(Reason::Disabled));
    }
}
