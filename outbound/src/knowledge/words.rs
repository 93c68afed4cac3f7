//! The words that passages are found by. Text and question go through the same cut.
//!
//! Scripts that put no spaces between words (Chinese, Japanese) are cut into pairs of neighbouring signs: `营业时间` into `营业`, `业时` and
//! `时间`. So a question meets a passage where they share two signs in a row, and no dictionary is needed.

use std::collections::BTreeSet;

/// Different words of a question that are looked for; more would not make it clearer.
pub const QUESTION_WORDS_MAX: usize = 60;
/// Characters of a word; of longer ones the rest is left out.
const WORD_CHARS_MAX: usize = 64;

/// A passage as the index is given it: its words, with a space between them.
pub fn index_text(passage: &str) -> String {
    words(passage).join(" ")
}

/// The different words of a question, in their order. They have letters and digits only.
pub fn question_words(question: &str) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut found = words(question);
    found.retain(|word| seen.insert(word.clone()));
    found.truncate(QUESTION_WORDS_MAX);
    found
}

fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut signs) = (String::new(), Vec::new());
    for c in text.chars().chain([' ']) {
        let unspaced = c.is_alphanumeric() && is_unspaced(c);
        if !unspaced {
            pairs(&mut signs, &mut words);
        }
        if unspaced || !c.is_alphanumeric() {
            if !word.is_empty() {
                words.push(word.chars().take(WORD_CHARS_MAX).collect());
                word.clear();
            }
            signs.extend(unspaced.then_some(c));
        } else {
            word.extend(c.to_lowercase().filter(|c| c.is_alphanumeric()));
        }
    }
    words
}

/// Neighbouring signs, two by two; one that stands alone is a word.
fn pairs(signs: &mut Vec<char>, words: &mut Vec<String>) {
    match signs.as_slice() {
        [one] => words.push(one.to_string()),
        many => words.extend(many.windows(2).map(|pair| pair.iter().collect::<String>())),
    }
    signs.clear();
}

/// Han, kana, and what else is written without spaces between words.
fn is_unspaced(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3134f}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn words_are_cut_at_all_that_is_no_letter_and_chinese_into_pairs() {
        for (text, found) in [
            ("We open at 9:00, don't we?", "we open at 9 00 don t we"),
            ("CAFÉ-Noir 3.5l", "café noir 3 5l"),
            ("营业时间", "营业 业时 时间"),
            ("iPhone手机的价格是5000元", "iphone 手机 机的 的价 价格 格是 5000 元"),
            ("贵 吗", "贵 吗"),
            ("カタカナ", "カタ タカ カナ"),
            ("カタ・ナシ", "カタ ナシ"),
            ("한국어 배송", "한국어 배송"),
            ("…!?", ""),
        ] {
            assert_eq!(index_text(text), found, "{text}");
        }
    }

    #[test]
    fn a_question_asks_for_each_word_once_and_for_so_many_at_most() {
        assert_eq!(question_words("open Open, when open"), ["open", "when"]);
        let long: String = (0..200).map(|n| format!("w{n} ")).collect();
        assert_eq!(question_words(&long).len(), QUESTION_WORDS_MAX);
        assert_eq!(question_words(&"a".repeat(500)), ["a".repeat(WORD_CHARS_MAX)]);
    }

    proptest! {
        #[test]
        fn a_word_has_letters_and_digits_only(text in ".{0,200}") {
            for word in question_words(&text) {
                prop_assert!(!word.is_empty() && word.chars().all(char::is_alphanumeric), "{:?}", word);
            }
        }

        #[test]
        fn a_part_of_a_text_shares_words_with_it(before in "[a-z李时间 ]{0,20}", part in "[a-z]{3,9}|[营业时间]{2,6}") {
            let whole = index_text(&format!("{before} {part} more"));
            let all: BTreeSet<&str> = whole.split(' ').collect();
            for word in question_words(&part) {
                prop_assert!(all.contains(word.as_str()), "{} in {}", word, whole);
            }
        }
    }
}
