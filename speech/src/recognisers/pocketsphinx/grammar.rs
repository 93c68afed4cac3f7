//! What pocketsphinx is to hear: a grammar of phrases, and the dictionary of their words.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::io::BufRead;

use super::super::words::bounded;

/// Phrases of a grammar, and the bytes of all of them.
const PHRASES_MAX: usize = 2_000;
const PHRASES_BYTES_MAX: usize = 64 << 10;
/// Words that stand for speech that is no phrase: each is one sound of the language.
const OTHER: &str = "other-";
/// How likely a sound that is part of no phrase is. Less makes phrases out of anything that was said; more makes sounds out
/// of phrases.
const OTHER_SOUND: f64 = 1e-4;
/// How likely another phrase in the same speech is, against the first one.
const ANOTHER_PHRASE: f64 = 1e-6;
/// How likely a speech without a phrase is.
const NO_PHRASE: f64 = 1e-3;

/// A grammar and its dictionary. The grammar is the network of states that pocketsphinx makes of JSGF: JSGF itself can't
/// say how unlikely a sound is, as the program ignores the weight of a rule within a group.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Grammar {
    pub(super) network: String,
    pub(super) dictionary: String,
    /// The phrases that it lacks, as a word of them has no pronunciation.
    pub(super) left_out: Vec<String>,
}

/// Make a grammar of these phrases from the whole dictionary: lines of a word and its sounds.
///
/// None when no phrase is left: then nothing can be heard.
pub(super) fn grammar(
    phrases: &[String],
    dictionary: impl BufRead,
) -> std::io::Result<Option<Grammar>> {
    let phrases = bounded(phrases, PHRASES_MAX, PHRASES_BYTES_MAX);
    let phrases: BTreeSet<Vec<String>> = phrases.into_iter().map(spoken).collect();
    let wanted: BTreeSet<&str> = phrases.iter().flatten().map(String::as_str).collect();
    let mut sounds = BTreeSet::new();
    let mut pronounced: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in dictionary.lines() {
        let line = line?;
        let Some((entry, said)) = line.split_once(' ') else { continue };
        // A word with several pronunciations is listed as `read`, `read(2)`.
        let word = entry.split('(').next().unwrap_or(entry);
        if wanted.contains(word) {
            pronounced.entry(word.to_owned()).or_default().push(line.clone());
        }
        for sound in said.split_whitespace() {
            if !sounds.contains(sound) {
                sounds.insert(sound.to_owned());
            }
        }
    }
    let known = |phrase: &&Vec<String>| {
        !phrase.is_empty() && phrase.iter().all(|word| pronounced.contains_key(word))
    };
    let (heard, missing): (Vec<_>, Vec<_>) = phrases.iter().partition(known);
    if heard.is_empty() {
        return Ok(None);
    }
    Ok(Some(Grammar {
        network: network(&heard, &sounds),
        dictionary: lines(&pronounced, &sounds),
        left_out: missing.into_iter().map(|phrase| phrase.join(" ")).collect(),
    }))
}

/// Any number of phrases, with other sounds before, between and after them.
fn network(phrases: &[&Vec<String>], sounds: &BTreeSet<String>) -> String {
    // State 0: no phrase was heard yet. State 1: a phrase was heard. The others are within a phrase.
    let mut states = 2;
    let mut moves = format!("TRANSITION 0 1 {NO_PHRASE:e}\n");
    for (from, likely) in [(0, 1.0), (1, ANOTHER_PHRASE)] {
        let first = likely / phrases.len() as f64;
        for phrase in phrases {
            let mut at = from;
            for (place, word) in phrase.iter().enumerate() {
                let to = if place + 1 == phrase.len() { 1 } else { states };
                states += u32::from(to != 1);
                let likely = if place == 0 { first } else { 1.0 };
                // Writing into a string can't fail.
                let _ = writeln!(moves, "TRANSITION {at} {to} {likely:e} {word}");
                at = to;
            }
        }
        for sound in sounds {
            let _ = writeln!(moves, "TRANSITION {from} {from} {OTHER_SOUND:e} {}", other(sound));
        }
    }
    format!("FSG_BEGIN heard\nNUM_STATES {states}\nSTART_STATE 0\nFINAL_STATE 1\n{moves}FSG_END\n")
}

fn lines(pronounced: &BTreeMap<String, Vec<String>>, sounds: &BTreeSet<String>) -> String {
    let mut text = String::new();
    for line in pronounced.values().flatten() {
        text.push_str(line);
        text.push('\n');
    }
    for sound in sounds {
        // Writing into a string can't fail.
        let _ = writeln!(text, "{} {sound}", other(sound));
    }
    text
}

fn other(sound: &str) -> String {
    format!("{OTHER}{}", sound.to_lowercase())
}

/// The words of a phrase as the dictionary writes them. Nothing else gets into the grammar, so that a phrase can't change
/// its rules.
fn spoken(phrase: &str) -> Vec<String> {
    let in_word = |c: char| c.is_alphanumeric() || c == '\'' || c == '’';
    let words = phrase.split(|c: char| !in_word(c));
    words
        .map(|word| word.to_lowercase().replace('’', "'"))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .collect()
}

/// The phrases of what the program has heard, without the other sounds.
pub(super) fn phrases_in(heard: &str) -> String {
    let words: Vec<&str> =
        heard.split_whitespace().filter(|word| !word.starts_with(OTHER)).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DICTIONARY: &str = "back B AE K\ncall K AO L\nread R EH D\nread(2) R IY D\n";

    fn made(phrases: &[&str]) -> Option<Grammar> {
        let phrases: Vec<String> = phrases.iter().map(|phrase| (*phrase).to_owned()).collect();
        grammar(&phrases, DICTIONARY.as_bytes()).unwrap()
    }

    /// The words from one state to the next.
    fn moves(grammar: &Grammar) -> Vec<String> {
        let moves = grammar.network.lines().filter_map(|line| line.strip_prefix("TRANSITION "));
        let parts = moves.map(|line| line.split(' ').collect::<Vec<_>>());
        let spoken = parts.filter(|parts| parts.len() == 4 && !parts[3].starts_with(OTHER));
        spoken.map(|parts| format!("{}-{}-{}", parts[0], parts[3], parts[1])).collect()
    }

    #[test]
    fn a_grammar_has_the_phrases_and_every_pronunciation_of_their_words() {
        let grammar = made(&["Call back!", " read ", "call  back"]).unwrap();
        let (first, again) =
            (["0-call-2", "2-back-1", "0-read-1"], ["1-call-3", "3-back-1", "1-read-1"]);
        assert_eq!(moves(&grammar), [first, again].concat());
        assert!(grammar.network.contains("NUM_STATES 4\n"));
        assert!(grammar.network.contains(" other-ae\n"));
        let words = "back B AE K\ncall K AO L\nread R EH D\nread(2) R IY D\nother-ae AE\n";
        assert!(grammar.dictionary.starts_with(words), "{}", grammar.dictionary);
        assert_eq!(grammar.left_out, Vec::<String>::new());
    }

    #[test]
    fn a_phrase_with_a_word_that_nobody_can_pronounce_is_left_out_and_told() {
        let grammar = made(&["call", "call Callwright", "挂断", "7"]).unwrap();
        assert_eq!(moves(&grammar), ["0-call-1", "1-call-1"]);
        assert_eq!(grammar.left_out, ["7", "call callwright", "挂断"]);
        assert_eq!(made(&["Callwright", "", "..."]), None);
        assert_eq!(made(&[]), None);
    }

    #[test]
    fn a_phrase_does_not_change_the_rules() {
        let grammar = made(&["call\nFSG_END\n", "call back\nTRANSITION 0 1 1"])
            .unwrap_or_else(|| made(&["call"]).unwrap());
        assert_eq!(grammar.network.matches("FSG_END").count(), 1);
        assert_eq!(moves(&grammar), ["0-call-1", "1-call-1"]);
    }

    #[test]
    fn sounds_between_the_phrases_are_not_told() {
        assert_eq!(phrases_in("other-ae call back other-s other-t read\n"), "call back read");
        assert_eq!(phrases_in("other-ae\n\n"), "");
    }
}
